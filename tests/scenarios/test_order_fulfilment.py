"""From an offer to a working phone: what an order does, and what it leaves behind."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.scenarios.ordering_shop import (
    ADD_ON,
    DRAFT,
    FIBRE,
    FIRST_NUMBER,
    MOBILE,
    account_is_open,
    add,
    delete,
    fill_shelf,
    open_shop,
    sign_up,
)
from trunkline import inventory
from trunkline.charging import ChargingAccountId
from trunkline.charging.events import OpenAccount, OpeningRefused
from trunkline.customers import AccountKind, BillingAccountId, CustomerId
from trunkline.inventory import (
    Msisdn,
    PriceKind,
    ProductId,
    ProductStatus,
    ResourceKind,
    ResourceState,
    ServiceState,
)
from trunkline.kernel.errors import TrunklineError
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.ordering import (
    ExternalIdReused,
    ItemRequest,
    NotDeliverable,
    NotOrderable,
    OrderId,
    OrderNotFound,
    OrderState,
    PastCancelling,
    ProductOrder,
    TaskKind,
    TaskNotFound,
    TaskState,
    UnknownReference,
    cancel_order,
    give_up_item,
    latest_orders,
    order,
    orders_by_state,
    orders_of,
    place_order,
    retry_task,
    start_order,
    tasks,
)
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import OUTBOX, Database
from trunkline.platform.relay import Relay

Buyer = tuple[CustomerId, BillingAccountId]


@pytest.fixture
def buyer(books: Database, now: datetime) -> Buyer:
    with books.transaction() as tx:
        open_shop(tx, now)
        return sign_up(tx, now)


def place(
    books: Database, buyer: Buyer, now: datetime, *items: ItemRequest, **rest: object
) -> ProductOrder:
    with books.transaction() as tx:
        return place_order(
            tx,
            customer=buyer[0],
            billing_account=buyer[1],
            items=items,
            now=now,
            **rest,  # type: ignore[arg-type]
        )


def read(books: Database, placed: ProductOrder) -> ProductOrder:
    with books.read() as r:
        return order(r, placed.id)


def stock(books: Database, kind: ResourceKind, state: ResourceState) -> int:
    with books.read() as r:
        return inventory.stock_levels(r).get((kind, state), 0)


def test_an_order_becomes_a_product_a_service_a_number_and_an_account(
    books: Database, charging: Database, relay: Relay, buyer: Buyer, now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=3)
    placed = place(books, buyer, now, add(MOBILE), add(ADD_ON), external_id="web-1")
    assert placed.state is OrderState.ACKNOWLEDGED
    relay.drain()

    done = read(books, placed)
    assert done.state is OrderState.COMPLETED
    assert done.completion_date == now
    assert [item.state for item in done.items] == [OrderState.COMPLETED] * 2
    with books.read() as r:
        mobile = inventory.product(r, ProductId(done.items[0].products[0]))
        add_on = inventory.product(r, ProductId(done.items[1].products[0]))
        [service] = inventory.services_of(r, [mobile.id])
        held = inventory.resources_of(r, [mobile.id])
        steps = tasks(r, placed.id)
    assert (mobile.status, mobile.start_date) == (ProductStatus.ACTIVE, now)
    assert [(p.kind, p.name, p.amount) for p in mobile.prices] == [
        (PriceKind.RECURRING, "Monthly fee", Money.of("20", "EUR")),
        (PriceKind.ONE_TIME, "Activation", Money.of("5", "EUR")),
    ]
    assert (add_on.status, add_on.start_date) == (ProductStatus.ACTIVE, now)
    assert service.state is ServiceState.ACTIVE
    assert service.characteristics["msisdn"] == FIRST_NUMBER
    assert {(each.kind, each.state) for each in held} == {
        (ResourceKind.NUMBER, ResourceState.ASSIGNED),
        (ResourceKind.SIM, ResourceState.ASSIGNED),
    }
    assert {step.state for step in steps} == {TaskState.COMPLETED}
    assert account_is_open(charging, mobile.id)


def test_an_order_for_several_gives_each_its_own_number(
    books: Database, relay: Relay, buyer: Buyer, now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=5)
    placed = place(books, buyer, now, add(MOBILE, quantity=4))
    relay.drain()
    done = read(books, placed)
    assert done.state is OrderState.COMPLETED
    with books.read() as r:
        services = inventory.services_of(r, [ProductId(each) for each in done.items[0].products])
    assert len({each.characteristics["msisdn"] for each in services}) == 4


def test_a_wished_number_is_the_one(
    books: Database, relay: Relay, buyer: Buyer, now: datetime
) -> None:
    wished = str(int(FIRST_NUMBER) + 2)
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=3)
    place(books, buyer, now, add(characteristics={"msisdn": f"+{wished}"}))
    relay.drain()
    with books.read() as r:
        found = inventory.number(r, Msisdn(wished))
    assert found is not None
    assert found.state is ResourceState.ASSIGNED


def test_two_wish_the_same_number_and_the_second_is_held(
    books: Database, relay: Relay, buyer: Buyer, now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=3)
    wish = {"msisdn": FIRST_NUMBER}
    first = place(books, buyer, now, add(characteristics=wish))
    second = place(books, buyer, now, add(characteristics=wish))
    relay.drain()
    assert read(books, first).state is OrderState.COMPLETED
    held = read(books, second)
    assert held.state is OrderState.HELD
    assert held.items[0].reason == f"number {FIRST_NUMBER} is reserved"
    with pytest.raises(NotOrderable, match="is assigned"):
        place(books, buyer, now, add(characteristics=wish))


def test_out_of_stock_is_held_until_stock_comes_and_it_is_tried_again(
    books: Database, relay: Relay, buyer: Buyer, now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=0, sims=1)
    placed = place(books, buyer, now, add())
    relay.drain()
    held = read(books, placed)
    assert (held.state, held.items[0].state) == (OrderState.HELD, OrderState.HELD)
    assert held.items[0].reason == "no number is left in stock"
    with books.transaction() as tx:
        assert retry_task(tx, order=placed.id, task=0, now=now).state is OrderState.HELD
        assert tasks(tx, placed.id)[0].attempts == 2
        fill_shelf(tx, now, numbers=1, sims=0)
        assert retry_task(tx, order=placed.id, task=0, now=now).state is OrderState.IN_PROGRESS
        with pytest.raises(IllegalTransition):
            retry_task(tx, order=placed.id, task=0, now=now)
        with pytest.raises(TaskNotFound):
            retry_task(tx, order=placed.id, task=5, now=now)
    relay.drain()
    assert read(books, placed).state is OrderState.COMPLETED


def test_the_same_external_id_twice_is_one_order(
    books: Database, relay: Relay, buyer: Buyer, now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=3)
        other = sign_up(tx, now)
    first = place(books, buyer, now, add(), external_id="web-1")
    relay.drain()
    again = place(books, buyer, now, add(), external_id="web-1")
    assert again == read(books, first)
    with pytest.raises(ExternalIdReused) as refused:
        place(books, buyer, now, add(ADD_ON), external_id="web-1")
    assert refused.value.path == "externalId"
    assert place(books, other, now, add(), external_id="web-1").id != first.id
    with books.read() as r:
        assert len(orders_of(r, buyer[0])) == 1


def test_an_order_for_later_starts_then(
    books: Database, relay: Relay, clock: DrivenClock, buyer: Buyer, now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=1)
    start = now + timedelta(days=2)
    placed = place(books, buyer, now, add(), requested_start=start)
    clock.advance(timedelta(days=2, microseconds=-1))
    relay.drain()
    assert read(books, placed).state is OrderState.ACKNOWLEDGED
    clock.set(start)
    relay.drain()
    assert read(books, placed).state is OrderState.COMPLETED
    with books.read() as r:
        assert inventory.products_of_order(r, placed.id)[0].start_date == start


def test_cancelled_before_its_start_it_never_happens(
    books: Database, relay: Relay, buyer: Buyer, now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=1)
    placed = place(books, buyer, now, add(), add(ADD_ON))
    with books.transaction() as tx:
        cancelled = cancel_order(tx, order=placed.id, reason="changed my mind", now=now)
    assert cancelled.state is OrderState.CANCELLED
    assert cancelled.cancellation_reason == "changed my mind"
    assert cancelled.cancellation_date == now
    relay.drain()
    assert read(books, placed) == cancelled
    assert stock(books, ResourceKind.NUMBER, ResourceState.AVAILABLE) == 1
    with books.read() as r:
        products = inventory.products_of_order(r, placed.id)
    assert {each.status for each in products} == {ProductStatus.CANCELLED}
    with books.transaction() as tx:
        assert cancel_order(tx, order=placed.id, now=now) == cancelled


def test_cancelled_while_charging_opens_its_account_it_gives_all_back(
    books: Database, relay: Relay, clock: DrivenClock, buyer: Buyer, now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=1)
    placed = place(books, buyer, now, add())
    with books.transaction() as tx:
        assert start_order(tx, order=placed.id, now=now).state is OrderState.IN_PROGRESS
    assert stock(books, ResourceKind.NUMBER, ResourceState.RESERVED) == 1
    with books.transaction() as tx:
        undoing = cancel_order(tx, order=placed.id, now=now)
        assert undoing.state is OrderState.PENDING_CANCELLATION
        assert cancel_order(tx, order=placed.id, now=now) == undoing
    # Until charging has closed the account, the number is nobody else's.
    assert stock(books, ResourceKind.NUMBER, ResourceState.AVAILABLE) == 0
    relay.drain()
    assert read(books, placed).state is OrderState.CANCELLED
    assert stock(books, ResourceKind.NUMBER, ResourceState.AVAILABLE) == 1
    assert stock(books, ResourceKind.SIM, ResourceState.AVAILABLE) == 1
    clock.advance(timedelta(minutes=1))
    again = place(books, buyer, clock.now(), add())
    relay.drain()
    assert read(books, again).state is OrderState.COMPLETED


def test_charging_refuses_an_identity_and_the_order_is_held(
    books: Database, charging: Database, relay: Relay, buyer: Buyer, now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=2)
        taken = inventory.reserve_sim(tx, holder="a test card")
        inventory.release_resources(tx, holder="a test card")
        tx.emit(
            OpenAccount(
                account=ChargingAccountId("cac_elsewhere"),
                billing_account=buyer[1],
                legal_entity=LegalEntityId("ent_skerry"),
                currency="EUR",
                kind=AccountKind.POSTPAID,
                plan=MOBILE,
                cycle_day=1,
                time_zone="Europe/Dublin",
                identities=(("imsi", str(taken.imsi)),),
                opened_at=now - timedelta(days=1),
            )
        )
    relay.drain()
    placed = place(books, buyer, now, add(quantity=2))
    relay.drain()
    held = read(books, placed)
    assert held.state is OrderState.HELD
    assert str(held.items[0].reason).endswith(f"imsi {taken.imsi} belongs to another account")
    working, refused = held.items[0].products
    if account_is_open(charging, refused):
        working, refused = refused, working
    with books.read() as r:
        [failed] = [each for each in tasks(r, placed.id) if each.state is TaskState.FAILED]
    with books.transaction() as tx:
        retry_task(tx, order=placed.id, task=failed.position, now=now)
    relay.drain()
    assert read(books, placed).state is OrderState.HELD
    with books.transaction() as tx:
        ended = give_up_item(tx, order=placed.id, item="1", reason="a card twice", now=now)
    assert ended.state is OrderState.PARTIAL
    assert account_is_open(charging, working)
    assert stock(books, ResourceKind.NUMBER, ResourceState.AVAILABLE) == 1


def test_cancelled_on_the_way_and_then_refused_there_is_nothing_to_close(
    books: Database, relay: Relay, buyer: Buyer, now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=1)
    placed = place(books, buyer, now, add())
    with books.transaction() as tx:
        start_order(tx, order=placed.id, now=now)
        cancel_order(tx, order=placed.id, now=now)
        product = ChargingAccountId(tasks(tx, placed.id)[0].product)
        tx.emit(OpeningRefused(account=product, code="identityTaken", reason="taken"))
        # The refusal comes before the account would have been opened.
        tx.execute(
            sa.delete(OUTBOX["books"][0])
            .where(OUTBOX["books"][0].c.key == product)
            .where(OUTBOX["books"][0].c.topic == OpenAccount.topic)
        )
    relay.drain()
    assert read(books, placed).state is OrderState.CANCELLED
    assert stock(books, ResourceKind.NUMBER, ResourceState.AVAILABLE) == 1


def test_a_held_order_can_be_cancelled(
    books: Database, relay: Relay, buyer: Buyer, now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=1, sims=0)
    placed = place(books, buyer, now, add())
    relay.drain()
    assert read(books, placed).state is OrderState.HELD
    with books.transaction() as tx:
        assert cancel_order(tx, order=placed.id, now=now).state is OrderState.CANCELLED
    assert stock(books, ResourceKind.NUMBER, ResourceState.AVAILABLE) == 1


def test_what_is_completed_is_past_cancelling(
    books: Database, relay: Relay, buyer: Buyer, now: datetime
) -> None:
    placed = place(books, buyer, now, add(ADD_ON))
    relay.drain()
    with books.transaction() as tx:
        with pytest.raises(IllegalTransition):
            cancel_order(tx, order=placed.id, now=now)
        with pytest.raises(OrderNotFound):
            cancel_order(tx, order=OrderId("ord_none"), now=now)


def test_one_item_is_given_up_and_the_rest_stays(
    books: Database, relay: Relay, buyer: Buyer, now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=1, sims=0)
    placed = place(books, buyer, now, add(), add(ADD_ON))
    relay.drain()
    assert read(books, placed).state is OrderState.HELD
    with books.transaction() as tx:
        with pytest.raises(PastCancelling, match="the item 2 is delivered"):
            cancel_order(tx, order=placed.id, now=now)
        with pytest.raises(PastCancelling):
            give_up_item(tx, order=placed.id, item="2", reason="no", now=now)
        ended = give_up_item(tx, order=placed.id, item="1", reason="no SIMs to be had", now=now)
    assert ended.state is OrderState.PARTIAL
    assert [item.state for item in ended.items] == [OrderState.FAILED, OrderState.COMPLETED]
    assert ended.items[0].reason == "no SIMs to be had"
    assert read(books, placed) == ended
    assert stock(books, ResourceKind.NUMBER, ResourceState.AVAILABLE) == 1


def test_giving_up_what_is_missing_keeps_what_was_delivered(
    books: Database, charging: Database, relay: Relay, buyer: Buyer, now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=2, sims=1)
    placed = place(books, buyer, now, add(quantity=2))
    relay.drain()
    working, missing = read(books, placed).items[0].products
    with books.transaction() as tx:
        with pytest.raises(PastCancelling):
            cancel_order(tx, order=placed.id, now=now)
        ended = give_up_item(tx, order=placed.id, item="1", reason="no SIMs", now=now)
    assert ended.state is OrderState.PARTIAL
    relay.drain()
    with books.read() as r:
        kept = inventory.product(r, ProductId(working))
        given_up = inventory.product(r, ProductId(missing))
    assert kept.status is ProductStatus.ACTIVE
    assert account_is_open(charging, working)
    assert given_up.status is ProductStatus.CANCELLED
    assert stock(books, ResourceKind.NUMBER, ResourceState.AVAILABLE) == 1


def test_the_end_of_a_product(
    books: Database,
    charging: Database,
    relay: Relay,
    clock: DrivenClock,
    buyer: Buyer,
    now: datetime,
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=1)
    placed = place(books, buyer, now, add(), add(ADD_ON))
    relay.drain()
    mobile, add_on = (item.products[0] for item in read(books, placed).items)
    end = clock.advance(timedelta(days=10)) or clock.now()
    ending = place(books, buyer, end, delete(mobile), delete(add_on))
    with pytest.raises(NotOrderable, match=f"{ending.id} already ends"):
        place(books, buyer, end, delete(mobile))
    relay.drain()
    assert read(books, ending).state is OrderState.COMPLETED
    with books.read() as r:
        products = inventory.products(r, [ProductId(mobile), ProductId(add_on)])
        [service] = inventory.services_of(r, [ProductId(mobile)])
    assert {(each.status, each.termination_date) for each in products} == {
        (ProductStatus.TERMINATED, end)
    }
    assert (service.state, service.end_date) == (ServiceState.TERMINATED, end)
    assert not account_is_open(charging, mobile)
    assert stock(books, ResourceKind.NUMBER, ResourceState.QUARANTINED) == 1
    assert stock(books, ResourceKind.SIM, ResourceState.RETIRED) == 1
    with pytest.raises(NotOrderable, match="is terminated"):
        place(books, buyer, end, delete(mobile))


def test_references_and_eligibility_are_checked_with_their_place(
    books: Database, buyer: Buyer, now: datetime
) -> None:
    with books.transaction() as tx:
        stranger = sign_up(tx, now, brand="brd_other")
        dollars = sign_up(tx, now, currency="USD")
    offering = "productOrderItem[1].productOffering.id"
    wish = {"msisdn": "353850000999"}
    cases: list[tuple[Buyer, ItemRequest, type[TrunklineError], str]] = [
        (buyer, add("off_none"), UnknownReference, offering),
        (buyer, add(DRAFT), NotOrderable, offering),
        (buyer, add(FIBRE), NotDeliverable, offering),
        (dollars, add(MOBILE), NotOrderable, "productOrderItem[0].productOffering.id"),
        (buyer, delete("prod_none"), UnknownReference, "productOrderItem[1].product.id"),
        (
            buyer,
            add(characteristics=wish),
            UnknownReference,
            "productOrderItem[1].product.productCharacteristic",
        ),
        (
            (CustomerId("cus_none"), buyer[1]),
            add(),
            UnknownReference,
            "relatedParty",
        ),
        ((buyer[0], BillingAccountId("bac_none")), add(), UnknownReference, "billingAccount.id"),
        ((buyer[0], stranger[1]), add(), NotOrderable, "billingAccount.id"),
    ]
    for who, item, error, path in cases:
        with pytest.raises(error) as refused:
            place(books, who, now, add(ADD_ON), item)
        assert refused.value.path == path
    with books.read() as r:
        assert latest_orders(r) == []
        assert inventory.products_by_status(r) == {}


def test_orders_are_found_by_customer_and_by_state(
    books: Database, relay: Relay, clock: DrivenClock, buyer: Buyer, now: datetime
) -> None:
    first = place(books, buyer, now, add(ADD_ON))
    clock.advance(timedelta(minutes=1))
    second = place(books, buyer, clock.now(), add(MOBILE))
    relay.drain()
    with books.read() as r:
        assert [each.id for each in orders_of(r, buyer[0])] == [second.id, first.id]
        assert [each.id for each in latest_orders(r, limit=1)] == [second.id]
        assert [each.id for each in latest_orders(r, limit=1, offset=1)] == [first.id]
        assert [e.id for e in latest_orders(r, state=OrderState.HELD)] == [second.id]
        assert orders_by_state(r) == {OrderState.COMPLETED: 1, OrderState.HELD: 1}
        assert {each.kind for each in tasks(r, first.id)} == {TaskKind.ACTIVATE_PRODUCT}
        with pytest.raises(OrderNotFound):
            order(r, OrderId("ord_none"))
