"""Orders at an operator with a network: a service is active once the network has said so."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec
import pytest

from tests.conftest import ALL_REACTIONS
from tests.scenarios.ordering_shop import (
    ADD_ON,
    MOBILE,
    add,
    delete,
    fill_shelf,
    open_shop,
    sign_up,
)
from trunkline import catalog, inventory, network
from trunkline.charging import ChargingAccountId, CloseAccount, store
from trunkline.charging.state import Status
from trunkline.customers import BillingAccountId, CustomerId
from trunkline.inventory import ProductId, ProductStatus, ResourceState, ServiceState
from trunkline.network.simulator import Simulator
from trunkline.ordering import (
    Action,
    ItemRequest,
    NotOrderable,
    OrderState,
    ProductOrder,
    TaskKind,
    TaskState,
    cancel_order,
    order,
    place_order,
    retry_task,
    tasks,
)
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay


@pytest.fixture
def routes() -> Routes:
    return Routes((*ALL_REACTIONS, *network.CONNECTED))


@pytest.fixture
def hss() -> Simulator:
    return Simulator()


@pytest.fixture
def settle(
    hss: Simulator, books: Database, relay: Relay, clock: DrivenClock
) -> Iterator[Callable[..., None]]:
    """Runs whatever is due, after `seconds` have passed."""
    with hss.serving() as url:
        courier = network.Courier(books, network.Tmf640Element(url, timeout=60.0), clock)

        def run(seconds: float = 0) -> None:
            clock.advance(timedelta(seconds=seconds))
            relay.drain()
            while courier.drain():
                relay.drain()

        yield run


@pytest.fixture
def buyer(books: Database, now: datetime) -> tuple[CustomerId, BillingAccountId]:
    with books.transaction() as tx:
        open_shop(tx, now)
        fill_shelf(tx, now, numbers=3)
        return sign_up(tx, now)


Buy = Callable[[ItemRequest], ProductOrder]


@pytest.fixture
def buy(books: Database, clock: DrivenClock, buyer: tuple[CustomerId, BillingAccountId]) -> Buy:
    def place(item: ItemRequest) -> ProductOrder:
        with books.transaction() as tx:
            return place_order(
                tx, customer=buyer[0], billing_account=buyer[1], items=[item], now=clock.now()
            )

    return place


def standing(books: Database, placed: ProductOrder) -> ProductOrder:
    with books.read() as r:
        return order(r, placed.id)


def product_of(placed: ProductOrder) -> ProductId:
    return ProductId(placed.items[0].products[0])


def states(books: Database, product: ProductId) -> tuple[ProductStatus, list[ServiceState]]:
    with books.read() as r:
        services = inventory.services_of(r, [product])
        return inventory.product(r, product).status, [each.state for each in services]


def test_a_phone_works_once_the_network_knows_it(
    books: Database, relay: Relay, hss: Simulator, buy: Buy, settle: Callable[..., None]
):
    placed = buy(add(MOBILE))
    relay.drain()
    assert states(books, product_of(placed)) == (
        ProductStatus.PENDING_ACTIVE, [ServiceState.RESERVED]
    )  # fmt: skip
    assert standing(books, placed).state is OrderState.IN_PROGRESS
    settle()
    assert states(books, product_of(placed)) == (ProductStatus.ACTIVE, [ServiceState.ACTIVE])
    assert standing(books, placed).state is OrderState.COMPLETED
    (known,) = hss.services.values()
    assert known["state"] == "active"
    with books.read() as r:
        held = inventory.resources_of(r, [product_of(placed)])
    assert {each.state for each in held} == {ResourceState.ASSIGNED}

    ended = buy(delete(product_of(placed)))
    settle()
    assert standing(books, ended).state is OrderState.COMPLETED
    assert states(books, product_of(placed))[0] is ProductStatus.TERMINATED
    assert hss.services == {}


def test_a_slow_network_is_asked_again(
    books: Database, hss: Simulator, buy: Buy, settle: Callable[..., None]
):
    hss.behaviour.looks = 3
    placed = buy(add(MOBILE))
    settle()
    assert standing(books, placed).state is OrderState.IN_PROGRESS
    for _ in range(3):
        settle(seconds=2)
    assert standing(books, placed).state is OrderState.COMPLETED
    assert len(hss.services) == 1


def test_a_network_that_is_away_is_waited_for(
    books: Database, hss: Simulator, buy: Buy, settle: Callable[..., None]
):
    hss.behaviour.away = 2
    hss.behaviour.lost = 1
    placed = buy(add(MOBILE))
    settle()
    for seconds in (2, 6, 31):
        assert standing(books, placed).state is OrderState.IN_PROGRESS
        settle(seconds=seconds)
    assert standing(books, placed).state is OrderState.COMPLETED
    assert len(hss.services) == 1


def test_a_refusal_holds_the_order_until_somebody_tries_again(
    books: Database, hss: Simulator, buy: Buy, settle: Callable[..., None], clock: DrivenClock
):
    hss.behaviour.refused = ["353850000000"]
    placed = buy(add(MOBILE))
    settle()
    held = standing(books, placed)
    assert held.state is OrderState.HELD
    assert "unknown subscriber" in str(held.items[0].reason)
    hss.behaviour.refused = []
    with books.transaction() as tx:
        (failed,) = [each for each in tasks(tx, placed.id) if each.state is TaskState.FAILED]
        assert failed.kind is TaskKind.ACTIVATE_SERVICE
        retry_task(tx, order=placed.id, task=failed.position, now=clock.now())
    settle()
    assert standing(books, placed).state is OrderState.COMPLETED
    assert states(books, product_of(placed)) == (ProductStatus.ACTIVE, [ServiceState.ACTIVE])


@pytest.mark.parametrize("refused", [False, True])
def test_a_cancelled_order_leaves_nothing_on_the_network(
    books: Database, hss: Simulator, buy: Buy, settle: Callable[..., None], clock: DrivenClock,
    refused: bool,
):  # fmt: skip
    hss.behaviour.looks = 2
    if refused:
        hss.behaviour.refused = ["353850000000"]
    placed = buy(add(MOBILE))
    settle()
    with books.transaction() as tx:
        cancel_order(tx, order=placed.id, now=clock.now())
    for _ in range(5):
        settle(seconds=5)
    assert standing(books, placed).state is OrderState.CANCELLED
    assert states(books, product_of(placed)) == (
        ProductStatus.CANCELLED, [ServiceState.TERMINATED]
    )  # fmt: skip
    assert hss.services == {}
    with books.read() as r:
        levels = inventory.stock_levels(r)
    assert (inventory.ResourceKind.NUMBER, ResourceState.RESERVED) not in levels
    assert (inventory.ResourceKind.NUMBER, ResourceState.ASSIGNED) not in levels


def test_a_network_that_stays_away_holds_the_order_and_gets_it_once(
    books: Database, hss: Simulator, buy: Buy, settle: Callable[..., None], clock: DrivenClock
):
    hss.behaviour.away = 100
    placed = buy(add(MOBILE))
    settle()
    for seconds in (2, 6, 31, 121, 601, 601, 601):
        settle(seconds=seconds)
    held = standing(books, placed)
    assert held.state is OrderState.HELD
    assert "503" in str(held.items[0].reason)
    hss.behaviour.away = 0
    with books.transaction() as tx:
        (failed,) = [each for each in tasks(tx, placed.id) if each.state is TaskState.FAILED]
        retry_task(tx, order=placed.id, task=failed.position, now=clock.now())
    settle(seconds=1)
    assert standing(books, placed).state is OrderState.COMPLETED
    assert len(hss.services) == 1
    with books.read() as r:
        (service,) = inventory.services_of(r, [product_of(placed)])
        assert len(network.instructions_of(r, service.id)) == 1


class Until(threading.Event):
    """Set once `done()` says so."""

    def __init__(self, done: Callable[[], bool]) -> None:
        super().__init__()
        self._done = done

    def is_set(self) -> bool:
        return self._done()


def test_the_courier_runs_by_itself_and_outlives_what_it_can_not_read(
    books: Database, relay: Relay, buy: Buy, clock: DrivenClock
):
    class Odd:
        """A network element with a fault of its own at first."""

        asked = 0

        def carry_out(self, instruction: network.Instruction) -> network.Answer:
            self.asked += 1
            if self.asked == 1:
                raise KeyError("state")
            return network.Answer(state=network.InstructionState.DONE, remote="odd-1")

        def ask(self, instruction: network.Instruction) -> network.Answer:
            raise AssertionError(instruction)

        def state_of(self, remote: str) -> str | None:
            return remote

    placed = buy(add(MOBILE))
    relay.drain()
    odd = Odd()
    courier = network.Courier(books, odd, clock)

    def settled() -> bool:
        clock.advance(timedelta(seconds=2))
        with books.read() as r:
            return not network.unsettled(r)

    courier.run(Until(settled))
    relay.drain()
    assert odd.asked == 2
    assert standing(books, placed).state is OrderState.COMPLETED


def test_what_the_network_did_long_ago_is_forgotten_but_not_that_it_knows_a_service(
    books: Database, buy: Buy, settle: Callable[..., None], clock: DrivenClock
) -> None:
    gone, stays = buy(add(MOBILE)), buy(add(MOBILE))
    settle()
    with books.transaction() as tx:
        (service,) = inventory.services_of(tx, [product_of(stays)])
        values = {**service.characteristics, "apn": "internet"}
        inventory.request_characteristics(tx, service.id, values, now=clock.now())
    buy(delete(product_of(gone)))
    settle()
    assert network.forget_instructions(books, clock.now() + timedelta(days=89)) == 0
    assert network.forget_instructions(books, clock.now() + timedelta(days=91)) == 3
    with books.read() as r:
        (left,) = network.instructions_of(r, service.id)
        (ended,) = inventory.services_of(r, [product_of(gone)])
        assert network.instructions_of(r, ended.id) == []
    assert left.wish.verb is network.Verb.MODIFY
    assert network.forget_instructions(books, clock.now() + timedelta(days=91)) == 0


def resting(product: ProductId, status: ProductStatus) -> ItemRequest:
    return ItemRequest(action=Action.MODIFY, product=product, status=status)


def is_barred(charging: Database, product: ProductId) -> bool:
    with charging.read() as r:
        found = store.account(r, ChargingAccountId(product))
    assert found is not None
    return found.state.status == Status.BARRED


def test_a_product_is_suspended_on_the_network_and_works_again(
    books: Database, charging: Database, hss: Simulator, buy: Buy, settle: Callable[..., None]
) -> None:
    product = product_of(buy(add(MOBILE)))
    settle()
    hss.behaviour.looks = 1
    for status, state in (
        (ProductStatus.SUSPENDED, ServiceState.INACTIVE),
        (ProductStatus.ACTIVE, ServiceState.ACTIVE),
    ):
        before = states(books, product)
        placed = buy(resting(product, status))
        with pytest.raises(NotOrderable, match="already"):
            buy(delete(product))
        settle()
        assert states(books, product) == before, "the network still works on it"
        settle(seconds=5)
        assert standing(books, placed).state is OrderState.COMPLETED
        assert states(books, product) == (status, [state])
        assert [each["state"] for each in hss.services.values()] == [state.value]
        assert is_barred(charging, product) is (status is ProductStatus.SUSPENDED)
    with pytest.raises(NotOrderable, match="delete ends it"):
        buy(resting(product, ProductStatus.TERMINATED))
    with pytest.raises(NotOrderable, match="item of its own"):
        buy(
            msgspec.structs.replace(
                resting(product, ProductStatus.SUSPENDED), characteristics={"color": "red"}
            )
        )


def test_what_the_network_does_not_suspend_is_given_up_and_works_on(
    books: Database, charging: Database, hss: Simulator, buy: Buy, settle: Callable[..., None],
    clock: DrivenClock,
) -> None:  # fmt: skip
    product = product_of(buy(add(MOBILE)))
    settle()
    hss.behaviour.refused = ["353850000000"]
    placed = buy(resting(product, ProductStatus.SUSPENDED))
    settle()
    assert standing(books, placed).state is OrderState.HELD
    with books.transaction() as tx:
        cancel_order(tx, order=placed.id, now=clock.now())
    assert standing(books, placed).state is OrderState.CANCELLED
    assert states(books, product) == (ProductStatus.ACTIVE, [ServiceState.ACTIVE])
    assert not is_barred(charging, product)


def test_a_bundle_rests_with_all_that_is_in_it(
    books: Database, charging: Database, buy: Buy, settle: Callable[..., None], clock: DrivenClock
) -> None:
    with books.transaction() as tx:
        body = {
            "id": "off_bundle", "name": "Both", "isBundle": True, "isSellable": True,
            "lifecycleStatus": "Launched",
            "bundledProductOffering": [{"id": MOBILE}, {"id": ADD_ON}],
        }  # fmt: skip
        catalog.save_document(tx, kind=catalog.DocumentKind.OFFERING, body=body, now=clock.now())
    placed = buy(add("off_bundle"))
    settle()
    bundle = product_of(placed)
    buy(resting(bundle, ProductStatus.SUSPENDED))
    settle()
    with books.read() as r:
        had = inventory.products_of_order(r, placed.id)
    assert [each.status for each in had] == [ProductStatus.SUSPENDED] * 3
    phone = next(each.id for each in had if each.offering == MOBILE)
    assert is_barred(charging, phone)


def test_a_barring_that_charging_refuses_holds_the_order_with_the_reason(
    books: Database, buy: Buy, settle: Callable[..., None], clock: DrivenClock
) -> None:
    """Nothing to bar any more: somebody closed the account. The product is not called suspended."""
    product = product_of(buy(add(MOBILE)))
    settle()
    with books.transaction() as tx:
        tx.emit(CloseAccount(account=ChargingAccountId(product), closed_at=clock.now()))
    settle()
    placed = buy(resting(product, ProductStatus.SUSPENDED))
    settle()
    found = standing(books, placed)
    assert found.state is OrderState.HELD
    with books.read() as r:
        failed = [each for each in tasks(r, placed.id) if each.state is TaskState.FAILED]
        assert inventory.product(r, product).status is ProductStatus.ACTIVE
    assert [(each.kind, each.reason) for each in failed] == [
        (TaskKind.BAR_CHARGING, "the charging account is closed")
    ]
