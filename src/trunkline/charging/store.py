"""Charging's tables, and all its SQL.

What runs for every batch of requests is written for the drivers themselves, on both engines;
the rest is SQLAlchemy. An account is `key`, a small number, within this database, and `id`
everywhere else.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from trunkline.charging.journal import Record
from trunkline.charging.model import ChargingAccountId
from trunkline.charging.state import State, decode, encode
from trunkline.customers import BillingAccountId
from trunkline.kernel.time import to_micros
from trunkline.platform.db import (
    Instant,
    Reader,
    Tx,
    books_metadata,
    charging_metadata,
    immutable,
)
from trunkline.platform.outbox import CHANNEL, OutboxRow
from trunkline.rating import Tariff

FOREVER = (1 << 63) - 1

_key = sa.BigInteger().with_variant(sa.Integer, "sqlite")

accounts = sa.Table(
    "charging_account",
    charging_metadata,
    sa.Column("key", _key, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("billing_account", sa.String, nullable=False, index=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
)

identities = sa.Table(
    "charging_identity",
    charging_metadata,
    sa.Column("value", sa.String, primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),
    # Microseconds since 1970, half open, read without a type's detour.
    sa.Column("valid_from", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("valid_to", sa.BigInteger, nullable=False),
    sa.Column("account", sa.BigInteger, sa.ForeignKey(accounts.c.key), nullable=False),
    sa.Index("charging_identity_account", "account"),
)

records = immutable(
    sa.Table(
        "charging_record",
        charging_metadata,
        sa.Column("account", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("period", sa.Integer, nullable=False),
        sa.Column("balance", sa.BigInteger, nullable=False),
        sa.Column("charge", sa.BigInteger, nullable=False),
        sa.Column("units", sa.BigInteger, nullable=False),
        sa.Column("free", sa.BigInteger, nullable=False),
        sa.Column("overrun", sa.BigInteger, nullable=False),
        sa.Column("service", sa.SmallInteger, nullable=False),
        sa.Column("rating_group", sa.BigInteger, nullable=False),
        sa.Column("service_identifier", sa.BigInteger, nullable=False),
        sa.Column("tariff", sa.BigInteger, nullable=False),
        sa.Column("label", sa.Integer, nullable=False),
        sa.Column("session", sa.String, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("slice", sa.LargeBinary, nullable=True),
        # A bill reads an account's months; the newest of them is a history's first page.
        sa.PrimaryKeyConstraint("account", "period", "seq"),
    )
)

top_ups = sa.Table(
    "charging_top_up",
    charging_metadata,
    sa.Column("payment_id", sa.String, primary_key=True),
    sa.Column("account", sa.BigInteger, sa.ForeignKey(accounts.c.key), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
)

tariffs = sa.Table(
    "charging_tariff",
    charging_metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("effective_from", Instant, nullable=False),
    sa.Column("installed_at", Instant, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

tariff_requests = sa.Table(
    "charging_tariff_request",
    books_metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("requested", sa.BigInteger, nullable=False),
)


class Account(msgspec.Struct, gc=False):
    """A row, its state decoded."""

    key: int
    id: ChargingAccountId
    billing_account: BillingAccountId
    version: int
    state: State


class Binding(msgspec.Struct, gc=False):
    """An identity's account from `valid_from` up to `valid_to`, microseconds since 1970."""

    kind: str
    value: str
    valid_from: int
    valid_to: int
    account: int


class Taken(msgspec.Struct, gc=False):
    """What a batch works on: who is bound to what, the rows that it holds, and the newest
    tariff's version. A row that somebody else holds is missing from `rows`."""

    bindings: dict[tuple[str, str], list[Binding]]
    rows: dict[int, tuple[int, str, str, int, bytes]]
    newest_tariff: int


