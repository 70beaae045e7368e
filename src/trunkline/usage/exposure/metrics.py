"""Exposure, and what the host doesn't do, for Prometheus."""

from datetime import datetime

from trunkline.platform.db import Reader
from trunkline.platform.telemetry import gauge
from trunkline.usage.exposure import store
from trunkline.usage.exposure.model import DELAYS, UNSETTLED, Cause
from trunkline.usage.exposure.queries import exposed, exposed_by_delay, waived

_ends = gauge(
    "exposure_ends",
    "Prepaid balances, and limits of data abroad, that files have taken to their end",
    "cause",
    "currency",
    "state",
)
_beyond = gauge("exposure_beyond_micros", "Used past their end", "cause", "currency")
_delayed = gauge(
    "exposure_late_ends", "Of the last 30 days, by how late the file came", "cause", "seconds"
)
_delayed_beyond = gauge(
    "exposure_late_beyond_micros",
    "Likewise, what was used past their end",
    "cause",
    "currency",
    "seconds",
)
_longest = gauge(
    "exposure_longest_seconds", "From an end to the host's stop, at most, in 30 days", "cause"
)
_waived = gauge(
    "usage_waived_micros", "Of the price of usage, what nobody is charged for", "reason", "currency"
)
_waived_records = gauge("usage_waived_records", "Likewise, the records", "reason", "currency")
_bars = gauge(
    "bars", "What the host was asked to stop, or to let go on, and hasn't", "cause", "state"
)


def measure_exposure(r: Reader, now: datetime) -> None:
    """Into this process's metrics. Reads rows by day, not by balance, and those bars alone that
    the host hasn't settled."""
    for each in exposed(r):
        cause, currency = each.cause.value, each.beyond.currency
        _ends.labels(cause, currency, "open").set(each.unbarred)
        _ends.labels(cause, currency, "stopped").set(each.ends - each.unbarred)
        _beyond.labels(cause, currency).set(each.beyond.micros)
    for every in waived(r):
        of = every.waiver, every.amount.currency
        _waived.labels(*of).set(every.amount.micros)
        _waived_records.labels(*of).set(every.records)
    bands = {(band.cause, band.within): band for band in exposed_by_delay(r, now)}
    held = store.count_bars(r, UNSETTLED)
    _delayed_beyond.clear()
    for cause in Cause:
        for within in (*DELAYS, 0):
            name = str(within) if within else "more"
            band = bands.get((cause, within))
            _delayed.labels(cause.value, name).set(0 if band is None else band.ends)
            for beyond in () if band is None else band.beyond:
                _delayed_beyond.labels(cause.value, beyond.currency, name).set(beyond.micros)
        longest = [band.longest or 0 for key, band in bands.items() if key[0] is cause]
        _longest.labels(cause.value).set(max(longest, default=0))
        for state in UNSETTLED:
            _bars.labels(cause.value, state.value).set(held.get((cause, state), 0))
