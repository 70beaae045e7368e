"""How orders go on: by their own start, and by charging's answers."""

from collections.abc import Sequence
from datetime import datetime

from trunkline import inventory
from trunkline.charging.events import (
    AccountBarred,
    AccountClosed,
    AccountOpened,
    AccountStatusChanged,
    BarringRefused,
    JoiningRefused,
    OpeningRefused,
    PlanChanged,
    PlanChangeRefused,
    PoolJoined,
)
from trunkline.customers.events import PartyErased
from trunkline.inventory import ProductId, ProductStatus
from trunkline.inventory.events import ServiceSettled
from trunkline.ordering import activation, fulfilment
from trunkline.ordering.events import CancelOrder, InstantCame, StartOrder
from trunkline.ordering.model import TaskKind
from trunkline.ordering.operations import cancel_when_due, start_orders
from trunkline.ordering.personal import forget_party
from trunkline.ordering.service_orders import operations as service_orders
from trunkline.ordering.service_orders.events import CancelWhenDue, StartServiceOrder
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction


def _start(tx: Tx, command: StartOrder, now: datetime) -> None:
    _start_some(tx, (command,), now)


def _start_some(tx: Tx, commands: Sequence[StartOrder], now: datetime) -> None:
    start_orders(tx, orders=[each.order for each in commands], now=now)


def _account_opened(tx: Tx, event: AccountOpened, now: datetime) -> None:
    _accounts_opened(tx, (event,), now)


def _accounts_opened(tx: Tx, events: Sequence[AccountOpened], now: datetime) -> None:
    fulfilment.answered(tx, [each.account for each in events], TaskKind.OPEN_CHARGING, now)


def _opening_refused(tx: Tx, event: OpeningRefused, now: datetime) -> None:
    fulfilment.refused(tx, event.account, TaskKind.OPEN_CHARGING, event.reason, now)


def _pool_joined(tx: Tx, event: PoolJoined, now: datetime) -> None:
    fulfilment.answered(tx, [event.account], TaskKind.JOIN_POOL, now)


def _joining_refused(tx: Tx, event: JoiningRefused, now: datetime) -> None:
    fulfilment.refused(tx, event.account, TaskKind.JOIN_POOL, event.reason, now)


def _account_closed(tx: Tx, event: AccountClosed, now: datetime) -> None:
    _accounts_closed(tx, (event,), now)


def _accounts_closed(tx: Tx, events: Sequence[AccountClosed], now: datetime) -> None:
    fulfilment.answered(tx, [each.account for each in events], TaskKind.CLOSE_CHARGING, now)


def _plan_changed(tx: Tx, event: PlanChanged, now: datetime) -> None:
    fulfilment.answered(tx, [event.account], TaskKind.CHANGE_PLAN, now)


def _plan_change_refused(tx: Tx, event: PlanChangeRefused, now: datetime) -> None:
    fulfilment.refused(tx, event.account, TaskKind.CHANGE_PLAN, event.reason, now)


def _account_barred(tx: Tx, event: AccountBarred, now: datetime) -> None:
    fulfilment.answered(tx, [event.account], _BARRING[event.barred], now)


def _barring_refused(tx: Tx, event: BarringRefused, now: datetime) -> None:
    fulfilment.refused(tx, event.account, _BARRING[event.barred], event.reason, now)


_BARRING = {True: TaskKind.BAR_CHARGING, False: TaskKind.UNBAR_CHARGING}
_STANDS = {
    "active": ProductStatus.ACTIVE,
    "oneWay": ProductStatus.SUSPENDED,
    "expired": ProductStatus.SUSPENDED,
    "barred": ProductStatus.SUSPENDED,
}


def _status_changed(tx: Tx, event: AccountStatusChanged, now: datetime) -> None:
    """Who can't use a product for its balance's sake sees that at the product."""
    product = ProductId(str(event.account))
    found = inventory.products(tx, [product])
    to = _STANDS.get(event.status)
    if to is None or not found or found[0].status not in _STANDS.values():
        return
    if found[0].status is not to:
        inventory.change_product_status(tx, product=product, status=to, now=now)


def _instant_came(tx: Tx, command: InstantCame, now: datetime) -> None:
    fulfilment.answered(tx, [command.product], TaskKind.AWAIT_INSTANT, now)


def _cancel(tx: Tx, command: CancelOrder, now: datetime) -> None:
    cancel_when_due(tx, order=command.order, cancellation=command.cancellation, now=now)


def _start_service_order(tx: Tx, command: StartServiceOrder, now: datetime) -> None:
    service_orders.start_service_order(tx, command.order, now)


def _cancel_service_order(tx: Tx, command: CancelWhenDue, now: datetime) -> None:
    service_orders.cancel_when_due(tx, command.order, command.cancellation, now)


def _service_settled(tx: Tx, event: ServiceSettled, now: datetime) -> None:
    service_orders.service_settled(tx, event.service, event.reason, now)
    kind = activation.settled(tx, event, now)
    if kind is not None and event.product is not None:
        if event.reason is None:
            fulfilment.answered(tx, [event.product], kind, now)
        else:
            fulfilment.refused(tx, event.product, kind, event.reason, now)


REACTIONS: tuple[Reaction, ...] = (
    Reaction("ordering.start_order", StartOrder, _start, "books", _start_some),
    Reaction("ordering.account_opened", AccountOpened, _account_opened, "books", _accounts_opened),
    Reaction("ordering.opening_refused", OpeningRefused, _opening_refused, "books"),
    Reaction("ordering.pool_joined", PoolJoined, _pool_joined, "books"),
    Reaction("ordering.joining_refused", JoiningRefused, _joining_refused, "books"),
    Reaction("ordering.plan_changed", PlanChanged, _plan_changed, "books"),
    Reaction("ordering.plan_change_refused", PlanChangeRefused, _plan_change_refused, "books"),
    Reaction("ordering.account_barred", AccountBarred, _account_barred, "books"),
    Reaction("ordering.barring_refused", BarringRefused, _barring_refused, "books"),
    Reaction("ordering.status_changed", AccountStatusChanged, _status_changed, "books"),
    Reaction("ordering.instant_came", InstantCame, _instant_came, "books"),
    Reaction("ordering.cancel_order", CancelOrder, _cancel, "books"),
    Reaction("ordering.account_closed", AccountClosed, _account_closed, "books", _accounts_closed),
    Reaction("ordering.service_settled", ServiceSettled, _service_settled, "books"),
    Reaction("ordering.party_erased", PartyErased, forget_party, "books"),
    Reaction("ordering.start_service_order", StartServiceOrder, _start_service_order, "books"),
    Reaction("ordering.cancel_service_order", CancelWhenDue, _cancel_service_order, "books"),
)
