"""Entries sum to zero, whatever they are made of."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.kernel.money import Money
from trunkline.ledger import CHART, Entry, LegalEntityId, Posting, UnbalancedEntry, check, merged

AT = datetime(2026, 11, 2, tzinfo=UTC)
codes = st.sampled_from([account.code for account in CHART])
currencies = st.sampled_from(["EUR", "USD", "JPY"])
amounts = st.integers(-(10**15), 10**15)
postings = st.builds(
    Posting, account=codes, amount=st.builds(Money, micros=amounts, currency=currencies)
)


def entry(*of: Posting) -> Entry:
    return Entry(LegalEntityId("le_1"), "test", "1", of, "", AT)


def sums(of: tuple[Posting, ...]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for each in of:
        key = each.account, each.amount.currency
        found[key] = found.get(key, 0) + each.amount.micros
    return {key: micros for key, micros in found.items() if micros}


@st.composite
def balanced(draw: st.DrawFn) -> tuple[Posting, ...]:
    """Random postings, and one a currency that balances them."""
    made = draw(st.lists(postings, max_size=8))
    for currency in {each.amount.currency for each in made}:
        rest = sum(each.amount.micros for each in made if each.amount.currency == currency)
        made.append(Posting(draw(codes), Money(-rest, currency)))
    return tuple(draw(st.permutations(made)))


@given(balanced())
def test_a_balanced_entry_passes(of: tuple[Posting, ...]) -> None:
    check(entry(*of))


@given(balanced(), codes, currencies, amounts.filter(bool))
def test_one_posting_too_many_does_not(
    of: tuple[Posting, ...], code: str, currency: str, micros: int
) -> None:
    with pytest.raises(UnbalancedEntry):
        check(entry(*of, Posting(code, Money(micros, currency))))


@given(st.lists(postings, max_size=12).map(tuple))
def test_merging_moves_nothing(of: tuple[Posting, ...]) -> None:
    kept = merged(of)
    assert sums(kept) == sums(of)
    assert len(kept) == len(sums(of))
    assert merged(kept) == kept
