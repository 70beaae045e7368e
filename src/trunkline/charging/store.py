"""Charging's tables, and the SQL about accounts, identities and tariffs. `hot` has what runs
for every batch of requests, `history` what reads the journal.

An account is `key`, a small number, within this database, and `id` everywhere else.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from trunkline.charging.due import due
from trunkline.charging.model import ChargingAccountId
from trunkline.charging.state import Resting, State, decode, encode
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
    # No later than time next does something to it (`due`), in epoch seconds.
    sa.Column("due_at", sa.BigInteger, nullable=True),
)
sa.Index(
    "charging_account_due",
    accounts.c.due_at,
    accounts.c.key,
    sqlite_where=accounts.c.due_at.is_not(None),
    postgresql_where=accounts.c.due_at.is_not(None),
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
        sa.Column(
            "service",
            sa.BigInteger().with_variant(sa.SmallInteger(), "sqlite"),
            nullable=False,
        ),
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
    # The names of its prices, apart: whoever reads a history or a bill needs no prices.
    sa.Column("labels", sa.LargeBinary, nullable=False),
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
    due_at: int | None = None
    resting: Resting | None = None
    """Where the state's terms rest (`hot.account_of`)."""


class Binding(msgspec.Struct, gc=False):
    """An identity's account from `valid_from` up to `valid_to`, microseconds since 1970."""

    kind: str
    value: str
    valid_from: int
    valid_to: int
    account: int


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
_insert_account = sa.insert(accounts).returning(accounts.c.id, accounts.c.key)
_insert_identity = sa.insert(identities)
_in_turn = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('openings', 0))")
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
    key, id_, billing_account, version, state, due_at = row
    return Account(
        key,
        ChargingAccountId(id_),
        BillingAccountId(billing_account),
        version,
        decode(state),
        due_at,
    )


def account(r: Reader, id_: str) -> Account | None:
    row = r.execute(_by_id, {"id": id_}).first()
    return None if row is None else account_of(row)


def accounts_by_ids(r: Reader, ids: Sequence[str]) -> list[Account]:
    return [account_of(row) for row in r.execute(_by_ids, {"ids": list(ids)})]


def accounts_by_billing_accounts(r: Reader, ids: Sequence[str]) -> list[Account]:
    rows = r.execute(_by_billing_account, {"billing_accounts": list(ids)})
    return [account_of(row) for row in rows]


_chunk = (
    _account.where(accounts.c.key > sa.bindparam("after"))
    .order_by(accounts.c.key)
    .limit(sa.bindparam("most"))
)


def accounts_after(r: Reader, key: int, limit: int) -> list[Account]:
    """In the order of their keys."""
    return [account_of(row) for row in r.execute(_chunk, {"after": key, "most": limit})]


_due = (
    sa.select(accounts.c.due_at, accounts.c.key)
    .where(
        accounts.c.due_at <= sa.bindparam("now"),
        sa.tuple_(accounts.c.due_at, accounts.c.key)
        > sa.tuple_(sa.bindparam("after_due"), sa.bindparam("after")),
    )
    .order_by(accounts.c.due_at, accounts.c.key)
    .limit(sa.bindparam("most"))
)
_set_due = (
    sa.update(accounts)
    .where(accounts.c.key == sa.bindparam("which"))
    .values(due_at=sa.bindparam("due"))
)


def accounts_due(r: Reader, now: int, after: tuple[int, int], limit: int) -> list[tuple[int, int]]:
    """(due at, key) of accounts that something may have to be done to by now, in this order."""
    bounds = {"now": now, "after_due": after[0], "after": after[1], "most": limit}
    return [(row.due_at, row.key) for row in r.execute(_due, bounds)]


def set_due(tx: Tx, held: Iterable[Account]) -> None:
    """Notes when these accounts are due next, as their states now say."""
    changed = [(each, due(each.state) or None) for each in held]
    values = [{"which": each.key, "due": at} for each, at in changed if at != each.due_at]
    if values:
        tx.execute(_set_due, values)


_id_of = sa.select(accounts.c.id).where(accounts.c.key == sa.bindparam("key"))


def account_id(r: Reader, key: int) -> ChargingAccountId:
    return ChargingAccountId(r.execute(_id_of, {"key": key}).scalar_one())


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


def insert_accounts(
    tx: Tx, accounts: Iterable[tuple[ChargingAccountId, str, State]]
) -> dict[ChargingAccountId, int]:
    """Accounts by their id, billing account and state; returns the new rows' keys."""
    rows = tx.execute(
        _insert_account,
        [
            {
                "id": account,
                "billing_account": billing_account,
                "version": 0,
                "state": encode(state),
                "due_at": due(state) or None,
            }
            for account, billing_account, state in accounts
        ],
    )
    return {ChargingAccountId(row.id): row.key for row in rows}


def open_in_turn(tx: Tx) -> None:
    """Nobody else opens accounts, with their identities, until the transaction ends."""
    if tx.dialect == "postgresql":
        tx.execute(_in_turn)


def bind(tx: Tx, bindings: Sequence[Binding]) -> None:
    if bindings:
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


_CREDITED = sa.select(top_ups.c.payment_id).where(
    top_ups.c.payment_id.in_(sa.bindparam("payments", expanding=True))
)
_insert_top_up = {
    "sqlite": sqlite.insert(top_ups).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(top_ups).on_conflict_do_nothing(),
}


def credited(r: Reader, payments: Sequence[str]) -> list[str]:
    """Those of these payments that have been credited."""
    rows = r.execute(_CREDITED, {"payments": list(payments)})
    return list(rows.scalars())


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


def insert_tariff(tx: Tx, tariff_: Tariff, now: datetime) -> bool:
    """False when this version is installed already."""
    values = {
        "version": tariff_.version,
        "effective_from": tariff_.effective_from,
        "installed_at": now,
        "body": tariff_.encode(),
        "labels": msgspec.msgpack.encode(tariff_.labels),
    }
    return tx.execute(_insert_tariff[tx.dialect], values).rowcount == 1


def tariff_versions(r: Reader) -> list[tuple[int, int]]:
    """(effective from as epoch second, version) of all that are installed."""
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
_more_requests = (
    sa.update(tariff_requests)
    .where(tariff_requests.c.requested == sa.bindparam("last"))
    .values(requested=tariff_requests.c.requested + sa.bindparam("more"))
)


def next_tariff_request(tx: Tx) -> int:
    """Counts from 1 (books)."""
    number: int = tx.execute(_next_request[tx.dialect]).scalar_one()
    return number


def number_tariffs(tx: Tx, request: int, more: int) -> bool:
    """Takes the numbers of `more` tariffs behind the request's own; False, and none, where a
    later request has been made (books)."""
    return tx.execute(_more_requests, {"last": request, "more": more}).rowcount == 1


def last_tariff_request(r: Reader) -> int:
    """0 before the first (books)."""
    return r.execute(_last_request).scalar() or 0
