"""The SQL of every batch, for the drivers themselves, on both engines: what a batch reads and
holds, and what it writes."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec

from trunkline.charging.due import due
from trunkline.charging.earnings import EARN, Earning
from trunkline.charging.journal import Record
from trunkline.charging.model import ChargingAccountId
from trunkline.charging.pools.resting import rests_until
from trunkline.charging.state import Resting, decode_resting, encode, encode_resting, wake
from trunkline.charging.store import Account, Binding, records
from trunkline.charging.traffic import COUNT, Count
from trunkline.customers import BillingAccountId
from trunkline.platform.db import Tx

Row = tuple[int, str, str, int, bytes, int | None]
"""As `store.account_of` reads it."""


class Taken(msgspec.Struct, gc=False):
    """What a batch works on: who is bound to what, the rows that it holds, and how
    many tariffs are installed. A row that somebody else holds is missing from `rows`."""

    bindings: dict[tuple[str, str], list[Binding]]
    rows: dict[int, Row]
    tariffs: int


_BINDINGS = "SELECT kind, value, valid_from, valid_to, account FROM charging_identity WHERE value "
_ROWS = "SELECT key, id, billing_account, version, state, due_at FROM charging_account WHERE key "
_TARIFFS = "SELECT count(*) FROM charging_tariff"
_PG_ROWS = (
    _ROWS
    + "= ANY(ARRAY(SELECT account FROM charging_identity WHERE value = ANY(%b)))"
    + " FOR NO KEY UPDATE SKIP LOCKED"
)


@cache
def _among(statement: str, count: int) -> str:
    """The statement with an IN over `count` parameters (SQLite)."""
    return f"{statement} IN ({','.join('?' * count)})"


def _padded(values: Sequence[Any]) -> list[Any]:
    """Repeats the last value up to a power of two, so that few statements serve all lengths."""
    size = 1 << (len(values) - 1).bit_length()
    return [*values, *[values[-1]] * (size - len(values))]


def take(tx: Tx, values: Sequence[str]) -> Taken:
    """Reads and holds the accounts that these identities are or were bound to: one round trip.
    Nobody is waited for: on PostgreSQL a row that another transaction holds is left out; on
    SQLite there is no other."""
    if tx.dialect == "sqlite":
        found, rows, tariffs = _take_sqlite(tx.driver, values)
    else:
        found, rows, tariffs = _take_postgresql(tx.driver, values)
    bindings: dict[tuple[str, str], list[Binding]] = {}
    for kind, value, valid_from, valid_to, key in found:
        binding = Binding(kind, value, valid_from, valid_to, key)
        bindings.setdefault((kind, value), []).append(binding)
    return Taken(bindings, {row[0]: row for row in rows}, tariffs)


def take_one(tx: Tx, key: int) -> Row | None:
    """Reads and holds one more account; None where another transaction has it."""
    if tx.dialect == "sqlite":
        return tx.driver.execute(f"{_ROWS}= ?", [key]).fetchone()  # type: ignore[no-any-return]
    cursor = tx.driver.cursor(binary=True)
    cursor.execute(f"{_ROWS}= %s FOR NO KEY UPDATE SKIP LOCKED", [key])
    return cursor.fetchone()  # type: ignore[no-any-return]


def account_of(row: Row) -> Account:
    """As `store.account_of`, but terms that rest go on resting until they are needed (`rouse`)."""
    key, id_, billing_account, version, data, due_at = row
    found = decode_resting(data)
    resting = found if isinstance(found, Resting) else None
    return Account(
        key,
        ChargingAccountId(id_),
        BillingAccountId(billing_account),
        version,
        found.state if isinstance(found, Resting) else found,
        due_at,
        resting,
    )


def rouse(account: Account) -> None:
    """Its state has its terms from now on."""
    if account.resting is not None:
        wake(account.resting)
        account.resting = None


def _take_sqlite(driver: Any, values: Sequence[str]) -> tuple[list[Any], list[Any], int]:
    found, rows = [], []
    if values:
        padded = _padded(values)
        found = driver.execute(_among(_BINDINGS, len(padded)), padded).fetchall()
    if found:
        keys = _padded(list({row[4] for row in found}))
        rows = driver.execute(_among(_ROWS, len(keys)), keys).fetchall()
    return found, rows, driver.execute(_TARIFFS).fetchone()[0]


def _take_postgresql(driver: Any, values: Sequence[str]) -> tuple[list[Any], list[Any], int]:
    bindings, rows, tariffs = (driver.cursor(binary=True) for _ in range(3))
    with driver.pipeline():
        bindings.execute(f"{_BINDINGS} = ANY(%b)", [list(values)])
        rows.execute(_PG_ROWS, [list(values)])
        tariffs.execute(_TARIFFS)
    return bindings.fetchall(), rows.fetchall(), tariffs.fetchone()[0]


_COLUMNS = [column.name for column in records.columns]
_UPDATE = (
    "UPDATE charging_account SET version = version + 1, state = ? WHERE key = ? AND version = ?"
)
_UPDATE_DUE = (
    "UPDATE charging_account SET version = version + 1, state = ?, due_at = ?"
    " WHERE key = ? AND version = ?"
)
_INSERT = (
    f"INSERT INTO charging_record ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
)
_PG_UPDATE = (
    "UPDATE charging_account AS a"
    " SET version = a.version + 1, state = u.state, due_at = nullif(u.due_at, 0)"
    " FROM unnest(%b::bytea[], %s::bigint[], %s::bigint[], %s::bigint[])"
    " AS u(state, due_at, key, version) WHERE a.key = u.key AND a.version = u.version"
)
_PG_TYPES = {"session": "%b::text[]", "slice": "%b::bytea[]"}
_PG_INSERT = (
    f"INSERT INTO charging_record ({', '.join(_COLUMNS)}) SELECT * FROM unnest("
    + ", ".join(_PG_TYPES.get(name, "%s::bigint[]") for name in _COLUMNS)
    + ")"
)
_COUNT, _PG_COUNT = COUNT.format("?"), COUNT.format("%b")
_EARN, _PG_EARN = EARN.format("?"), EARN.format("%b")

_Changed = tuple[bytes, int | None, Account]
"""A state, when it is due, and whose it is."""

_encode_slice = msgspec.msgpack.Encoder().encode


def _row(key: int, record: Record) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    slice_ = record.slice
    return (
        key,
        record.seq,
        int(record.kind),
        record.at,
        record.period,
        record.balance,
        record.charge,
        record.units,
        record.free,
        record.overrun,
        int(record.service),
        record.rating_group,
        record.service_identifier,
        record.tariff,
        record.label,
        record.session,
        record.number,
        None if slice_ is None else _encode_slice(slice_),
    )


class LostUpdate(AssertionError):
    """A row changed under the transaction that holds it."""


def write(
    tx: Tx,
    changed: Iterable[Account],
    written: Iterable[tuple[int, Record]],
    earned: Sequence[Earning] = (),
    *,
    count: Count | None = None,
    commit: bool = False,
) -> None:
    """Saves accounts and their new records (by account key), adds what was earned, and counts
    requests; with `commit` also commits, in the same round trip.

    An account that is due sooner than its row says is noted as that; one that is due later isn't,
    so that a session that goes on doesn't cost an index its rest: the job finds out."""
    states = [_changed(each) for each in changed]
    rows = [_row(key, record) for key, record in written]
    if tx.dialect == "sqlite":
        updated = _write_sqlite(tx.driver, states, rows, earned, count)
    else:
        updated = _write_postgresql(tx.driver, states, rows, earned, count, commit=commit)
    if updated != len(states):
        raise LostUpdate(f"{len(states) - updated} charging accounts changed while held")


