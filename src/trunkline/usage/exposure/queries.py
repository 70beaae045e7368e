"""Reads of exposure, and of what the host was asked to stop."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from trunkline.kernel.money import Money
from trunkline.platform.db import Reader
from trunkline.usage.exposure import store
from trunkline.usage.exposure.model import (
    DELAYS,
    MEASURED,
    UNSETTLED,
    Band,
    Bar,
    BarState,
    Cause,
    Exposed,
    Exposure,
    Waived,
)


def exposed(r: Reader) -> list[Exposed]:
    """All there ever was, by cause and currency."""
    return [
        Exposed(
            Cause(row.cause), int(row.ends), int(row.unbarred), Money(int(row.beyond), row.currency)
        )
        for row in store.totals(r)
    ]


def exposed_by_delay(r: Reader, now: datetime) -> list[Band]:
    """Of the last 30 days, by cause, the quickest files first; bands without an end are left
    out."""
    rows = store.bands(r, now, MEASURED)
    found = []
    for (cause, within), group in groupby(rows, lambda row: (row.cause, row.within_seconds)):
        band = list(group)
        stopped = [int(row.longest) for row in band if row.longest is not None]
        found.append(
            Band(
                Cause(cause),
                within,
                sum(int(row.ends) for row in band),
                sum(int(row.unbarred) for row in band),
                tuple(Money(int(row.beyond), row.currency) for row in band),
                max(stopped, default=None),
            )
        )
    return sorted(found, key=lambda band: (band.cause, band.within or DELAYS[-1] + 1))


def waived(r: Reader) -> list[Waived]:
    """All that was ever not charged, by reason and currency."""
    return _waived(r, None)


def waived_lately(r: Reader, now: datetime) -> list[Waived]:
    """The same of the last 30 days."""
    return _waived(r, now - MEASURED)


def _waived(r: Reader, since: datetime | None) -> list[Waived]:
    return [
        Waived(row.waiver, int(row.records), Money(int(row.micros), row.currency))
        for row in store.waived_since(r, since)
    ]


def latest_exposures(r: Reader, limit: int = 50) -> list[Exposure]:
    """The newest first."""
    return store.latest(r, limit)


def bars(r: Reader, states: Sequence[BarState] = UNSETTLED, *, limit: int = 100) -> list[Bar]:
    """Those in these states, the longest waiting first."""
    return store.bars_in(r, states, limit)


def bars_of(r: Reader, products: Sequence[str]) -> list[Bar]:
    """All of these products' services."""
    return store.bars_of_products(r, products)
