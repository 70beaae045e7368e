from datetime import UTC, datetime, timedelta

import pytest

from trunkline.inventory import (
    NewProduct,
    PriceAlteration,
    PriceKind,
    Product,
    ProductId,
    ProductPrice,
    ProductStatus,
    UnfitProduct,
)
from trunkline.inventory.model import (
    PRODUCT_LIFECYCLE,
    RESOURCE_LIFECYCLE,
    SERVICE_LIFECYCLE,
    ResourceState,
    ServiceState,
    check_new_product,
)
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.kernel.money import Money
from trunkline.kernel.time import Period

NOVEMBER = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


def price(amount: str, *alterations: str, currency: str = "EUR") -> ProductPrice:
    return ProductPrice(
        kind=PriceKind.RECURRING,
        name="Monthly fee",
        amount=Money.of(amount, currency),
        alterations=tuple(
            PriceAlteration(name="Agreed", amount=Money.of(each, "EUR"), agreement="agr_1")
            for each in alterations
        ),
    )


def new(status: ProductStatus, start: datetime | None, *prices: ProductPrice) -> NewProduct:
    return NewProduct(
        name="Mobile M",
        offering="offer_m",
        offering_name="Mobile M",
        customer="cust_1",
        billing_account="acct_1",
        status=status,
        start_date=start,
        prices=prices,
    )


def in_service(start: datetime | None, end: datetime | None = None) -> Product:
    return Product(
        id=ProductId("prod_1"),
        name="Mobile M",
        offering="offer_m",
        offering_name="Mobile M",
        customer="cust_1",
        billing_account="acct_1",
        status=ProductStatus.ACTIVE,
        created_at=NOVEMBER.start,
        start_date=start,
        termination_date=end,
    )


def test_alterations_are_signed_and_add_up() -> None:
    assert price("20.00", "-2.50", "0.25").altered == Money.of("17.75", "EUR")


def test_a_product_is_charged_from_its_start_to_its_end() -> None:
    day = timedelta(days=1)
    assert in_service(None).service_period(NOVEMBER) is None
    assert in_service(NOVEMBER.start).service_period(NOVEMBER) == NOVEMBER
    assert in_service(NOVEMBER.end).service_period(NOVEMBER) is None
    part = in_service(NOVEMBER.start + 9 * day, NOVEMBER.start + 19 * day)
    assert part.service_period(NOVEMBER) == Period(
        NOVEMBER.start + 9 * day, NOVEMBER.start + 19 * day
    )
    ended = in_service(NOVEMBER.start - 40 * day, NOVEMBER.start)
    assert ended.service_period(NOVEMBER) is None
    same_instant = in_service(NOVEMBER.start + day, NOVEMBER.start + day)
    assert same_instant.service_period(NOVEMBER) is None


def test_only_a_started_product_has_a_start() -> None:
    check_new_product(new(ProductStatus.ACTIVE, NOVEMBER.start, price("20.00")))
    check_new_product(new(ProductStatus.CREATED, None))
    with pytest.raises(UnfitProduct, match="needs a start date"):
        check_new_product(new(ProductStatus.ACTIVE, None))
    with pytest.raises(UnfitProduct, match="has no start date"):
        check_new_product(new(ProductStatus.CREATED, NOVEMBER.start))


def test_a_product_does_not_begin_at_its_end() -> None:
    with pytest.raises(UnfitProduct, match="can't begin as terminated"):
        check_new_product(new(ProductStatus.TERMINATED, None))


def test_currencies_do_not_mix_within_a_price() -> None:
    with pytest.raises(UnfitProduct) as refused:
        check_new_product(new(ProductStatus.CREATED, None, price("20", "-1", currency="USD")))
    assert refused.value.path == "product.productPrice[0]"


def test_the_lifecycles_end_where_the_standards_say() -> None:
    assert {s for s in ProductStatus if PRODUCT_LIFECYCLE.is_final(s)} == {
        ProductStatus.TERMINATED,
        ProductStatus.CANCELLED,
        ProductStatus.ABORTED,
    }
    assert {s for s in ServiceState if SERVICE_LIFECYCLE.is_final(s)} == {ServiceState.TERMINATED}
    with pytest.raises(IllegalTransition, match="product is terminated"):
        PRODUCT_LIFECYCLE.check(ProductStatus.TERMINATED, ProductStatus.ACTIVE)


def test_a_number_is_never_assigned_from_the_shelf_nor_from_quarantine() -> None:
    for state in (ResourceState.AVAILABLE, ResourceState.QUARANTINED, ResourceState.RETIRED):
        with pytest.raises(IllegalTransition):
            RESOURCE_LIFECYCLE.check(state, ResourceState.ASSIGNED)