_BINDINGS = "SELECT kind, value, valid_from, valid_to, account FROM charging_identity WHERE value "
_ROWS = "SELECT key, id, billing_account, version, state FROM charging_account WHERE key "
_NEWEST_TARIFF = "SELECT coalesce(max(version), 0) FROM charging_tariff"
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
        found, rows, newest = _take_sqlite(tx.driver, values)
    else:
        found, rows, newest = _take_postgresql(tx.driver, values)
    bindings: dict[tuple[str, str], list[Binding]] = {}
    for kind, value, valid_from, valid_to, key in found:
        binding = Binding(kind, value, valid_from, valid_to, key)
        bindings.setdefault((kind, value), []).append(binding)
    return Taken(bindings, {row[0]: row for row in rows}, newest)


def _take_sqlite(driver: Any, values: Sequence[str]) -> tuple[list[Any], list[Any], int]:
    found, rows = [], []
    if values:
        padded = _padded(values)
        found = driver.execute(_among(_BINDINGS, len(padded)), padded).fetchall()
    if found:
        keys = _padded(list({row[4] for row in found}))
        rows = driver.execute(_among(_ROWS, len(keys)), keys).fetchall()
    return found, rows, driver.execute(_NEWEST_TARIFF).fetchone()[0]


def _take_postgresql(driver: Any, values: Sequence[str]) -> tuple[list[Any], list[Any], int]:
    bindings, rows, newest = (driver.cursor(binary=True) for _ in range(3))
    with driver.pipeline():
        bindings.execute(f"{_BINDINGS} = ANY(%b)", [list(values)])
        rows.execute(_PG_ROWS, [list(values)])
        newest.execute(_NEWEST_TARIFF)
    return bindings.fetchall(), rows.fetchall(), newest.fetchone()[0]


_COLUMNS = [column.name for column in records.columns]
_UPDATE = (
    "UPDATE charging_account SET version = version + 1, state = ? WHERE key = ? AND version = ?"
)
_INSERT = (
    f"INSERT INTO charging_record ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
)
_PG_UPDATE = (
    "UPDATE charging_account AS a SET version = a.version + 1, state = u.state"
    " FROM unnest(%b::bytea[], %b::bigint[], %b::bigint[]) AS u(state, key, version)"
    " WHERE a.key = u.key AND a.version = u.version"
)
_PG_TYPES = {"session": "text", "slice": "bytea"}
_PG_INSERT = (
    f"INSERT INTO charging_record ({', '.join(_COLUMNS)}) SELECT * FROM unnest("
    + ", ".join(f"%b::{_PG_TYPES.get(name, 'bigint')}[]" for name in _COLUMNS)
    + ")"
)
_OUTBOX = "INSERT INTO outbox (subscriber, topic, key, payload, created_at, due_at) VALUES "

_encode_slice = msgspec.msgpack.Encoder().encode


def _row(key: int, record: Record) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    slice_ = record.slice
    return (
        key,
        record.seq,
        record.kind,
        record.at,
        record.period,
        record.balance,
        record.charge,
        record.units,
        record.free,
        record.overrun,
        record.service,
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
    deliveries: Sequence[OutboxRow] = (),
    *,
    commit: bool = False,
) -> None:
    """Saves accounts, their new records (by account key) and deliveries; with `commit` also
    commits, in the same round trip."""
    states = [(encode(each.state), each.key, each.version) for each in changed]
    rows = [_row(key, record) for key, record in written]
    if tx.dialect == "sqlite":
        updated = _write_sqlite(tx.driver, states, rows, deliveries)
    else:
        updated = _write_postgresql(tx.driver, states, rows, deliveries, commit=commit)
    if updated != len(states):
        raise LostUpdate(f"{len(states) - updated} charging accounts changed while held")


def _write_sqlite(
    driver: Any, states: list[Any], rows: list[Any], deliveries: Sequence[OutboxRow]
) -> int:
    updated: int = driver.executemany(_UPDATE, states).rowcount if states else 0
    if rows:
        driver.executemany(_INSERT, rows)
    if deliveries:
        driver.executemany(
            f"{_OUTBOX} (?, ?, ?, ?, ?, ?)", [tuple(each.values()) for each in deliveries]
        )
    return updated


