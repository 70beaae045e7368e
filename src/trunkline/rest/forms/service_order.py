"""Service orders on the wire (TMF641)."""

from typing import Literal

from trunkline.rest.forms.entities import (
    Linked,
    Named,
    Note,
    OrderItemActionType,
    Reference,
    RelatedParty,
)
from trunkline.rest.forms.service import ServiceRefOrValue
from trunkline.rest.forms.wire import Some
from trunkline.tmf import Moment

ServiceOrderItemStateType = Literal[
    "acknowledged",
    "rejected",
    "pending",
    "held",
    "inProgress",
    "cancelled",
    "completed",
    "failed",
    "assessingCancellation",
    "pendingCancellation",
    "partial",
]


ServiceOrderStateType = Literal[
    "acknowledged",
    "rejected",
    "pending",
    "held",
    "inProgress",
    "cancelled",
    "completed",
    "failed",
    "partial",
    "assessingCancellation",
    "pendingCancellation",
]


class AppointmentRef(Linked, kw_only=True):
    id: str
    description: str | None = None


class ExternalReference(Named, kw_only=True):
    external_reference_type: str | None = None
    name: str


class ServiceOrderItemErrorMessage(Linked, kw_only=True):
    code: str | None = None
    message: str | None = None
    reason: str | None = None
    reference_error: str | None = None
    status: str | None = None
    timestamp: Moment | None = None


class ServiceOrderItemRef(Linked, kw_only=True):
    id: str | None = None
    item_id: str | None = None
    service_order_href: str | None = None
    service_order_id: str | None = None


class ServiceOrderItemRelationship(Linked, kw_only=True):
    relationship_type: str | None = None
    order_item: ServiceOrderItemRef | None = None


class ServiceOrderItem(Linked, kw_only=True):
    id: str
    quantity: int | None = None
    action: OrderItemActionType
    appointment: AppointmentRef | None = None
    error_message: tuple[ServiceOrderItemErrorMessage, ...] = ()
    service: ServiceRefOrValue
    service_order_item: "tuple[ServiceOrderItem, ...]" = ()
    service_order_item_relationship: tuple[ServiceOrderItemRelationship, ...] = ()
    state: ServiceOrderItemStateType | None = None


class ServiceOrderRelationship(Linked, kw_only=True):
    id: str
    relationship_type: str


class ServiceOrderForm(Linked, kw_only=True):
    expected_completion_date: Moment | None = None
    cancellation_date: Moment | None = None
    cancellation_reason: str | None = None
    category: str | None = None
    description: str | None = None
    external_id: str | None = None
    notification_contact: str | None = None
    priority: str | None = None
    requested_completion_date: Moment | None = None
    requested_start_date: Moment | None = None
    external_reference: tuple[ExternalReference, ...] = ()
    note: tuple[Note, ...] = ()
    order_relationship: tuple[ServiceOrderRelationship, ...] = ()
    related_party: tuple[RelatedParty, ...] = ()
    service_order_item: Some[ServiceOrderItem]


class CancelServiceOrderForm(Linked, kw_only=True):
    cancellation_reason: str | None = None
    requested_cancellation_date: Moment | None = None
    service_order: Reference
