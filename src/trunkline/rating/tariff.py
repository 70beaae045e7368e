"""The compiled tariff: one flat table of integers, and the few names that go with it."""

import sys
import zlib
from array import array
from collections.abc import Sequence
from datetime import datetime
from typing import Self

import msgspec

from trunkline.kernel.errors import Invalid, NotFound
from trunkline.rating import layout
from trunkline.rating.model import Allowance, CounterSource
from trunkline.rating.places import NOWHERE, Places

_FORMAT = 2
_FIRST_SERVICES = 3
"""That format 1 knew."""


class UnknownPlan(NotFound):
    code = "unknownPlan"


class TariffUnreadable(Invalid):
    code = "tariffUnreadable"


class Plan(msgspec.Struct, frozen=True):
    """`index` is the kernel's number for the plan in this tariff; another version may give it
    another one. `allowances` stand in the order in which they are to be used, `counters` in that
    of the slice. `calendared` where the time of day decides a price, `filtered` where circumstances
    do. `places` are the tariff's."""

    id: str
    index: int
    currency: str
    allowances: tuple[Allowance, ...]
    counters: tuple[CounterSource, ...] = ()
    calendared: bool = False
    filtered: bool = False
    shifting: bool = False
    """Whether a price may fall as more is used, or move by what other sessions use."""
    places: Places = NOWHERE


class _Encoded(msgspec.Struct, array_like=True):
    format: int
    version: int
    effective_from: datetime
    labels: tuple[str, ...]
    plans: tuple[Plan, ...]
    table: bytes
    places: Places = NOWHERE


class Tariff:
    """Version `version` of an operator's prices, in force from `effective_from`. Immutable.

    `table` is read by `rating.kernel` alone; `labels[i]` is the price that the kernel calls i.
    """

    __slots__ = ("_by_id", "effective_from", "labels", "places", "plans", "table", "version")

    def __init__(
        self,
        *,
        version: int,
        effective_from: datetime,
        table: tuple[int, ...],
        labels: tuple[str, ...],
        plans: tuple[Plan, ...],
        places: Places = NOWHERE,
    ) -> None:
        self.version = version
        self.effective_from = effective_from
        self.table = table
        self.labels = labels
        self.plans = plans
        self.places = places
        self._by_id = {plan.id: plan for plan in plans}

    def plan(self, plan_id: str) -> Plan:
        """The plan of this id. Raises `UnknownPlan`."""
        try:
            return self._by_id[plan_id]
        except KeyError:
            raise UnknownPlan(
                f"tariff {self.version} has no plan {plan_id[:40]!r}", plan=plan_id
            ) from None

    def encode(self) -> bytes:
        """As bytes that `decode` reads on any machine."""
        table = array("q", self.table)
        if sys.byteorder == "big":
            table.byteswap()
        encoded = _Encoded(
            format=_FORMAT,
            version=self.version,
            effective_from=self.effective_from,
            labels=self.labels,
            plans=tuple(msgspec.structs.replace(each, places=NOWHERE) for each in self.plans),
            places=self.places,
            table=zlib.compress(table.tobytes(), 6),
        )
        return msgspec.msgpack.encode(encoded)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The inverse of `encode`. Raises `TariffUnreadable`."""
        try:
            encoded = msgspec.msgpack.decode(data, type=_Encoded)
            table = array("q")
            table.frombytes(zlib.decompress(encoded.table))
        except (msgspec.MsgspecError, zlib.error, ValueError) as fault:
            raise TariffUnreadable(f"not an encoded tariff: {fault}") from None
        if encoded.format not in (1, _FORMAT):
            raise TariffUnreadable(f"format {encoded.format} is not known, only {_FORMAT}")
        if sys.byteorder == "big":
            table.byteswap()
        return cls(
            version=encoded.version,
            effective_from=encoded.effective_from,
            table=_with_head(table) if encoded.format == 1 else tuple(table),
            labels=encoded.labels,
            plans=tuple(
                msgspec.structs.replace(each, places=encoded.places) for each in encoded.plans
            ),
            places=encoded.places,
        )


def _with_head(table: Sequence[int]) -> tuple[int, ...]:
    """A table of format 1, whose head was at its beginning, with one as it is today."""
    plans = table[0]
    head = [plans, layout.KNOWN_SERVICES]
    for plan in range(plans):
        first = 1 + plan * _FIRST_SERVICES
        missing = layout.KNOWN_SERVICES - _FIRST_SERVICES
        head += [*table[first : first + _FIRST_SERVICES], *[0] * missing, 0]
    return (len(table), *table[1:], *head)
