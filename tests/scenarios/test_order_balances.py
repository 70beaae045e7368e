"""What an order says of a product's balance: when it begins, what is taken from it each month,
and whose pool it draws on."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.scenarios.ordering_shop import account_is_open, add, delete, fill_shelf, open_shop
from trunkline import catalog, charging, customers, inventory, ledger
from trunkline.catalog import DocumentKind
from trunkline.charging import Balance, ChargingAccountId, Status, TopUp, release_lost_sessions
from trunkline.customers import AccountKind, BillingAccountId, CustomerId
from trunkline.inventory import FEE_FROM, ProductId, ProductStatus
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Money
from trunkline.ordering import (
    Action,
    ItemRequest,
    NotOrderable,
    OrderState,
    ProductOrder,
    UnknownReference,
    give_up_item,
    order,
    place_order,
)
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.principals import Binding, Principal
from trunkline.platform.relay import Relay

PREPAID, POOL, MEMBER = "off_prepaid", "off_pool", "off_member"


def _offer(tx: Tx, now: datetime, ident: str, prices: list[str], **said: str) -> None:
    body: dict[str, Any] = {
        "id": ident,
        "name": ident,
        "isBundle": False,
        "isSellable": True,
        "lifecycleStatus": "Launched",
        "productOfferingPrice": [{"id": each, "name": each} for each in prices],
        "prodSpecCharValueUse": [
            {
                "name": name,
                "productSpecCharacteristicValue": [{"value": value, "isDefault": True}],
            }
            for name, value in said.items()
        ],
    }
    catalog.save_document(tx, kind=DocumentKind.OFFERING, body=body, now=now)


class Shop:
    def __init__(
        self, books: Database, charging: Database, relay: Relay, clock: DrivenClock
    ) -> None:
        self.books, self.charging, self.relay, self.clock = books, charging, relay, clock
        now = clock.now()
        with books.transaction() as tx:
            open_shop(tx, now)
            fill_shelf(tx, now, numbers=4)
            shared = {
                "id": "pop_shared",
                "name": "50 GB shared",
                "@type": "Allowance",
                "priceType": "usage",
                "lifecycleStatus": "Launched",
                "service": "data",
                "unitOfMeasure": {"amount": 50, "units": "GB"},
            }
            catalog.save_document(tx, kind=DocumentKind.PRICE, body=shared, now=now)
            _offer(
                tx,
                now,
                PREPAID,
                ["pop_fee", "pop_data"],
                feeFrom="balance",
                preActive="true",
                balanceDays="30",
                graceDays="10",
                lowBalance="2",
            )
            _offer(tx, now, POOL, ["pop_shared"], serviceKind="sharedPool")
            _offer(tx, now, MEMBER, ["pop_data"], poolDataLimit="1000000000")
            self.buyer = self._sign_up(tx, AccountKind.PREPAID)
            self.firm = self._sign_up(tx, AccountKind.POSTPAID)
        relay.drain()

    def _sign_up(self, tx: Tx, kind: AccountKind) -> tuple[CustomerId, BillingAccountId]:
        now = self.clock.now()
        party = customers.register_party(
            tx, customers.NewIndividual(given_name="Maeve", family_name="Doyle"), now=now
        )
        customer = customers.create_customer(
            tx, party=party.id, brand=catalog.BrandId("brd_skerry"), now=now
        )
        account = customers.create_billing_account(
            tx,
            customer=customer.id,
            name="Main",
            legal_entity=ledger.LegalEntityId("ent_skerry"),
            currency="EUR",
            kind=kind,
            now=now,
        )
        return customer.id, account.id

    def place(
        self,
        item: ItemRequest,
        buyer: tuple[CustomerId, BillingAccountId] | None = None,
        *,
        by_themselves: bool = False,
    ) -> ProductOrder:
        customer, account = buyer or self.buyer
        with self.books.transaction() as tx:
            if by_themselves:
                bound = Binding(str(customer))
                tx.caller = Principal("app", frozenset({"tmf622:write"}), binding=bound)
            placed = place_order(
                tx,
                customer=customer,
                billing_account=account,
                items=(item,),
                now=self.clock.now(),
            )
        self.relay.drain()
        with self.books.read() as r:
            return order(r, placed.id)

    def sell(
        self, item: ItemRequest, buyer: tuple[CustomerId, BillingAccountId] | None = None
    ) -> ProductId:
        done = self.place(item, buyer)
        assert done.state is OrderState.COMPLETED, done
        return ProductId(done.items[0].products[0])

    def product(self, ident: ProductId) -> inventory.Product:
        with self.books.read() as r:
            return inventory.product(r, ident)

    def balance(self, ident: ProductId) -> Balance:
        with self.charging.read() as r:
            return charging.balance(r, ChargingAccountId(str(ident)), self.clock.now())

    def top_up(self, ident: ProductId, amount: str, payment: str) -> None:
        with self.books.transaction() as tx:
            tx.emit(
                TopUp(
                    account=ChargingAccountId(str(ident)),
                    payment_id=payment,
                    amount=Money.of(amount, "EUR"),
                )
            )
        self.relay.drain()


@pytest.fixture
def shop(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Shop:
    return Shop(books, charging, relay, clock)


def test_a_prepaid_product_begins_pays_and_expires(shop: Shop) -> None:
    """20 EUR a month of 50 EUR; 30 days from the first top-up, 10 of grace."""
    product = shop.sell(add(PREPAID))
    assert shop.balance(product).status is Status.PRE_ACTIVE
    assert shop.product(product).characteristics[FEE_FROM] == "balance"
    shop.top_up(product, "50", "p1")
    assert shop.balance(product).money == Money.of("30", "EUR")
    for days, status, shown in (
        (29, Status.ACTIVE, ProductStatus.ACTIVE),
        (1, Status.ONE_WAY, ProductStatus.SUSPENDED),
        (10, Status.EXPIRED, ProductStatus.SUSPENDED),
    ):
        shop.clock.advance(timedelta(days=days))
        release_lost_sessions(shop.charging, shop.clock.now())
        shop.relay.drain()
        assert shop.balance(product).status is status
        assert shop.product(product).status is shown
    shop.top_up(product, "20", "p2")
    assert shop.balance(product).status is Status.ACTIVE
    assert shop.product(product).status is ProductStatus.ACTIVE


def test_who_pays_is_not_for_the_orderer_to_say(shop: Shop) -> None:
    with pytest.raises(NotOrderable, match="the offering's"):
        shop.sell(add("off_mobile", characteristics={FEE_FROM: "balance"}), shop.firm)
    product = shop.sell(add(PREPAID), shop.firm)
    assert FEE_FROM not in shop.product(product).characteristics, "a postpaid one is billed"


def test_a_pool_is_ordered_joined_and_ended(shop: Shop) -> None:
    pool = shop.sell(add(POOL), shop.firm)
    assert shop.balance(pool).members == 0
    member = shop.sell(add(MEMBER, characteristics={"memberOf": pool}))
    assert shop.balance(pool).members == 1
    assert shop.balance(member).pool == str(pool)
    shop.sell(delete(pool), shop.firm)
    assert not account_is_open(shop.charging, pool)
    assert shop.product(pool).status is ProductStatus.TERMINATED


def test_a_pool_that_cant_be_joined_holds_the_order(shop: Shop) -> None:
    """Money is shared between prepaid products only."""
    pool = shop.sell(add(POOL), shop.firm)
    held = shop.place(add(MEMBER, characteristics={"memberOf": pool, "poolMoneyLimit": "none"}))
    assert held.state is OrderState.HELD
    assert "prepaid" in (held.items[0].reason or "")
    with shop.books.transaction() as tx:
        give_up_item(tx, order=held.id, item="1", now=shop.clock.now(), reason="no such pool")
    shop.relay.drain()
    assert shop.balance(pool).members == 0
    assert not account_is_open(shop.charging, ProductId(held.items[0].products[0]))


def test_nobody_draws_on_a_strangers_pool(shop: Shop) -> None:
    pool = shop.sell(add(POOL), shop.firm)
    wish = {"memberOf": str(pool)}
    with pytest.raises(UnknownReference) as strangers:
        shop.place(add(MEMBER, characteristics=wish), by_themselves=True)
    path = "productOrderItem[0].product.productCharacteristic.memberOf"
    assert strangers.value.path == path
    with pytest.raises(UnknownReference, match="there is no pool"):
        shop.place(add(MEMBER, characteristics={"memberOf": "prd_nowhere"}))
    own = shop.place(add(MEMBER, characteristics=wish), shop.firm, by_themselves=True)
    assert own.state is OrderState.COMPLETED
    assert shop.balance(pool).members == 1


@pytest.mark.parametrize(
    ("wished", "error", "at_fault"),
    [
        ({"balanceDays": "999"}, NotOrderable, "balanceDays"),
        ({"serviceKind": "sharedPool"}, NotOrderable, "serviceKind"),
        ({"lowBalance": "5,little"}, Invalid, "lowBalance"),
    ],
)
def test_what_a_subscriber_doesnt_decide(
    shop: Shop, wished: dict[str, str], error: type[Exception], at_fault: str
) -> None:
    with pytest.raises(error) as refused:
        shop.place(add(PREPAID, characteristics=wished), by_themselves=True)
    assert getattr(refused.value, "path", "").endswith(f"productCharacteristic.{at_fault}")


def test_a_life_that_can_not_be_is_refused_at_once(shop: Shop) -> None:
    for days in ("a month", "36526", "-1"):
        with pytest.raises(Invalid, match="whole number"):
            shop.place(add(PREPAID, characteristics={"balanceDays": days}))


def test_what_charging_was_told_once_is_no_change_to_a_product(shop: Shop) -> None:
    product = shop.sell(add(PREPAID))
    with pytest.raises(NotOrderable):
        shop.place(changed(product, balanceDays="999"))


def changed(product: ProductId, offering: str | None = None, **said: str) -> ItemRequest:
    return ItemRequest(
        action=Action.MODIFY, product=product, offering=offering, characteristics=said
    )


def test_the_credit_limit_follows_the_offering(shop: Shop) -> None:
    """But for a product that was ordered with its own."""
    now = shop.clock.now()
    with shop.books.transaction() as tx:
        for limit in ("5", "50", "much"):
            _offer(tx, now, f"off_{limit}", ["pop_data"], creditLimit=limit)
        buyer = shop._sign_up(tx, AccountKind.HYBRID)
    shop.relay.drain()

    def limits(product: ProductId) -> list[str]:
        """After each change: to 50, to an offering without, back to 5."""
        found = [shop.balance(product).credit_limit]
        for offering in ("off_50", MEMBER, "off_5"):
            shop.sell(changed(product, offering), owner)
            found.append(shop.balance(product).credit_limit)
        return ["none" if each is None else str(each) for each in found]

    owner = shop.firm
    assert limits(shop.sell(add("off_5"), owner)) == ["5.00 EUR", "50.00 EUR", "none", "5.00 EUR"]
    owner = buyer
    product = shop.sell(add("off_5"), owner)
    assert limits(product) == ["5.00 EUR", "50.00 EUR", "0.00 EUR", "5.00 EUR"]
    own = shop.sell(add("off_5", characteristics={"creditLimit": "7"}), owner)
    assert limits(own) == ["7.00 EUR"] * 4
    with pytest.raises(Invalid, match="much"):
        shop.place(changed(product, "off_much"), owner)


def test_a_product_joins_a_pool_changes_it_and_leaves(shop: Shop) -> None:
    one, other = (shop.sell(add(POOL), shop.firm) for _ in range(2))
    member = shop.sell(add(MEMBER))
    shop.sell(changed(member, memberOf=str(one), poolVoiceLimit="600"))
    assert shop.balance(member).pool == str(one)
    shop.sell(changed(member, memberOf=str(other)))
    assert [shop.balance(each).members for each in (one, other)] == [0, 1]
    shop.sell(changed(member, memberOf=""))
    assert [shop.balance(each).members for each in (one, other)] == [0, 0]
    assert shop.product(member).characteristics["memberOf"] == ""


def test_a_member_doesnt_widen_what_another_gives_it(shop: Shop) -> None:
    """Staff let a customer's product draw on the firm's pool; the customer wants more of it."""
    pool = shop.sell(add(POOL), shop.firm)
    member = shop.sell(add(MEMBER, characteristics={"memberOf": str(pool)}))
    with pytest.raises(UnknownReference):
        shop.place(changed(member, poolDataLimit="999000000000"), by_themselves=True)
    left = shop.place(changed(member, memberOf=""), by_themselves=True)
    assert left.state is OrderState.COMPLETED
