"""TMF632 Party Management, v4: individuals and organizations.

What the domain doesn't decide by is kept and given back as it came. Of an
`externalReference`, the one of type `externalId` is the name under which the party came in.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from trunkline import customers
from trunkline.customers import (
    CUSTOMERS,
    PARTIES,
    ContactMedium,
    Individual,
    IndividualStatus,
    NewIndividual,
    NewOrganization,
    Organization,
    OrganizationStatus,
    Party,
    PartyId,
)
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import parse_instant
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms.contact_media import media_forms, media_of, settled
from trunkline.rest.forms.organizations import check_tree, place, relationships
from trunkline.rest.forms.party import (
    IndividualCreate,
    IndividualForm,
    OrganizationCreate,
    OrganizationForm,
)
from trunkline.rest.forms.party_types import addressed, unaddressed
from trunkline.rest.forms.wire import (
    PARTY,
    values_of,
)
from trunkline.tmf import (
    Api,
    Body,
    Document,
    Paths,
    column,
    documents,
    either,
    in_json,
    owned_through,
)

_bare = unaddressed("relatedParty")
_INDIVIDUALS = f"{PARTY}/individual"
_ORGANIZATIONS = f"{PARTY}/organization"
_EXTERNAL = "externalId"
_CHARACTERISTIC = "partyCharacteristic"
_STATUS_WORDS = {IndividualStatus.DECEASED: "deceaded"}
"""The document's spelling, which clients validate against."""
_STATUSES = {word: status for status, word in _STATUS_WORDS.items()}
_TYPED = {
    "id", "href", "status", "fullName", "givenName", "familyName", "gender", "name",
    "tradingName", "organizationType", "organizationParentRelationship",
    "organizationChildRelationship",
}  # fmt: skip
"""Attributes with a place of their own; the others are kept whole."""


def body_of(party: Party) -> Body:
    """A party as a document, but for its place among organizations."""
    body: Body = {
        **party.details,
        "id": party.id,
        "status": _STATUS_WORDS.get(party.status, party.status)
        if isinstance(party, Individual)
        else party.status.value,
        "contactMedium": contact_media_of(party),
        _CHARACTERISTIC: _characteristics_of(party),
        "externalReference": _references_of(party),
    }
    if isinstance(party, Individual):
        born = party.birth_date
        said = _said(party, "birthDate", _birth_date, born)
        if said is None or "T" not in said:
            said = f"{born}T00:00:00.000Z" if born else None
        body |= {
            "fullName": party.name,
            "givenName": party.given_name,
            "familyName": party.family_name,
            "gender": party.gender,
            "birthDate": said,
        }
    else:
        body |= {
            "name": party.name,
            "tradingName": party.trading_name,
            "organizationType": party.organization_type,
        }
    return {name: each for name, each in body.items() if each is not None and each != []}


def contact_media_of(party: Party) -> list[Body]:
    """As they came in, if they did so as a document; else what is known of them."""
    said = _said(party, "contactMedium", _media, party.contact_media)
    return said if said is not None else media_forms(party.contact_media)


def _media(forms: Any) -> tuple[ContactMedium, ...]:
    return media_of(forms, "contactMedium")


def _values(said: Any) -> dict[str, Any]:
    return values_of(said, _CHARACTERISTIC)


def _characteristics_of(party: Party) -> list[Body]:
    said = _said(party, _CHARACTERISTIC, _values, dict(party.extensions))
    if said is not None:
        return list(said)
    return [{"name": name, "value": value} for name, value in party.extensions.items()]


def _references_of(party: Party) -> list[Body]:
    said = _said(party, "externalReference", _external_id, party.external_id)
    if said is not None:
        return list(said)
    known = party.external_id
    return [] if known is None else [{"externalReferenceType": _EXTERNAL, "name": known}]


def _said(party: Party, name: str, meaning: Callable[[Any], Any], known: Any) -> Any:
    """An attribute as it came in, as long as it means what is known."""
    said = party.details.get(name)
    return said if said is not None and meaning(said) == known else None


