"""A subscriber moves to another plan: what the network is told, and what the bill says."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.scenarios.ordering_shop import MOBILE, add, fill_shelf, open_shop, sign_up
from tests.scenarios.test_order_concurrency import at_once
from trunkline import billing, catalog, customers, inventory, ordering, tax
from trunkline.catalog import BrandId, DocumentKind
from trunkline.charging import ChargingAccountId, store
from trunkline.charging.operations import close_account
from trunkline.customers import AccountKind, BillingAccountId, CustomerId, CustomerStatus
from trunkline.inventory import ProductId
from trunkline.kernel.errors import Conflict
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.ordering import (
    Action,
    Effect,
    ItemRequest,
    NotOrderable,
    OrderState,
    ProductOrder,
    amend_order,
    cancel_order,
    give_up_item,
    place_order,
    retry_task,
    tasks,
)
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay, parked

LARGE = "off_large"
Buyer = tuple[CustomerId, BillingAccountId]


@pytest.fixture
def buyer(books: Database, now: datetime) -> Buyer:
    """Maeve, in a shop with a larger plan too: 31 a month, and 5 to begin with."""
    prices: list[dict[str, Any]] = [
        {"id": "pop_begin", "name": "Activation", "priceType": "oneTime",
         "price": {"unit": "EUR", "value": 5}},
        {"id": "pop_large", "name": "Large fee", "priceType": "recurring",
         "recurringChargePeriodType": "month", "recurringChargePeriodLength": 1,
         "price": {"unit": "EUR", "value": 31}},
        {"id": "pop_more", "name": "Data", "@type": "UsagePrice", "service": "data",
         "price": {"unit": "EUR", "value": "0.50"}, "unitOfMeasure": {"amount": 1, "units": "GB"}},
    ]  # fmt: skip
    with books.transaction() as tx:
        open_shop(tx, now)
        regime = tax.declare_regime(tx, code="ie")
        tax.set_rate(
            tx, regime=regime.code, category=catalog.STANDARD_TAX, name="VAT",
            millionths=230_000, valid_from=date(2020, 1, 1),
        )  # fmt: skip
        for price in prices:
            body = {"lifecycleStatus": "Launched", **price}
            catalog.save_document(tx, kind=DocumentKind.PRICE, body=body, now=now)
        refs = [{"id": each["id"], "name": each["name"]} for each in prices]
        values = [{"value": "mobile", "isDefault": True}]
        large = {
            "id": LARGE, "name": "Mobile L", "isSellable": True, "lifecycleStatus": "Launched",
            "productOfferingPrice": refs,
            "prodSpecCharValueUse": [
                {"name": "serviceKind", "productSpecCharacteristicValue": values}],
        }  # fmt: skip
        catalog.save_document(tx, kind=DocumentKind.OFFERING, body=large, now=now)
        fill_shelf(tx, now, numbers=2)
        return sign_up(tx, now)


def place(
    books: Database, buyer: Buyer, now: datetime, *items: ItemRequest, **rest: Any
) -> ProductOrder:
    with books.transaction() as tx:
        return place_order(
            tx, customer=buyer[0], billing_account=buyer[1], items=items, now=now, **rest
        )


def had(books: Database, relay: Relay, buyer: Buyer, now: datetime) -> ProductId:
    placed = place(books, buyer, now, add(MOBILE))
    relay.drain()
    return ProductId(placed.items[0].products[0])


def larger(product: str, **rest: Any) -> ItemRequest:
    return ItemRequest(action=Action.MODIFY, product=product, offering=LARGE, **rest)


def plan_of(charging: Database, product: str) -> str:
    with charging.read() as r:
        account = store.account(r, ChargingAccountId(product))
    assert account is not None
    return account.state.plan


def read(books: Database, placed: ProductOrder) -> ProductOrder:
    with books.read() as r:
        return ordering.order(r, placed.id)


def test_a_month_with_two_plans(
    books: Database, charging: Database, relay: Relay, buyer: Buyer, clock: DrivenClock
) -> None:
    """From 2 November the small plan at 20, from the 12th the large one at 31: 10 of 30 days are
    6.666667, 19 of 30 days 19.633333; the change costs no second activation."""
    product = had(books, relay, buyer, clock.now())
    assert plan_of(charging, product) == MOBILE
    clock.set(datetime(2026, 11, 12, 15, 30, tzinfo=UTC))
    placed = place(books, buyer, clock.now(), larger(product))
    relay.drain()
    assert read(books, placed).state is OrderState.COMPLETED
    assert plan_of(charging, product) == LARGE
    with books.read() as r:
        shown = inventory.product(r, product)
    assert (shown.offering, shown.name) == (LARGE, "Mobile L")
    assert [(each.name, each.valid_from, each.valid_until) for each in shown.prices] == [
        ("Monthly fee", None, clock.now()),
        ("Activation", None, clock.now()),
        ("Large fee", clock.now(), None),
    ]
    clock.set(datetime(2026, 12, 1, 9, tzinfo=UTC))
    assert billing.run_bills(books, charging, through=clock.now(), now=clock.now()).failures == ()
    with books.read() as r:
        [bill] = billing.invoices_of(r, buyer[1])
        lines = billing.invoice(r, bill.id).lines
    assert [(each.text, each.detail, str(each.amount.to_decimal())) for each in lines] == [
        ("Monthly fee", "10 of 30 days", "6.67"),
        ("Large fee", "19 of 30 days", "19.63"),
        ("Activation", "", "5.00"),
    ]


def test_a_change_with_the_next_month_leaves_both_months_whole(
    books: Database, charging: Database, relay: Relay, buyer: Buyer, clock: DrivenClock
) -> None:
    product = had(books, relay, buyer, clock.now())
    clock.set(datetime(2026, 11, 12, tzinfo=UTC))
    placed = place(books, buyer, clock.now(), larger(product, effect=Effect.NEXT_CYCLE))
    relay.drain()
    waiting = read(books, placed)
    assert (waiting.state, waiting.items[0].state) == (OrderState.PENDING, OrderState.PENDING)
    assert plan_of(charging, product) == MOBILE
    with books.read() as r:
        assert tasks(r, placed.id)[0].result == {"until": "2026-12-01T00:00:00.000Z"}
    clock.set(datetime(2026, 12, 1, tzinfo=UTC))
    relay.drain()
    assert read(books, placed).state is OrderState.COMPLETED
    assert plan_of(charging, product) == LARGE
    clock.set(datetime(2027, 1, 1, 9, tzinfo=UTC))
    assert billing.run_bills(books, charging, through=clock.now(), now=clock.now()).failures == ()
    with books.read() as r:
        bills = sorted(billing.invoices_of(r, buyer[1]), key=lambda each: each.period.start)
        texts = [[each.text for each in billing.invoice(r, bill.id).lines] for bill in bills]
    assert texts == [["Monthly fee", "Activation"], ["Large fee"]]


def test_agreed_prices_go_with_the_change(
    books: Database, relay: Relay, buyer: Buyer, clock: DrivenClock
) -> None:
    product = had(books, relay, buyer, clock.now())
    with books.read() as r:
        offering = catalog.offering(r, catalog.OfferingId(LARGE))
    listed = ordering.prices(offering, clock.now())
    agreed = tuple(
        inventory.ProductPrice(
            kind=each.kind, name=each.name, amount=Money.of(25, "EUR"),
            offering_price=each.offering_price,
        )
        for each in listed
    )  # fmt: skip
    place(books, buyer, clock.now(), larger(product, prices=agreed))
    relay.drain()
    with books.read() as r:
        shown = inventory.product(r, product)
    assert [str(each.amount) for each in shown.prices if each.valid_until is None] == ["25.00 EUR"]


def test_what_waits_for_its_instant_may_be_cancelled_and_comes_to_nothing(
    books: Database, charging: Database, relay: Relay, buyer: Buyer, clock: DrivenClock
) -> None:
    product = had(books, relay, buyer, clock.now())
    placed = place(books, buyer, clock.now(), larger(product, effect=Effect.NEXT_CYCLE))
    relay.drain()
    with books.transaction() as tx:
        cancelled = cancel_order(tx, order=placed.id, now=clock.now())
    assert cancelled.state is OrderState.CANCELLED
    clock.advance(timedelta(days=40))
    relay.drain()
    assert read(books, placed).state is OrderState.CANCELLED
    assert plan_of(charging, product) == MOBILE


def test_two_who_accept_one_quote_make_one_order(
    books: Database, buyer: Buyer, clock: DrivenClock
) -> None:
    now = clock.now()
    party = {"id": str(buyer[0]), "role": "customer", "@referredType": "Customer"}
    body = {"quoteItem": [{"productOffering": {"id": LARGE}}], "relatedParty": [party],
            "instantSyncQuote": True}  # fmt: skip
    with books.transaction() as tx:
        quote = ordering.make_quote(tx, body, now)
        cart = ordering.fill_cart(tx, {"quote": {"id": quote["id"]}}, now)
    refusals: list[Conflict] = []
    gate = threading.Barrier(3)

    def buying(how: Callable[[Any], object]) -> Callable[[], None]:
        def buy() -> None:
            gate.wait()
            try:
                with books.transaction() as tx:
                    how(tx)
            except Conflict as refused:
                refusals.append(refused)

        return buy

    def ordered(tx: Any) -> Callable[..., ProductOrder]:
        def put(items: Any, customer: Any, _sold: Any = None) -> ProductOrder:
            return place_order(
                tx, customer=customer, billing_account=buyer[1], items=items, now=now
            )

        return put

    at_once(
        buying(lambda tx: ordering.order_quote(tx, ident=quote["id"], place=ordered(tx), now=now)),
        buying(lambda tx: ordering.order_cart(
            tx, ident=cart["id"], customer=None, place=ordered(tx), now=now)),
        buying(lambda tx: ordering.change_quote(
            tx, quote["id"], lambda kept: kept | {"state": "accepted"}, now)),
    )  # fmt: skip
    # Who accepts what is accepted by then has what he wanted.
    assert len(refusals) in (1, 2)
    with books.read() as r:
        assert len(ordering.orders_of(r, buyer[0])) == 1


def test_an_external_id_belongs_to_one_order_however_it_got_it(
    books: Database, buyer: Buyer, clock: DrivenClock
) -> None:
    later = clock.now() + timedelta(days=1)
    one, two = (place(books, buyer, clock.now(), add(LARGE), requested_start=later)
                for _ in range(2))  # fmt: skip
    refusals: list[Conflict] = []
    gate = threading.Barrier(2)

    def naming(placed: ProductOrder) -> Callable[[], None]:
        def name() -> None:
            gate.wait()
            try:
                with books.transaction() as tx:
                    amend_order(tx, order=placed.id, external_id="same", now=clock.now())
            except Conflict as refused:
                refusals.append(refused)

        return name

    at_once(naming(one), naming(two))
    assert [each.code for each in refusals] == ["externalIdReused"]
    assert sorted(str(read(books, each).external_id) for each in (one, two)) == ["None", "same"]


def test_a_change_that_charging_refuses_is_held_with_its_reason_and_given_up(
    books: Database, charging: Database, relay: Relay, buyer: Buyer, now: datetime
) -> None:
    """Somebody has closed the subscriber's account meanwhile."""
    product = had(books, relay, buyer, now)
    with charging.transaction() as tx:
        close_account(tx, ChargingAccountId(product), at=now)
    placed = place(books, buyer, now, larger(product))
    relay.drain()
    for each in (books, charging):
        with each.read() as r:
            assert parked(r) == []
    held = read(books, placed)
    assert (held.state, held.items[0].state) == (OrderState.HELD, OrderState.HELD)
    assert held.items[0].reason == "the charging account is closed"
    with books.transaction() as tx:
        retry_task(tx, order=placed.id, task=0, now=now)
    relay.drain()
    assert read(books, placed).state is OrderState.HELD
    with books.transaction() as tx:
        give_up_item(tx, order=placed.id, item="1", reason="it is closed", now=now)
    assert read(books, placed).state is OrderState.FAILED
    with books.read() as r:
        assert inventory.product(r, product).offering == MOBILE


@pytest.mark.parametrize(
    "status", [CustomerStatus.REJECTED, CustomerStatus.SUSPENDED, CustomerStatus.CLOSED]
)
def test_who_is_not_served_orders_nothing(
    books: Database, buyer: Buyer, now: datetime, status: CustomerStatus
) -> None:
    with books.transaction() as tx:
        party = customers.customer(tx, buyer[0]).party
        begins = CustomerStatus.PROSPECTIVE if status is CustomerStatus.REJECTED else None
        known = customers.create_customer(
            tx, party=party, brand=BrandId("brd_skerry"),
            status=begins or CustomerStatus.ACTIVE, now=now,
        )  # fmt: skip
        account = customers.create_billing_account(
            tx, customer=known.id, name="Main", legal_entity=LegalEntityId("ent_skerry"),
            currency="EUR", kind=AccountKind.POSTPAID, now=now,
        )  # fmt: skip
        customers.change_customer_status(tx, customer=known.id, to=status, now=now)
    with pytest.raises(NotOrderable, match=status):
        place(books, (known.id, account.id), now, add(MOBILE))
