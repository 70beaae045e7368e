"""The kernel compiled to machine code, once a process asks for it.

Importing this module costs nothing: numba is imported by `load`, which takes about half a
second where the machine code is cached and two where it is not. A process calls it before it
serves; whatever it rates earlier goes through the plain kernel, with the same results.
"""

import hashlib
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trunkline.rating import finding, kernel, layout, remainder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

_CALLED_INSIDE = (
    finding.find_row,
    finding.find_groups,
    finding.find_prefix,
    finding.find_rule,
    finding.is_listed,
    finding.find_steps,
    kernel.affordable,
    kernel.find_bucket,
    kernel.take,
    kernel.pay,
    remainder.common_divisor,
    remainder.round_remainder,
    remainder.carry_remainder,
    remainder.finer_price,
    kernel.find_step,
    kernel.counts,
    kernel.falls,
    kernel.settled,
    kernel.find_counter,
    kernel.find_counted,
    kernel.find_discount,
    kernel.until,
    kernel.pay_volume,
    kernel.extend_further,
    kernel.extend,
    kernel.count,
    kernel.rate,
)
_SOURCES = (kernel, finding, remainder, layout)
_RATE = "int64(int64[::1], int64[::1])"
_RATE_MANY = "void(" + ", ".join(["int64[::1]"] * 5) + ", int64, int64[::1])"


_DESK = 4096
"""Octets: room for a slice with many buckets. A longer one goes in an array of its own."""


@lru_cache(maxsize=64)
def _packing(numbers: int) -> struct.Struct:
    return struct.Struct(f"{numbers}q")


class Form:
    """The compiled functions, over arrays of 64-bit integers."""

    def __init__(self, rate: Callable[..., int], rate_many: Callable[..., None]) -> None:
        import numpy

        self._numpy = numpy
        self._rate = rate
        self.rate_many = rate_many
        """`kernel.rate_many` over arrays."""
        self._desks: list[tuple[bytearray, Integers]] = []
        """Free ones: memory that numbers are packed into much sooner than an array is made of
        them. Each thread takes one for itself."""

    def array(self, numbers: Sequence[int]) -> "Integers":
        return self._numpy.array(numbers, dtype=self._numpy.int64)

    def rate(self, table: "Integers", slice_: list[int]) -> int:
        """`kernel.rate`; every number of the slice must fit in 64 bits (`OverflowError`)."""
        packing = _packing(len(slice_))
        if packing.size > _DESK:
            return self._rate_apart(table, slice_)
        try:
            desk = self._desks.pop()
        except IndexError:
            desk = self._desk()
        octets, work = desk
        try:
            packing.pack_into(octets, 0, *slice_)
        except struct.error as fault:
            raise OverflowError(f"not a slice of 64-bit numbers: {fault}") from None
        code = self._rate(table, work)
        slice_[:] = packing.unpack_from(octets)
        self._desks.append(desk)
        return code

    def _desk(self) -> tuple[bytearray, "Integers"]:
        octets = bytearray(_DESK)
        return octets, self._numpy.frombuffer(octets, dtype=self._numpy.int64)

    def _rate_apart(self, table: "Integers", slice_: list[int]) -> int:
        work = self.array(slice_)
        code = self._rate(table, work)
        slice_[:] = work.tolist()
        return code


form: Form | None = None
"""What `load` has made in this process."""


def load(cache: Path | None = None) -> Form:
    """The compiled form, made at the first call. Machine code is kept in the folder `cache`
    (or where numba would), and made afresh where it can't be kept."""
    global form
    if form is None:
        form = _compile(cache)
    return form


def _compile(cache: Path | None) -> Form:
    import numba
    from numba.extending import register_jitable

    for function in _CALLED_INSIDE:
        register_jitable(function)
    config: Any = numba.config
    configured = config.CACHE_DIR
    # numba knows of machine code only that its own source file is the same.
    config.CACHE_DIR = str((cache or Path(__file__).parent / "__pycache__") / _digest())
    try:
        return Form(_machine_code(kernel.rate, _RATE), _machine_code(kernel.rate_many, _RATE_MANY))
    finally:
        config.CACHE_DIR = configured


def _digest() -> str:
    """Of all the source that the machine code is made from."""
    sources = (Path(str(module.__file__)).read_bytes() for module in _SOURCES)
    return hashlib.sha256(b"".join(sources)).hexdigest()[:16]


def _machine_code(function: Callable[..., Any], signature: str) -> Callable[..., Any]:
    from numba import njit

    try:
        kept: Callable[..., Any] = njit(signature, cache=True)(function)
        return kept
    except (OSError, RuntimeError):
        # numba refuses to compile at all where no folder takes the cache
        fresh: Callable[..., Any] = njit(signature)(function)
        return fresh
