"""What characteristics say of a product's charging account, by the kind of who pays."""

import pytest

from trunkline.charging.events import Validity
from trunkline.customers import AccountKind
from trunkline.inventory import PriceKind, ProductPrice
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Money
from trunkline.ordering.charging_terms import opening_terms
from trunkline.rating import Days

MONTHLY = ProductPrice(
    kind=PriceKind.RECURRING, name="Monthly fee", amount=Money.of("10", "EUR"), period_months=1
)
SAID = {"balanceDays": "30", "feeFrom": "balance", "firstFee": "actual", "creditLimit": "2.50"}


def test_each_kind_takes_what_is_for_it() -> None:
    prepaid, postpaid, hybrid = (
        opening_terms(SAID, [MONTHLY], kind, "EUR")
        for kind in (AccountKind.PREPAID, AccountKind.POSTPAID, AccountKind.HYBRID)
    )
    limit, validity = Money.of("2.50", "EUR"), Validity(first_days=30)
    assert prepaid.keys() == {"validity", "fee"}
    assert (prepaid["fee"].amount, prepaid["fee"].first) == (MONTHLY.amount, Days.ACTUAL)
    assert postpaid == {"credit_limit": limit}
    assert hybrid == {"credit_limit": limit, "validity": validity}


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("creditLimit", "-1", AccountKind.HYBRID),
        ("creditLimit", "plenty", AccountKind.POSTPAID),
        ("creditLimit", "2000000000000", AccountKind.HYBRID),
        ("firstFee", "half", AccountKind.PREPAID),
    ],
)
def test_a_value_that_cant_be_one_is_refused(name: str, value: str, kind: AccountKind) -> None:
    with pytest.raises(Invalid) as refused:
        opening_terms(SAID | {name: value}, [MONTHLY], kind, "EUR")
    assert refused.value.path == name