def _write_postgresql(
    driver: Any,
    states: list[Any],
    rows: list[Any],
    deliveries: Sequence[OutboxRow],
    *,
    commit: bool,
) -> int:
    update, insert = driver.cursor(), driver.cursor()
    with driver.pipeline():
        if states:
            update.execute(_PG_UPDATE, [list(column) for column in zip(*states, strict=True)])
        if rows:
            insert.execute(_PG_INSERT, [list(column) for column in zip(*rows, strict=True)])
        if deliveries:
            insert.executemany(
                f"{_OUTBOX} (%s, %s, %s, %s, %s, %s)",
                [tuple(each.values()) for each in deliveries],
            )
            insert.execute(f"NOTIFY {CHANNEL}")
        if commit:
            driver.commit()
    return update.rowcount if states else 0


_account = sa.select(accounts)
_by_id = _account.where(accounts.c.id == sa.bindparam("id"))
_held = _by_id.with_for_update(key_share=True)
_by_ids = _account.where(accounts.c.id.in_(sa.bindparam("ids", expanding=True)))
_by_billing_account = _account.where(
    accounts.c.billing_account.in_(sa.bindparam("billing_accounts", expanding=True))
).order_by(accounts.c.key)
_held_by_keys = (
    _account.where(accounts.c.key.in_(sa.bindparam("keys", expanding=True)))
    .order_by(accounts.c.key)
    .with_for_update(key_share=True)
)
_lock_timeout = sa.text("SET LOCAL lock_timeout = '3s'")
_insert_account = sa.insert(accounts).returning(accounts.c.key)
_insert_identity = sa.insert(identities)
_bindings = sa.select(identities).where(
    identities.c.value.in_(sa.bindparam("values", expanding=True))
)
_bindings_of = sa.select(identities).where(
    identities.c.account.in_(sa.bindparam("keys", expanding=True))
)
_at: sa.BindParameter[int] = sa.bindparam("at", type_=sa.BigInteger)
_drop_bindings = sa.delete(identities).where(
    identities.c.account == sa.bindparam("which"), identities.c.valid_from >= _at
)
_end_bindings = (
    sa.update(identities)
    .where(identities.c.account == sa.bindparam("which"), identities.c.valid_to > _at)
    .values(valid_to=_at)
)


def account_of(row: Any) -> Account:
    key, id_, billing_account, version, state = row
    return Account(
        key, ChargingAccountId(id_), BillingAccountId(billing_account), version, decode(state)
    )


def account(r: Reader, id_: str) -> Account | None:
    row = r.execute(_by_id, {"id": id_}).first()
    return None if row is None else account_of(row)


def accounts_by_ids(r: Reader, ids: Sequence[str]) -> list[Account]:
    return [account_of(row) for row in r.execute(_by_ids, {"ids": list(ids)})]


def accounts_by_billing_accounts(r: Reader, ids: Sequence[str]) -> list[Account]:
    rows = r.execute(_by_billing_account, {"billing_accounts": list(ids)})
    return [account_of(row) for row in rows]


def hold(tx: Tx, id_: str) -> Account | None:
    """The account, held against other writers until the transaction ends."""
    if tx.dialect == "postgresql":
        tx.execute(_lock_timeout)
    row = tx.execute(_held, {"id": id_}).first()
    return None if row is None else account_of(row)


def hold_many(tx: Tx, keys: Iterable[int]) -> dict[int, Account]:
    """These accounts by key, held; taken in the order of their keys, so that two who hold
    many can't wait for each other."""
    if tx.dialect == "postgresql":
        tx.execute(_lock_timeout)
    rows = tx.execute(_held_by_keys, {"keys": list(keys)})
    return {row.key: account_of(row) for row in rows}


