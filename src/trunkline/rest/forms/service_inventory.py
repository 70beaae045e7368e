"""Services on their way in and out, as TMF638, 640 and 641 have them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline import inventory
from trunkline.inventory import (
    NewService,
    ProductId,
    Resource,
    Service,
    ServiceId,
    ServiceState,
)
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import format_instant, parse_instant
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms import kept
from trunkline.rest.forms.wire import PRODUCTS, RESOURCES, SERVICE_CATALOG, instant, ref
from trunkline.tmf import Body, Paths, href, wire

_CHARACTERISTICS = "serviceCharacteristic"
_SPECIFICATION = "serviceSpecification"
_COLUMNS = (
    "name", "category", "state", "serviceDate", "startDate", "endDate", "hasStarted",
    "isServiceEnabled",
)  # fmt: skip
FIXED = ("serviceDate", "startDate", "endDate", "hasStarted", "isServiceEnabled")
_PRODUCT_ROLE = "product"
_KNOWN = {
    "serviceRelationship.service": kept.SERVICES,
    "supportingService": kept.SERVICES,
    "supportingResource": kept.RESOURCES,
}
_columns = inventory.service_table.c
_resources = inventory.resource_table.c
PATHS: Paths = {
    "name": _columns.name,
    "category": _columns.category,
    "state": _columns.state,
    "serviceDate": _columns.service_date,
    "startDate": _columns.start_date,
    "endDate": _columns.end_date,
    "serviceSpecification.id": _columns.specification_id,
    "relatedParty.id": _columns.customer_id,
    "relatedEntity.id": _columns.product_id,
    "supportingResource.value": kept.found_by(
        _resources.value, _resources.product_id, _columns.product_id
    ),
}
"""What services are found by."""
_SPECIFICATIONS = {_SPECIFICATION: kept.of_catalog(_SPECIFICATION)}


def find(r: Reader, ids: Sequence[str]) -> list[Body]:
    """The services as their APIs show them."""
    found = inventory.services(r, ids)
    resources: dict[str, list[Resource]] = {}
    for each in inventory.resources_of(r, [each.product for each in found if each.product]):
        resources.setdefault(str(each.product), []).append(each)
    return [body_of(each, resources.get(str(each.product), ())) for each in found]


def body_of(service: Service, resources: Sequence[Resource] = ()) -> Body:
    details = service.details
    body: Body = {
        "id": service.id,
        "@type": "Service",
        **details,
        "name": service.name,
        "category": service.category,
        "state": service.state.value,
        "serviceDate": format_instant(service.service_date),
        "isServiceEnabled": service.state is ServiceState.ACTIVE,
        "hasStarted": service.start_date is not None,
        _CHARACTERISTICS: kept.shown_characteristics(
            service.characteristics, details.get(_CHARACTERISTICS)
        ),
        "relatedParty": kept.shown_parties(details.get("relatedParty"), service.customer),
        "supportingResource": [
            *(wire.plain(ref(RESOURCES, "Resource", each.id, each.name)) for each in resources),
            *details.get("supportingResource", ()),
        ],
    }
    if service.product is not None:
        body["relatedEntity"] = [_realised(service.product), *details.get("relatedEntity", ())]
    if service.specification and _SPECIFICATION not in details:
        named = ref(SERVICE_CATALOG, "ServiceSpecification", service.specification)
        body[_SPECIFICATION] = wire.plain(named)
    dates = {"startDate": service.start_date, "endDate": service.end_date}
    return body | {name: instant(date) for name, date in dates.items() if date is not None}


def _realised(product: str) -> Body:
    return {
        "id": product,
        "href": href(f"{PRODUCTS}/product", product),
        "role": _PRODUCT_ROLE,
        "@referredType": "Product",
    }


def product_in(body: Body) -> str | None:
    """The product that a body says the service realises."""
    for each in body.get("relatedEntity", ()):
        if each.get("role") == _PRODUCT_ROLE and each.get("@referredType") == "Product":
            named: str | None = each.get("id")
            return named
    return None


def check(r: Reader, body: Body, before: Body | None, *, needs_specification: bool = True) -> None:
    """Raises for what a service's body can't say, with its path."""
    if before is None and needs_specification and _SPECIFICATION not in body:
        raise Invalid("is required", path=_SPECIFICATION)
    known = dict(_KNOWN)
    if not kept.is_elsewhere(body.get(_SPECIFICATION)):
        known |= _SPECIFICATIONS
    kept.check_references(r, body, before, known, "relatedParty", "relatedEntity")
    for name, at in (("supportingService", ""), ("serviceRelationship", "service")):
        for index, each in enumerate(body.get(name, ())):
            if "id" not in (each.get(at, {}) if at else each):
                path = f"{name}[{index}]" + (f".{at}" if at else "")
                raise Invalid("is required", path=f"{path}.id")
    for attribute, longest in (("name", 200), ("category", 100)):
        kept.short(body, attribute, longest)
    if len(body.get(_SPECIFICATION, {}).get("id", "")) > 100:
        raise Invalid("has at most 100 characters", path=f"{_SPECIFICATION}.id")
    kept.characteristics_of(body, _CHARACTERISTICS)


def complete(body: Body, now: datetime) -> Body:
    """With what one of the three documents asks for and another doesn't."""
    if "note" in body:
        notes = [
            {"date": format_instant(now), "author": "unknown", "text": "", **each}
            for each in body["note"]
        ]
        body = body | {"note": notes}
    if "feature" in body:
        features = [
            {"id": str(place), **each} for place, each in enumerate(body["feature"], start=1)
        ]
        body = body | {"feature": features}
    return body


