"""Circumstances as numbers: what the network tells in words becomes one integer, a field of bits
for each word that the tariff knows; a filter is a mask and the value that stands under it."""

from collections.abc import Container, Iterable, Mapping

import msgspec
from msgspec.structs import astuple

from trunkline.kernel.errors import Invalid
from trunkline.rating.model import Filters, Zone

_BITS = 12
_MOST = (1 << _BITS) - 1
_IDENTIFIER, _ZONE, _DNN, _SLICE, _QOS = (_BITS * place for place in range(5))
_LARGEST_QOS = 255
_LARGEST_IDENTIFIER = (1 << 32) - 1
_LONGEST_NETWORK = 6


class InvalidFilter(Invalid):
    code = "invalidFilter"


class Places(msgspec.Struct, frozen=True):
    """The words that one tariff knows, each with its number (from 1). `networks` are the
    beginnings of MCC and MNC, each with its zone's number."""

    identifiers: Mapping[int, int] = {}
    zones: Mapping[str, int] = {}
    networks: Mapping[str, int] = {}
    dnns: Mapping[str, int] = {}
    slices: Mapping[str, int] = {}
    qos: bool = False

    def where(
        self,
        *,
        service_identifier: int = -1,
        dnn: str = "",
        slice_: str = "",
        qos: int = -1,
        network: str = "",
    ) -> int:
        """The kernel's WHERE. What isn't told (empty, -1) or what no price asks for is 0 there,
        and meets no filter."""
        where = self.identifiers.get(service_identifier, 0)
        if network and self.networks:
            where |= self.zone_of(network) << _ZONE
        if dnn and self.dnns:
            where |= self.dnns.get(dnn.lower(), 0) << _DNN
        if slice_ and self.slices:
            where |= self.slices.get(slice_.lower(), 0) << _SLICE
        if self.qos and 0 <= qos <= _LARGEST_QOS:
            where |= (qos + 1) << _QOS
        return where

    def zone_of(self, network: str) -> int:
        """The number of the zone that names the most digits of this MCC and MNC; 0 for none."""
        for length in range(min(len(network), _LONGEST_NETWORK), 2, -1):
            zone = self.networks.get(network[:length])
            if zone is not None:
                return zone
        return 0

    def meets(
        self,
        filters: Filters,
        *,
        service_identifier: int = -1,
        dnn: str = "",
        slice_: str = "",
        qos: int = -1,
        network: str = "",
    ) -> bool:
        """Whether usage under these circumstances fits filters of this tariff or an older one."""
        if filters.zone is not None and (
            self.zone_of(network) == 0 or self.zone_of(network) != self.zones.get(filters.zone)
        ):
            return False
        return (
            filters.service_identifier in (None, service_identifier)
            and (filters.dnn is None or filters.dnn.lower() == dnn.lower())
            and (filters.slice is None or filters.slice.lower() == slice_.lower())
            and filters.qos in (None, qos)
        )

    def filtered(self, filters: Filters) -> tuple[int, int]:
        """The mask and the value of these filters. What the tariff doesn't know of them (they are
        an older one's) is met by nothing."""
        mask = value = 0
        if filters.service_identifier is not None:
            mask |= _MOST << _IDENTIFIER
            value |= self.identifiers.get(filters.service_identifier, _MOST) << _IDENTIFIER
        for shift, known, asked in (
            (_ZONE, self.zones, filters.zone),
            (_DNN, self.dnns, None if filters.dnn is None else filters.dnn.lower()),
            (_SLICE, self.slices, None if filters.slice is None else filters.slice.lower()),
        ):
            if asked is not None:
                mask |= _MOST << shift
                value |= known.get(asked, _MOST) << shift
        if filters.qos is not None:
            mask |= _MOST << _QOS
            value |= (filters.qos + 1) << _QOS
        return mask, value

    def told(self, where: int) -> Filters:
        """What a WHERE says, in words; None for what it doesn't."""

        def word(names: Mapping[str, int], shift: int) -> str | None:
            number = where >> shift & _MOST
            return next((name for name, known in names.items() if known == number), None)

        identifier = where & _MOST
        return Filters(
            service_identifier=next(
                (each for each, known in self.identifiers.items() if known == identifier), None
            ),
            zone=word(self.zones, _ZONE),
            dnn=word(self.dnns, _DNN),
            slice=word(self.slices, _SLICE),
            qos=(where >> _QOS) - 1 if where >> _QOS else None,
        )


