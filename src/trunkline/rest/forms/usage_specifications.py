"""The form of usage specifications (TMF635)."""

import msgspec

from trunkline.rest.forms.catalogue import TargetSchema
from trunkline.rest.forms.entities import SpecificationValue, VersionedReference
from trunkline.rest.forms.party_types import Attachment
from trunkline.rest.forms.wire import Party, PeriodIn, Typed
from trunkline.tmf import Moment


class EntityRelationship(Typed, kw_only=True):
    relationship_type: str
    id: str | None = None
    href: str | None = None
    name: str | None = None
    role: str | None = None
    association_spec: VersionedReference | None = None
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
    characteristic_value_specification: tuple[SpecificationValue, ...] = ()
    valid_for: PeriodIn | None = None


class UsageSpecification(Typed):
    name: str | None = None
    description: str | None = None
    version: str | None = None
    is_bundle: bool = False
    lifecycle_status: str | None = None
    last_update: Moment | None = None
    valid_for: PeriodIn | None = None
    spec_characteristic: tuple[CharacteristicSpecification, ...] = ()
    related_party: tuple[Party, ...] = ()
    attachment: tuple[Attachment, ...] = ()
    constraint: tuple[VersionedReference, ...] = ()
    entity_spec_relationship: tuple[EntityRelationship, ...] = ()
    target_entity_schema: TargetSchema | None = None
