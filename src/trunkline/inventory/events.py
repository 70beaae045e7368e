"""What happened to products, services and resources."""

from datetime import datetime
from typing import ClassVar

from trunkline.inventory.model import (
    ProductId,
    ProductStatus,
    ResourceId,
    ServiceId,
    ServiceState,
)
from trunkline.network import InstructionId, Verb
from trunkline.platform.messages import Message


class ProductCreated(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "inventory.product_created"

    product: ProductId
    customer: str
    billing_account: str
    status: ProductStatus

    @property
    def key(self) -> str:
        return self.product


class ProductStatusChanged(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "inventory.product_status_changed"

    product: ProductId
    customer: str
    billing_account: str
    previous: ProductStatus
    status: ProductStatus
    at: datetime

    @property
    def key(self) -> str:
        return self.product


class ServiceCreated(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "inventory.service_created"

    service: ServiceId
    product: ProductId | None
    customer: str
    state: ServiceState

    @property
    def key(self) -> str:
        return self.service


class _ServiceMoved(Message, frozen=True, kw_only=True):
    service: ServiceId
    product: ProductId | None
    customer: str
    at: datetime

    @property
    def key(self) -> str:
        return self.service


class ServiceActivated(_ServiceMoved, frozen=True, kw_only=True):
    topic: ClassVar[str] = "inventory.service_activated"


class ServiceDeactivated(_ServiceMoved, frozen=True, kw_only=True):
    """It rests, and may become active again."""

    topic: ClassVar[str] = "inventory.service_deactivated"


class ServiceTerminated(_ServiceMoved, frozen=True, kw_only=True):
    topic: ClassVar[str] = "inventory.service_terminated"


class ServiceSettled(Message, frozen=True, kw_only=True):
    """What the network was asked for: it is so, or (with a reason) it is not."""

    topic: ClassVar[str] = "inventory.service_settled"

    service: ServiceId
    product: ProductId | None
    verb: Verb
    instruction: InstructionId
    at: datetime
    reason: str | None = None

    @property
    def key(self) -> str:
        return self.service


class NumberQuarantined(Message, frozen=True, kw_only=True):
    """A number was given back and rests until then."""

    topic: ClassVar[str] = "inventory.number_quarantined"

    resource: ResourceId
    msisdn: str
    until: datetime

    @property
    def key(self) -> str:
        return self.resource


class EndQuarantine(Message, frozen=True, kw_only=True):
    """A command, held back until the quarantine's end: put the number back on the shelf."""

    topic: ClassVar[str] = "inventory.end_quarantine"

    resource: ResourceId

    @property
    def key(self) -> str:
        return self.resource
