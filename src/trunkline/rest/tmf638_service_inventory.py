"""TMF638 Service Inventory, v4. Read only: services follow from orders."""

import msgspec

from trunkline import inventory
from trunkline.inventory import Service, ServiceState, service_table
from trunkline.kernel.time import format_instant
from trunkline.rest.wire import (
    PRODUCTS,
    SERVICES,
    Characteristic,
    Party,
    characteristics,
    customer_party,
    instant,
)
from trunkline.tmf import Aggregate, Api, Entity, Timestamp, Wire, href, owned_by

_SERVICES = f"{SERVICES}/service"


class Realises(Wire):
    """The product that the service realises, as a related entity."""

    id: str
    href: str
    role: str
    referred_type: str = msgspec.field(name="@referredType")


class ServiceForm(Entity, kw_only=True, tag="Service"):
    name: str
    category: str
    state: str
    service_date: Timestamp
    is_service_enabled: bool
    has_started: bool
    related_party: tuple[Party, ...]
    related_entity: tuple[Realises, ...]
    start_date: Timestamp | None = None
    end_date: Timestamp | None = None
    service_characteristic: tuple[Characteristic, ...] = ()


def _service(service: Service) -> ServiceForm:
    product = Realises(
        id=service.product,
        href=href(f"{PRODUCTS}/product", service.product),
        role="product",
        referred_type="Product",
    )
    return ServiceForm(
        id=service.id,
        href=href(_SERVICES, service.id),
        name=service.name,
        category=service.category,
        state=service.state,
        service_date=format_instant(service.service_date),
        is_service_enabled=service.state is ServiceState.ACTIVE,
        has_started=service.start_date is not None,
        related_party=(customer_party(service.customer),),
        related_entity=(product,),
        start_date=instant(service.start_date),
        end_date=instant(service.end_date),
        service_characteristic=characteristics(service.characteristics),
    )


_columns = service_table.c

API = Api(
    number="TMF638",
    title="Service Inventory",
    version="4.0.0",
    base=SERVICES,
    resources=(
        Aggregate(
            path=_SERVICES,
            type="Service",
            key=_columns.id,
            paths={
                "name": _columns.name,
                "category": _columns.category,
                "state": _columns.state,
                "serviceDate": _columns.service_date,
                "startDate": _columns.start_date,
                "endDate": _columns.end_date,
                "relatedParty.id": _columns.customer_id,
                "relatedEntity.id": _columns.product_id,
            },
            find=inventory.services,
            to_wire=_service,
            form=ServiceForm,
            owner=owned_by(_columns.customer_id, writes=False),
        ),
    ),
)
