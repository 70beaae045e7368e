"""Who is a member of which pool, or has something of one that it has left, and who waits for it
(charging's database)."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.charging.store import Account, account_of, accounts
from trunkline.platform.db import Reader, Tx, charging_metadata


def _account(name: str) -> "sa.Column[int]":
    return sa.Column(
        name,
        sa.BigInteger,
        sa.ForeignKey(accounts.c.key),
        primary_key=True,
        autoincrement=False,
    )


members = sa.Table(
    "charging_pool_member",
    charging_metadata,
    _account("member"),
    _account("pool"),
    sa.Index("charging_pool_member_of", "pool", "member"),
)

waiting = sa.Table(
    "charging_pool_waiting",
    charging_metadata,
    _account("pool"),
    _account("member"),
)

# Releases to 2026-11 left a row behind where they refused somebody.
_insert = postgresql.insert(members).on_conflict_do_nothing()
_delete = sa.delete(members).where(
    members.c.member == sa.bindparam("which"), members.c.pool == sa.bindparam("its")
)
_pools_of = sa.select(members.c.member, members.c.pool).where(
    members.c.member.in_(sa.bindparam("members", expanding=True))
)
_members_after = (
    sa.select(accounts)
    .join(members, members.c.member == accounts.c.key)
    .where(members.c.pool == sa.bindparam("pool"), members.c.member > sa.bindparam("after"))
    .order_by(members.c.member)
    .limit(sa.bindparam("most"))
)


def insert(tx: Tx, member: int, pool: int) -> None:
    tx.execute(_insert, {"member": member, "pool": pool})


def delete(tx: Tx, member: int, pool: int) -> None:
    tx.execute(_delete, {"which": member, "its": pool})
    wait_no_more(tx, pool, [member])


def pools_of(r: Reader, keys: Iterable[int]) -> list[tuple[int, int]]:
    """(member, pool) of those of these accounts that are members."""
    rows = r.execute(_pools_of, {"members": list(keys)})
    return [(row.member, row.pool) for row in rows]


def members_after(r: Reader, pool: int, after: int, most: int) -> list[Account]:
    """Members of the pool in the order of their keys."""
    rows = r.execute(_members_after, {"pool": pool, "after": after, "most": most})
    return [account_of(row) for row in rows]


_wait = sa.insert(waiting)
_waiting = (
    sa.select(waiting.c.member)
    .where(waiting.c.pool == sa.bindparam("pool"), waiting.c.member > sa.bindparam("after"))
    .order_by(waiting.c.member)
    .limit(sa.bindparam("most"))
)
_wait_no_more = sa.delete(waiting).where(
    waiting.c.pool == sa.bindparam("pool"),
    waiting.c.member.in_(sa.bindparam("members", expanding=True)),
)


def wait(tx: Tx, which: Iterable[tuple[int, int]]) -> None:
    """Notes (pool, member): sessions of the member wait for the pool."""
    tx.execute(_wait, [{"pool": pool, "member": member} for pool, member in which])


def who_waits(r: Reader, pool: int, after: int, most: int) -> list[int]:
    """Members whose sessions wait for the pool, in the order of their keys."""
    bounds = {"pool": pool, "after": after, "most": most}
    return list(r.execute(_waiting, bounds).scalars())


def wait_no_more(tx: Tx, pool: int, members: Iterable[int]) -> None:
    tx.execute(_wait_no_more, {"pool": pool, "members": list(members)})
