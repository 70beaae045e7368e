"""TMF640 Service Activation and Configuration, v4.

What is wanted here is wanted of the network: a service is active once the network has said so.
Until then a POST and a DELETE answer 202 with a Monitor, and what a PATCH began is followed by
the Monitor that the service names. Where there is no network, it is so at once. A product's
service is changed by orders.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from trunkline import inventory
from trunkline.inventory import (
    MONITORS,
    OrderedElsewhere,
    Service,
    ServiceId,
    ServiceState,
    service_monitor,
    service_table,
)
from trunkline.kernel.errors import Invalid
from trunkline.platform.changes import Change
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms import kept, service_inventory
from trunkline.rest.forms.entities import Linked
from trunkline.rest.forms.service import ServiceForm
from trunkline.rest.forms.wire import ACTIVATION
from trunkline.tmf import Api, Body, Document, href, in_json, owned_by, owned_through
from trunkline.tmf import documents as kinds

_SERVICES = f"{ACTIVATION}/service"
_MONITORS = f"{ACTIVATION}/monitor"
_EARLY = (ServiceState.FEASIBILITY_CHECKED, ServiceState.DESIGNED, ServiceState.RESERVED)
"""States in which nothing is on the network yet."""
_CHARACTERISTICS = "serviceCharacteristic"


class MonitorForm(Linked):
    """It is made by requests, and read."""

    id: str | None = None
    source_href: str | None = None
    state: str | None = None


def _find(r: Reader, ids: Sequence[str]) -> list[Body]:
    """Those that haven't ended, with the Monitor of what is under way."""
    found = [
        each for each in service_inventory.find(r, ids) if each["state"] != ServiceState.TERMINATED
    ]
    waited = inventory.open_monitors(r, [each["id"] for each in found])
    for each in found:
        if (monitor := waited.get(each["id"])) is not None:
            each["monitor"] = {"id": monitor, "href": href(_MONITORS, monitor)}
    return found


def _later(answer: Body) -> str | None:
    address: str | None = answer.get("monitor", {}).get("href")
    return address


def _create(tx: Tx, given: Body, now: datetime) -> str:
    body = kept.present(given)
    body.pop("monitor", None)
    service_inventory.check(tx, body, None)
    wanted = ServiceState(body["state"])
    if wanted is ServiceState.TERMINATED:
        raise Invalid("a service doesn't begin as terminated", path="state")
    if service_inventory.product_in(body) is not None:
        raise OrderedElsewhere("a product order brings a product's service", path="relatedEntity")
    begins = ServiceState.RESERVED if wanted is ServiceState.ACTIVE else wanted
    new = service_inventory.new_service(tx, body, now=now, state=begins)
    made = inventory.create_service(tx, new, now=now)
    waited: Sequence[str] = ()
    if wanted is ServiceState.ACTIVE:
        waited = list(inventory.request_states(tx, {made.id: wanted}, now=now).values())
    _monitor(tx, "POST", made.id, body, waited, now)
    return made.id


def _monitor(
    tx: Tx, method: str, service: ServiceId, asked: Body, waited: Sequence[str], now: datetime
) -> None:
    if waited:
        tx.changed("Service", service, Change.ATTRIBUTES)
    inventory.open_monitor(
        tx,
        service=service,
        method=method,
        address=href(_SERVICES, service),
        asked=asked,
        instructions=waited,
        now=now,
    )


def _replace(tx: Tx, ident: str, after: Body, now: datetime) -> None:
    after = kept.present(after)
    (before,) = _find(tx, [ident])
    names = kept.changed_names(before, after) - {"monitor"}
    kept.check_fixed(names, service_inventory.FIXED)
    service_inventory.check(tx, after, before)
    service = inventory.service(tx, ServiceId(ident))
    if names & {"state", _CHARACTERISTICS}:
        _check_own(service)
    if names - {"state", _CHARACTERISTICS}:
        wanted = {**after, _CHARACTERISTICS: before[_CHARACTERISTICS]}
        amend = service_inventory.amended(tx, before, wanted, now)
        inventory.amend_service(tx, service.id, amend)
    waited: list[str] = []
    if _CHARACTERISTICS in names:
        values = service_inventory.characteristics_in(after)
        instruction = inventory.request_characteristics(tx, service.id, values, now=now)
        waited += [instruction] if instruction else []
    if "state" in names:
        waited += _moved(tx, service, ServiceState(after["state"]), now)
    if names:
        asked = {name: after.get(name) for name in sorted(names)}
        _monitor(tx, "PATCH", service.id, asked, waited, now)


def _moved(tx: Tx, service: Service, state: ServiceState, now: datetime) -> list[str]:
    if state in _EARLY or (state is ServiceState.INACTIVE and service.state in _EARLY):
        inventory.change_service_state(tx, service=service.id, state=state, now=now)
        return []
    return list(inventory.request_states(tx, {service.id: state}, now=now).values())


def _delete(tx: Tx, ident: str, now: datetime) -> None:
    service = inventory.service(tx, ServiceId(ident))
    _check_own(service)
    waited = _moved(tx, service, ServiceState.TERMINATED, now)
    _monitor(tx, "DELETE", service.id, {}, waited, now)


def _check_own(service: Service) -> None:
    if service.product is not None:
        raise OrderedElsewhere(
            f"it realises the product {service.product}: a product order (TMF622) changes both",
            path="relatedEntity",
        )


def _monitors(r: Reader, ids: Sequence[str]) -> list[Body]:
    return [_shown(each) for each in kinds.find(r, MONITORS, ids)]


def _shown(body: Body) -> Body:
    hidden = ("service", "instruction")
    return {name: each for name, each in body.items() if name not in hidden}


_columns = service_table.c
_monitor_columns: Any = service_monitor.c

API = Api(
    number="TMF640",
    title="Service Activation and Configuration",
    version="4.0.0",
    base=ACTIVATION,
    resources=(
        Document(
            path=_SERVICES,
            type="Service",
            key=_columns.id,
            where=_columns.state != ServiceState.TERMINATED.value,
            owner=owned_by(_columns.customer_id, writes=False),
            paths=service_inventory.PATHS,
            schema=ServiceForm,
            find=_find,
            create=_create,
            replace=_replace,
            delete=_delete,
            later=_later,
        ),
        Document(
            path=_MONITORS,
            type="Monitor",
            key=_monitor_columns.id,
            owner=owned_through(
                _monitor_columns.service_id, _columns.id, _columns.customer_id, writes=False
            ),
            paths={
                "state": _monitor_columns.state,
                "sourceHref": in_json(_monitor_columns.body, "sourceHref"),
                "request.method": in_json(_monitor_columns.body, "request.method"),
            },
            schema=MonitorForm,
            find=_monitors,
        ),
    ),
)
