"""Nchf_SpendingLimitControl (TS 29.594): a PCF subscribes to the statuses of a subscriber's policy
counters and is told of their changes."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Meta, field

from trunkline.charging import (
    CounterStatus,
    Identity,
    NobodyBound,
    Subscription,
    UnknownSubscription,
    subscriptions,
)
from trunkline.kernel.errors import Invalid, Unavailable
from trunkline.kernel.ids import Id
from trunkline.kernel.time import format_instant, from_micros, to_micros
from trunkline.nchf.documents import DateTime, Text
from trunkline.nchf.front import JSON, Call, Reply, Routes
from trunkline.nchf.problems import Problem, congested, undecodable
from trunkline.nchf.reading import EDGE, identity_of
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database, Reader
from trunkline.tmf.hub import parse_callback

PREFIX = "/nchf-spendinglimitcontrol/v1/subscriptions"
_UNDER = PREFIX + "/"

MOST_WAITING = 1000
"""Requests that wait for their answer."""

_FEATURES = 0b11
"""NotificationCorrelation and ES3XX (TS 29.594, clause 5.8)."""

Statuses = subscriptions.Statuses

T = TypeVar("T")


class SpendingSubscriptionId(Id):
    __slots__ = ()
    prefix = "sls"


class Context(msgspec.Struct, gc=False):
    """A SpendingLimitContext."""

    supi: Text | None = None
    gpsi: Text | None = None
    counters: Annotated[list[Text], Meta(min_length=1, max_length=100)] | None = field(
        name="policyCounterIds", default=None
    )
    notify: Text | None = field(name="notifUri", default=None)
    expiry: DateTime | None = None
    features: Annotated[str, Meta(pattern="^[A-Fa-f0-9]{0,64}$")] | None = field(
        name="supportedFeatures", default=None
    )
    correlation: Text | None = field(name="notifId", default=None)


_decode = msgspec.json.Decoder(Context).decode


class Spending:
    """The service's resources. What they do is done on a thread of its own, in the order of
    arrival: charging's commits don't wait for it."""

    def __init__(self, database: Database, clock: Clock, statuses: Statuses, root: str) -> None:
        self._database = database
        self._clock = clock
        self._statuses = statuses
        self._root = root
        self._thread = ThreadPoolExecutor(1, "spending")
        self._waiting = 0
        self._collection: Routes = {"POST": ("subscribe", self.subscribe)}
        self._item: Routes = {
            "PUT": ("resubscribe", self.replace),
            "DELETE": ("unsubscribe", self.unsubscribe),
        }

    def routes(self, path: str) -> Routes | None:
        if path == PREFIX:
            return self._collection
        return self._item if path.startswith(_UNDER) and len(path) > len(_UNDER) else None

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def subscribe(self, call: Call) -> Reply:
        context = _decoded(await call.body())
        id_, body = await self._later(lambda: self._subscribed(context, None))
        location = f"{self._root or call.root}{PREFIX}/{quote(id_, safe='')}"
        return Reply(201, body, [("content-type", JSON), ("location", location)])

    async def replace(self, call: Call) -> Reply:
        context = _decoded(await call.body())
        _, body = await self._later(lambda: self._subscribed(context, call.path[len(_UNDER) :]))
        return Reply(200, body)

    async def unsubscribe(self, call: Call) -> Reply:
        await self._later(lambda: self._unsubscribed(call.path[len(_UNDER) :]))
        return Reply(204)

    async def _later(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise congested("too busy")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except Unavailable as error:
            raise congested(error.reason) from None
        finally:
            self._waiting -= 1

    def _subscribed(self, context: Context, id_: str | None) -> tuple[str, bytes]:
        """Makes a subscription, or gives the one with this id another content."""
        now = self._clock.now()
        identities = _identities(context)
        with self._database.transaction() as tx:
            if id_ is None:
                id_ = tx.new_id(SpendingSubscriptionId, now)
                known = None
            else:
                known = _known(tx, id_)
            word = _word(context, known)
            try:
                account = (
                    subscriptions.bound_account(tx, identities, now).key
                    if identities or known is None
                    else known.account
                )
            except NobodyBound as error:
                raise Problem(400, "USER_UNKNOWN", error.reason) from None
            subscriptions.hold(tx, account)
            found = self._statuses(tx, account, now)
            _check_counters(context, found)
            wanted = Subscription(
                id_,
                account,
                word,
                tuple(context.counters or ()),
                details=_details(context, known),
                expires_at=None if context.expiry is None else to_micros(context.expiry),
            )
            reported = wanted.report(found)
            told = {each.counter: each.status for each in reported}
            subscriptions.subscribe(tx, msgspec.structs.replace(wanted, told=told))
        document = status_of(wanted, reported)
        if wanted.expires_at is not None:
            document["expiry"] = format_instant(from_micros(wanted.expires_at))
        if context.features is not None:
            document["supportedFeatures"] = f"{int(context.features or '0', 16) & _FEATURES:X}"
        return id_, msgspec.json.encode(document)

    def _unsubscribed(self, id_: str) -> None:
        with self._database.transaction() as tx:
            _known(tx, id_)
            subscriptions.unsubscribe(tx, id_)


def status_of(subscription: Subscription, statuses: Iterable[CounterStatus]) -> dict[str, Any]:
    """A SpendingLimitStatus."""
    document: dict[str, Any] = {
        name: subscription.details[name]
        for name in ("supi", "notifId")
        if subscription.details.get(name)
    }
    infos: dict[str, dict[str, Any]] = {}
    for each in statuses:
        infos[each.counter] = {"policyCounterId": each.counter, "currentStatus": each.status}
        if each.pending:
            infos[each.counter]["penPolCounterStatuses"] = [
                {
                    "policyCounterStatus": status,
                    "activationTime": format_instant(datetime.fromtimestamp(at, UTC)),
                }
                for status, at in each.pending
            ]
    document["statusInfos"] = infos
    return document


def end_of(subscription: Subscription) -> bytes:
    """A SubscriptionTerminationInfo."""
    details = subscription.details
    document = {"supi": details.get("supi") or details["gpsi"], "termCause": "REMOVED_SUBSCRIBER"}
    if details.get("notifId"):
        document["notifId"] = details["notifId"]
    return msgspec.json.encode(document)


def _decoded(body: bytes) -> Context:
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as fault:
        raise undecodable(fault) from None


def _identities(context: Context) -> tuple[Identity, ...]:
    told = (context.supi, context.gpsi)
    if not any(told):
        raise Problem(400, "MANDATORY_IE_MISSING", "/supi is missing", (("/supi", "is missing"),))
    return tuple(found for text in told if text and (found := identity_of(text)) is not None)


def _known(r: Reader, id_: str) -> Subscription:
    """Of this edge. Raises `Problem`."""
    if id_.isprintable():
        try:
            found = subscriptions.subscription(r, id_)
        except UnknownSubscription:
            pass
        else:
            if found.word.startswith(f"{EDGE}:"):
                return found
    raise Problem(404, "SUBSCRIPTION_NOT_FOUND", "there is no such subscription")


def _word(context: Context, known: Subscription | None) -> str:
    if context.notify is None:
        if known is not None:
            return known.word
        raise Problem(
            400, "MANDATORY_IE_MISSING", "/notifUri is missing", (("/notifUri", "is missing"),)
        )
    try:
        parse_callback(context.notify, path="notifUri")
    except Invalid as fault:
        raise Problem(
            400,
            "MANDATORY_IE_INCORRECT",
            f"/notifUri: {fault.reason}",
            (("/notifUri", fault.reason),),
        ) from None
    return f"{EDGE}:{context.notify}"


def _details(context: Context, known: Subscription | None) -> Mapping[str, Any]:
    before = {} if known is None else dict(known.details)
    now = {"supi": context.supi, "gpsi": context.gpsi, "notifId": context.correlation}
    return before | {name: value for name, value in now.items() if value}


def _check_counters(context: Context, found: Sequence[CounterStatus]) -> None:
    """Raises `Problem` (TS 29.594, table 5.7.3-1)."""
    if not found:
        raise Problem(400, "NO_AVAILABLE_POLICY_COUNTERS", "the account has no policy counters")
    known = {each.counter for each in found}
    strange = [each for each in context.counters or () if each not in known]
    if strange:
        raise Problem(
            400,
            "UNKNOWN_POLICY_COUNTERS",
            f"/policyCounterIds: {', '.join(strange)[:200]} isn't known",
            (("/policyCounterIds", f"{', '.join(strange)[:200]} isn't known"),),
        )
