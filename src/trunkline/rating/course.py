"""How a price runs over a slice of usage: where it may be another, and how coarsely it counts."""

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

import msgspec

from trunkline.rating import finding, layout
from trunkline.rating.tariff import Tariff

_RATED = layout.POS_RATED - layout.POSITION
_OPENED = layout.POS_OPENED - layout.POSITION


class Steps(msgspec.Struct, frozen=True, dict=True):
    """A price at some instant. `bounds` are the session's units from which another price by unit
    holds, `increments` (from the session's unit, size) each; `units` of usage cost at most
    `units * total / per` micros, at all the steps' prices together. With `fee`, something falls due
    with the first unit that money pays for. `whole`: every increment costs whole micros."""

    bounds: tuple[int, ...]
    increments: tuple[tuple[int, int], ...]
    total: int
    per: int
    fee: bool
    whole: bool

    @cached_property
    def coarsest(self) -> int:
        return max(size for _, size in self.increments)


class Course(NamedTuple):
    """`turns` are the slice's units before which another price by unit may begin because of how
    much was used; `times`, where units are seconds, those before which the calendar may bring
    another price, or a bucket begins or ends. `first` are the steps at its start, `total` is that
    of all of them. `opens`: a fee may fall due in it."""

    turns: tuple[int, ...]
    times: tuple[int, ...]
    first: Steps
    total: int
    opens: bool

    @property
    def even(self) -> bool:
        """Whether all its units cost the same."""
        return not (self.turns or self.times or self.opens)


class Courses:
    """Of one tariff's prices, which it reads once."""

    def __init__(self, tariff: Tariff) -> None:
        self.table = tariff.table
        self._read: dict[tuple[int, int], Steps | None] = {}

    def rule(self, slice_: list[int]) -> int:
        """The offset of the rule that prices the slice, or a negative refusal."""
        return finding.find_rule(self.table, *slice_[layout.PLAN : layout.START])

    def course(self, slice_: list[int], before: list[int]) -> Course | None:
        """Of a slice, rated or not, and the position before it. None where it has no price, or one
        that has flat amounts or doesn't go by the session's units alone; of a plan without
        discounts by counters."""
        table, rule = self.table, self.rule(slice_)
        if rule < 0:
            return None
        start, units = slice_[layout.START], slice_[layout.UNITS]
        offset, at = finding.find_steps(table, rule, start)
        first = found = self.steps(rule, offset)
        if first is None or found is None:
            return None
        timed = table[rule + layout.RULE_FLAGS] & layout.TIMED
        opens = first.fee and before[_OPENED] == 0
        if not (timed or first.bounds):
            return Course((), (), first, first.total, opens)
        total, bounds, times = first.total, {*first.bounds}, set[int]()
        if timed:
            times = _bounds_of_buckets(slice_)
            while at < units and found is not None:
                times.add(at)
                offset, lasts = finding.find_steps(table, rule, start + at)
                found = self.steps(rule, offset)
                if found is not None:
                    bounds.update(found.bounds)
                    total += found.total
                at += lasts
        rated = before[_RATED]
        return Course(
            tuple(each - rated for each in bounds if rated < each < rated + units),
            tuple(each for each in times if 0 < each < units),
            first,
            total,
            opens,
        )

    def steps(self, rule: int, offset: int) -> Steps | None:
        """Of the rule, those that lie there."""
        place = rule, offset
        if place not in self._read:
            self._read[place] = _steps(self.table, rule, offset)
        return self._read[place]


def _steps(table: tuple[int, ...], rule: int, offset: int) -> Steps | None:
    rows = _rows(table, offset, 3)
    fee = table[rule + layout.RULE_FEE] > 0 or table[rule + layout.RULE_MINIMUM] > 0
    if table[rule + layout.RULE_FLAGS] < layout.FURTHER:
        prices = _changes((row[0], row[2]) for row in rows)
        increments = _changes((row[0], row[1]) for row in rows)
        scale = 1
    elif table[rule + layout.RULE_TIERS] != layout.GRADUATED or table[rule + layout.RULE_COUNTER]:
        return None
    else:
        prices = _changes((row[0], row[1]) for row in rows)
        sizes = _rows(table, table[rule + layout.RULE_INCREMENTS], 2)
        increments = _changes((row[0], row[1]) for row in sizes)
        scale = table[rule + layout.RULE_SCALE]
    bounds = tuple(start for start, _ in prices[1:])
    total = sum(price for _, price in prices) * scale
    per = table[rule + layout.RULE_PER]
    whole = scale == 1 and all(
        size * price % per == 0 for _, size in increments for _, price in prices
    )
    return Steps(bounds, increments, total, per, fee, whole)


def _changes(rows: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Those that say something else than the one before."""
    found: list[tuple[int, int]] = []
    for start, value in rows:
        if not found or value != found[-1][1]:
            found.append((start, value))
    return tuple(found)


def _rows(table: tuple[int, ...], offset: int, size: int) -> list[tuple[int, ...]]:
    end = offset + 1 + size * table[offset]
    return [table[row : row + size] for row in range(offset + 1, end, size)]


def _bounds_of_buckets(slice_: list[int]) -> set[int]:
    end = layout.BUCKETS + slice_[layout.BUCKET_COUNT] * layout.BUCKET_SIZE
    return {
        slice_[bucket + bound] - slice_[layout.START]
        for bucket in range(layout.BUCKETS, end, layout.BUCKET_SIZE)
        for bound in (layout.STARTS, layout.EXPIRES)
    }
