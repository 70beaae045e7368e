"""Today: how the operator stands, at a glance. Its figures ask for themselves again."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import falcon

from trunkline import charging, inventory, ledger, ordering, receivables, usage
from trunkline.console.charts import bars as bar_chart
from trunkline.console.pages.balances import told_of_bar
from trunkline.console.rendering import NONE, money, quantity
from trunkline.console.web import Console, Desk
from trunkline.kernel.money import Money
from trunkline.kernel.quantity import Quantity, Unit
from trunkline.ledger import AccountBalance, AccountKind
from trunkline.ordering import OrderState
from trunkline.platform import telemetry
from trunkline.platform.db import Reader
from trunkline.tmf import hub
from trunkline.usage import BarState

HOURS = 24
MOST_REFUSED = 20
"""Of the network's refusals, on one page."""
_ENDS = {
    usage.Cause.BALANCE: "Prepaid balances",
    usage.Cause.ROAMING: "Limits of data abroad",
    usage.Cause.POOL_DATA: "Pools, for data",
    usage.Cause.POOL_VOICE: "Pools, for calls",
    usage.Cause.POOL_SMS: "Pools, for messages",
    usage.Cause.POOL_MMS: "Pools, for multimedia messages",
}
OPEN = (
    OrderState.ACKNOWLEDGED,
    OrderState.PENDING,
    OrderState.IN_PROGRESS,
    OrderState.HELD,
    OrderState.ASSESSING_CANCELLATION,
    OrderState.PENDING_CANCELLATION,
)


class Today:
    """The first page."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        desk: Desk = req.context.desk
        with self._console.books.read() as r:
            counts = ordering.orders_by_state(r)
            lines = ledger.trial_balance(r)
            figures = _figures(r, counts, lines, desk.now)
            exposure = usage.exposed_by_delay(r, desk.now)
            waived = usage.waived_lately(r, desk.now)
            bars = _refused(r)
            prices = charging.refused_plans(r)
        desk.page(
            resp,
            "today.html",
            "today",
            orders_by_state=[(each.value, counts[each]) for each in OrderState if each in counts],
            trial_balance=[_trial_line(line) for line in lines],
            totals=_totals(lines),
            charging_chart=self._charging_chart(desk),
            parked=self._parked(desk),
            exposure=[_exposed(each) for each in exposure],
            waived=_in_sum(each.amount for each in waived) if waived else "",
            refused=bars,
            unpriced=prices,
            **figures,
            **self._charging_figures(desk),
        )

    def on_get_figures(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The slow figures, as a piece of the page."""
        desk: Desk = req.context.desk
        with self._console.books.read() as r:
            figures = _figures(r, ordering.orders_by_state(r), ledger.trial_balance(r), desk.now)
        live = self._charging_figures(desk)
        desk.page(resp, "today_figures.html", parked=self._parked(desk), **figures, **live)

    def on_get_charging(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The live one, as a piece of the page."""
        desk: Desk = req.context.desk
        desk.page(resp, "today_charging.html", **self._charging_figures(desk))

    def _charging_figures(self, desk: Desk) -> Mapping[str, Any]:
        local = desk.now.astimezone(self._console.zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        with self._console.charging.read() as r:
            return {
                "charging_rate": charging.requests_per_second(r, desk.now),
                "charging_today": charging.requests_between(r, midnight, desk.now),
            }

    def _charging_chart(self, desk: Desk) -> object | None:
        """Requests by hour, this one and those before it; None without any."""
        this_hour = desk.now.replace(minute=0, second=0, microsecond=0)
        hours = [this_hour - timedelta(hours=back) for back in range(HOURS - 1, -1, -1)]
        with self._console.charging.read() as r:
            counts = charging.requests_by_hour(r, hours[0], desk.now)
        if not counts:
            return None
        names = [f"{hour.astimezone(self._console.zone):%H:%M}" for hour in hours]
        return bar_chart(names, {"Requests": [counts.get(hour, 0) for hour in hours]})

    def _parked(self, desk: Desk) -> int:
        """Deliveries that wait for a person."""
        databases = self._console.books, self._console.charging
        return sum(telemetry.backlog(each, desk.now).parked for each in databases)


def _figures(
    r: Reader, orders: Mapping[OrderState, int], lines: Iterable[AccountBalance], now: datetime
) -> Mapping[str, Any]:
    owed = [open_ for _, open_, _ in receivables.receivable_totals(r)]
    currencies = {each.currency for each in owed}
    late = [
        bucket.amount
        for currency in sorted(currencies)
        for bucket in receivables.ageing(r, currency, now=now)
        if bucket.first >= 0
    ]
    return {
        "parked_events": hub.count_parked(r),
        "subscribers": inventory.active_subscribers(r),
        "orders": sum(orders.values()),
        "orders_open": sum(orders.get(each, 0) for each in OPEN),
        "revenue": _in_sum(-line.amount for line in lines if line.kind is AccountKind.INCOME),
        "receivables": _in_sum(owed),
        "overdue": _in_sum(late),
    }


def _exposed(band: usage.Band) -> Mapping[str, Any]:
    bound, longest = band.within or usage.DELAYS[-1], band.longest
    return {
        "what": _ENDS[band.cause],
        "told": f"{'within' if band.within else 'later than'} {_seconds(bound)}",
        "ends": band.ends,
        "open": band.unbarred,
        "longest": NONE if longest is None else _seconds(longest),
        "beyond": _in_sum(band.beyond),
    }


def _refused(r: Reader) -> list[Mapping[str, Any]]:
    """What the host won't stop, or won't let go on."""
    found = usage.bars(r, (BarState.REFUSED, BarState.KEPT), limit=MOST_REFUSED)
    services = {each.id: each for each in inventory.services(r, [bar.service for bar in found])}
    return [
        {
            "what": told_of_bar(bar),
            "number": services[bar.service].characteristics.get("msisdn", bar.service),
            "customer": services[bar.service].customer,
            "since": bar.asked_at,
            "attempts": bar.attempts,
            "ticket": bar.ticket,
        }
        for bar in found
        if bar.service in services
    ]


def _seconds(amount: int) -> str:
    return quantity(Quantity(amount, Unit.SECONDS))


def _in_sum(amounts: Iterable[Money]) -> str:
    """Their sums by currency, in whole minor units; a dash for nothing at all."""
    sums: dict[str, Money] = {}
    for each in amounts:
        sums[each.currency] = sums.get(each.currency, Money.zero(each.currency)) + each
    return " + ".join(money(each.rounded()) for each in sums.values()) or "0"


def _trial_line(line: AccountBalance) -> Mapping[str, Any]:
    return {"account": line.account, "name": line.name, **_sides(line.amount)}


def _sides(amount: Money) -> Mapping[str, Money | None]:
    is_debit = amount.micros >= 0
    return {"debit": amount if is_debit else None, "credit": None if is_debit else -amount}


def _totals(lines: Iterable[AccountBalance]) -> list[Mapping[str, object]]:
    """Debits and credits of each currency: the same, or the books are wrong."""
    sums: dict[str, tuple[Money, Money]] = {}
    for line in lines:
        zero = Money.zero(line.amount.currency)
        debit, credit = sums.get(line.amount.currency, (zero, zero))
        if line.amount.micros >= 0:
            debit += line.amount
        else:
            credit -= line.amount
        sums[line.amount.currency] = debit, credit
    return [
        {"debit": debit, "credit": credit, "balanced": debit == credit}
        for debit, credit in sums.values()
    ]
