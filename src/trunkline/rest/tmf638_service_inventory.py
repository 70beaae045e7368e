"""TMF638 Service Inventory, v4.

The inventory's own face: what is written here is recorded, and no network is told; TMF640 does
that. So a POST takes on a service that is known from elsewhere, in whatever state, and a PATCH of
the state is refused for what a product order or the network brought about.
"""

from datetime import datetime

from trunkline import inventory, network
from trunkline.inventory import OrderedElsewhere, ServiceId, ServiceState, service_table
from trunkline.platform.db import Tx
from trunkline.rest.forms import kept, service_inventory
from trunkline.rest.forms.service import ServiceForm
from trunkline.rest.forms.wire import SERVICES
from trunkline.tmf import Api, Body, Document, owned_by

_SERVICES = f"{SERVICES}/service"


def _create(tx: Tx, body: Body, now: datetime) -> str:
    body = kept.present(body)
    service_inventory.check(tx, body, None)
    new = service_inventory.new_service(tx, body, now=now, state=ServiceState(body["state"]))
    return inventory.create_service(tx, new, now=now).id


def _replace(tx: Tx, ident: str, after: Body, now: datetime) -> None:
    after = kept.present(after)
    (before,) = service_inventory.find(tx, [ident])
    names = kept.changed_names(before, after)
    kept.check_fixed(names, service_inventory.FIXED)
    service_inventory.check(tx, after, before)
    service = ServiceId(ident)
    if names - {"state"}:
        service_inventory.amend_with_characteristics(tx, service, before, after, now)
    if "state" in names:
        _move(tx, service, ServiceState(after["state"]), now)


def _move(tx: Tx, ident: ServiceId, state: ServiceState, now: datetime) -> None:
    service = inventory.service(tx, ident)
    inventory.SERVICE_LIFECYCLE.check(service.state, state, path="state")
    if service.product is not None:
        raise OrderedElsewhere(
            f"it realises the product {service.product}: a product order (TMF622) changes both",
            path="state",
        )
    if network.instructions_of(tx, ident):
        raise OrderedElsewhere(
            "the network has it: TMF640 changes its state there and here", path="state"
        )
    inventory.change_service_state(tx, service=ident, state=state, now=now)


def _delete(tx: Tx, ident: str, _now: datetime) -> None:
    inventory.delete_service(tx, service=ServiceId(ident))


API = Api(
    number="TMF638",
    title="Service Inventory",
    version="4.0.0",
    base=SERVICES,
    resources=(
        Document(
            path=_SERVICES,
            type="Service",
            key=service_table.c.id,
            owner=owned_by(service_table.c.customer_id, writes=False),
            paths=service_inventory.PATHS,
            schema=ServiceForm,
            find=service_inventory.find,
            create=_create,
            replace=_replace,
            delete=_delete,
        ),
    ),
)
