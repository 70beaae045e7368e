"""Who in the network wants to hear of an account's policy counters: the PCRF over Sy (TS 29.219),
the PCF over Nchf_SpendingLimitControl (TS 29.594). One durable store for both.

A subscription remembers what it was told last. Where a counter's status changes, whoever changes
it calls `watch` in the same transaction; a notice then has the edge tell the subscriber, with the
statuses as they are at that moment.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.charging.model import Identity
from trunkline.charging.notices import Notice, NoticeKind, done, note, noticed
from trunkline.charging.policy.counting import CounterStatus
from trunkline.charging.store import (
    Account,
    account_id,
    accounts,
    accounts_by_ids,
    bindings_of_values,
    hold_many,
)
from trunkline.kernel.errors import NotFound
from trunkline.kernel.time import to_micros
from trunkline.platform.columns import Json
from trunkline.platform.db import Reader, Tx, charging_metadata

Statuses = Callable[[Reader, int, datetime], Sequence[CounterStatus]]
"""All policy counters of the account of this key, as they are at this instant."""


class UnknownSubscription(NotFound):
    code = "unknownSubscription"


class NobodyBound(NotFound):
    """No account is bound to any of the identities."""

    code = "unknownSubscriber"


class Subscription(msgspec.Struct, frozen=True):
    id: str
    """Sy's Session-Id, or the edge's own name for it."""
    account: int
    """The account's key."""
    word: str
    """How its edge tells it, beginning with the edge's name: "sy:<host>;<realm>"."""
    counters: tuple[str, ...]
    """Those that it wants to hear of; none: all."""
    told: Mapping[str, str] = {}
    """The status of each counter as it was told last."""
    details: Mapping[str, Any] = {}
    """The edge's own."""
    expires_at: int | None = None
    """In microseconds since 1970."""

    def report(self, statuses: Iterable[CounterStatus]) -> list[CounterStatus]:
        """Those of these that it wants to hear of."""
        return [each for each in statuses if not self.counters or each.counter in self.counters]

    def news(self, statuses: Iterable[CounterStatus]) -> list[CounterStatus]:
        """Those of these that it wants to hear of and doesn't know yet."""
        return [
            each for each in self.report(statuses) if self.told.get(each.counter) != each.status
        ]


class News(msgspec.Struct, frozen=True):
    """What a subscriber is to be told: statuses, or that the account is closed."""

    subscription: Subscription
    statuses: tuple[CounterStatus, ...] = ()
    ends: bool = False


subscriptions = sa.Table(
    "charging_subscription",
    charging_metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("account", sa.BigInteger, sa.ForeignKey(accounts.c.key), nullable=False, index=True),
    sa.Column("word", sa.String, nullable=False),
    sa.Column("counters", Json(), nullable=False),
    sa.Column("told", Json(), nullable=False),
    sa.Column("details", Json(), nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=True, index=True),
)

_all = sa.select(subscriptions)
_by_id = _all.where(subscriptions.c.id == sa.bindparam("which"))
_of_account = _all.where(subscriptions.c.account == sa.bindparam("account"))
_delete = sa.delete(subscriptions).where(subscriptions.c.id == sa.bindparam("which"))
_expired = sa.delete(subscriptions).where(subscriptions.c.expires_at <= sa.bindparam("now"))
_insert = sa.insert(subscriptions)
_expires = (
    sa.update(subscriptions)
    .where(subscriptions.c.id == sa.bindparam("which"))
    .values(expires_at=sa.bindparam("at"))
)
_tell = (
    sa.update(subscriptions)
    .where(subscriptions.c.id == sa.bindparam("which"))
    .values(told=sa.bindparam("statuses", type_=Json()))
)


def bound_account(r: Reader, identities: Sequence[Identity], now: datetime) -> Account:
    """The account that the first known of the identities is bound to at `now`. Raises
    `NobodyBound`."""
    at = to_micros(now)
    bound = bindings_of_values(r, {value for _, value in identities})
    for identity in identities:
        for each in bound:
            if (each.kind, each.value) == identity and each.valid_from <= at < each.valid_to:
                [account] = accounts_by_ids(r, [account_id(r, each.account)])
                return account
    raise NobodyBound("nobody is known by any of these identities")


