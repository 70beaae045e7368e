"""TMF639 Resource Inventory, v4.

Numbers and cards are typed: a resource of `@type` MSISDN has its number as `value`, one of `@type`
SIM its ICCID, and its IMSI as the characteristic `imsi`. They are put on the shelf that orders take
them from, and their states follow from where they stand there. All others are kept as they come.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline import inventory
from trunkline.inventory import (
    AdministrativeState,
    NewResource,
    OperationalState,
    Resource,
    ResourceId,
    ResourceKind,
    ResourceStatus,
    States,
    UsageState,
    resource_table,
)
from trunkline.kernel.errors import Invalid
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms import kept
from trunkline.rest.forms.resource import LogicalResourceForm, PhysicalResourceForm, ResourceForm
from trunkline.rest.forms.wire import RESOURCES
from trunkline.tmf import Api, Body, Document, Paths, in_json

_CHARACTERISTICS = "resourceCharacteristic"
_TYPES = {ResourceKind.NUMBER: "MSISDN", ResourceKind.SIM: "SIM"}
_KINDS = {name.lower(): kind for kind, name in _TYPES.items()}
_STATES = ("resourceStatus", "administrativeState", "operationalState", "usageState")
_COLUMNS = (*_STATES, "name", "value", "category")
_SPECIFICATION = "resourceSpecification"
_KNOWN = {
    "resourceRelationship": kept.RESOURCES,
    "resourceRelationship.resource": kept.RESOURCES,
}
_SPECIFICATIONS = {_SPECIFICATION: kept.of_catalog(_SPECIFICATION)}


def _bodies(
    default: str, *, is_physical: bool | None
) -> Callable[[Reader, Sequence[str]], list[Body]]:
    def find(r: Reader, ids: Sequence[str]) -> list[Body]:
        return [
            _body(each, default)
            for each in inventory.resources(r, ids)
            if is_physical in (None, each.is_physical)
        ]

    return find


def _body(resource: Resource, default: str) -> Body:
    body: Body = {
        "id": resource.id,
        "@type": _TYPES.get(resource.kind, default),
        **resource.details,
        "name": resource.name,
        "resourceStatus": resource.status,
        "administrativeState": resource.administrative_state,
        "operationalState": resource.operational_state,
        "usageState": resource.usage_state,
    }
    if resource.kind is not ResourceKind.OTHER:
        physical = resource.kind is ResourceKind.SIM
        body["@baseType"] = "PhysicalResource" if physical else "LogicalResource"
    if resource.imsi is not None:
        others = [each for each in body.get(_CHARACTERISTICS, ()) if each["name"] != "imsi"]
        body[_CHARACTERISTICS] = [{"name": "imsi", "value": resource.imsi}, *others]
    if resource.value:
        body["value"] = resource.value
    if resource.category:
        body["category"] = resource.category
    return body


def _creates(*, is_physical: bool | None) -> Callable[[Tx, Body, datetime], str]:
    """Creates in a collection; in that of all resources, the type tells what it is."""

    def create(tx: Tx, given: Body, now: datetime) -> str:
        body = kept.present(given)
        _check(tx, body, None)
        said = str(body.get("@type") or "").lower()
        kind = _KINDS.get(said, ResourceKind.OTHER)
        physical = is_physical
        if kind is not ResourceKind.OTHER and physical not in (None, kind is ResourceKind.SIM):
            raise Invalid(f"a {body['@type']} is not kept here", path="@type")
        if physical is None:
            physical = "physicalresource" in (said, str(body.get("@baseType")).lower())
        values = {each["name"]: each.get("value") for each in body.get(_CHARACTERISTICS, ())}
        value = kept.short(body, "value")
        if kind is not ResourceKind.OTHER and value is None:
            value = kept.short(body, "name")
        new = NewResource(
            kind=kind,
            name=kept.name_of(body, value or "Resource"),
            value=value,
            imsi=_text(values.get("imsi")) if kind is ResourceKind.SIM else None,
            category=kept.short(body, "category"),
            is_physical=physical,
            states=_states(body, _STATES),
            details=_details(body, kind),
        )
        return inventory.add_resource(tx, new, now=now).id

    return create


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise Invalid("is not a text", path=_CHARACTERISTICS)
    return value


def _check(r: Reader, body: Body, before: Body | None) -> None:
    known = dict(_KNOWN)
    if not kept.is_elsewhere(body.get(_SPECIFICATION)):
        known |= _SPECIFICATIONS
    kept.check_references(r, body, before, known, "relatedParty")
    kept.characteristics_of(body, _CHARACTERISTICS)


def _states(body: Body, names: Sequence[str]) -> States:
    def asked(name: str) -> Any:
        return body.get(name) if name in names else None

    status, administrative, operational, usage = map(asked, _STATES)
    return States(
        status=ResourceStatus(status) if status else None,
        administrative=AdministrativeState(administrative) if administrative else None,
        operational=OperationalState(operational) if operational else None,
        usage=UsageState(usage) if usage else None,
    )


def _details(body: Body, kind: ResourceKind) -> Body:
    details = kept.rest_of(body, without=_COLUMNS)
    if kind is ResourceKind.OTHER:
        return details
    for name in ("@type", "@baseType"):
        details.pop(name, None)
    others = [each for each in details.pop(_CHARACTERISTICS, ()) if each["name"] != "imsi"]
    return details | ({_CHARACTERISTICS: others} if others else {})


def _replace(tx: Tx, ident: str, after: Body, _now: datetime) -> None:
    after = kept.present(after)
    (resource,) = inventory.resources(tx, [ident])
    before = _body(resource, after.get("@type", "Resource"))
    names = kept.changed_names(before, after)
    _check(tx, after, before)
    if resource.kind is not ResourceKind.OTHER:
        kept.check_fixed(names, ("@type", "@baseType", "value"))
        if after.get(_CHARACTERISTICS) != before.get(_CHARACTERISTICS):
            values = kept.characteristics_of(after, _CHARACTERISTICS)
            if values.get("imsi") != resource.imsi:
                raise Invalid("the card's IMSI stays", path=_CHARACTERISTICS)
    moved = [name for name in _STATES if name in names]
    for name in moved:
        if name not in after:
            raise Invalid("can't be removed", path=name)
    if names - set(moved):
        inventory.amend_resource(tx, ResourceId(ident), lambda it: _amended(it, after))
    if moved:
        inventory.move_resource(tx, ResourceId(ident), _states(after, moved))


def _amended(resource: Resource, after: Body) -> Resource:
    return msgspec.structs.replace(
        resource,
        name=kept.name_of(after, resource.value or "Resource"),
        value=kept.short(after, "value") or "",
        category=kept.short(after, "category"),
        details=_details(after, resource.kind),
    )


def _delete(tx: Tx, ident: str, _now: datetime) -> None:
    inventory.delete_resource(tx, resource=ResourceId(ident))


_columns = resource_table.c
_PATHS: Paths = {
    "name": _columns.name,
    "value": _columns.value,
    "category": _columns.category,
    "resourceStatus": _columns.status,
    "administrativeState": _columns.administrative_state,
    "operationalState": _columns.operational_state,
    "usageState": _columns.usage_state,
    "relatedParty.id": in_json(_columns.details, "relatedParty.id"),
    "place.id": in_json(_columns.details, "place.id"),
    f"{_SPECIFICATION}.id": in_json(_columns.details, f"{_SPECIFICATION}.id"),
}


def _collection(type_: str, schema: type[msgspec.Struct], *, is_physical: bool | None) -> Document:
    return Document(
        path=f"{RESOURCES}/{type_[0].lower()}{type_[1:]}",
        type=type_,
        key=_columns.id,
        where=None if is_physical is None else _columns.is_physical == is_physical,
        paths=_PATHS,
        schema=schema,
        find=_bodies(type_, is_physical=is_physical),
        create=_creates(is_physical=is_physical),
        replace=_replace,
        delete=_delete,
        puts=frozenset({"@type", "@baseType", "name", *_STATES}) if is_physical is False else None,
    )


API = Api(
    number="TMF639",
    title="Resource Inventory",
    version="4.0.0",
    base=RESOURCES,
    resources=(
        _collection("Resource", ResourceForm, is_physical=None),
        _collection("LogicalResource", LogicalResourceForm, is_physical=False),
        _collection("PhysicalResource", PhysicalResourceForm, is_physical=True),
    ),
)
