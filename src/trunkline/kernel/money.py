"""Money: whole millionths of a currency's main unit, never a float.

Amounts are held in micros (10^-6) so that usage can be priced far below a cent; they
become minor units once, on the bill (`rounded`), and the difference is posted.
"""

from collections.abc import Sequence
from decimal import (
    MAX_EMAX,
    MAX_PREC,
    MIN_EMIN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    InvalidOperation,
)
from typing import Literal, Self

import msgspec

from trunkline.kernel.errors import Invalid

MICROS = 1_000_000
LARGEST = 2**63 - 1
"""What the books can hold (a signed 64-bit integer), about 9.2 trillion main units."""

Rounding = Literal["half_up", "half_even"]
_DECIMAL_ROUNDING = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN}

_EXPONENTS = {
    "BHD": 3, "BIF": 0, "CLF": 4, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3,
    "JPY": 0, "KMF": 0, "KRW": 0, "KWD": 3, "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0, "TND": 3,
    "UGX": 0, "UYI": 0, "UYW": 4, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}  # fmt: skip

_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


class CurrencyMismatch(Invalid):
    code = "currencyMismatch"


class Money(msgspec.Struct, frozen=True, order=False):
    """`micros` millionths of `currency` (an ISO 4217 code). Arithmetic between two
    currencies raises `CurrencyMismatch`."""

    micros: int
    currency: str

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(0, currency)

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str, *, path: str | None = None) -> Self:
        """`amount` main units, exactly. Raises `Invalid` for what is no number, has more than
        six decimals, or is past what the books can hold."""
        return cls(to_micros(amount, path=path), check_currency(currency, path=path))

    def _same(self, other: Self) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not mix")

    def __add__(self, other: Self) -> Self:
        self._same(other)
        return type(self)(self.micros + other.micros, self.currency)

    def __sub__(self, other: Self) -> Self:
        self._same(other)
        return type(self)(self.micros - other.micros, self.currency)

    def __neg__(self) -> Self:
        return type(self)(-self.micros, self.currency)

    def __mul__(self, count: int) -> Self:
        return type(self)(self.micros * count, self.currency)

    def __lt__(self, other: Self) -> bool:
        self._same(other)
        return self.micros < other.micros

    def __le__(self, other: Self) -> bool:
        self._same(other)
        return self.micros <= other.micros

    def __gt__(self, other: Self) -> bool:
        return other < self

    def __ge__(self, other: Self) -> bool:
        return other <= self

    def __bool__(self) -> bool:
        return self.micros != 0

    def scaled(self, numerator: int, denominator: int, rounding: Rounding = "half_up") -> Self:
        """This amount times numerator/denominator, rounded to the micro."""
        return type(self)(divide(self.micros * numerator, denominator, rounding), self.currency)

    def rounded(self, rounding: Rounding = "half_up") -> Self:
        """To whole minor units of the currency (cents; yen; fils)."""
        step: int = 10 ** (6 - minor_digits(self.currency))
        return type(self)(divide(self.micros, step, rounding) * step, self.currency)

    def allocate(self, weights: Sequence[int], *, step: int = 1) -> list[Self]:
        """Split in proportion to `weights` (non-negative, not all zero) by largest remainder,
        in multiples of `step` micros as far as the amount allows; the parts sum to the whole.
        Ties go to the earlier weight."""
        total = sum(weights)
        if total <= 0 or min(weights) < 0:
            raise Invalid("weights must be non-negative and not all zero")
        sign = -1 if self.micros < 0 else 1
        units, rest = divmod(abs(self.micros), step)
        shares = [divmod(units * weight, total) for weight in weights]
        parts = [share for share, _ in shares]
        order = sorted(range(len(weights)), key=lambda i: -shares[i][1])
        for i in order[: units - sum(parts)]:
            parts[i] += 1
        amounts = [part * step for part in parts]
        amounts[order[0]] += rest
        return [type(self)(sign * amount, self.currency) for amount in amounts]

    def to_decimal(self) -> Decimal:
        """In main units, at least with the currency's own decimals: 12.50, 0.0042."""
        value = Decimal(self.micros).scaleb(-6)
        digits = minor_digits(self.currency)
        least = value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
        return least if least == value else value.normalize()

    def __str__(self) -> str:
        return f"{self.to_decimal():,f} {self.currency}"


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Integer quotient with half-away-from-zero or half-even rounding, for any signs."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    quotient, rest = divmod(abs(numerator), denominator)
    twice = 2 * rest
    if twice > denominator or (
        twice == denominator and (rounding == "half_up" or quotient % 2 == 1)
    ):
        quotient += 1
    return -quotient if numerator < 0 else quotient


def to_micros(amount: str | int | Decimal, *, path: str | None = None) -> int:
    """Main units as micros, exactly; the errors are those of `Money.of`."""
    try:
        value = _decimal(amount) if isinstance(amount, str) else Decimal(amount)
    except InvalidOperation:
        raise Invalid(f"{str(amount)[:40]!r} is not an amount", path=path) from None
    if not value.is_finite() or value.adjusted() > 18:
        raise Invalid(f"{str(amount)[:40]!r} is not an amount that the books can hold", path=path)
    micros = value.scaleb(6, _EXACT)
    if micros != micros.to_integral_value():
        raise Invalid(f"{str(amount)[:40]!r} has more than six decimals", path=path)
    if abs(micros) > LARGEST:
        raise Invalid(f"{str(amount)[:40]!r} is more than the books can hold", path=path)
    return int(micros)


def _decimal(text: str) -> Decimal:
    """Without what only Python takes for a number: underscores, the digits of other scripts."""
    if "_" in text or not text.isascii():
        raise InvalidOperation
    return Decimal(text)


def minor_digits(currency: str) -> int:
    """Decimals of the currency's minor unit (ISO 4217): 2 but for the exceptions."""
    return _EXPONENTS.get(currency, 2)


def check_currency(currency: str, *, path: str | None = None) -> str:
    """`currency` itself, when it has an ISO 4217 code's shape; otherwise `Invalid`."""
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise Invalid(f"{currency[:10]!r} is not an ISO 4217 currency code", path=path)
    return currency
