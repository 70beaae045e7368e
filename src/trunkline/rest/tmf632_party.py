"""TMF632 Party Management, v4: individuals and organizations."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from msgspec import UNSET, UnsetType

from trunkline import customers
from trunkline.customers import (
    CUSTOMERS,
    PARTIES,
    ContactMedium,
    Email,
    Individual,
    IndividualStatus,
    NewIndividual,
    NewOrganization,
    Organization,
    OrganizationStatus,
    Party,
    PartyId,
    Phone,
    PostalAddress,
)
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import parse_instant
from trunkline.platform.db import Reader, Tx
from trunkline.rest.wire import PARTY, Characteristic, characteristics, values_of
from trunkline.tmf import (
    Aggregate,
    Api,
    Entity,
    Paths,
    Timestamp,
    Verb,
    Wire,
    column,
    href,
    in_json,
    owned_through,
)

_INDIVIDUALS = f"{PARTY}/individual"
_ORGANIZATIONS = f"{PARTY}/organization"
_EXTERNAL = "externalId"
_PHONES = ("phone", "mobile", "telephone", "fixed", "landline", "sms")
_STATUS_WORDS = {IndividualStatus.DECEASED: "deceaded"}
"""The document's spelling, which clients validate against."""
_STATUSES = {word: status for status, word in _STATUS_WORDS.items()}


class Medium(Wire):
    """MediumCharacteristic: which of these a medium has follows from its type."""

    email_address: str | None = None
    phone_number: str | None = None
    street1: str | None = None
    street2: str | None = None
    post_code: str | None = None
    city: str | None = None
    state_or_province: str | None = None
    country: str | None = None


class ContactMediumForm(Wire):
    """`mediumType` is email, phone or postalAddress."""

    medium_type: str
    characteristic: Medium
    preferred: bool = False


class ExternalReference(Wire):
    external_reference_type: str
    name: str


class IndividualForm(Entity, kw_only=True, tag="Individual"):
    status: str
    full_name: str
    given_name: str | None = None
    family_name: str | None = None
    birth_date: Timestamp | None = None
    gender: str | None = None
    contact_medium: tuple[ContactMediumForm, ...] = ()
    party_characteristic: tuple[Characteristic, ...] = ()
    external_reference: tuple[ExternalReference, ...] = ()


class OrganizationForm(Entity, kw_only=True, tag="Organization"):
    status: str
    name: str
    trading_name: str | None = None
    organization_type: str | None = None
    contact_medium: tuple[ContactMediumForm, ...] = ()
    party_characteristic: tuple[Characteristic, ...] = ()
    external_reference: tuple[ExternalReference, ...] = ()


class IndividualCreate(Wire):
    given_name: str
    family_name: str
    full_name: str | None = None
    birth_date: str | None = None
    gender: str | None = None
    contact_medium: tuple[ContactMediumForm, ...] = ()
    party_characteristic: tuple[Characteristic, ...] = ()
    external_reference: tuple[ExternalReference, ...] = ()


class OrganizationCreate(Wire):
    trading_name: str
    name: str | None = None
    organization_type: str | None = None
    contact_medium: tuple[ContactMediumForm, ...] = ()
    party_characteristic: tuple[Characteristic, ...] = ()
    external_reference: tuple[ExternalReference, ...] = ()


class PartyStatusPatch(Wire):
    status: str


class _PartyPatch(Wire):
    contact_medium: tuple[ContactMediumForm, ...] | UnsetType | None = UNSET
    party_characteristic: tuple[Characteristic, ...] | UnsetType | None = UNSET


class IndividualPatch(_PartyPatch):
    given_name: str | UnsetType | None = UNSET
    family_name: str | UnsetType | None = UNSET
    full_name: str | UnsetType | None = UNSET
    birth_date: str | UnsetType | None = UNSET
    gender: str | UnsetType | None = UNSET


class OrganizationPatch(_PartyPatch):
    name: str | UnsetType = UNSET
    trading_name: str | UnsetType | None = UNSET
    organization_type: str | UnsetType | None = UNSET


def medium_forms(media: Iterable[ContactMedium]) -> tuple[ContactMediumForm, ...]:
    return tuple(map(_medium_form, media))


def _medium_form(medium: ContactMedium) -> ContactMediumForm:
    match medium:
        case Email(address=address):
            kind, form = "email", Medium(email_address=address)
        case Phone(number=number):
            kind, form = "phone", Medium(phone_number=number)
        case PostalAddress():
            kind = "postalAddress"
            form = Medium(
                street1=medium.street1,
                street2=medium.street2,
                post_code=medium.post_code,
                city=medium.city,
                state_or_province=medium.state_or_province,
                country=medium.country,
            )
    return ContactMediumForm(medium_type=kind, characteristic=form, preferred=medium.preferred)


