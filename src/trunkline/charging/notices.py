"""What an edge must tell the network about a session that is open: ask again, or end.

A notice is written in the transaction of its cause (a top-up, a barring) and belongs to the
edge that the session's `notify` word begins with ("gy:...", "nchf:..."). That edge is woken by
the commit, tells the gateway, and strikes the notice out once it was answered. A newer notice
of a session takes the place of an older one.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import IntEnum

import msgspec
import sqlalchemy as sa
import structlog

from trunkline.charging import hot
from trunkline.charging.policy.events import BalanceStands
from trunkline.charging.pools.events import LookAgain, PoolRefilled
from trunkline.charging.sessions import end_session
from trunkline.charging.state import Session, Status
from trunkline.charging.store import Account, account, account_id, accounts, hold_many
from trunkline.kernel.time import to_micros
from trunkline.platform.db import Database, Reader, Tx, charging_metadata

log = structlog.get_logger(__name__)

CHANNEL = "notices"
"""What edges listen on (`platform.wake.listen`)."""

DELAYS = (5, 15, 60, 300, 900, 1800)
"""Seconds from each attempt to the next; after the last one the notice is given up."""


class NoticeKind(IntEnum):
    REAUTHORISE = 1
    """The session may get what it was refused, or at another price: it is to ask again."""
    ABORT = 2
    """The session is to end."""
    STATUS = 3
    """A policy counter that somebody subscribed to has another status."""


class Notice(msgspec.Struct, frozen=True):
    id: int
    account: int
    """The account's key in charging's database."""
    session: str
    """Of a session, or the subscription's id for `STATUS`."""
    word: str
    """The session's `notify`."""
    kind: NoticeKind
    attempts: int


