"""What the objects of many documents are made of, as clients may give them.

Attributes that nobody declares are kept as well; what is declared is checked.
"""

from typing import Any, Literal

import msgspec

from trunkline.rest.forms.wire import PeriodIn, Typed
from trunkline.tmf import Moment, Number, Wire


class Linked(Typed):
    """An object that may stand for another."""

    referred_type: str | None = msgspec.field(name="@referredType", default=None)
    href: str | None = None


class Named(Linked, kw_only=True):
    """A reference, or the thing itself."""

    id: str | None = None
    name: str | None = None


class Reference(Named, kw_only=True):
    """EntityRef: something that has a record of its own."""

    id: str


class DescribedReference(Reference, kw_only=True):
    description: str | None = None


class VersionedReference(Reference, kw_only=True):
    version: str | None = None


class ResourceReference(Reference, kw_only=True):
    value: str | None = None


class ReferenceInRole(Reference, kw_only=True):
    role: str | None = None


class RelatedParty(ReferenceInRole, kw_only=True):
    """In TM Forum's documents `@referredType` is mandatory."""

    referred_type: str = msgspec.field(name="@referredType")


class RelatedEntity(Reference, kw_only=True):
    role: str
    referred_type: str = msgspec.field(name="@referredType")


class Amount(Wire):
    """TM Forum's Quantity."""

    amount: Number | None = None
    units: str | None = None


OrderItemActionType = Literal["add", "modify", "delete", "noChange"]


class CharacteristicRelationship(Linked, kw_only=True):
    id: str | None = None
    relationship_type: str | None = None


class Characteristic(Named, kw_only=True):
    name: str
    value_type: str | None = None
    value: Any
    characteristic_relationship: tuple[CharacteristicRelationship, ...] = ()


class NamedValue(Typed, kw_only=True):
    """A Characteristic that is related to no other."""

    name: str
    value: Any
    value_type: str | None = None


class SpecificationValue(Typed, kw_only=True):
    is_default: bool | None = None
    range_interval: str | None = None
    regex: str | None = None
    unit_of_measure: str | None = None
    value_from: int | None = None
    value_to: int | None = None
    value_type: str | None = None
    valid_for: PeriodIn | None = None
    value: Any = None


class Note(Linked, kw_only=True):
    id: str | None = None
    author: str | None = None
    date: Moment | None = None
    text: str | None = None


class Attachment(Typed, kw_only=True):
    id: str | None = None
    href: str | None = None
    attachment_type: str | None = None
    content: str | None = None
    description: str | None = None
    mime_type: str | None = None
    name: str | None = None
    url: str | None = None
    size: Amount | None = None
    valid_for: PeriodIn | None = None


class AttachmentRefOrValue(Attachment, kw_only=True):
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class MediumCharacteristic(Typed, kw_only=True):
    city: str | None = None
    contact_type: str | None = None
    country: str | None = None
    email_address: str | None = None
    fax_number: str | None = None
    phone_number: str | None = None
    post_code: str | None = None
    social_network_id: str | None = None
    state_or_province: str | None = None
    street1: str | None = None
    street2: str | None = None


class ContactMedium(Typed, kw_only=True):
    medium_type: str | None = None
    characteristic: MediumCharacteristic | None = None
    preferred: bool | None = None
    valid_for: PeriodIn | None = None


class PlaceRefOrValue(Named, kw_only=True):
    """A reference, or the thing itself."""


class RelatedPlaceRefOrValue(Named, kw_only=True):
    role: str


class RelatedEntityRefOrValue(Named, kw_only=True):
    role: str