def _media(forms: Iterable[ContactMediumForm] | None) -> tuple[ContactMedium, ...]:
    return tuple(_medium(form, f"contactMedium[{index}]") for index, form in enumerate(forms or ()))


def _medium(form: ContactMediumForm, path: str) -> ContactMedium:
    kind, said = form.medium_type.replace(" ", "").lower(), form.characteristic
    if kind.startswith("email"):
        address = _needed(said.email_address, f"{path}.characteristic.emailAddress")
        return Email(address=address, preferred=form.preferred)
    if kind.startswith(_PHONES):
        number = _needed(said.phone_number, f"{path}.characteristic.phoneNumber")
        return Phone(number=number, preferred=form.preferred)
    if kind.startswith(("postal", "address")):
        return PostalAddress(
            street1=_needed(said.street1, f"{path}.characteristic.street1"),
            street2=said.street2,
            post_code=said.post_code,
            city=_needed(said.city, f"{path}.characteristic.city"),
            state_or_province=said.state_or_province,
            country=_needed(said.country, f"{path}.characteristic.country"),
            preferred=form.preferred,
        )
    raise Invalid(
        f"{form.medium_type[:40]!r} is not among email, phone, postalAddress",
        path=f"{path}.mediumType",
    )


def _needed(value: str | None, path: str) -> str:
    if value is None:
        raise Invalid("is required", path=path)
    return value


