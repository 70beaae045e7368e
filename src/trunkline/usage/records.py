"""Files of usage records: what a line says, and what is wrong with it.

CSV in UTF-8, a record a line, comma between fields. The header names the columns, in any order:

| column       |          | holds                                                               |
|--------------|----------|---------------------------------------------------------------------|
| record_id    |          | the source's own id of the record, 1 to 100 printable characters    |
| service      |          | voice, sms, mms, data, voice-in and sms-in for what was received,   |
|              |          | or a name of the operator's (api-call)                              |
| subscriber   |          | who used it: the MSISDN in E.164 digits, a plus sign before or not  |
| called       | optional | whom: likewise, or urn:service:sos; voice, sms and mms need it,      |
|              |          | data and what was received have none                                |
| start        |          | RFC 3339 with an offset: 2026-11-02T09:00:00+01:00                  |
| quantity     |          | a whole number of the unit, or a decimal that comes out whole in    |
|              |          | the service's base unit                                             |
| unit         | optional | s, min, hour; B, kB, MB, GB, KiB, MiB, GiB; message (empty: the     |
|              |          | service's base unit: seconds, bytes, messages)                      |
| rating_group | optional | for data: which traffic                                             |
| service_identifier | optional | likewise, more finely                                         |
| dnn          | optional | the data network's name, or APN                                     |
| slice        | optional | the S-NSSAI: SST or SST-SD, SD in six hexadecimal digits            |
| qos          | optional | the 5QI or QCI, 0 to 255                                            |
| network      | optional | the serving network's MCC and MNC, five or six digits               |

A line that says something else is told with its number, column and reason, and left out; a
header that does refuses the file.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import BinaryIO

from trunkline.charging import MOST_UNITS, Circumstances, Service, service_name
from trunkline.kernel.errors import Invalid
from trunkline.kernel.lines import fields_of
from trunkline.kernel.quantity import Quantity, Unit
from trunkline.kernel.time import parse_instant
from trunkline.rating import RECEIVED, service_code
from trunkline.usage.model import RejectedLine, UnreadableFile, UsageRecord

LONGEST_LINE = 4096
CLOCKS_DIFFER = timedelta(hours=1)
"""How far ahead of ours a network's clock may be."""

_REQUIRED = ("record_id", "service", "subscriber", "start", "quantity")
_OPTIONAL = (
    "called",
    "unit",
    "rating_group",
    "service_identifier",
    "dnn",
    "slice",
    "qos",
    "network",
)
_SERVICES = {
    "data": (Service.DATA, Unit.BYTES),
    "voice": (Service.VOICE, Unit.SECONDS),
    "sms": (Service.SMS, Unit.MESSAGES),
    "mms": (Service.MMS, Unit.MESSAGES),
    "voice-in": (Service.VOICE_IN, Unit.SECONDS),
    "sms-in": (Service.SMS_IN, Unit.MESSAGES),
}
_MOST: dict[int, int] = {
    Service.DATA: MOST_UNITS,
    Service.VOICE: 10**8,
    Service.SMS: 10**6,
    Service.MMS: 10**6,
    Service.VOICE_IN: 10**8,
    Service.SMS_IN: 10**6,
}
_MOST_EVENTS = 10**12
_CALLS_NOBODY = (Service.DATA, *RECEIVED)
_SUBSCRIBER = re.compile(r"\+?([1-9][0-9]{4,14})", re.ASCII)
_CALLED = re.compile(r"\+?([0-9]{1,20}|urn:service:[a-z0-9.-]{1,80})", re.ASCII)
_QUANTITY = re.compile(r"[0-9]{1,19}(\.[0-9]{1,9})?", re.ASCII)
_DNN = re.compile(r"[A-Za-z0-9.-]{1,100}", re.ASCII)
_SLICE = re.compile(r"[0-9]{1,3}(-[0-9A-Fa-f]{6})?", re.ASCII)
_QOS = re.compile(r"[0-9]{1,3}", re.ASCII)
_NETWORK = re.compile(r"[0-9]{5,6}", re.ASCII)
_RATING_GROUP = re.compile(r"[0-9]{1,10}", re.ASCII)

Columns = Mapping[str, int]


def read_header(raw: bytes) -> Columns:
    """Where each column stands. Raises `UnreadableFile`, its path `line 1`."""
    try:
        names = [name.strip() for name in _fields(raw, first=True)]
    except Invalid as error:
        raise UnreadableFile(error.reason, path="line 1") from None
    faults = [f"{name} is missing" for name in _REQUIRED if name not in names]
    faults += [
        f"{name[:40]!r} is not a column of a usage file"
        for name in names
        if name not in _REQUIRED and name not in _OPTIONAL
    ]
    faults += [f"{name} stands twice" for name in sorted(set(names)) if names.count(name) > 1]
    if faults:
        raise UnreadableFile("; ".join(faults[:5]), path="line 1")
    return {name: index for index, name in enumerate(names)}