def _external_id(said: Iterable[Mapping[str, Any]]) -> str | None:
    named = [each.get("name") for each in said if each.get("externalReferenceType") == _EXTERNAL]
    return named[0] if named else None


def _birth_date(text: str) -> date:
    """A date, or an instant whose date counts: the document types it as an instant."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return parse_instant(text, path="birthDate").date()


def _common(tx: Tx, body: Body, before: Party | None) -> dict[str, Any]:
    """What both kinds of party have in common, as the domain takes it."""
    old = None if before is None else before.details
    customers.check_parties(tx, body, old, "relatedParty")
    media = _media(body.get("contactMedium"))
    details = {name: each for name, each in body.items() if name not in _TYPED}
    if "contactMedium" in details:
        details["contactMedium"] = settled(details["contactMedium"], media)
    return {
        "contact_media": media,
        "external_id": _external_id(body.get("externalReference", ())),
        "extensions": _values(body.get(_CHARACTERISTIC, ())),
        "details": details,
    }


def _person(tx: Tx, body: Body, before: Individual | None) -> NewIndividual:
    parts = [] if before is None else [before.given_name, before.family_name]
    joined = " ".join(part for part in parts if part)
    full_name = body.get("fullName")
    if before is not None and full_name == before.name == joined:
        full_name = None  # it follows its parts
    birth_date = body.get("birthDate")
    return NewIndividual(
        given_name=body.get("givenName"),
        family_name=body.get("familyName"),
        full_name=full_name,
        birth_date=None if birth_date is None else _birth_date(birth_date),
        gender=body.get("gender"),
        status=_individual_status(body),
        **_common(tx, body, before),
    )


def _firm(tx: Tx, body: Body, before: Organization | None) -> NewOrganization:
    name = body.get("name")
    if name is None and before is not None:
        raise Invalid("can't be taken away", path="name")
    return NewOrganization(
        name=name or body["tradingName"],
        trading_name=body.get("tradingName"),
        organization_type=body.get("organizationType"),
        status=OrganizationStatus(body.get("status", OrganizationStatus.INITIALIZED)),
        **_common(tx, body, before),
    )


def _individual_status(body: Body) -> IndividualStatus:
    word: str = body.get("status", IndividualStatus.INITIALIZED)
    return IndividualStatus(_STATUSES.get(word, word))


def _register_individual(tx: Tx, body: Body, now: datetime) -> str:
    return customers.register_party(tx, _person(tx, _own(body), None), now=now).id


def _register_organization(tx: Tx, body: Body, now: datetime) -> str:
    given = _own(body)
    party = customers.register_party(tx, _firm(tx, given, None), now=now)
    place(tx, party.id, given, {}, now)
    return party.id


def _change_individual(tx: Tx, ident: str, body: Body, now: datetime) -> None:
    present = customers.party(tx, PartyId(ident))
    assert isinstance(present, Individual)
    given = _own(body)
    customers.change_party(tx, party=present.id, to=_person(tx, given, present), now=now)
    to = _individual_status(given)
    if to is not present.status:
        customers.change_party_status(tx, party=present.id, to=to, now=now)


def _change_organization(tx: Tx, ident: str, body: Body, now: datetime) -> None:
    present = customers.party(tx, PartyId(ident))
    assert isinstance(present, Organization)
    given = _own(body)
    before = _organizations(tx, [ident])[0]
    new = _firm(tx, given, present)
    customers.change_party(tx, party=present.id, to=new, now=now)
    if new.status is not present.status:
        customers.change_party_status(tx, party=present.id, to=new.status, now=now)
    place(tx, present.id, given, before, now)


def _own(body: Body) -> Body:
    given = _bare(documents.present(body))
    given.pop("id", None)
    if given.get("@type") in ("Individual", "Organization"):
        del given["@type"]
    check_tree(given)
    return given


def _delete(tx: Tx, ident: str, _now: datetime) -> None:
    customers.delete_party(tx, party=PartyId(ident))


def _individuals(r: Reader, ids: Sequence[str]) -> list[Body]:
    found = customers.parties(r, [PartyId(each) for each in ids]).values()
    return [body_of(each) for each in found if isinstance(each, Individual)]


def _organizations(r: Reader, ids: Sequence[str]) -> list[Body]:
    found = customers.parties(r, [PartyId(each) for each in ids]).values()
    firms = [each for each in found if isinstance(each, Organization)]
    places = relationships(r, firms)
    return [{**body_of(each), **places[each.id]} for each in firms]


def _status(text: str, _path: str) -> str:
    return _STATUSES.get(text, text)


def _kept(*paths: str) -> Paths:
    return {path: in_json(PARTIES.c.details, path) for path in paths}


_MEDIA = "contactMedium.characteristic"
_COMMON: Paths = {
    "status": column(PARTIES.c.status, parse=_status),
    "externalReference.name": either(
        column(PARTIES.c.external_id), in_json(PARTIES.c.details, "externalReference.name")
    ),
    f"{_MEDIA}.emailAddress": in_json(PARTIES.c.contact_media, "address"),
    f"{_MEDIA}.phoneNumber": in_json(PARTIES.c.contact_media, "number"),
    f"{_MEDIA}.postCode": in_json(PARTIES.c.contact_media, "post_code"),
    f"{_MEDIA}.city": in_json(PARTIES.c.contact_media, "city"),
    f"{_MEDIA}.street1": in_json(PARTIES.c.contact_media, "street1"),
    **_kept(
        "relatedParty.id", "relatedParty.role", "creditRating.ratingReference",
        "taxExemptionCertificate.id", "@baseType",
    ),
}  # fmt: skip

_OWNER = owned_through(
    PARTIES.c.id,
    CUSTOMERS.c.party_id,
    CUSTOMERS.c.id,
    deletes=False,
    fixed=["status", "creditRating", "taxExemptionCertificate", "organizationParentRelationship",
           "organizationChildRelationship"],
)  # fmt: skip

_INDIVIDUAL = Document(
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
        **_kept(
            "title", "middleName", "legalName", "formattedName", "preferredGivenName",
            "nationality", "maritalStatus", "placeOfBirth", "countryOfBirth", "location",
            "individualIdentification.identificationId",
            "individualIdentification.identificationType", "languageAbility.languageCode",
            "skill.skillCode", "disability.disabilityCode", "otherName.familyName",
        ),
    },
    schema=IndividualForm,
    accepts=IndividualCreate,
    find=_individuals,
    owner=_OWNER,
    create=_register_individual,
    replace=_change_individual,
    delete=_delete,
    to_wire=addressed("relatedParty"),
)  # fmt: skip

_ORGANIZATION = Document(
    path=_ORGANIZATIONS,
    type="Organization",
    key=PARTIES.c.id,
    where=PARTIES.c.kind == "organization",
    paths={
        **_COMMON,
        "name": PARTIES.c.name,
        "tradingName": PARTIES.c.trading_name,
        "organizationType": PARTIES.c.organization_type,
        "organizationParentRelationship.organization.id": PARTIES.c.parent_id,
        "organizationParentRelationship.relationshipType": PARTIES.c.parent_relationship,
        "isLegalEntity": in_json(PARTIES.c.details, "isLegalEntity", "boolean"),
        "isHeadOffice": in_json(PARTIES.c.details, "isHeadOffice", "boolean"),
        **_kept(
            "nameType", "organizationIdentification.identificationId",
            "organizationIdentification.identificationType", "otherName.name",
        ),
    },
    schema=OrganizationForm,
    accepts=OrganizationCreate,
    find=_organizations,
    owner=_OWNER,
    create=_register_organization,
    replace=_change_organization,
    delete=_delete,
    to_wire=addressed("relatedParty"),
)  # fmt: skip

API = Api(
    number="TMF632",
    title="Party Management",
    version="4.0.0",
    base=PARTY,
    resources=(_INDIVIDUAL, _ORGANIZATION),
)
