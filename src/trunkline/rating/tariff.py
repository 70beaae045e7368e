"""The compiled tariff: one flat table of integers, and the few names that go with it."""

import sys
import zlib
from array import array
from datetime import datetime
from typing import Self

import msgspec

from trunkline.kernel.errors import Invalid, NotFound
from trunkline.rating.model import Allowance

_FORMAT = 1


class UnknownPlan(NotFound):
    code = "unknownPlan"


class TariffUnreadable(Invalid):
    code = "tariffUnreadable"


class Plan(msgspec.Struct, frozen=True):
    """`index` is the kernel's number for the plan in this tariff; another version may give it
    another one. `allowances` stand in the order in which they are to be used."""

    id: str
    index: int
    currency: str
    allowances: tuple[Allowance, ...]


class _Encoded(msgspec.Struct, array_like=True):
    format: int
    version: int
    effective_from: datetime
    labels: tuple[str, ...]
    plans: tuple[Plan, ...]
    table: bytes


class Tariff:
    """Version `version` of an operator's prices, in force from `effective_from`. Immutable.

    `table` is read by `rating.kernel` alone; `labels[i]` is the price that the kernel calls i.
    """

    __slots__ = ("_by_id", "effective_from", "labels", "plans", "table", "version")

    def __init__(
        self,
        *,
        version: int,
        effective_from: datetime,
        table: tuple[int, ...],
        labels: tuple[str, ...],
        plans: tuple[Plan, ...],
    ) -> None:
        self.version = version
        self.effective_from = effective_from
        self.table = table
        self.labels = labels
        self.plans = plans
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
            plans=self.plans,
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
        if encoded.format != _FORMAT:
            raise TariffUnreadable(f"format {encoded.format} is not known, only {_FORMAT}")
        if sys.byteorder == "big":
            table.byteswap()
        return cls(
            version=encoded.version,
            effective_from=encoded.effective_from,
            table=tuple(table),
            labels=encoded.labels,
            plans=encoded.plans,
        )
