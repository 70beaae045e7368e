"""Dated tax rates and their arithmetic. All of it is pure.

A rate is held in millionths: 20 % is 200,000 and Québec's 9.975 % is 99,750, both exact.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import msgspec

from trunkline.kernel.errors import Conflict, NotFound
from trunkline.kernel.money import Money, divide, minor_digits

WHOLE = 1_000_000
"""A rate of 100 %."""


LONGEST_NAME = 40
"""Of a regime's code, a category and a tax."""


class UnknownRegime(NotFound):
    code = "unknownTaxRegime"


def unknown_regime(code: str) -> UnknownRegime:
    return UnknownRegime(f"there is no tax regime {code[:40]!r}")


class RegimeExists(Conflict):
    code = "taxRegimeExists"


def regime_exists(code: str) -> RegimeExists:
    return RegimeExists(f"there is a tax regime {code} already", path="code")


class RateOverlaps(Conflict):
    code = "taxRateOverlaps"


class NoRate(Conflict):
    code = "noTaxRate"


class TaxRounding(StrEnum):
    """Where a tax becomes minor units; the market says which."""

    INVOICE = "invoice"
    """Once, on the sum of a category's lines."""
    LINE = "line"
    """On every line; the invoice's tax is the sum."""


class TaxRegime(msgspec.Struct, frozen=True):
    """How a market is taxed. `inclusive`: its prices contain the tax."""

    code: str
    rounding: TaxRounding = TaxRounding.INVOICE
    inclusive: bool = False


class TaxRate(msgspec.Struct, frozen=True):
    """One tax on one category, from `valid_from` up to, and without, `valid_to`.

    Several taxes (`name`) may lie on one category; they are charged in the order of
    `position`. A `compound` one is charged on the base and the taxes before it.
    """

    regime: str
    category: str
    name: str
    millionths: int
    valid_from: date
    valid_to: date | None = None
    position: int = 0
    compound: bool = False

    def __contains__(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)

    @property
    def percent(self) -> Decimal:
        """For people: 20, 9.975."""
        return (Decimal(self.millionths) / 10_000).normalize() + 0


class TaxTable(msgspec.Struct, frozen=True):
    """A regime with all its rates."""

    regime: TaxRegime
    rates: tuple[TaxRate, ...]

    def on(self, day: date) -> dict[str, tuple[TaxRate, ...]]:
        """The rates of each category that hold on `day`, in the order of their charging."""
        found: dict[str, list[TaxRate]] = {}
        for rate in self.rates:
            if day in rate:
                found.setdefault(rate.category, []).append(rate)
        return {
            category: tuple(sorted(rates, key=lambda rate: (rate.position, rate.name)))
            for category, rates in found.items()
        }


class Taxable(msgspec.Struct, frozen=True):
    """A line: `amount` in whole minor units, without its tax, or with it in an inclusive
    regime. Negative for a discount."""

    category: str
    amount: Money


class TaxItem(msgspec.Struct, frozen=True):
    """One tax of one category on an invoice: a row of its tax table."""

    category: str
    name: str
    millionths: int
    base: Money
    tax: Money


class Taxed(msgspec.Struct, frozen=True):
    """The result: each line's net, in the order of the lines, and the taxes.
    `gross` is `net + tax`, exactly."""

    lines: tuple[Money, ...]
    items: tuple[TaxItem, ...]
    net: Money
    tax: Money
    gross: Money


def calculate_tax(
    lines: Sequence[Taxable],
    rates: Mapping[str, tuple[TaxRate, ...]],
    *,
    currency: str,
    rounding: TaxRounding = TaxRounding.INVOICE,
    inclusive: bool = False,
) -> Taxed:
    """Taxes `lines` (in whole minor units of `currency`) by `rates` of each category, rounding
    half away from zero. Raises `NoRate` for a category that `rates` lacks: an untaxed one has
    a rate of zero."""
    by_category: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        if not rates.get(line.category):
            raise NoRate(f"no tax rate is set for {line.category!r}", path=f"lines[{index}]")
        by_category.setdefault(line.category, []).append(index)
    nets = [line.amount.micros for line in lines]
    items: list[TaxItem] = []
    step = 10 ** (6 - minor_digits(currency))
    for category, indexes in by_category.items():
        of_category = rates[category]
        amounts = [lines[index].amount.micros for index in indexes]
        groups = [[amount] for amount in amounts] if rounding is TaxRounding.LINE else [amounts]
        if inclusive:
            taken, taxes = _included(groups, of_category, step)
            for index, micros in zip(indexes, taken, strict=True):
                nets[index] = micros
        else:
            taxes = _added([sum(group) for group in groups], of_category, step)
        base = Money(sum(nets[index] for index in indexes), currency)
        items += [
            TaxItem(category, rate.name, rate.millionths, base, Money(tax, currency))
            for rate, tax in zip(of_category, taxes, strict=True)
        ]
    net = Money(sum(nets), currency)
    tax = Money(sum(item.tax.micros for item in items), currency)
    return Taxed(
        lines=tuple(Money(micros, currency) for micros in nets),
        items=tuple(items),
        net=net,
        tax=tax,
        gross=net + tax,
    )


def _added(bases: Iterable[int], rates: Sequence[TaxRate], step: int) -> list[int]:
    """The tax of each rate, in micros: rounded on each of `bases`, then summed."""
    totals = [0] * len(rates)
    for base in bases:
        before = 0
        for place, rate in enumerate(rates):
            over = base + before if rate.compound else base
            tax = divide(over * rate.millionths, WHOLE * step, "half_up") * step
            totals[place] += tax
            before += tax
    return totals


def _included(
    groups: Iterable[Sequence[int]], rates: Sequence[TaxRate], step: int
) -> tuple[list[int], list[int]]:
    """Each amount's net, and the tax of each rate. A group's net is rounded once and its tax is
    the rest, the heaviest tax taking what rounding left; the nets of its amounts follow, the
    largest taking the residue."""
    weights: list[Fraction] = []
    for rate in rates:
        over = sum(weights, Fraction(1)) if rate.compound else Fraction(1)
        weights.append(Fraction(rate.millionths, WHOLE) * over)
    factor = sum(weights, Fraction(1))
    heaviest = max(range(len(weights)), key=lambda place: weights[place])
    nets: list[int] = []
    totals = [0] * len(rates)
    for group in groups:
        gross = sum(group)
        net = _rounded(gross / factor, step)
        parts = [_rounded(amount / factor, step) for amount in group]
        largest = max(range(len(group)), key=lambda place: abs(group[place]))
        parts[largest] += net - sum(parts)
        nets += parts
        taxes = [_rounded(gross / factor * weight, step) for weight in weights]
        taxes[heaviest] += gross - net - sum(taxes)
        totals = [total + tax for total, tax in zip(totals, taxes, strict=True)]
    return nets, totals


def _rounded(value: Fraction, step: int) -> int:
    return divide(value.numerator, value.denominator * step, "half_up") * step
