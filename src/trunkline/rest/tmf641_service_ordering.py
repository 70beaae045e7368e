"""TMF641 Service Ordering, v4.1.

An item is about one service: `add` brings one, `modify` changes its characteristics and its state,
`delete` ends it, `noChange` leaves it. A service that realises a product is a product order's.
A PATCH of the state to `cancelled` cancels, to `inProgress` tries what is held again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from trunkline.inventory import NewService, ServiceState
from trunkline.kernel.errors import Invalid, TrunklineError
from trunkline.ordering import service_orders
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms import kept, service_inventory
from trunkline.rest.forms.service_order import CancelServiceOrderForm, ServiceOrderForm
from trunkline.rest.forms.wire import SERVICE_ORDERING, SERVICES
from trunkline.tmf import Api, Body, Document, child, href, owned_by, owned_through
from trunkline.tmf.documents import find

_ORDERS = f"{SERVICE_ORDERING}/serviceOrder"
_CANCELS = f"{SERVICE_ORDERING}/cancelServiceOrder"
_ITEMS = "serviceOrderItem"
_SUPPLIED = (
    "cancellationDate", "completionDate", "orderDate", "startDate", "errorMessage", "state",
    "jeopardyAlert", "milestone",
)  # fmt: skip
_FIXED = ("cancellationDate", "completionDate", "orderDate", "startDate", _ITEMS, "category")
_HIDDEN = ("customer", "cancelling")
_KNOWN = {"orderRelationship": kept.SERVICE_ORDERS}


def _find(r: Reader, ids: Sequence[str]) -> list[Body]:
    return [_shown(each) for each in find(r, service_orders.SERVICE_ORDERS, ids)]


def _shown(body: Body) -> Body:
    shown = {name: each for name, each in body.items() if name not in _HIDDEN}
    return shown | {_ITEMS: [_item(each) for each in body[_ITEMS]]}


def _item(item: Body) -> Body:
    service = item["service"]
    address = {"href": href(f"{SERVICES}/service", service["id"])}
    shown = item | {"service": service | address}
    if _ITEMS in item:
        shown[_ITEMS] = [_item(each) for each in item[_ITEMS]]
    return shown


def _typed(value: Any) -> Any:
    """With what this document wants of references: related parties say what they are, and other
    items have their id twice."""
    if isinstance(value, list):
        return [_typed(each) for each in value]
    if not isinstance(value, dict):
        return value
    typed = {name: _typed(each) for name, each in value.items()}
    parties = typed.get("relatedParty")
    if isinstance(parties, list):
        typed["relatedParty"] = [{"@type": "RelatedParty", **each} for each in parties]
    other = typed.get("orderItem")
    if isinstance(other, dict) and "itemId" in other:
        typed["orderItem"] = {"id": other["itemId"], **other}
    return typed


def _create(tx: Tx, given: Body, now: datetime) -> str:
    body = _typed(kept.present(given))
    body = kept.rest_of(body, without=_SUPPLIED)
    _check(tx, body, None)
    new = {
        place: _new_service(tx, item, place, now)
        for place, item, _ in service_orders.plan(body)
        if item["action"] == "add"
    }
    customer = kept.customer_in(tx, body)
    return service_orders.place_service_order(
        tx, body=body, customer=customer, new_services=new, now=now
    )


def _check(r: Reader, body: Body, before: Body | None) -> None:
    kept.check_references(r, body, before, _KNOWN, "relatedParty")
    for name in ("externalId", "category", "priority"):
        kept.short(body, name)


def _new_service(tx: Tx, item: Body, place: str, now: datetime) -> NewService:
    service = item["service"]
    try:
        if "id" in service:
            raise Invalid("a service that is added gets its id here", path="id")
        if service.get("state") == ServiceState.TERMINATED:
            raise Invalid("a service doesn't begin as terminated", path="state")
        if service_inventory.product_in(service) is not None:
            raise Invalid("a product order brings a product's service", path="relatedEntity")
        service_inventory.check(tx, service, None, needs_specification=False)
        return service_inventory.new_service(tx, service, now=now, state=ServiceState.DESIGNED)
    except TrunklineError as error:
        error.path = f"{place}.service.{error.path}" if error.path else f"{place}.service"
        raise


def _replace(tx: Tx, ident: str, after: Body, now: datetime) -> None:
    after = _typed(kept.present(after))
    (before,) = _find(tx, [ident])
    names = kept.changed_names(before, after)
    kept.check_fixed(names, _FIXED)
    _check(tx, after, before)
    described = names - {"state", "cancellationReason"}
    if described:
        (whole,) = find(tx, service_orders.SERVICE_ORDERS, [ident])
        changed = {name: each for name, each in after.items() if name in described}
        merged = {name: each for name, each in whole.items() if name not in described} | changed
        service_orders.describe_service_order(tx, ident, merged, now)
    if "state" in names:
        _move(tx, ident, after, now)
    elif "cancellationReason" in names:
        raise Invalid("can only be changed together with state", path="cancellationReason")


def _move(tx: Tx, ident: str, after: Body, now: datetime) -> None:
    state = after.get("state")
    if state == "cancelled":
        service_orders.cancel_service_order(tx, ident, now, after.get("cancellationReason"))
    elif state == "inProgress":
        service_orders.retry_service_order(tx, ident, now)
    else:
        raise Invalid("can be set to cancelled or, where it is held, to inProgress", path="state")


def _delete(tx: Tx, ident: str, now: datetime) -> None:
    service_orders.delete_service_order(tx, ident, now)


def _cancels(r: Reader, ids: Sequence[str]) -> list[Body]:
    return [_cancel(each) for each in find(r, service_orders.CANCEL_SERVICE_ORDERS, ids)]


def _cancel(body: Body) -> Body:
    order = body["serviceOrder"]
    return body | {"serviceOrder": {"href": href(_ORDERS, order["id"]), **order}}


def _request(tx: Tx, given: Body, now: datetime) -> str:
    body = kept.rest_of(
        kept.present(given), without=("state", "effectiveCancellationDate", "errorMessage")
    )
    kept.check_references(tx, body, None, {"serviceOrder": kept.SERVICE_ORDERS})
    return service_orders.request_cancellation(tx, body, now)


_columns: Any = service_orders.service_order.c
_items = service_orders.service_order_item.c
_of_order = _items.order_id == _columns.id
_cancel_columns: Any = service_orders.cancel_table.c

API = Api(
    number="TMF641",
    title="Service Ordering",
    version="4.1.0",
    base=SERVICE_ORDERING,
    resources=(
        Document(
            path=_ORDERS,
            type="ServiceOrder",
            key=_columns.id,
            owner=owned_by(_columns.customer_id, writes=False),
            paths={
                "state": _columns.state,
                "externalId": _columns.external_id,
                "category": _columns.category,
                "priority": _columns.priority,
                "orderDate": _columns.order_date,
                "requestedStartDate": _columns.requested_start,
                "startDate": _columns.start_date,
                "completionDate": _columns.completion_date,
                "cancellationDate": _columns.cancellation_date,
                "relatedParty.id": _columns.customer_id,
                f"{_ITEMS}.id": child(_items.item, on=_of_order),
                f"{_ITEMS}.state": child(_items.state, on=_of_order),
                f"{_ITEMS}.action": child(_items.action, on=_of_order),
                f"{_ITEMS}.service.id": kept.found_by(
                    _items.service_id, _items.order_id, _columns.id
                ),
            },
            schema=ServiceOrderForm,
            find=_find,
            create=_create,
            replace=_replace,
            delete=_delete,
        ),
        Document(
            path=_CANCELS,
            type="CancelServiceOrder",
            key=_cancel_columns.id,
            owner=owned_through(
                _cancel_columns.order_id, _columns.id, _columns.customer_id, writes=False
            ),
            paths={"state": _cancel_columns.state, "serviceOrder.id": _cancel_columns.order_id},
            schema=CancelServiceOrderForm,
            find=_cancels,
            create=_request,
        ),
    ),
)