def new_service(r: Reader, given: Body, *, now: datetime, state: ServiceState) -> NewService:
    """What it takes to create the service of a body, in this state."""
    body = complete(kept.present(given), now)
    specification = body.get(_SPECIFICATION)
    product = product_in(body)
    details = _details(body)
    if product is not None:
        entities = [each for each in body["relatedEntity"] if each.get("id") != product]
        details |= {"relatedEntity": entities}
    return NewService(
        product=ProductId(product) if product else None,
        customer=kept.customer_in(r, body) or _customer_of(r, product),
        name=kept.name_of(body, (specification or {}).get("name") or "Service"),
        characteristics=kept.characteristics_of(body, _CHARACTERISTICS),
        category=kept.short(body, "category", 100) or "CFS",
        state=state,
        specification=specification["id"] if specification else None,
        start_date=_date(body, "startDate"),
        end_date=_date(body, "endDate"),
        details=details,
    )


def _customer_of(r: Reader, product: str | None) -> str:
    return inventory.product(r, ProductId(product)).customer if product else ""


def _date(body: Body, attribute: str) -> datetime | None:
    return parse_instant(body[attribute], path=attribute) if attribute in body else None


def _details(body: Body) -> Body:
    without = set(_COLUMNS)
    if kept.plain_only(body, _CHARACTERISTICS):
        without.add(_CHARACTERISTICS)
    return kept.rest_of(body, without=without)


def amended(r: Reader, before: Body, after: Body, now: datetime) -> Callable[[Service], Service]:
    """Makes of a service what a changed body says, but for its state and characteristics."""
    after = complete(after, now)
    changed = kept.changed_names(before, after)
    if product_in(before) != product_in(after):
        raise Invalid("the product that it realises stays", path="relatedEntity")
    given = {name: each for name, each in _details(after).items() if name in changed}
    for name, mine in (("relatedEntity", _PRODUCT_ROLE), ("supportingResource", "Resource")):
        if name in given:
            own = [each for each in before.get(name, ()) if _is_supplied(each, mine)]
            given[name] = [each for each in given[name] if each not in own]
    customer = kept.customer_in(r, after)

    def amend(service: Service) -> Service:
        if service.product is not None and customer != service.customer:
            raise Invalid("it is the product's customer, who stays", path="relatedParty")
        details = {name: each for name, each in service.details.items() if name not in changed}
        return msgspec.structs.replace(
            service,
            name=kept.name_of(after, service.name),
            category=after.get("category") or service.category,
            customer=customer,
            specification=after.get(_SPECIFICATION, {}).get("id"),
            details=details | given,
        )

    return amend


def _is_supplied(reference: Mapping[str, Any], mine: str) -> bool:
    return mine in (reference.get("role"), reference.get("@referredType"))


def characteristics_in(body: Body) -> dict[str, Any]:
    return kept.characteristics_of(body, _CHARACTERISTICS)


def amend_with_characteristics(
    tx: Tx, service: ServiceId, before: Body, after: Body, now: datetime
) -> None:
    """Everything but the state, in the inventory alone."""
    amend = amended(tx, before, after, now)
    values = characteristics_in(after)
    inventory.amend_service(
        tx, service, lambda it: msgspec.structs.replace(amend(it), characteristics=values)
    )
