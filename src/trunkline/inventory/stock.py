"""Writes on what is kept in stock: numbers and SIMs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from trunkline.inventory import shelf
from trunkline.inventory.events import EndQuarantine, NumberQuarantined
from trunkline.inventory.model import (
    NotAvailable,
    OutOfStock,
    ProductId,
    Resource,
    ResourceId,
    ResourceKind,
    ResourceNotFound,
    ResourceState,
    SimMismatch,
)
from trunkline.inventory.numbering import Iccid, Imsi, Msisdn
from trunkline.kernel.errors import Invalid
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx

MOST_AT_ONCE = 10_000
"""Resources that one call adds: a write transaction stays short."""
QUARANTINE = timedelta(days=90)
"""How long a number rests after termination, unless told otherwise: callers who still mean its
last holder should not reach the next."""


def add_numbers(tx: Tx, *, first: Msisdn, count: int, now: datetime) -> int:
    """Puts `count` consecutive numbers on the shelf. Those that are in stock already stay as
    they are; returns how many were new."""
    if not 1 <= count <= MOST_AT_ONCE:
        raise Invalid(f"{count} is not from 1 to {MOST_AT_ONCE}", path="count")
    last = str(int(first) + count - 1)
    if len(last) != len(first):
        raise Invalid(f"{count} numbers from {first} leave its range of length", path="count")
    return _added(
        tx,
        [
            Resource(
                id=tx.new_id(ResourceId, now),
                kind=ResourceKind.NUMBER,
                value=str(value),
                state=ResourceState.AVAILABLE,
            )
            for value in range(int(first), int(last) + 1)
        ],
    )


def add_sims(tx: Tx, *, sims: Sequence[tuple[Iccid, Imsi]], now: datetime) -> int:
    """Puts SIMs on the shelf. Those in stock already stay as they are; returns how many were
    new. Raises `SimMismatch` where an ICCID or IMSI is known with another partner, and then
    adds none."""
    if not 1 <= len(sims) <= MOST_AT_ONCE:
        raise Invalid(f"{len(sims)} is not from 1 to {MOST_AT_ONCE}", path="sims")
    imsis = dict(sims)
    if len(imsis) != len(set(sims)) or len(set(imsis.values())) != len(imsis):
        raise SimMismatch("an ICCID or an IMSI comes twice, with different partners", path="sims")
    iccid_of = {imsi: iccid for iccid, imsi in imsis.items()}
    for iccid, imsi in shelf.taken(tx, list(imsis), list(iccid_of)).items():
        if imsis.get(Iccid(iccid)) != imsi:
            raise SimMismatch(f"SIM {iccid} is in stock with IMSI {imsi}", path="sims")
    return _added(
        tx,
        [
            Resource(
                id=tx.new_id(ResourceId, now),
                kind=ResourceKind.SIM,
                value=iccid,
                imsi=imsi,
                state=ResourceState.AVAILABLE,
            )
            for iccid, imsi in imsis.items()
        ],
    )


def _added(tx: Tx, resources: Sequence[Resource]) -> int:
    added = set(shelf.add(tx, resources))
    for each in resources:
        if each.id in added:
            told(tx, each, Change.CREATED)
    return len(added)


def told(tx: Tx, resource: Resource, change: Change) -> None:
    """Clients know each resource as one, and as a logical or a physical one."""
    physical = resource.is_physical or resource.kind is ResourceKind.SIM
    tx.changed("Resource", resource.id, change)
    tx.changed("PhysicalResource" if physical else "LogicalResource", resource.id, change)


def reserve_number(tx: Tx, *, holder: str, wished: Msisdn | None = None) -> Resource:
    """Takes a number off the shelf for `holder` alone: the `wished` one, or the lowest. Raises
    `OutOfStock`; for a wished one `ResourceNotFound` or `NotAvailable`."""
    return _reserve(tx, ResourceKind.NUMBER, holder, wished)


def reserve_sim(tx: Tx, *, holder: str, wished: Iccid | None = None) -> Resource:
    """Takes a SIM off the shelf for `holder` alone; as `reserve_number`."""
    return _reserve(tx, ResourceKind.SIM, holder, wished)


def reserve_numbers(tx: Tx, *, holders: Sequence[str]) -> list[Resource]:
    """Takes a number off the shelf for each of these, the lowest for the first; raises
    `OutOfStock` where there are not enough, and takes none."""
    return _reserve_some(tx, ResourceKind.NUMBER, holders)


def reserve_sims(tx: Tx, *, holders: Sequence[str]) -> list[Resource]:
    """The same for SIMs."""
    return _reserve_some(tx, ResourceKind.SIM, holders)


def _reserve_some(tx: Tx, kind: ResourceKind, holders: Sequence[str]) -> list[Resource]:
    reserved = shelf.reserve_some(tx, kind, holders)
    if len(reserved) < len(holders):
        raise OutOfStock(f"there are no {len(holders)} left in stock", path=str(kind))
    _moved(tx, reserved)
    return reserved


def _reserve(tx: Tx, kind: ResourceKind, holder: str, wished: str | None) -> Resource:
    if wished is None:
        reserved = shelf.reserve_any(tx, kind, holder)
        if reserved is None:
            raise OutOfStock(f"no {kind} is left in stock", path=str(kind))
        _moved(tx, [reserved])
        return reserved
    reserved = shelf.reserve_this(tx, kind, wished, holder)
    if reserved is None:
        known = shelf.find(tx, kind, wished)
        if known is None:
            raise ResourceNotFound(f"{kind} {wished} is not in stock", path=str(kind))
        raise NotAvailable(f"{kind} {wished} is {known.state}", path=str(kind))
    _moved(tx, [reserved])
    return reserved


def _moved(tx: Tx, resources: Iterable[Resource]) -> None:
    for each in resources:
        told(tx, each, Change.STATE)


def assign_resources(tx: Tx, *, products: Mapping[str, ProductId]) -> int:
    """Assigns what each of these holders has reserved to a product; how many resources that
    were."""
    _moved(tx, shelf.reserved_by(tx, list(products)))
    return shelf.assign(tx, products)


def release_resources(tx: Tx, *, holder: str) -> list[Resource]:
    """Puts what `holder` has reserved back on the shelf."""
    released = shelf.release(tx, holder)
    _moved(tx, released)
    return released


def take_back_resources(
    tx: Tx, *, product: ProductId, now: datetime, quarantine: timedelta = QUARANTINE
) -> list[Resource]:
    """Takes a terminated product's resources: its number rests for `quarantine`, then goes
    back on the shelf by itself; its SIM is retired."""
    until = now + quarantine
    taken = shelf.take_back(tx, product, until)
    _moved(tx, taken)
    for each in taken:
        if each.kind is ResourceKind.NUMBER:
            tx.emit(NumberQuarantined(resource=each.id, msisdn=each.value, until=until))
            tx.emit(EndQuarantine(resource=each.id), not_before=until)
    return taken