def read_lines(file: BinaryIO, *, line: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """(number, offset after it, the line) from where `file` stands, which is after `line`, up
    to the offset `end`. Of one that is longer than `LONGEST_LINE` comes so much more."""
    offset = file.tell()
    while offset < end and (raw := file.readline(min(LONGEST_LINE + 1, end - offset))):
        line += 1
        offset += len(raw)
        while not raw.endswith(b"\n") and len(raw) > LONGEST_LINE and offset < end:
            rest = file.readline(min(LONGEST_LINE, end - offset))
            offset += len(rest)
            if not rest or rest.endswith(b"\n"):
                break
        yield line, offset, raw


def read_record(
    raw: bytes, columns: Columns, *, line: int, now: datetime
) -> UsageRecord | RejectedLine | None:
    """The record of a line, what is wrong with it, or None where the line is blank."""
    if not raw.strip():
        return None
    try:
        return _record(_fields(raw), columns, now)
    except Invalid as error:
        return RejectedLine(line, error.path or "", error.reason)


def record_of(values: Mapping[str, str], now: datetime) -> UsageRecord:
    """The record that these columns make. Raises `Invalid`, its path the column."""
    columns = {name: index for index, name in enumerate(values)}
    return _record(list(values.values()), columns, now)


def _fields(raw: bytes, *, first: bool = False) -> list[str]:
    if len(raw) > LONGEST_LINE:
        raise Invalid(f"longer than {LONGEST_LINE} bytes")
    return fields_of(raw, first=first)


def _record(fields: list[str], columns: Columns, now: datetime) -> UsageRecord:
    if len(fields) != len(columns):
        raise Invalid(f"{len(fields)} fields instead of {len(columns)}")

    def field(name: str) -> str:
        place = columns.get(name)
        return "" if place is None else fields[place].strip()

    record_id = field("record_id")
    if not 1 <= len(record_id) <= 100 or not record_id.isprintable():
        raise Invalid("an id has 1 to 100 printable characters", path="record_id")
    service, base = _service(field("service").lower())
    return UsageRecord(
        record_id=record_id,
        service=service,
        subscriber=_number(field("subscriber"), _SUBSCRIBER, "subscriber"),
        start=_start(field("start"), now),
        quantity=_quantity(field("quantity"), field("unit"), service, base),
        called=_called(field("called"), service),
        rating_group=_number32(field("rating_group"), service, "rating_group"),
        service_identifier=_number32(field("service_identifier"), service, "service_identifier"),
        where=_where(field("dnn"), field("slice"), field("qos"), field("network")),
    )


def _service(text: str) -> tuple[int, Unit]:
    known = _SERVICES.get(text)
    if known is not None:
        return known
    try:
        code = service_code(text)
    except Invalid:
        code = Service.CONTENT
    if code == Service.CONTENT:
        raise Invalid(
            f"{text[:20]!r} is none of {', '.join(_SERVICES)}, nor a name of 1 to 11 of a-z, 0-9"
            " and -, a letter first",
            path="service",
        )
    return code, Unit.EVENTS


def _where(dnn: str, slice_: str, qos: str, network: str) -> Circumstances | None:
    """None where nothing is told."""
    for text, form, column in (
        (dnn, _DNN, "dnn"),
        (slice_, _SLICE, "slice"),
        (qos, _QOS, "qos"),
        (network, _NETWORK, "network"),
    ):
        if text and not form.fullmatch(text):
            raise Invalid(f"{text[:40]!r} is no {column}", path=column)
    if qos and int(qos) > 255:
        raise Invalid(f"{qos} is no qos", path="qos")
    if not (dnn or slice_ or qos or network):
        return None
    return Circumstances(dnn.lower(), slice_.lower(), int(qos) if qos else -1, network)


def _number(text: str, form: re.Pattern[str], column: str) -> str:
    match = form.fullmatch(text)
    if match is None:
        raise Invalid(f"{text[:40]!r} is not a telephone number in E.164 digits", path=column)
    return match.group(1)


def _called(text: str, service: int) -> str:
    if service in _CALLS_NOBODY:
        if text:
            raise Invalid(f"{service_name(service)} calls nobody", path="called")
        return ""
    if not text and service not in _MOST:
        return ""
    return _number(text, _CALLED, "called")


def _start(text: str, now: datetime) -> datetime:
    start = parse_instant(text, path="start")
    if start > now + CLOCKS_DIFFER:
        raise Invalid(f"{text[:40]} has not come yet", path="start")
    return start


def _quantity(text: str, unit: str, service: int, base: Unit) -> int:
    if not _QUANTITY.fullmatch(text):
        raise Invalid(f"{text[:40]!r} is not a quantity", path="quantity")
    quantity = Quantity.parse(text, unit or base.value, path="quantity")
    if quantity.unit is not base:
        raise Invalid(f"{unit} is no unit of {service_name(service)}", path="unit")
    if quantity.amount > _MOST.get(service, _MOST_EVENTS):
        raise Invalid(f"{text[:40]} is more than one record can hold", path="quantity")
    return quantity.amount


def _number32(text: str, service: int, column: str) -> int | None:
    if not text:
        return None
    if service in (Service.VOICE, Service.SMS, *RECEIVED):
        raise Invalid("only data has rating groups", path=column)
    if not _RATING_GROUP.fullmatch(text) or int(text) >= 1 << 32:
        raise Invalid(f"{text[:20]!r} is not a {column.replace('_', ' ')}", path=column)
    return int(text)
