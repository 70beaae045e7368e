"""What is negotiated in quotes, and what prices come to."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.inventory import PriceAlteration, PriceKind, ProductPrice
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.kernel.money import Money
from trunkline.ordering.bodies import UnfitDocument, price_body, total_bodies
from trunkline.ordering.pricing import totals
from trunkline.ordering.quotes.model import (
    QUOTE_LIFECYCLE,
    QuoteState,
    alterations_in,
    altered,
    kept_price,
    orders_in,
    price_kept,
)


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


def fee(amount: str = "20", *, months: int = 1, of: str | None = "pop_fee") -> ProductPrice:
    return ProductPrice(
        kind=PriceKind.RECURRING,
        name="Fee",
        amount=eur(amount),
        period_months=months,
        offering_price=of,
    )


def once(amount: str = "5") -> ProductPrice:
    return ProductPrice(
        kind=PriceKind.ONE_TIME, name="Setup", amount=eur(amount), offering_price="pop_once"
    )


def wanted(*alterations: dict[str, Any], of: str | None = None) -> dict[str, Any]:
    price: dict[str, Any] = {"priceType": "recurring", "priceAlteration": list(alterations)}
    if of is not None:
        price["productOfferingPrice"] = {"id": of}
    return {"quoteItemPrice": [price]}


def by(value: str, kind: str = "recurring") -> dict[str, Any]:
    amount = {"unit": "EUR", "value": Decimal(value)}
    return {"name": "Deal", "priceType": kind, "price": {"dutyFreeAmount": amount}}


def share(percent: str) -> dict[str, Any]:
    return {"priceType": "recurring", "price": {"percentage": Decimal(percent)}}


def agreed(item: dict[str, Any], *listed: ProductPrice) -> list[str]:
    found = altered([(each, 1) for each in listed], alterations_in(item, "quoteItem[0]"))
    return [str(price.altered.to_decimal()) for price, _ in found]


def test_amounts_and_percentages_alter_the_price_that_they_name() -> None:
    assert agreed(wanted(by("-2.50")), fee(), once()) == ["17.50", "5.00"]
    assert agreed(wanted(share("-12.5")), fee("19.99")) == ["17.49125"]
    assert agreed(wanted(by("-5", "oneTime")), fee(), once()) == ["20.00", "0.00"]
    assert agreed(wanted(by("-1"), share("-50")), fee()) == ["9.00"]
    assert agreed(wanted(by("-1"), of="pop_b"), fee(), fee(of="pop_b")) == ["20.00", "19.00"]
    assert agreed(wanted(by("3")), fee()) == ["23.00"]


@pytest.mark.parametrize(
    ("item", "path"),
    [
        (wanted(by("-21")), "price"),
        (wanted(share("-100.1")), "price"),
        (wanted(by("-1", "oneTime")), ""),
        (wanted(by("-1", "weekly")), "priceType"),
        (wanted(by("-1"), of="pop_x"), ""),
        (wanted({"priceType": "recurring", "price": {}}), "price"),
        (wanted(by("-1") | {"applicationDuration": 3}), "applicationDuration"),
    ],
)
def test_what_can_not_be_agreed(item: dict[str, Any], path: str) -> None:
    with pytest.raises(UnfitDocument) as refused:
        agreed(item, fee())
    at = "quoteItem[0].quoteItemPrice[0].priceAlteration[0]"
    assert refused.value.path == (f"{at}.{path}" if path else at)


amounts = st.integers(0, 10**12).map(lambda micros: Money(micros, "EUR"))


@given(
    st.lists(
        st.builds(
            ProductPrice,
            kind=st.sampled_from(PriceKind),
            name=st.text(min_size=1),
            amount=amounts,
            period_months=st.sampled_from([1, 3, 12]),
            offering_price=st.none() | st.text(min_size=1),
            tax_category=st.sampled_from(["standard", "reduced"]),
            alterations=st.lists(
                st.builds(PriceAlteration, name=st.text(), amount=amounts), max_size=2
            ).map(tuple),
        ),
        max_size=4,
    )
)
def test_prices_are_kept_as_they_were_agreed(listed: list[ProductPrice]) -> None:
    for price in listed:
        back = price_kept(kept_price(price, 0))
        if price.kind is PriceKind.ONE_TIME:
            assert back.amount == price.amount
            assert back.alterations == price.alterations
        else:
            assert back == price
    counted = [(each, 2) for each in listed]
    sums = totals(counted)
    assert sum(each.agreed.micros for each in sums) == 2 * sum(
        price.altered.micros for price in listed
    )
    assert len({(each.kind, each.period_months) for each in sums}) == len(sums)


def test_totals_are_told_by_period_what_recurs_first() -> None:
    shown = total_bodies([(once(), 2), (fee("10", months=12), 1), (fee(), 3), (fee("1"), 1)])
    assert [
        (each["priceType"], each.get("recurringChargePeriod"),
         str(each["price"]["dutyFreeAmount"]["value"]))
        for each in shown
    ] == [("recurring", "1 month", "61.00"), ("recurring", "12 months", "10.00"),
          ("oneTime", None, "10.00")]  # fmt: skip
    assert price_body(fee())["productOfferingPrice"] == {"id": "pop_fee"}
    assert "productOfferingPrice" not in price_body(fee(of=None))


@pytest.mark.parametrize("state", QuoteState)
@pytest.mark.parametrize("to", QuoteState)
def test_each_transition_is_in_the_table_or_told(state: QuoteState, to: QuoteState) -> None:
    if to in QUOTE_LIFECYCLE.following(state):
        QUOTE_LIFECYCLE.check(state, to)
        return
    with pytest.raises(IllegalTransition) as refused:
        QUOTE_LIFECYCLE.check(state, to)
    assert refused.value.fields["allowed"] == sorted(QUOTE_LIFECYCLE.following(state))


def test_orders_are_found_in_nested_items() -> None:
    made = {"productOrderItem": [{"orderItemId": "1", "productOrderId": "ord_1"}]}
    body = {"quoteItem": [{"quoteItem": [{"product": made}]}, {"product": {}}, {}]}
    assert orders_in(body) == ["ord_1"]
