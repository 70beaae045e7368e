"""Who pays what: written as a bookkeeper reads it."""

from datetime import UTC, datetime, timedelta

import pytest

from trunkline.customers import BillingAccountId
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.receivables import AGEING, Credit, OpenItem, allocate
from trunkline.receivables.model import bucket_of

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = BillingAccountId("bac_1")
ENTITY = LegalEntityId("le_1")


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


def item(invoice: str, amount: str, due: int) -> OpenItem:
    money = eur(amount)
    return OpenItem(invoice, invoice, ACCOUNT, ENTITY, money, money, START, START + due * DAY)


def credit(origin: str, amount: str, day: int, invoice: str | None = None) -> Credit:
    money = eur(amount)
    return Credit(origin, ACCOUNT, ENTITY, money, money, START + day * DAY, invoice)


def paid(credits_: list[Credit], items: list[OpenItem]) -> list[tuple[str, str, str]]:
    return [
        (each.origin, item.invoice, str(amount.to_decimal()))
        for each, item, amount in allocate(credits_, items)
    ]


def test_the_oldest_due_is_paid_first() -> None:
    items = [item("march", "30", 60), item("january", "10", 0), item("february", "20", 30)]
    assert paid([credit("p1", "35", 70)], items) == [
        ("p1", "january", "10.00"),
        ("p1", "february", "20.00"),
        ("p1", "march", "5.00"),
    ]


def test_the_named_invoice_comes_before_the_oldest() -> None:
    items = [item("january", "10", 0), item("february", "20", 30)]
    assert paid([credit("p1", "25", 40, "february")], items) == [
        ("p1", "february", "20.00"),
        ("p1", "january", "5.00"),
    ]


def test_a_name_that_is_not_open_is_passed_over() -> None:
    assert paid([credit("p1", "5", 1, "december")], [item("january", "10", 0)]) == [
        ("p1", "january", "5.00")
    ]


def test_an_overpayment_stays() -> None:
    assert paid([credit("p1", "15", 1)], [item("january", "10", 0)]) == [("p1", "january", "10.00")]


def test_several_credits_the_oldest_first() -> None:
    assert paid([credit("late", "10", 5), credit("early", "4", 1)], [item("january", "10", 0)]) == [
        ("early", "january", "4.00"),
        ("late", "january", "6.00"),
    ]


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(-1, (-1, -1)), (0, (0, 30)), (30, (0, 30)), (31, (31, 60)), (60, (31, 60)),
     (61, (61, 90)), (90, (61, 90)), (91, (91, None)), (4000, (91, None))],
)  # fmt: skip
def test_ageing(days: int, bucket: tuple[int, int | None]) -> None:
    assert AGEING[bucket_of(START, START + days * DAY)] == bucket
