"""Slices of usage for the kernel, and the `Rater` that sends them to its fastest form."""

from collections.abc import Sequence

from trunkline.kernel.errors import Invalid
from trunkline.rating import compiled, kernel
from trunkline.rating.tariff import Tariff

_DIGITS = 15
_FRESH = (0,) * (kernel.POSITION_END - kernel.POSITION)


class InvalidDestination(Invalid):
    code = "invalidDestination"


def destination(number: str, *, path: str | None = None) -> int:
    """A called number, digits with the country code first and an optional plus sign, as the
    kernel reads it; only its first fifteen digits count (E.164's most). An empty one is 0.
    Raises `InvalidDestination`."""
    digits = number.removeprefix("+")[:_DIGITS]
    if not digits:
        return 0
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidDestination(f"{number[:30]!r} is not a telephone number", path=path)
    return int(digits.ljust(_DIGITS, "0")) * 16 + len(digits)


def bucket_offset(index: int) -> int:
    """Where in a slice its bucket `index` begins."""
    return kernel.BUCKETS + index * kernel.BUCKET_SIZE


def new_slice(
    plan: int,
    service: int,
    *,
    start: int,
    units: int,
    group: int = -1,
    destination: int = 0,
    limit: int = kernel.NO_LIMIT,
    position: Sequence[int] | None = None,
    buckets: Sequence[Sequence[int]] = (),
) -> list[int]:
    """A slice ready for `Rater.rate`. `position` is what an earlier slice of the session left
    (`slice_[POSITION:POSITION_END]`), None at its beginning; a bucket is (remaining, reserved,
    service, group or -1, starts, expires), in the order in which they are to be used."""
    slice_ = [plan, service, group, destination, start, units, limit]
    slice_ += _FRESH if position is None else position
    slice_ += (0, 0, 0, -1, len(buckets))
    for bucket in buckets:
        slice_ += bucket
        slice_.append(0)
    return slice_


class Rater:
    """Rates slices by one tariff: with the kernel's compiled form where `compiled.load` has
    been called in this process, with the plain one until then."""

    def __init__(self, tariff: Tariff) -> None:
        self.tariff = tariff
        self._array: compiled.Integers | None = None

    def rate(self, slice_: list[int]) -> int:
        """Rate in place; returns RATED, SHORT, or a negative refusal (`rating.kernel`)."""
        form = compiled.form
        if form is None:
            return kernel.rate(self.tariff.table, slice_)
        if self._array is None:
            self._array = form.array(self.tariff.table)
        return form.rate(self._array, slice_)