def _changed(account: Account) -> _Changed:
    state, resting, noted = account.state, account.resting, account.due_at
    at = due(state)
    if resting is not None:
        data = encode(resting)
        if resting.until and (not at or resting.until < at):
            at = resting.until
    else:
        until = None if state.terms is None else rests_until(state)
        data = encode(state) if until is None else encode_resting(state, until)
    return data, at if at and (noted is None or at < noted) else noted, account


def _write_sqlite(
    driver: Any,
    states: list[_Changed],
    rows: list[Any],
    earned: Sequence[Earning],
    count: Count | None,
) -> int:
    # An index is rewritten where its column is named, whether it changes or not.
    same = [(state, each.key, each.version) for state, at, each in states if at == each.due_at]
    sooner = [
        (state, at, each.key, each.version) for state, at, each in states if at != each.due_at
    ]
    updated: int = driver.executemany(_UPDATE, same).rowcount if same else 0
    if sooner:
        updated += driver.executemany(_UPDATE_DUE, sooner).rowcount
    if rows:
        driver.executemany(_INSERT, rows)
    if earned:
        driver.executemany(_EARN, earned)
    if count:
        driver.execute(_COUNT, count)
    return updated


def _arrays(rows: list[Any]) -> list[Any]:
    """The rows by column. Numbers are written as PostgreSQL's own array text: that is several
    times faster than the driver's arrays."""
    return [
        str(column).translate(_BRACES) if type(column[0]) is int else column
        for column in map(list, zip(*rows, strict=True))
    ]


_BRACES = str.maketrans({"[": "{", "]": "}"})


def _write_postgresql(
    driver: Any,
    states: list[_Changed],
    rows: list[Any],
    earned: Sequence[Earning],
    count: Count | None,
    *,
    commit: bool,
) -> int:
    update, insert = driver.cursor(), driver.cursor()
    with driver.pipeline():
        if states:
            changed = [(state, at or 0, each.key, each.version) for state, at, each in states]
            update.execute(_PG_UPDATE, _arrays(changed))
        if rows:
            insert.execute(_PG_INSERT, _arrays(rows))
        for each in earned:
            insert.execute(_PG_EARN, each)
        if count:
            insert.execute(_PG_COUNT, count)
        if commit:
            driver.commit()
    return update.rowcount if states else 0
