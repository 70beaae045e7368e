"""Individuals and organizations as clients send them (TMF632)."""

from typing import Literal

import msgspec

from trunkline.rest.forms.entities import (
    ContactMedium,
    DescribedReference,
    NamedValue,
    RelatedParty,
)
from trunkline.rest.forms.party_types import REFERRED, Attachment
from trunkline.rest.forms.wire import PeriodIn, Typed
from trunkline.tmf import Moment

Day = str
"""A date, or an instant whose date counts: the document types it as an instant."""


class CreditRating(Typed, kw_only=True):
    """PartyCreditProfile."""

    credit_agency_name: str | None = None
    credit_agency_type: str | None = None
    rating_reference: str | None = None
    rating_score: int | None = None
    valid_for: PeriodIn | None = None


class ExternalReference(Typed, kw_only=True):
    external_reference_type: str | None = None
    name: str | None = None


class Identification(Typed, kw_only=True):
    identification_id: str | None = None
    identification_type: str | None = None
    issuing_authority: str | None = None
    issuing_date: Moment | None = None
    attachment: Attachment | None = None
    valid_for: PeriodIn | None = None


class TaxDefinition(Typed, kw_only=True):
    id: str | None = None
    name: str | None = None
    tax_type: str | None = None
    referred_type: str | None = msgspec.field(name=REFERRED, default=None)


class TaxExemptionCertificate(Typed, kw_only=True):
    id: str | None = None
    attachment: Attachment | None = None
    tax_definition: tuple[TaxDefinition, ...] | None = None
    valid_for: PeriodIn | None = None


class _Party(Typed, kw_only=True):
    contact_medium: tuple[ContactMedium, ...] | None = None
    credit_rating: tuple[CreditRating, ...] | None = None
    external_reference: tuple[ExternalReference, ...] | None = None
    party_characteristic: tuple[NamedValue, ...] | None = None
    related_party: tuple[RelatedParty, ...] | None = None
    tax_exemption_certificate: tuple[TaxExemptionCertificate, ...] | None = None


class Disability(Typed, kw_only=True):
    disability_code: str | None = None
    disability_name: str | None = None
    valid_for: PeriodIn | None = None


class LanguageAbility(Typed, kw_only=True):
    is_favourite_language: bool | None = None
    language_code: str | None = None
    language_name: str | None = None
    listening_proficiency: str | None = None
    reading_proficiency: str | None = None
    speaking_proficiency: str | None = None
    writing_proficiency: str | None = None
    valid_for: PeriodIn | None = None


class OtherName(Typed, kw_only=True):
    aristocratic_title: str | None = None
    family_name: str | None = None
    family_name_prefix: str | None = None
    formatted_name: str | None = None
    full_name: str | None = None
    generation: str | None = None
    given_name: str | None = None
    legal_name: str | None = None
    middle_name: str | None = None
    preferred_given_name: str | None = None
    title: str | None = None
    valid_for: PeriodIn | None = None


class Skill(Typed, kw_only=True):
    comment: str | None = None
    evaluated_level: str | None = None
    skill_code: str | None = None
    skill_name: str | None = None
    valid_for: PeriodIn | None = None


class IndividualForm(_Party, kw_only=True):
    aristocratic_title: str | None = None
    birth_date: Day | None = None
    country_of_birth: str | None = None
    death_date: Moment | None = None
    family_name: str | None = None
    family_name_prefix: str | None = None
    formatted_name: str | None = None
    full_name: str | None = None
    gender: str | None = None
    generation: str | None = None
    given_name: str | None = None
    legal_name: str | None = None
    location: str | None = None
    marital_status: str | None = None
    middle_name: str | None = None
    nationality: str | None = None
    place_of_birth: str | None = None
    preferred_given_name: str | None = None
    title: str | None = None
    disability: tuple[Disability, ...] | None = None
    individual_identification: tuple[Identification, ...] | None = None
    language_ability: tuple[LanguageAbility, ...] | None = None
    other_name: tuple[OtherName, ...] | None = None
    skill: tuple[Skill, ...] | None = None
    status: Literal["initialized", "validated", "deceaded", "deceased"] | None = None


class IndividualCreate(IndividualForm, kw_only=True):
    given_name: str
    family_name: str


class OrganizationRelationship(Typed, kw_only=True):
    relationship_type: str | None = None
    organization: DescribedReference | None = None


class OtherOrganizationName(Typed, kw_only=True):
    name: str | None = None
    name_type: str | None = None
    trading_name: str | None = None
    valid_for: PeriodIn | None = None


class OrganizationForm(_Party, kw_only=True):
    is_head_office: bool | None = None
    is_legal_entity: bool | None = None
    name: str | None = None
    name_type: str | None = None
    organization_type: str | None = None
    trading_name: str | None = None
    exists_during: PeriodIn | None = None
    organization_child_relationship: tuple[OrganizationRelationship, ...] | None = None
    organization_identification: tuple[Identification, ...] | None = None
    organization_parent_relationship: OrganizationRelationship | None = None
    other_name: tuple[OtherOrganizationName, ...] | None = None
    status: Literal["initialized", "validated", "closed"] | None = None


class OrganizationCreate(OrganizationForm, kw_only=True):
    trading_name: str
