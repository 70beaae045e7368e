"""Products and services, stored and moved."""

from datetime import UTC, datetime, timedelta

import pytest

from trunkline.inventory import (
    NewProduct,
    NewService,
    PriceAlteration,
    PriceKind,
    ProductId,
    ProductNotFound,
    ProductPrice,
    ProductStatus,
    ServiceId,
    ServiceNotFound,
    ServiceState,
    UnfitProduct,
    active_subscribers,
    change_product_status,
    change_service_state,
    create_product,
    create_products,
    create_service,
    product,
    products_by_status,
    products_for_billing,
    products_of,
    products_of_customer,
    services_of,
)
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.kernel.money import Money
from trunkline.kernel.time import Period
from trunkline.platform.db import Database

NOVEMBER = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
FEE = ProductPrice(
    kind=PriceKind.RECURRING,
    name="Monthly fee",
    amount=Money.of("20.00", "EUR"),
    offering_price="pop_1",
    alterations=(
        PriceAlteration(name="Loyal", amount=Money.of("-2.50", "EUR"), agreement="agr_1"),
        PriceAlteration(name="Paper bill", amount=Money.of("0.45", "EUR"), agreement="agr_1"),
    ),
)
SETUP = ProductPrice(
    kind=PriceKind.ONE_TIME, name="Activation", amount=Money.of("9.99", "EUR"), tax_category="goods"
)


def new(account: str = "bac_1", **changes: object) -> NewProduct:
    values = {
        "name": "Mobile M",
        "offering": "off_m",
        "offering_name": "Mobile M 2026",
        "customer": "cus_1",
        "billing_account": account,
        "prices": (FEE, SETUP),
        "characteristics": {"msisdn": "4915900000000"},
        **changes,
    }
    return NewProduct(**values)  # type: ignore[arg-type]


def test_a_product_keeps_the_prices_that_it_was_ordered_at(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        created = create_product(tx, new(order="ord_1", order_item="1", order_date=now), now=now)
    with books.read() as r:
        assert product(r, created.id) == created
        assert product(r, created.id).prices[0].altered == Money.of("17.95", "EUR")
        assert products_of(r, "bac_1") == [created]
        assert products_of_customer(r, "cus_1") == [created]
        assert products_of_customer(r, "cus_2") == []
        with pytest.raises(ProductNotFound):
            product(r, ProductId("prod_none"))


def test_a_migrated_product_is_active_since_its_own_day(books: Database, now: datetime) -> None:
    since = datetime(2020, 1, 31, tzinfo=UTC)
    with books.transaction() as tx:
        migrated = new(id=ProductId("7590-VHVEG"), status=ProductStatus.ACTIVE, start_date=since)
        create_products(tx, [migrated, new()], now=now)
    with books.read() as r:
        assert product(r, ProductId("7590-VHVEG")).start_date == since
        assert products_by_status(r) == {ProductStatus.ACTIVE: 1, ProductStatus.CREATED: 1}


def test_one_unfit_product_keeps_all_out(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        with pytest.raises(UnfitProduct) as refused:
            create_products(tx, [new(), new(status=ProductStatus.ACTIVE)], now=now)
        assert refused.value.path == "product[1].startDate"
        assert products_by_status(tx) == {}


def test_a_bill_sees_what_was_in_service_in_its_period(books: Database, now: datetime) -> None:
    day = timedelta(days=1)
    with books.transaction() as tx:
        whole, late, ended, future, _ = create_products(
            tx,
            [
                new("bac_1", status=ProductStatus.ACTIVE, start_date=NOVEMBER.start - 99 * day),
                new("bac_1", status=ProductStatus.ACTIVE, start_date=NOVEMBER.end - day),
                new("bac_2", status=ProductStatus.ACTIVE, start_date=NOVEMBER.start - day),
                new("bac_2", status=ProductStatus.ACTIVE, start_date=NOVEMBER.end),
                new("bac_2"),
            ],
            now=now,
        )
        change_product_status(
            tx, product=ended.id, status=ProductStatus.TERMINATED, now=NOVEMBER.start + 9 * day
        )
        billed = products_for_billing(tx, ["bac_1", "bac_2", "bac_3"], NOVEMBER)
        assert [each.id for each in billed["bac_1"]] == sorted([whole.id, late.id])
        assert [each.id for each in billed["bac_2"]] == [ended.id]
        assert "bac_3" not in billed
        assert all(each.prices == (FEE, SETUP) for own in billed.values() for each in own)
        december = Period(NOVEMBER.end, datetime(2027, 1, 1, tzinfo=UTC))
        assert [e.id for e in products_for_billing(tx, ["bac_2"], december)["bac_2"]] == [future.id]


def test_a_product_moves_as_its_lifecycle_allows(books: Database, now: datetime) -> None:
    later = now + timedelta(days=3)
    with books.transaction() as tx:
        made = create_product(tx, new(), now=now)
        for status in (
            ProductStatus.PENDING_ACTIVE,
            ProductStatus.ACTIVE,
            ProductStatus.SUSPENDED,
        ):
            change_product_status(tx, product=made.id, status=status, now=now)
        change_product_status(tx, product=made.id, status=ProductStatus.ACTIVE, now=later)
        assert product(tx, made.id).start_date == now
        change_product_status(tx, product=made.id, status=ProductStatus.TERMINATED, now=later)
        ended = product(tx, made.id)
        assert (ended.status, ended.termination_date) == (ProductStatus.TERMINATED, later)
        with pytest.raises(IllegalTransition):
            change_product_status(tx, product=made.id, status=ProductStatus.ACTIVE, now=later)
        with pytest.raises(ProductNotFound):
            change_product_status(
                tx, product=ProductId("prod_none"), status=ProductStatus.ACTIVE, now=later
            )


def test_a_service_counts_as_a_subscriber_while_it_is_active(
    books: Database, now: datetime
) -> None:
    later = now + timedelta(days=3)
    with books.transaction() as tx:
        made = create_product(tx, new(), now=now)
        traits = {"msisdn": "4915900000000", "imsi": "262020000000001"}
        wanted = NewService(
            product=made.id, customer="cus_1", name="Mobile", characteristics=traits
        )
        service = create_service(tx, wanted, now=now)
        assert services_of(tx, [made.id]) == [service]
        assert active_subscribers(tx) == 1
        change_service_state(tx, service=service.id, state=ServiceState.INACTIVE, now=later)
        assert active_subscribers(tx) == 0
        change_service_state(tx, service=service.id, state=ServiceState.TERMINATED, now=later)
        ended = services_of(tx, [made.id])[0]
        assert (ended.state, ended.start_date, ended.end_date) == (
            ServiceState.TERMINATED,
            now,
            later,
        )
        with pytest.raises(IllegalTransition):
            change_service_state(tx, service=service.id, state=ServiceState.ACTIVE, now=later)
        with pytest.raises(ServiceNotFound):
            change_service_state(
                tx, service=ServiceId("svc_none"), state=ServiceState.ACTIVE, now=later
            )
