"""What was used beyond prepaid balances before the host's network stopped it.

Without a gateway that asks charging in real time, balances follow files that come soon after the
usage. A balance that a file takes to its end has its services suspended through the host's
interface; until the host has done so, usage goes on. That is measured here, for each balance that
ended: from the usage that ended it to the host's answer.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline import inventory
from trunkline.charging import SpentBeyond
from trunkline.charging.events import ToppedUp
from trunkline.inventory import ProductId, ServiceState
from trunkline.inventory.events import ServiceSettled
from trunkline.kernel.money import Money
from trunkline.network import Verb
from trunkline.platform.db import Instant, Reader, Tx, books_metadata
from trunkline.platform.messages import Reaction
from trunkline.platform.telemetry import gauge

exposures = sa.Table(
    "usage_exposure",
    books_metadata,
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("exhausted_at", Instant, primary_key=True),
    sa.Column("noticed_at", Instant, nullable=False),
    sa.Column("barred_at", Instant, nullable=True),
    sa.Column("restored_at", Instant, nullable=True),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("beyond", sa.BigInteger, nullable=False),
)


class Exposure(msgspec.Struct, frozen=True):
    """One balance that ended: when its last money was used, when a file told of it, when the
    network had stopped it, and when it was topped up. `beyond` is what was used past its end."""

    account: str
    exhausted_at: datetime
    noticed_at: datetime
    barred_at: datetime | None
    restored_at: datetime | None
    beyond: Money

    @property
    def delay(self) -> float:
        """Seconds from the usage to the file that told of it."""
        return max((self.noticed_at - self.exhausted_at).total_seconds(), 0.0)

    @property
    def seconds(self) -> float | None:
        """For how long usage could go on; None as long as it can."""
        if self.barred_at is None:
            return None
        return max((self.barred_at - self.exhausted_at).total_seconds(), 0.0)


_open = sa.select(exposures).where(
    exposures.c.account == sa.bindparam("which"), exposures.c.restored_at.is_(None)
)
_insert = sa.insert(exposures)
_this = sa.update(exposures).where(
    exposures.c.account == sa.bindparam("which"), exposures.c.restored_at.is_(None)
)
_grown = _this.values(beyond=sa.bindparam("micros"))
_barred = _this.where(exposures.c.barred_at.is_(None)).values(barred_at=sa.bindparam("at"))
_restored = _this.values(restored_at=sa.bindparam("at"))
_latest = (
    sa.select(exposures)
    .order_by(exposures.c.noticed_at.desc(), exposures.c.account)
    .limit(sa.bindparam("most"))
)
_sums = sa.select(
    exposures.c.currency,
    sa.func.count().label("balances"),
    sa.func.sum(exposures.c.beyond).label("beyond"),
    sa.func.sum(
        sa.case((exposures.c.barred_at.is_(None) & exposures.c.restored_at.is_(None), 1), else_=0)
    ).label("unbarred"),
).group_by(exposures.c.currency)


_since = (
    sa.select(exposures)
    .where(exposures.c.noticed_at >= sa.bindparam("since"))
    .order_by(exposures.c.noticed_at)
)

DELAYS = (300, 900, 3600, 6 * 3600)
"""Seconds: the bounds by which exposure is told apart by how late files came."""
MEASURED = timedelta(days=30)

_balances = gauge(
    "exposure_balances", "Prepaid balances that files have taken to their end", "currency", "state"
)
_beyond = gauge("exposure_beyond_micros", "Used past the end of prepaid balances", "currency")
_delayed = gauge(
    "exposure_late_balances", "Of the last 30 days, by how late the file came", "seconds"
)
_delayed_beyond = gauge(
    "exposure_late_beyond_micros", "Likewise, what was used past their end", "currency", "seconds"
)
_longest = gauge("exposure_longest_seconds", "From a balance's end to the host's stop, 30 days")


class Exposed(msgspec.Struct, frozen=True):
    """All that was ever exposed in one currency; `unbarred` of the balances are open still."""

    balances: int
    unbarred: int
    beyond: Money


def exposed(r: Reader) -> list[Exposed]:
    """By currency."""
    return [
        Exposed(int(row.balances), int(row.unbarred), Money(int(row.beyond), row.currency))
        for row in r.execute(_sums.order_by(exposures.c.currency))
    ]


class Band(msgspec.Struct, frozen=True):
    """The balances whose end files told of within `within` seconds (None: later than all bounds):
    how many there were, how many can be used still, what was used past their ends by currency,
    and for how many seconds, at most, it could be."""

    within: int | None
    balances: int
    unbarred: int
    beyond: tuple[Money, ...]
    longest: float | None


def exposed_by_delay(r: Reader, now: datetime) -> list[Band]:
    """Of the last 30 days, the quickest files first; bands without a balance are left out."""
    found: dict[int | None, list[Exposure]] = {}
    for row in r.execute(_since, {"since": now - MEASURED}):
        each = _of(row)
        within = next((bound for bound in DELAYS if each.delay <= bound), None)
        found.setdefault(within, []).append(each)
    return [_band(within, found[within]) for within in (*DELAYS, None) if within in found]


def _band(within: int | None, exposed: Sequence[Exposure]) -> Band:
    beyond: dict[str, Money] = {}
    for each in exposed:
        currency = each.beyond.currency
        beyond[currency] = beyond.get(currency, Money.zero(currency)) + each.beyond
    stopped = [each.seconds for each in exposed if each.seconds is not None]
    return Band(
        within,
        len(exposed),
        sum(each.barred_at is None and each.restored_at is None for each in exposed),
        tuple(beyond.values()),
        max(stopped, default=None),
    )


def measure_exposure(r: Reader, now: datetime) -> None:
    """Into this process's metrics."""
    for each in exposed(r):
        currency = each.beyond.currency
        _balances.labels(currency, "open").set(each.unbarred)
        _balances.labels(currency, "stopped").set(each.balances - each.unbarred)
        _beyond.labels(currency).set(each.beyond.micros)
    bands = {band.within: band for band in exposed_by_delay(r, now)}
    for within in (*DELAYS, None):
        name = "more" if within is None else str(within)
        band = bands.get(within)
        _delayed.labels(name).set(0 if band is None else band.balances)
        for beyond in () if band is None else band.beyond:
            _delayed_beyond.labels(beyond.currency, name).set(beyond.micros)
    _longest.set(max((band.longest or 0.0 for band in bands.values()), default=0.0))