NOWHERE = Places()


def precedence(filters: Filters) -> tuple[bool, ...]:
    """What sorts the more specific first."""
    return tuple(
        each is None
        for each in (
            filters.service_identifier,
            filters.zone,
            filters.dnn,
            filters.slice,
            filters.qos,
        )
    )


def lowered(filters: Filters) -> Filters:
    """The same, without the capitals that don't count."""
    dnn, slice_ = filters.dnn, filters.slice
    return msgspec.structs.replace(
        filters,
        dnn=None if dnn is None else dnn.lower(),
        slice=None if slice_ is None else slice_.lower(),
    )


def may_meet(one: Filters, other: Filters) -> bool:
    """Whether some usage may fit both."""
    return all(
        mine is None or theirs is None or mine == theirs
        for mine, theirs in zip(astuple(lowered(one)), astuple(lowered(other)), strict=True)
    )


def holds_within(outer: Filters, inner: Filters) -> bool:
    """Whether all that fits `inner` fits `outer`."""
    return all(
        wide is None or wide == narrow
        for wide, narrow in zip(astuple(lowered(outer)), astuple(lowered(inner)), strict=True)
    )


def places_of(zones: Iterable[Zone], filters: Iterable[Filters]) -> Places:
    """Every word of these filters with a number. Raises `InvalidFilter`."""
    names: dict[str, int] = {}
    networks: dict[str, int] = {}
    for zone in zones:
        path = f"zone {zone.name[:40]}"
        if not zone.name or zone.name in names:
            raise InvalidFilter("two zones of one name, or one without", path=path)
        names[zone.name] = len(names) + 1
        if not zone.networks:
            raise InvalidFilter("has no networks", path=path)
        for network in zone.networks:
            if not (network.isascii() and network.isdigit() and 3 <= len(network) <= 6):
                raise InvalidFilter(f"{network[:20]!r} is not an MCC, nor MCC and MNC", path=path)
            if network in networks:
                raise InvalidFilter(f"{network} belongs to another zone, or twice", path=path)
            networks[network] = names[zone.name]
    identifiers: dict[int, int] = {}
    dnns: dict[str, int] = {}
    slices: dict[str, int] = {}
    qos = False
    for each in filters:
        if each.service_identifier is not None:
            identifiers.setdefault(each.service_identifier, len(identifiers) + 1)
        if each.dnn is not None:
            dnns.setdefault(each.dnn.lower(), len(dnns) + 1)
        if each.slice is not None:
            slices.setdefault(each.slice.lower(), len(slices) + 1)
        qos = qos or each.qos is not None
    for what, count in (
        ("zones", len(names)),
        ("service identifiers", len(identifiers)),
        ("DNNs", len(dnns)),
        ("slices", len(slices)),
    ):
        if count >= _MOST:
            raise InvalidFilter(f"more than {_MOST - 1} {what} in one tariff", path=what)
    return Places(identifiers, names, networks, dnns, slices, qos)


def check_filters(filters: Filters, zones: Container[str]) -> None:
    """Raises `InvalidFilter` where nothing can fit."""
    identifier, qos = filters.service_identifier, filters.qos
    if identifier is not None and not 0 <= identifier <= _LARGEST_IDENTIFIER:
        raise InvalidFilter(f"{identifier} is not a service identifier", path="serviceIdentifier")
    if filters.zone is not None and filters.zone not in zones:
        raise InvalidFilter(f"no zone is called {filters.zone[:40]!r}", path="zone")
    if filters.dnn == "" or filters.slice == "":
        raise InvalidFilter("an empty name filters nothing", path="dnn, slice")
    if qos is not None and not 0 <= qos <= _LARGEST_QOS:
        raise InvalidFilter(f"{qos} is not a 5QI", path="qos")