def _birth_date(text: str | None) -> date | None:
    """A date, or an instant whose date counts: the document types it as an instant."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return parse_instant(text, path="birthDate").date()


def _external_id(references: Iterable[ExternalReference]) -> str | None:
    named = [each.name for each in references if each.external_reference_type == _EXTERNAL]
    return named[0] if named else None


def _external_reference(external_id: str | None) -> tuple[ExternalReference, ...]:
    if external_id is None:
        return ()
    return (ExternalReference(external_reference_type=_EXTERNAL, name=external_id),)


def _individual(party: Individual) -> IndividualForm:
    return IndividualForm(
        id=party.id,
        href=href(_INDIVIDUALS, party.id),
        status=_STATUS_WORDS.get(party.status, party.status),
        full_name=party.name,
        given_name=party.given_name,
        family_name=party.family_name,
        birth_date=f"{party.birth_date}T00:00:00.000Z" if party.birth_date else None,
        gender=party.gender,
        contact_medium=medium_forms(party.contact_media),
        party_characteristic=characteristics(party.extensions),
        external_reference=_external_reference(party.external_id),
    )


def _organization(party: Organization) -> OrganizationForm:
    return OrganizationForm(
        id=party.id,
        href=href(_ORGANIZATIONS, party.id),
        status=party.status,
        name=party.name,
        trading_name=party.trading_name,
        organization_type=party.organization_type,
        contact_medium=medium_forms(party.contact_media),
        party_characteristic=characteristics(party.extensions),
        external_reference=_external_reference(party.external_id),
    )


def _register_individual(tx: Tx, new: IndividualCreate, now: datetime) -> str:
    return customers.register_individual(
        tx,
        given_name=new.given_name,
        family_name=new.family_name,
        full_name=new.full_name,
        birth_date=_birth_date(new.birth_date),
        gender=new.gender,
        contact_media=_media(new.contact_medium),
        external_id=_external_id(new.external_reference),
        extensions=values_of(new.party_characteristic, "partyCharacteristic"),
        now=now,
    ).id


def _register_organization(tx: Tx, new: OrganizationCreate, now: datetime) -> str:
    return customers.register_organization(
        tx,
        name=new.name or new.trading_name,
        trading_name=new.trading_name,
        organization_type=new.organization_type,
        contact_media=_media(new.contact_medium),
        external_id=_external_id(new.external_reference),
        extensions=values_of(new.party_characteristic, "partyCharacteristic"),
        now=now,
    ).id


def _change_individual(tx: Tx, ident: str, patch: IndividualPatch, now: datetime) -> None:
    present = customers.party(tx, PartyId(ident))
    assert isinstance(present, Individual)
    parts = [part for part in (present.given_name, present.family_name) if part]
    own_name = None if present.name == " ".join(parts) else present.name
    to = NewIndividual(
        given_name=_or(patch.given_name, present.given_name),
        family_name=_or(patch.family_name, present.family_name),
        full_name=_or(patch.full_name, own_name),
        birth_date=present.birth_date
        if patch.birth_date is UNSET
        else _birth_date(patch.birth_date),
        gender=_or(patch.gender, present.gender),
        contact_media=_changed_media(patch, present),
        external_id=present.external_id,
        extensions=_changed_extensions(patch, present),
    )
    customers.change_party(tx, party=present.id, to=to, now=now)


def _change_organization(tx: Tx, ident: str, patch: OrganizationPatch, now: datetime) -> None:
    present = customers.party(tx, PartyId(ident))
    assert isinstance(present, Organization)
    to = NewOrganization(
        name=_or(patch.name, present.name),
        trading_name=_or(patch.trading_name, present.trading_name),
        organization_type=_or(patch.organization_type, present.organization_type),
        contact_media=_changed_media(patch, present),
        external_id=present.external_id,
        extensions=_changed_extensions(patch, present),
    )
    customers.change_party(tx, party=present.id, to=to, now=now)


def _or(given: Any, present: Any) -> Any:
    return present if given is UNSET else given


def _changed_media(patch: _PartyPatch, present: Party) -> tuple[ContactMedium, ...]:
    if isinstance(patch.contact_medium, UnsetType):
        return present.contact_media
    return _media(patch.contact_medium)


def _changed_extensions(patch: _PartyPatch, present: Party) -> Any:
    if isinstance(patch.party_characteristic, UnsetType):
        return present.extensions
    return values_of(patch.party_characteristic or (), "partyCharacteristic")


def _change_individual_status(tx: Tx, ident: str, patch: PartyStatusPatch, now: datetime) -> None:
    word = _STATUSES.get(patch.status, patch.status)
    try:
        to = IndividualStatus(word)
    except ValueError:
        raise Invalid(f"{word[:40]!r} is not a status", path="status") from None
    customers.change_party_status(tx, party=PartyId(ident), to=to, now=now)


def _change_organization_status(tx: Tx, ident: str, patch: PartyStatusPatch, now: datetime) -> None:
    try:
        to = OrganizationStatus(patch.status)
    except ValueError:
        raise Invalid(f"{patch.status[:40]!r} is not a status", path="status") from None
    customers.change_party_status(tx, party=PartyId(ident), to=to, now=now)


def _find(kind: type[Party]) -> Any:
    def find(r: Reader, ids: Sequence[str]) -> list[Party]:
        found = customers.parties(r, [PartyId(each) for each in ids])
        return [party for party in found.values() if isinstance(party, kind)]

    return find


def _status(text: str, _path: str) -> str:
    return _STATUSES.get(text, text)


_COMMON: Paths = {
    "status": column(PARTIES.c.status, parse=_status),
    "externalReference.name": PARTIES.c.external_id,
    "contactMedium.characteristic.emailAddress": in_json(PARTIES.c.contact_media, "address"),
    "contactMedium.characteristic.phoneNumber": in_json(PARTIES.c.contact_media, "number"),
    "contactMedium.characteristic.postCode": in_json(PARTIES.c.contact_media, "post_code"),
    "contactMedium.characteristic.city": in_json(PARTIES.c.contact_media, "city"),
}

_OWNER = owned_through(PARTIES.c.id, CUSTOMERS.c.party_id, CUSTOMERS.c.id, fixed=["status"])

_INDIVIDUAL = Aggregate(
    path=_INDIVIDUALS,
    type="Individual",
    key=PARTIES.c.id,
    where=PARTIES.c.kind == "individual",
    paths={
        **_COMMON,
        "fullName": PARTIES.c.name,
        "givenName": PARTIES.c.given_name,
        "familyName": PARTIES.c.family_name,
        "gender": PARTIES.c.gender,
    },
    find=_find(Individual),
    to_wire=_individual,
    form=IndividualForm,
    owner=_OWNER,
    accepts=IndividualCreate,
    create=_register_individual,
    verbs=(
        Verb(on="status", form=PartyStatusPatch, run=_change_individual_status),
        Verb(form=IndividualPatch, run=_change_individual),
    ),
)

_ORGANIZATION = Aggregate(
    path=_ORGANIZATIONS,
    type="Organization",
    key=PARTIES.c.id,
    where=PARTIES.c.kind == "organization",
    paths={
        **_COMMON,
        "name": PARTIES.c.name,
        "tradingName": PARTIES.c.trading_name,
        "organizationType": PARTIES.c.organization_type,
    },
    find=_find(Organization),
    to_wire=_organization,
    form=OrganizationForm,
    owner=_OWNER,
    accepts=OrganizationCreate,
    create=_register_organization,
    verbs=(
        Verb(on="status", form=PartyStatusPatch, run=_change_organization_status),
        Verb(form=OrganizationPatch, run=_change_organization),
    ),
)

API = Api(
    number="TMF632",
    title="Party Management",
    version="4.0.0",
    base=PARTY,
    resources=(_INDIVIDUAL, _ORGANIZATION),
)
