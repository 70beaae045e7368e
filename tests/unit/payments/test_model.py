from datetime import UTC, datetime

import pytest

from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Money
from trunkline.payments import CardNumberRefused
from trunkline.payments.model import check_amount, check_method

AT = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "1.005"])
def test_what_can_not_be_paid(amount: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_amount(Money.of(amount, "EUR"))
    assert caught.value.path == "amount"


def test_more_than_the_books_can_hold() -> None:
    with pytest.raises(Invalid):
        check_amount(Money(2**63, "EUR"))


def test_a_currency_has_its_own_decimals() -> None:
    check_amount(Money.of("1.005", "KWD"))
    with pytest.raises(Invalid, match="more than 0 decimals"):
        check_amount(Money.of("100.50", "JPY"))


@pytest.mark.parametrize(
    "number", ["4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004"]
)
def test_a_card_number_is_refused(number: str) -> None:
    with pytest.raises(CardNumberRefused) as caught:
        check_method(number, None)
    assert number not in str(caught.value)


@pytest.mark.parametrize("token", ["tok_4111111111111111", "4111111111111112", "1234", None])
def test_a_token_is_kept(token: str | None) -> None:
    check_method(token, "1111")


@pytest.mark.parametrize("digits", ["41111", "1 1", "--"])
def test_last_digits_are_few(digits: str) -> None:
    with pytest.raises(Invalid):
        check_method(None, digits)
