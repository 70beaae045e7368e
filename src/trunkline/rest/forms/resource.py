"""Resources on the wire (TMF639)."""

from typing import Literal

from trunkline.rest.forms.entities import (
    AttachmentRefOrValue,
    Characteristic,
    Linked,
    Named,
    Note,
    RelatedParty,
)
from trunkline.tmf import Moment

ResourceAdministrativeStateType = Literal["locked", "unlocked", "shutdown"]


ResourceOperationalStateType = Literal["enable", "disable"]


ResourceStatusType = Literal["standby", "alarm", "available", "reserved", "unknown", "suspended"]


ResourceUsageStateType = Literal["idle", "active", "busy"]


class ResourcePlace(Named, kw_only=True):
    """Where it is: this document wants a reference."""

    id: str
    href: str
    role: str


class ResourceRelationship(Linked, kw_only=True):
    id: str | None = None
    relationship_type: str | None = None
    resource_relationship_characteristic: tuple[Characteristic, ...] = ()


class ResourceSpecificationRef(Named, kw_only=True):
    id: str
    href: str
    version: str | None = None


class ResourceForm(Linked, kw_only=True):
    category: str | None = None
    description: str | None = None
    end_operating_date: Moment | None = None
    name: str
    resource_version: str | None = None
    start_operating_date: Moment | None = None
    administrative_state: ResourceAdministrativeStateType | None = None
    attachment: tuple[AttachmentRefOrValue, ...] = ()
    note: tuple[Note, ...] = ()
    operational_state: ResourceOperationalStateType | None = None
    place: ResourcePlace | None = None
    related_party: tuple[RelatedParty, ...] = ()
    resource_characteristic: tuple[Characteristic, ...] = ()
    resource_relationship: tuple[ResourceRelationship, ...] = ()
    resource_specification: ResourceSpecificationRef | None = None
    resource_status: ResourceStatusType | None = None
    usage_state: ResourceUsageStateType | None = None


class PhysicalResourceForm(ResourceForm, kw_only=True):
    manufacture_date: Moment | None = None
    power_state: str | None = None
    serial_number: str | None = None
    version_number: str | None = None


class LogicalResourceForm(ResourceForm, kw_only=True):
    name: str | None = None  # type: ignore[assignment]
    value: str | None = None
