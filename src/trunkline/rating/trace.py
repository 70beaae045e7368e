"""How the kernel came to its result, for whoever asks why: its own code is run once more, with
witnesses in place of what it calls. The kernel itself keeps no trace."""

from collections.abc import Callable
from fractions import Fraction
from types import FunctionType
from typing import Any

import msgspec

from trunkline.rating import kernel
from trunkline.rating.tariff import Tariff

_DIGITS = 15


class Step(msgspec.Struct, frozen=True):
    """Whole increments that share a price and a source. `first` is the session's unit that they
    begin with; of `units` the last increment may reach beyond what was used. Paid for by the
    slice's bucket `bucket`, or else in money: `cost` micros, exact, with `fee` among them."""

    first: int
    units: int
    bucket: int | None
    cost: Fraction
    fee: int


class Standing(msgspec.Struct, frozen=True):
    """Where a session stands in its price: `exact` micros so far, before they are rounded, and
    `charged` of them. `ahead` units are covered beyond those that were used."""

    used: int
    ahead: int
    charged: int
    exact: Fraction


def standing(slice_: list[int]) -> Standing:
    """What a slice's position says."""
    return Standing(
        slice_[kernel.POS_RATED],
        slice_[kernel.POS_PAID],
        slice_[kernel.POS_CHARGED],
        _exact(slice_),
    )


def _exact(slice_: list[int]) -> Fraction:
    rest = Fraction(slice_[kernel.POS_REMAINDER], slice_[kernel.POS_PER] or 1)
    return slice_[kernel.POS_COST] + rest


def trace(tariff: Tariff, slice_: list[int]) -> tuple[Step, ...]:
    """Rates the slice in place, like `Rater.rate`, and tells the steps of it. A slice within an
    increment that was paid for before has none."""
    steps: list[Step] = []

    def extend(table: Any, s: list[int], rule: int, covered: int, *rest: Any) -> int:
        opened, before, taken = s[kernel.POS_OPENED], _exact(s), _taken(s)
        gained = kernel.extend(table, s, rule, covered, *rest)
        if gained:
            found = [i for i, units in enumerate(_taken(s)) if units != taken[i]]
            opens = s[kernel.POS_OPENED] != opened
            steps.append(
                Step(
                    s[kernel.POS_RATED] + covered,
                    gained,
                    found[0] if found else None,
                    _exact(s) - before,
                    table[rule + kernel.RULE_FEE] if opens else 0,
                )
            )
        return gained

    _witnessed(extend=extend)(tariff.table, slice_)
    return tuple(steps)


def _taken(s: list[int]) -> list[int]:
    size = kernel.BUCKET_SIZE
    end = kernel.BUCKETS + s[kernel.BUCKET_COUNT] * size
    return [s[at + kernel.TAKEN] for at in range(kernel.BUCKETS, end, size)]


def matched_prefix(tariff: Tariff, slice_: list[int]) -> str:
    """The digits of the called number that decided its price; "" where it didn't depend on
    them."""
    destination = slice_[kernel.DESTINATION]
    digits = str(destination // 16).rjust(_DIGITS, "0")[: destination % 16]
    decided = _rule(tariff, slice_, digits)
    while digits and _rule(tariff, slice_, digits[:-1]) == decided:
        digits = digits[:-1]
    return digits


def _rule(tariff: Tariff, slice_: list[int], digits: str) -> int:
    """Which rule prices the slice with this destination."""
    found = [-1]

    def find_rule(*args: Any) -> int:
        found[0] = kernel.find_rule(*args)
        return kernel.UNKNOWN_PLAN

    asked = slice_[:]
    asked[kernel.DESTINATION] = int(digits.ljust(_DIGITS, "0")) * 16 + len(digits) if digits else 0
    _witnessed(find_rule=find_rule)(tariff.table, asked)
    return found[0]


def _witnessed(**witnesses: Callable[..., int]) -> Callable[..., int]:
    """The kernel's `rate`, calling these instead of its own functions of the same names."""
    return FunctionType(kernel.rate.__code__, {**vars(kernel), **witnesses})
