"""What a refund takes back: written as a bookkeeper reads it."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from trunkline.customers import BillingAccountId
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.receivables import Allocation, AllocationId, Credit, OpenItem, allocate
from trunkline.receivables.model import entry_of, refund_credit, refund_credits

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ACCOUNT = BillingAccountId("bac_1")
ENTITY = LegalEntityId("le_1")


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


def credit(origin: str, amount: str, left: str, day: int = 0) -> Credit:
    return Credit(origin, ACCOUNT, ENTITY, eur(amount), eur(left), START + day * DAY)


def allocation(ident: str, invoice: str, amount: str, day: int) -> Allocation:
    return Allocation(
        AllocationId(ident), "pay_1", invoice, ACCOUNT, ENTITY, eur(amount), START + day * DAY
    )


def test_what_is_left_goes_back_first_and_then_the_latest_allocation() -> None:
    """Of 50 are 5 left; 30 paid i1 and then 15 i2. 25 back: 5, then all of i2, then 5 of i1."""
    paid = [allocation("a1", "i1", "30", 1), allocation("a2", "i2", "15", 2)]
    parts = refund_credit(credit("pay_1", "50", "5"), paid, eur("25"))
    assert parts.total == eur("25").micros
    assert [(each.invoice, str(amount)) for each, amount in parts.undone] == [
        ("i2", "15.00 EUR"),
        ("i1", "5.00 EUR"),
    ]


def test_what_was_taken_back_is_not_taken_back_again() -> None:
    paid = [
        allocation("a1", "i1", "30", 1),
        allocation("a2", "i1", "-20", 2),
        allocation("a3", "i2", "20", 3),
        allocation("a4", "i2", "-20", 4),
    ]
    parts = refund_credit(credit("pay_1", "30", "0"), paid, eur("30"))
    assert [(each.invoice, str(amount)) for each, amount in parts.undone] == [("i1", "10.00 EUR")]
    assert parts.total == eur("10").micros


def test_unused_credit_goes_back_latest_first_and_may_fall_short() -> None:
    credits_ = [credit("pay_1", "10", "10", day=1), credit("pay_2", "10", "4", day=2)]
    assert refund_credits(credits_, eur("6")).taken == {"pay_2": 4_000_000, "pay_1": 2_000_000}
    assert refund_credits(credits_, eur("20")).total == eur("14").micros


def test_what_is_taken_back_is_booked_the_other_way_round() -> None:
    entry = entry_of(allocation("a1", "i1", "-5", 1))
    assert [str(each.amount) for each in entry.postings] == ["-5.00 EUR", "5.00 EUR"]


@given(
    st.integers(1, 10_000),
    st.lists(st.integers(1, 5_000), max_size=6),
    st.lists(st.integers(1, 6_000), min_size=1, max_size=6),
)
def test_refunds_in_parts_give_back_all_of_a_payment_and_no_more(
    amount: int, owed: list[int], refunds: list[int]
) -> None:
    """Whatever it paid: invoices and the rest of the credit always sum to what is still there."""
    whole = Credit("pay_1", ACCOUNT, ENTITY, cents(amount), cents(amount), START)
    items = [
        OpenItem(f"i{n}", f"i{n}", ACCOUNT, ENTITY, cents(each), cents(each), START, START)
        for n, each in enumerate(owed)
    ]
    made = [
        Allocation(AllocationId(f"a{n}"), "pay_1", item.invoice, ACCOUNT, ENTITY, part, START)
        for n, (_, item, part) in enumerate(allocate([whole], items))
    ]
    left = amount * 10_000 - sum(each.amount.micros for each in made)
    refunded = 0
    for step, wanted in enumerate(refunds, start=1):
        asked = min(wanted * 10_000, amount * 10_000 - refunded)
        if not asked:
            break
        present = msgspec.structs.replace(whole, left=Money(left, "EUR"))
        parts = refund_credit(present, made, Money(asked, "EUR"))
        assert parts.total == asked
        undone = 0
        for each, part in parts.undone:
            undone += part.micros
            back = msgspec.structs.replace(
                each, id=AllocationId(f"b{step}{each.invoice}"), amount=-part,
                allocated_at=START + step * DAY,
            )  # fmt: skip
            made.append(back)
        left += undone - asked
        refunded += asked
        assert left >= 0
        assert left + sum(each.amount.micros for each in made) == amount * 10_000 - refunded


def cents(amount: int) -> Money:
    return Money(amount * 10_000, "EUR")
