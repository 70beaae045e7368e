from datetime import UTC, datetime

import pytest

from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Money
from trunkline.ledger import (
    CASH,
    CHART,
    PREPAID,
    RECEIVABLES,
    Entry,
    LegalEntityId,
    Posting,
    UnbalancedEntry,
    UnknownAccount,
    check,
    merged,
)

AT = datetime(2026, 11, 2, tzinfo=UTC)


def entry(*postings: tuple[str, str, str]) -> Entry:
    return Entry(
        entity=LegalEntityId("le_1"),
        kind="test",
        reference="1",
        postings=tuple(
            Posting(account, Money.of(amount, currency)) for account, amount, currency in postings
        ),
        description="",
        booked_at=AT,
    )


def test_a_balanced_entry() -> None:
    check(entry((CASH, "10", "EUR"), (PREPAID, "-10", "EUR")))


def test_each_currency_balances_by_itself() -> None:
    check(
        entry(
            (CASH, "10", "EUR"),
            (PREPAID, "-10", "EUR"),
            (CASH, "1", "USD"),
            (PREPAID, "-1", "USD"),
        )
    )
    with pytest.raises(UnbalancedEntry, match=r"out of balance by 10\.00 EUR"):
        check(entry((CASH, "10", "EUR"), (PREPAID, "-10", "USD")))


def test_a_micro_is_enough_to_be_out_of_balance() -> None:
    with pytest.raises(UnbalancedEntry):
        check(entry((CASH, "10.000001", "EUR"), (PREPAID, "-10", "EUR")))


def test_an_account_that_is_not_in_the_chart() -> None:
    with pytest.raises(UnknownAccount) as caught:
        check(entry((CASH, "1", "EUR"), ("9999", "-1", "EUR")))
    assert caught.value.path == "postings[1].account"


def test_what_the_books_can_not_hold() -> None:
    huge = Money(2**63, "EUR")
    with pytest.raises(Invalid, match="more than the books can hold"):
        check(Entry(LegalEntityId("le_1"), "test", "1", (Posting(CASH, huge),), "", AT))


def test_postings_of_one_account_become_one() -> None:
    kept = merged(
        entry(
            (RECEIVABLES, "10", "EUR"),
            (CASH, "0", "EUR"),
            (RECEIVABLES, "2", "EUR"),
            (PREPAID, "-12", "EUR"),
        ).postings
    )
    assert [(each.account, str(each.amount)) for each in kept] == [
        (RECEIVABLES, "12.00 EUR"),
        (PREPAID, "-12.00 EUR"),
    ]


def test_the_chart_names_every_code_once() -> None:
    assert len({account.code for account in CHART}) == len(CHART)
