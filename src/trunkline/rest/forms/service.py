"""Services on the wire: what TMF638, 640 and 641 share."""

from typing import Literal

from trunkline.rest.forms.entities import (
    Characteristic,
    Linked,
    Named,
    Note,
    OrderItemActionType,
    RelatedEntityRefOrValue,
    RelatedParty,
    RelatedPlaceRefOrValue,
    ResourceReference,
    VersionedReference,
)
from trunkline.rest.forms.wire import PeriodIn, Some
from trunkline.tmf import Moment

ServiceStateType = Literal[
    "feasibilityChecked", "designed", "reserved", "inactive", "active", "terminated"
]


class FeatureRelationship(Named, kw_only=True):
    name: str
    relationship_type: str
    valid_for: PeriodIn | None = None


class Feature(Named, kw_only=True):
    is_bundle: bool | None = None
    is_enabled: bool | None = None
    name: str
    constraint: tuple[VersionedReference, ...] = ()
    feature_characteristic: Some[Characteristic]
    feature_relationship: tuple[FeatureRelationship, ...] = ()


class RelatedServiceOrderItem(Linked, kw_only=True):
    item_id: str
    role: str | None = None
    service_order_href: str | None = None
    service_order_id: str
    item_action: OrderItemActionType | None = None
    id: str | None = None


class ServiceRelationship(Linked, kw_only=True):
    relationship_type: str
    service: "ServiceRefOrValue | None" = None
    service_relationship_characteristic: tuple[Characteristic, ...] = ()
    id: str | None = None


class ServiceAttributes(Linked, kw_only=True):
    category: str | None = None
    description: str | None = None
    end_date: Moment | None = None
    has_started: bool | None = None
    is_bundle: bool | None = None
    is_service_enabled: bool | None = None
    is_stateful: bool | None = None
    name: str | None = None
    service_date: str | None = None
    service_type: str | None = None
    start_date: Moment | None = None
    start_mode: str | None = None
    feature: tuple[Feature, ...] = ()
    note: tuple[Note, ...] = ()
    place: tuple[RelatedPlaceRefOrValue, ...] = ()
    related_entity: tuple[RelatedEntityRefOrValue, ...] = ()
    related_party: tuple[RelatedParty, ...] = ()
    service_characteristic: tuple[Characteristic, ...] = ()
    service_order_item: tuple[RelatedServiceOrderItem, ...] = ()
    service_relationship: tuple[ServiceRelationship, ...] = ()
    service_specification: VersionedReference | None = None
    state: ServiceStateType | None = None
    supporting_resource: tuple[ResourceReference, ...] = ()
    supporting_service: "tuple[ServiceRefOrValue, ...]" = ()


class ServiceRefOrValue(ServiceAttributes, kw_only=True):
    id: str | None = None


class ServiceForm(ServiceAttributes, kw_only=True):
    """A new one names its specification; a product's may have none."""

    state: ServiceStateType
