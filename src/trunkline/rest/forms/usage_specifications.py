"""The form of usage specifications (TMF635)."""

from typing import Any

import msgspec

from trunkline.rest.forms.wire import PartyIn, PeriodIn, QuantityIn
from trunkline.tmf import Moment, Wire


class Typed(Wire):
    """What may name its own type."""

    type: str | None = msgspec.field(name="@type", default=None)
    base_type: str | None = msgspec.field(name="@baseType", default=None)
    schema_location: str | None = msgspec.field(name="@schemaLocation", default=None)


class Reference(Typed, kw_only=True):
    id: str
    href: str | None = None
    name: str | None = None
    version: str | None = None
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class SpecificationParty(PartyIn, kw_only=True):
    referred_type: str = msgspec.field(name="@referredType")
    href: str | None = None
    name: str | None = None


class Attachment(Typed):
    id: str | None = None
    href: str | None = None
    attachment_type: str | None = None
    content: str | None = None
    description: str | None = None
    mime_type: str | None = None
    name: str | None = None
    url: str | None = None
    size: QuantityIn | None = None
    valid_for: PeriodIn | None = None
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class EntityRelationship(Typed, kw_only=True):
    relationship_type: str
    id: str | None = None
    href: str | None = None
    name: str | None = None
    role: str | None = None
    association_spec: Reference | None = None
    valid_for: PeriodIn | None = None
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class CharacteristicRelationship(Typed):
    id: str | None = None
    href: str | None = None
    characteristic_specification_id: str | None = None
    name: str | None = None
    parent_specification_href: str | None = None
    parent_specification_id: str | None = None
    relationship_type: str | None = None
    valid_for: PeriodIn | None = None


class CharacteristicValue(Typed):
    is_default: bool | None = None
    range_interval: str | None = None
    regex: str | None = None
    unit_of_measure: str | None = None
    value_from: int | None = None
    value_to: int | None = None
    value_type: str | None = None
    valid_for: PeriodIn | None = None
    value: Any = None


class CharacteristicSpecification(Typed):
    id: str | None = None
    configurable: bool | None = None
    description: str | None = None
    extensible: bool | None = None
    is_unique: bool | None = None
    max_cardinality: int | None = None
    min_cardinality: int | None = None
    name: str | None = None
    regex: str | None = None
    value_type: str | None = None
    char_spec_relationship: tuple[CharacteristicRelationship, ...] = ()
    characteristic_value_specification: tuple[CharacteristicValue, ...] = ()
    valid_for: PeriodIn | None = None


class EntitySchema(Wire):
    type: str = msgspec.field(name="@type")
    schema_location: str = msgspec.field(name="@schemaLocation")


class UsageSpecification(Typed):
    name: str | None = None
    description: str | None = None
    version: str | None = None
    is_bundle: bool = False
    lifecycle_status: str | None = None
    last_update: Moment | None = None
    valid_for: PeriodIn | None = None
    spec_characteristic: tuple[CharacteristicSpecification, ...] = ()
    related_party: tuple[SpecificationParty, ...] = ()
    attachment: tuple[Attachment, ...] = ()
    constraint: tuple[Reference, ...] = ()
    entity_spec_relationship: tuple[EntityRelationship, ...] = ()
    target_entity_schema: EntitySchema | None = None
