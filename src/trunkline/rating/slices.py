"""Slices of usage for the kernel, and the `Rater` that sends them to its fastest form."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from trunkline.kernel.errors import Invalid
from trunkline.rating import compiled, finding, kernel, layout, remainder
from trunkline.rating.course import Courses
from trunkline.rating.tariff import Tariff

_DIGITS = 15
_MARK = -2
"""Ends what is kept; no session's position ends with it."""
_FRESH = (0,) * (layout.POSITION_END - layout.POSITION)


class InvalidDestination(Invalid):
    code = "invalidDestination"


def destination(number: str, *, path: str | None = None) -> int:
    """A called number, digits with the country code first, as the kernel reads it; "+", or "00",
    may stand before them (no country's code begins with 0). Only the first fifteen count (E.164's
    most). An empty one is 0. Raises `InvalidDestination`."""
    digits = number.removeprefix("+").removeprefix("00")[:_DIGITS]
    if not digits:
        return 0
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidDestination(f"{number[:30]!r} is not a telephone number", path=path)
    return int(digits.ljust(_DIGITS, "0")) * 16 + len(digits)


def bucket_offset(index: int) -> int:
    """Where in a slice its bucket `index` begins."""
    return layout.BUCKETS + index * layout.BUCKET_SIZE


def new_slice(
    plan: int,
    service: int,
    *,
    start: int,
    units: int,
    group: int = -1,
    destination: int = 0,
    where: int = 0,
    limit: int = layout.NO_LIMIT,
    position: Sequence[int] | None = None,
    buckets: Sequence[Sequence[int]] = (),
    counters: Sequence[int] = (),
) -> list[int]:
    """A slice ready for `Rater.rate`. `position` is what an earlier slice of the session left
    (`slice_[POSITION:POSITION_END]`), None at its beginning; a bucket is (remaining, reserved,
    service, group or -1, starts, expires), in the order in which they are to be used; `counters`
    are where the plan's counters stand."""
    slice_ = [plan, service, group, destination, where, start, units, limit]
    slice_ += _FRESH if position is None else position
    slice_ += (0, 0, 0, 0, -1, len(buckets), len(counters))
    for bucket in buckets:
        slice_ += bucket
        slice_.append(0)
    for counted in counters:
        slice_ += (counted, 0)
    return slice_


def evidence(slice_: list[int], before: list[int]) -> list[int]:
    """A rated slice and the position before it, as `again` takes them."""
    return [*slice_, *before, _MARK]


class Again(NamedTuple):
    """What was asked, what came out of it now and the kernel's code; and whether that is what
    came out then."""

    asked: list[int]
    slice: list[int]
    code: int
    same: bool


def again(rate: Callable[[list[int]], int], kept: Sequence[int]) -> Again:
    """Rates once more what `evidence` kept. That of before there were circumstances and counters
    is read as well, and that of when a change of price rounded what was less than a micro."""
    size = layout.POSITION_END - layout.POSITION
    today = kept[-1] == _MARK
    if today:
        kept = kept[:-1]
    was = list(kept[:-size]) if today else _widened(kept[:-size])
    asked = was[:]
    asked[layout.POSITION : layout.POSITION_END] = kept[-size:]
    slice_ = asked[:]
    code = rate(slice_)
    if not today:
        was[layout.PAID] = slice_[layout.PAID]
    if slice_ != was and asked[layout.POS_REMAINDER]:
        rounded = asked[:]
        remainder.round_remainder(rounded, 0)
        then = rounded[:]
        if rate(then) == code and then == was:
            return Again(rounded, then, code, same=True)
    return Again(asked, slice_, code, slice_ == was)


def _widened(old: Sequence[int]) -> list[int]:
    """A slice of 19 numbers before its buckets, as one of today."""
    return [*old[:4], 0, *old[4:17], 0, *old[17:19], 0, *old[19:]]


class Rater:
    """Rates slices by one tariff: with the kernel's compiled form where `compiled.load` has
    been called in this process, with the plain one until then."""

    def __init__(self, tariff: Tariff) -> None:
        self.tariff = tariff
        self._courses = Courses(tariff)
        self.course = self._courses.course
        self._array: compiled.Integers | None = None

    def rate(self, slice_: list[int]) -> int:
        """Rate in place; returns RATED, SHORT, or a negative refusal (`rating.kernel`)."""
        form = compiled.form
        if form is None:
            return kernel.rate(self.tariff.table, slice_)
        if self._array is None:
            self._array = form.array(self.tariff.table)
        return form.rate(self._array, slice_)

    def lasts(self, slice_: list[int]) -> int:
        """For how many seconds from the slice's start the calendar leaves its price as it is."""
        rule = self._courses.rule(slice_)
        if rule < 0:
            return layout.MOST_UNITS
        return finding.find_steps(self.tariff.table, rule, slice_[layout.START])[1]