notices = sa.Table(
    "charging_notice",
    charging_metadata,
    sa.Column(
        "id",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("account", sa.BigInteger, sa.ForeignKey(accounts.c.key), nullable=False),
    sa.Column("session", sa.String, nullable=False),
    sa.Column("edge", sa.String, nullable=False),
    sa.Column("word", sa.String, nullable=False),
    sa.Column("kind", sa.Integer, nullable=False),
    sa.Column("due_at", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.UniqueConstraint("account", "session"),
    sa.Index("charging_notice_due", "edge", "due_at", "id"),
    # Ids of struck out rows must never come again: an edge may still wait for an answer.
    sqlite_autoincrement=True,
)

_insert = sa.insert(notices)
_of_sessions = sa.and_(
    notices.c.account == sa.bindparam("which"),
    notices.c.session.in_(sa.bindparam("sessions", expanding=True)),
)
_delete_of_sessions = sa.delete(notices).where(_of_sessions)
_noticed = sa.select(notices.c.session).where(_of_sessions)
_aborted = _noticed.where(notices.c.kind == sa.literal(int(NoticeKind.ABORT)))
_COLUMNS = (
    notices.c.id,
    notices.c.account,
    notices.c.session,
    notices.c.word,
    notices.c.kind,
    notices.c.attempts,
)
_due_of_edge = (
    sa.select(*_COLUMNS)
    .where(notices.c.edge == sa.bindparam("edge"), notices.c.due_at <= sa.bindparam("now"))
    .order_by(notices.c.due_at, notices.c.id)
    .limit(sa.bindparam("most"))
)
_next_due = sa.select(sa.func.min(notices.c.due_at)).where(notices.c.edge == sa.bindparam("edge"))
_done = sa.delete(notices).where(notices.c.id.in_(sa.bindparam("ids", expanding=True)))
_attempted = (
    sa.update(notices)
    .where(notices.c.id == sa.bindparam("which"), notices.c.attempts == sa.bindparam("before"))
    .values(attempts=notices.c.attempts + 1, due_at=sa.bindparam("due"))
)


def tell(tx: Tx, account: Account, kind: NoticeKind, *, everyone: bool = False) -> int:
    """Has the edges tell the account's open sessions, as far as they can be told; returns how
    many. To ask again, those are told that wait for it (`Quota.waits`) and aren't about to be
    ended, or with `everyone` all of them; to end, all. `account` is held by this transaction."""
    sessions = [each for each in account.state.sessions if each.notify]
    if kind is NoticeKind.REAUTHORISE and not everyone and sessions:
        sessions = [each for each in sessions if waits(each)]
        if sessions:
            names = {"which": account.key, "sessions": [each.id for each in sessions]}
            ending = set(tx.execute(_aborted, names).scalars())
            sessions = [each for each in sessions if each.id not in ending]
    if sessions:
        note(tx, account.key, [(each.id, each.notify) for each in sessions], kind)
    return len(sessions)


def tell_of_credit(tx: Tx, account: Account) -> int:
    """After money or units were added: those that wait ask again, where they may go on."""
    state = account.state
    if state.prepaid and state.money > state.floor:
        tx.emit(BalanceStands(account=account.id))
    if state.terms is not None and state.terms.share is not None and state.terms.share.spent:
        tx.emit(LookAgain(member=account.key))
    if state.status != Status.ACTIVE:
        return 0
    tell_members(tx, account)
    return tell(tx, account, NoticeKind.REAUTHORISE)


def tell_members(tx: Tx, account: Account) -> None:
    """A pool that has more than before has its members' sessions that wait for it told."""
    state = account.state
    if state.terms is not None and state.terms.pool is not None and state.status == Status.ACTIVE:
        tx.emit(PoolRefilled(pool=account.key))


def waits(session: Session) -> bool:
    """Whether a quota of it was last refused, or told to be the last."""
    return any(quota.waits for quota in session.quotas)


def noticed(tx: Tx, account: int, sessions: Sequence[str]) -> set[str]:
    """Those of these sessions that have a notice; it may be on its way."""
    return set(tx.execute(_noticed, {"which": account, "sessions": list(sessions)}).scalars())


def note(tx: Tx, account: int, which: Sequence[tuple[str, str]], kind: NoticeKind) -> None:
    """Writes a notice for each (session, word), in the place of an older one, and wakes the
    edges with the commit."""
    tx.execute(
        _delete_of_sessions, {"which": account, "sessions": [session for session, _ in which]}
    )
    tx.execute(
        _insert,
        [
            {
                "account": account,
                "session": session,
                "edge": word.partition(":")[0],
                "word": word,
                "kind": int(kind),
                "due_at": 0,
                "attempts": 0,
            }
            for session, word in which
        ],
    )
    tx.knock(CHANNEL)


def due(r: Reader, now: datetime, limit: int, edge: str) -> list[Notice]:
    """The notices of an edge that are to be told now, those that wait longest first."""
    rows = r.execute(_due_of_edge, {"edge": edge, "now": to_micros(now), "most": limit})
    return [
        Notice(row.id, row.account, row.session, row.word, NoticeKind(row.kind), row.attempts)
        for row in rows
    ]


def next_due(r: Reader, edge: str) -> int | None:
    """When the edge's next notice is due, in microseconds since 1970; None: there is none."""
    found: int | None = r.execute(_next_due, {"edge": edge}).scalar()
    return found


def retry(tx: Tx, notice: Notice, now: datetime) -> bool:
    """Takes note of an attempt, before it is made, and when the next one is due, should this
    one stay unanswered. False where it must not be made: another process makes it, a newer
    notice has replaced it, or all attempts were in vain, and it is given up."""
    if notice.attempts == len(DELAYS):
        done(tx, [notice.id])
        log.warning("a notice is given up", session=notice.session, kind=notice.kind.name)
        return False
    next_at = now + timedelta(seconds=DELAYS[notice.attempts])
    values = {"which": notice.id, "before": notice.attempts, "due": to_micros(next_at)}
    return tx.execute(_attempted, values).rowcount == 1


def done(tx: Tx, ids: Iterable[int]) -> None:
    """Strikes out notices that were answered."""
    tx.execute(_done, {"ids": list(ids)})


def rating_groups(r: Reader, notice: Notice) -> list[int]:
    """The session's, all of which it is to ask again about: who waits for more isn't told from
    whose prices have changed."""
    found = account(r, account_id(r, notice.account))
    session = None if found is None else found.state.session(notice.session)
    if session is None:
        return []
    return sorted({each.rating_group for each in session.quotas if each.rating_group >= 0})


def end_unknown_session(database: Database, notice: Notice) -> None:
    """The network doesn't know the session: what is reserved for it is released, and the notice
    struck out."""
    with database.transaction() as tx:
        account = hold_many(tx, [notice.account]).get(notice.account)
        session = None if account is None else account.state.session(notice.session)
        if account is not None and session is not None:
            end_session(account.state, session)
            hot.write(tx, [account], [])
        done(tx, [notice.id])