def insert_account(tx: Tx, id_: str, billing_account: str, state: State) -> int:
    """Returns the new row's key."""
    values = {
        "id": id_,
        "billing_account": billing_account,
        "version": 0,
        "state": encode(state),
    }
    key: int = tx.execute(_insert_account, values).scalar_one()
    return key


def bind(tx: Tx, bindings: Sequence[Binding]) -> None:
    tx.execute(_insert_identity, [msgspec.structs.asdict(each) for each in bindings])


def end_bindings(tx: Tx, key: int, at: datetime) -> None:
    """The account's identities are free from `at` on. A binding that would never have held goes
    altogether, so that its place is free for the next one from the same instant."""
    tx.execute(_drop_bindings, {"which": key, "at": to_micros(at)})
    tx.execute(_end_bindings, {"which": key, "at": to_micros(at)})


def bindings_of_values(r: Reader, values: Iterable[str]) -> list[Binding]:
    rows = r.execute(_bindings, {"values": list(values)})
    return [_to_binding(row) for row in rows]


def bindings_of_accounts(r: Reader, keys: Iterable[int]) -> list[Binding]:
    return [_to_binding(row) for row in r.execute(_bindings_of, {"keys": list(keys)})]


def _to_binding(row: Any) -> Binding:
    return Binding(row.kind, row.value, row.valid_from, row.valid_to, row.account)


_insert_top_up = {
    "sqlite": sqlite.insert(top_ups).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(top_ups).on_conflict_do_nothing(),
}


def note_top_up(tx: Tx, payment_id: str, key: int, seq: int) -> bool:
    """False when this payment was credited before."""
    values = {"payment_id": payment_id, "account": key, "seq": seq}
    return tx.execute(_insert_top_up[tx.dialect], values).rowcount == 1


_insert_tariff = {
    "sqlite": sqlite.insert(tariffs).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(tariffs).on_conflict_do_nothing(),
}
_versions = sa.select(tariffs.c.effective_from, tariffs.c.version).order_by(
    tariffs.c.effective_from, tariffs.c.version
)
_tariff_body = sa.select(tariffs.c.body).where(tariffs.c.version == sa.bindparam("version"))


def insert_tariff(
    tx: Tx, version: int, effective_from: datetime, body: bytes, now: datetime
) -> bool:
    """False when this version is installed already."""
    values = {
        "version": version,
        "effective_from": effective_from,
        "installed_at": now,
        "body": body,
    }
    return tx.execute(_insert_tariff[tx.dialect], values).rowcount == 1


def tariff_versions(r: Reader) -> list[tuple[int, int]]:
    """(effective from as epoch second, version), in the order of their taking effect."""
    rows = r.execute(_versions)
    return [(int(row.effective_from.timestamp()), row.version) for row in rows]


def tariff(r: Reader, version: int) -> Tariff:
    """An installed version."""
    return Tariff.decode(r.execute(_tariff_body, {"version": version}).scalar_one())


_FIRST_REQUEST = {"id": 1, "requested": 1}
_ONE_MORE = {"requested": tariff_requests.c.requested + 1}
_next_request = {
    "sqlite": sqlite.insert(tariff_requests)
    .values(_FIRST_REQUEST)
    .on_conflict_do_update(index_elements=["id"], set_=_ONE_MORE)
    .returning(tariff_requests.c.requested),
    "postgresql": postgresql.insert(tariff_requests)
    .values(_FIRST_REQUEST)
    .on_conflict_do_update(index_elements=["id"], set_=_ONE_MORE)
    .returning(tariff_requests.c.requested),
}
_last_request = sa.select(tariff_requests.c.requested)


def next_tariff_request(tx: Tx) -> int:
    """Counts from 1 (books)."""
    number: int = tx.execute(_next_request[tx.dialect]).scalar_one()
    return number


def last_tariff_request(r: Reader) -> int:
    """0 before the first (books)."""
    return r.execute(_last_request).scalar() or 0