def hold(tx: Tx, account: int) -> None:
    """The account's counters stand still until the transaction ends: whoever changes them next
    finds who subscribes now with what they were told."""
    hold_many(tx, [account])


def subscribe(tx: Tx, subscription: Subscription) -> None:
    """Makes it, or another of it in the place of one of the same id."""
    tx.execute(_delete, {"which": subscription.id})
    row = msgspec.structs.asdict(subscription)
    row |= {"counters": list(subscription.counters), "told": dict(subscription.told)}
    tx.execute(_insert, row | {"details": dict(subscription.details)})


def unsubscribe(tx: Tx, id_: str) -> None:
    """Raises `UnknownSubscription`."""
    if tx.execute(_delete, {"which": id_}).rowcount != 1:
        raise UnknownSubscription(f"there is no subscription {id_[:60]}")


def subscription(r: Reader, id_: str) -> Subscription:
    """Raises `UnknownSubscription`."""
    row = r.execute(_by_id, {"which": id_}).first()
    if row is None:
        raise UnknownSubscription(f"there is no subscription {id_[:60]}")
    return _of(row)


def subscriptions_of(r: Reader, account: int) -> list[Subscription]:
    """Those about the account of this key."""
    return [_of(row) for row in r.execute(_of_account, {"account": account})]


def watch(tx: Tx, account: int, statuses: Sequence[CounterStatus]) -> int:
    """Has those told that want to hear of what has changed; returns how many. `statuses` are all
    of the account's counters as they are from this transaction on. Who is being told of a change
    is told again: it may have been taken back since."""
    known = subscriptions_of(tx, account)
    under_way = noticed(tx, account, [each.id for each in known]) if known else ()
    told = [(each.id, each.word) for each in known if each.id in under_way or each.news(statuses)]
    if told:
        note(tx, account, told, NoticeKind.STATUS)
    return len(told)


def tell_of_end(tx: Tx, account: int) -> None:
    """The account is closed: its subscribers are told to end what they have about it."""
    told = [(each.id, each.word) for each in subscriptions_of(tx, account)]
    if told:
        note(tx, account, told, NoticeKind.STATUS)


def expire(tx: Tx, id_: str, at: datetime) -> None:
    """It ends at this instant, unless it is ended before."""
    tx.execute(_expires, {"which": id_, "at": to_micros(at)})


def _has_ended(r: Reader, account: int) -> bool:
    """Whether the account of this key is closed."""
    [found] = accounts_by_ids(r, [account_id(r, account)])
    return found.state.closed != 0


def news_of(tx: Tx, notice: Notice, statuses: Statuses, now: datetime) -> News | None:
    """What a notice of `STATUS` has to tell; None where that is nothing any longer: then it is
    struck out."""
    row = tx.execute(_by_id, {"which": notice.session}).first()
    if row is not None:
        known = _of(row)
        if _has_ended(tx, notice.account):
            return News(known, ends=True)
        if news := known.news(statuses(tx, notice.account, now)):
            return News(known, tuple(news))
    done(tx, [notice.id])
    return None


def note_told(tx: Tx, known: Subscription, statuses: Iterable[CounterStatus]) -> None:
    """The subscriber has been told these."""
    now_known = dict(known.told) | {each.counter: each.status for each in statuses}
    tx.execute(_tell, {"which": known.id, "statuses": now_known})


def forget_expired(tx: Tx, now: datetime) -> int:
    """Ends subscriptions whose time is over; returns how many."""
    return tx.execute(_expired, {"now": to_micros(now)}).rowcount


def _of(row: Any) -> Subscription:
    return Subscription(
        row.id,
        row.account,
        row.word,
        tuple(row.counters),
        row.told,
        row.details,
        row.expires_at,
    )
