"""Many orders at once end as each would by itself, with shared statements and without."""

from datetime import datetime, timedelta

import msgspec
import pytest

from tests.conftest import ALL_REACTIONS
from tests.scenarios.ordering_shop import (
    ADD_ON,
    FIRST_NUMBER,
    MOBILE,
    account_is_open,
    add,
    fill_shelf,
    open_shop,
    sign_up,
)
from trunkline import inventory
from trunkline.charging import ChargingAccountId, IdentityTaken, operations
from trunkline.charging.events import OpenAccount
from trunkline.customers import AccountKind, BillingAccountId, CustomerId
from trunkline.inventory import Msisdn, ProductId, ProductStatus, ResourceKind, ResourceState
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.ledger import LegalEntityId
from trunkline.ordering import (
    ItemRequest,
    OrderId,
    OrderState,
    ProductOrder,
    order,
    place_order,
)
from trunkline.ordering.operations import start_orders
from trunkline.platform.db import Database
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay

Buyer = tuple[CustomerId, BillingAccountId]
MANY = 20
"""More than the relay runs in one transaction."""


@pytest.fixture(params=["together", "one by one"])
def routes(request: pytest.FixtureRequest) -> Routes:
    if request.param == "together":
        return Routes(ALL_REACTIONS)
    return Routes([msgspec.structs.replace(each, together=None) for each in ALL_REACTIONS])


@pytest.fixture
def buyers(books: Database, now: datetime) -> list[Buyer]:
    with books.transaction() as tx:
        open_shop(tx, now)
        return [sign_up(tx, now) for _ in range(MANY)]


def place(books: Database, buyer: Buyer, now: datetime, item: ItemRequest) -> ProductOrder:
    with books.transaction() as tx:
        return place_order(tx, customer=buyer[0], billing_account=buyer[1], items=(item,), now=now)


def standing(books: Database, placed: list[ProductOrder]) -> list[OrderState]:
    with books.read() as r:
        return [order(r, each.id).state for each in placed]


def test_all_are_completed_each_with_its_own(
    books: Database, charging: Database, relay: Relay, buyers: list[Buyer], now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=2 * MANY)
    items = [add(MOBILE, quantity=2), add(ADD_ON)] * (MANY // 2)
    placed = [place(books, *each) for each in zip(buyers, [now] * MANY, items, strict=True)]
    relay.drain()
    assert standing(books, placed) == [OrderState.COMPLETED] * MANY
    mobile = [ProductId(id_) for each in placed[::2] for id_ in each.items[0].products]
    with books.read() as r:
        services = inventory.services_of(r, mobile)
        held = inventory.resources_of(r, mobile)
    assert all(account_is_open(charging, each) for each in mobile)
    for name in ("msisdn", "imsi", "iccid"):
        assert len({each.characteristics[name] for each in services}) == MANY
    assert len({(each.kind, each.product) for each in held}) == 2 * MANY


def test_the_first_of_them_get_the_last_numbers(
    books: Database, relay: Relay, buyers: list[Buyer], now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=5, sims=MANY)
    placed = [place(books, each, now, add()) for each in buyers[:8]]
    relay.drain()
    assert standing(books, placed) == [OrderState.COMPLETED] * 5 + [OrderState.HELD] * 3
    with books.read() as r:
        reasons = {order(r, each.id).items[0].reason for each in placed[5:]}
        levels = inventory.stock_levels(r)
    assert reasons == {"no number is left in stock"}
    assert (ResourceKind.NUMBER, ResourceState.AVAILABLE) not in levels
    assert levels[ResourceKind.SIM, ResourceState.AVAILABLE] == MANY - 5


def test_who_wishes_a_number_that_is_free_gets_it(
    books: Database, relay: Relay, buyers: list[Buyer], now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=4)
    last = str(int(FIRST_NUMBER) + 3)
    wishes = [{}, {"msisdn": last}, {}, {"msisdn": last}]
    placed = [
        place(books, buyer, now, add(characteristics=wish))
        for buyer, wish in zip(buyers, wishes, strict=False)
    ]
    relay.drain()
    completed, held = OrderState.COMPLETED, OrderState.HELD
    assert standing(books, placed) == [completed, completed, completed, held]
    with books.read() as r:
        found = inventory.number(r, Msisdn(last))
    assert found is not None
    assert found.product == placed[1].items[0].products[0]


def test_one_that_charging_refuses_holds_up_no_other(
    books: Database, charging: Database, relay: Relay, buyers: list[Buyer], now: datetime
) -> None:
    with books.transaction() as tx:
        fill_shelf(tx, now, numbers=MANY)
        cards = inventory.reserve_sims(tx, holders=["a", "b", "c"])
        for holder in "abc":
            inventory.release_resources(tx, holder=holder)
    with charging.transaction() as tx:
        operations.open_account(tx, opening("elsewhere", str(cards[1].imsi), now))
    placed = [place(books, each, now, add()) for each in buyers[:6]]
    relay.drain()
    assert sorted(standing(books, placed)) == [OrderState.COMPLETED] * 5 + [OrderState.HELD]


def opening(account: str, imsi: str, now: datetime) -> OpenAccount:
    return OpenAccount(
        account=ChargingAccountId(account),
        billing_account=BillingAccountId("bac_elsewhere"),
        legal_entity=LegalEntityId("ent_skerry"),
        currency="EUR",
        kind=AccountKind.POSTPAID,
        plan=MOBILE,
        cycle_day=1,
        time_zone="Europe/Dublin",
        identities=(("imsi", imsi),),
        opened_at=now - timedelta(days=1),
    )


def test_accounts_are_opened_all_or_none(charging: Database, now: datetime) -> None:
    first, second = opening("first", "27201", now), opening("second", "27202", now)
    with charging.transaction() as tx:
        operations.open_accounts(tx, [first, second, first])
        operations.open_accounts(tx, [second])
    assert account_is_open(charging, "first")
    assert account_is_open(charging, "second")
    with charging.transaction() as tx, pytest.raises(IdentityTaken):
        operations.open_accounts(tx, [opening("x", "27203", now), opening("y", "27203", now)])
    assert not account_is_open(charging, "x")


def test_products_move_all_or_none(books: Database, buyers: list[Buyer], now: datetime) -> None:
    placed = [place(books, each, now, add(ADD_ON)) for each in buyers[:3]]
    products = [ProductId(each.items[0].products[0]) for each in placed]
    some, nobodys = products[:2], [products[0], ProductId("prd_none")]
    active = ProductStatus.ACTIVE
    with books.transaction() as tx:
        inventory.change_product_status(tx, product=products[2], status=active, now=now)
        with pytest.raises(IllegalTransition):
            inventory.change_products_status(tx, products=products, status=active, now=now)
        with pytest.raises(inventory.ProductNotFound):
            inventory.change_products_status(tx, products=nobodys, status=active, now=now)
        moved = inventory.change_products_status(tx, products=some, status=active, now=now)
    assert [each.id for each in moved] == some
    with books.read() as r:
        of_account = inventory.products_of_accounts(r, [buyer[1] for buyer in buyers[1:]])
    assert [[each.status for each in own] for own in of_account.values()] == [[active], [active]]


def test_an_order_that_was_deleted_keeps_none_from_starting(
    books: Database, buyers: list[Buyer], now: datetime
) -> None:
    placed = place(books, buyers[0], now, add(ADD_ON))
    with books.transaction() as tx:
        start_orders(tx, orders=[placed.id, OrderId("ord_none")], now=now)
    assert standing(books, [placed]) == [OrderState.COMPLETED]