def latest_exposures(r: Reader, limit: int = 50) -> list[Exposure]:
    """The newest first."""
    return [_of(row) for row in r.execute(_latest, {"most": limit})]


def _of(row: Any) -> Exposure:
    return Exposure(
        row.account,
        row.exhausted_at,
        row.noticed_at,
        row.barred_at,
        row.restored_at,
        Money(row.beyond, row.currency),
    )


def on_spent(tx: Tx, event: SpentBeyond, now: datetime) -> None:
    """Notes it and, where that is new, has the network stop the product's services."""
    known = tx.execute(_open, {"which": event.account}).first()
    if known is not None:
        beyond = max(known.beyond, event.beyond.micros)
        tx.execute(_grown, {"which": event.account, "micros": beyond})
        return
    tx.execute(
        _insert,
        {
            "account": event.account,
            "exhausted_at": event.exhausted_at,
            "noticed_at": now,
            "barred_at": None,
            "restored_at": None,
            "currency": event.beyond.currency,
            "beyond": event.beyond.micros,
        },
    )
    if not _bring(tx, ProductId(event.account), ServiceState.INACTIVE, now):
        tx.execute(_barred, {"which": event.account, "at": now})


def on_settled(tx: Tx, event: ServiceSettled, _now: datetime) -> None:
    """The network has stopped it. What it refused stays open: somebody sees it."""
    if event.verb is Verb.SUSPEND and event.product is not None and event.reason is None:
        tx.execute(_barred, {"which": event.product, "at": event.at})


def on_topped_up(tx: Tx, event: ToppedUp, now: datetime) -> None:
    """There is money again: services that were stopped for want of it go on."""
    if event.balance.micros <= 0 or tx.execute(_open, {"which": event.account}).first() is None:
        return
    tx.execute(_restored, {"which": event.account, "at": now})
    _bring(tx, ProductId(event.account), ServiceState.ACTIVE, now)


def _bring(tx: Tx, product: ProductId, state: ServiceState, now: datetime) -> bool:
    """Whether the network has to answer first."""
    resting = {ServiceState.ACTIVE, ServiceState.INACTIVE}
    found: Sequence[Any] = inventory.services_of(tx, [product])
    wanted = {each.id: state for each in found if each.state in resting and each.state is not state}
    return bool(wanted and inventory.request_states(tx, wanted, now=now))


REACTIONS: tuple[Reaction, ...] = (
    Reaction("usage.spent_beyond", SpentBeyond, on_spent, "books"),
    Reaction("usage.suspended", ServiceSettled, on_settled, "books"),
    Reaction("usage.topped_up", ToppedUp, on_topped_up, "books"),
)
"""For operators whose balances follow files: `[policy] bar_exhausted`."""
