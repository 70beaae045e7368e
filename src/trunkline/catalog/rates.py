"""Rate sheets as files: what a line says, and what is wrong with it."""

import csv
import re
from collections.abc import Iterable, Iterator

from trunkline.catalog.model import RateSheetEntry, RateSheetRejected
from trunkline.kernel.errors import Invalid
from trunkline.kernel.lines import text_of
from trunkline.kernel.money import Money

COLUMNS = (
    "Target Pattern Name",
    "Prefix",
    "Per minute charge",
    "Connection charge",
    "Charge period",
)
_PREFIX = re.compile(r"\+?([1-9][0-9]{0,14})", re.ASCII)
_LONGEST_PERIOD = 3600
_LONGEST_NAME = 200
_TOLD = 5

Fault = tuple[int, str, str]
"""Line (the header is line 1), column, reason."""


def read_sheet(lines: Iterable[str | bytes], *, currency: str) -> list[RateSheetEntry]:
    """The entries of a CSV sheet whose header names `COLUMNS`, in any order, further columns
    ignored; sorted by prefix. Raises `RateSheetRejected` with every fault there is."""
    faults: list[Fault] = []
    entries: dict[str, tuple[int, RateSheetEntry]] = {}
    reader = csv.reader(_decoded(lines, faults), strict=True)
    places: dict[str, int] | None = None
    width = 0
    try:
        for fields in reader:
            line = reader.line_num
            if not fields:
                continue
            if places is None:
                places, width = _header(fields), len(fields)
                continue
            if len(fields) != width:
                faults.append((line, "", f"{len(fields)} fields instead of {width}"))
                continue
            entry = _entry([fields[places[name]] for name in COLUMNS], currency, line, faults)
            if entry is None:
                continue
            if entry.prefix in entries:
                first = entries[entry.prefix][0]
                faults.append((line, "Prefix", f"+{entry.prefix} stands in line {first} already"))
                continue
            entries[entry.prefix] = (line, entry)
    except csv.Error as error:
        faults.append((reader.line_num, "", str(error)))
    if places is None:
        faults.append((1, "", "there is no header"))
    elif not entries and not faults:
        faults.append((reader.line_num, "", "there are no entries"))
    if faults:
        raise _rejected(faults)
    return [entry for _, (_, entry) in sorted(entries.items())]


def _decoded(lines: Iterable[str | bytes], faults: list[Fault]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        try:
            yield text_of(line, first=number == 1)
        except Invalid as fault:
            faults.append((number, "", fault.reason))
            yield "\n"


def _header(fields: list[str]) -> dict[str, int]:
    names = [name.strip() for name in fields]
    missing = [name for name in COLUMNS if names.count(name) != 1]
    if missing:
        raise _rejected([(1, name, "is not exactly once in the header") for name in missing])
    return {name: names.index(name) for name in COLUMNS}


def _entry(
    fields: list[str], currency: str, line: int, faults: list[Fault]
) -> RateSheetEntry | None:
    destination, prefix, per_minute, connection, period = (field.strip() for field in fields)
    wrong: list[Fault] = []
    digits = _PREFIX.fullmatch(prefix)
    if digits is None:
        wrong.append((line, "Prefix", f"{prefix[:40]!r} is not 1 to 15 digits of a number"))
    if not 1 <= len(destination) <= _LONGEST_NAME or not destination.isprintable():
        wrong.append((line, COLUMNS[0], f"a name has 1 to {_LONGEST_NAME} printable characters"))
    amounts = []
    for column, text in ((COLUMNS[2], per_minute), (COLUMNS[3], connection)):
        try:
            amount = Money.of(text, currency)
        except Invalid as error:
            wrong.append((line, column, error.reason))
            continue
        if amount.micros < 0:
            wrong.append((line, column, f"{text[:40]} is negative"))
        amounts.append(amount)
    seconds = int(period) if period.isascii() and period.isdigit() and len(period) < 5 else 0
    if not 1 <= seconds <= _LONGEST_PERIOD:
        wrong.append((line, COLUMNS[4], f"{period[:40]!r} is not 1 to {_LONGEST_PERIOD} seconds"))
    faults.extend(wrong)
    if wrong or digits is None:
        return None
    return RateSheetEntry(
        prefix=digits.group(1),
        destination=destination,
        price_per_minute=amounts[0],
        connection_charge=amounts[1],
        charge_period=seconds,
    )


def _rejected(faults: list[Fault]) -> RateSheetRejected:
    faults.sort(key=lambda fault: fault[0])
    told = [f"line {line}{f', {column}' if column else ''}: {why}" for line, column, why in faults]
    more = f"; and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
    return RateSheetRejected(
        f"nothing was taken: {'; '.join(told[:_TOLD])}{more}",
        path=f"line {faults[0][0]}",
        lines=faults,
    )
