"""TMF644 Privacy Management, v4: what a party allows to be done with its data.

A profile whose status is in force (`agreed`, `active`, `approved`) gives and refuses consents: a
characteristic is named for a channel (email, sms, app) or a kind of data, `privacyUsagePurpose`
says for what (MARKETING where it is absent), and `value` whether: true, allowed, yes, opt-in and
the like grant; all else refuses. Messages are sent by what the latest word is.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from trunkline import customers
from trunkline.customers import (
    PRIVACY_AGREEMENT,
    PRIVACY_PROFILE,
    PRIVACY_SPECIFICATION,
    change_privacy_document,
)
from trunkline.platform.db import Tx
from trunkline.rest.forms.agreement import AgreementAttributes, AgreementItem
from trunkline.rest.forms.entities import (
    DescribedReference,
    Reference,
    RelatedParty,
    SpecificationValue,
)
from trunkline.rest.forms.wire import PRIVACY, PeriodIn, Some, Typed
from trunkline.tmf import (
    PUBLIC,
    Api,
    Body,
    Document,
    Moment,
    Owner,
    Paths,
    Wire,
    documents,
    in_json,
    owned_by,
)
from trunkline.tmf.documents import Kind


class RoleSpecification(Typed, kw_only=True):
    name: str
    description: str | None = None


class ApplicableRole(RoleSpecification, kw_only=True):
    agreement_specification: tuple[DescribedReference, ...] | None = None


class SpecificationCharacteristic(Typed, kw_only=True):
    id: str | None = None
    criticality_level: str | None = None
    description: str | None = None
    name: str | None = None
    privacy_type: str | None = None
    privacy_usage_purpose: str | None = None
    allowed_role: tuple[RoleSpecification, ...] | None = None
    party_privacy_profile_spec_characteristic_value: tuple[SpecificationValue, ...] | None = None
    valid_for: PeriodIn | None = None


class PartyPrivacyProfileSpecification(Typed, kw_only=True):
    party_privacy_profile_spec_characteristic: Some[SpecificationCharacteristic]
    description: str | None = None
    last_update: Moment | None = None
    name: str | None = None
    status: str | None = None
    version: str | None = None
    applicable_role: tuple[ApplicableRole, ...] | None = None
    product_offering: tuple[Reference, ...] | None = None
    related_party: tuple[RelatedParty, ...] | None = None
    valid_for: PeriodIn | None = None


class ProfileCharacteristic(Typed, kw_only=True):
    name: str
    value: Any
    id: str | None = None
    privacy_usage_purpose: str | None = None
    value_type: str | None = None
    related_party: tuple[RelatedParty, ...] | None = None


class PartyPrivacyProfile(Typed, kw_only=True):
    agreed_by_party: RelatedParty
    party_privacy_profile_characteristic: Some[ProfileCharacteristic]
    party_privacy_profile_specification: Reference
    creation_date: Moment | None = None
    description: str | None = None
    name: str | None = None
    status: str | None = None
    agreement: Reference | None = None
    applicable_for_party: RelatedParty | None = None
    valid_for: PeriodIn | None = None


class PartyPrivacyAgreement(AgreementAttributes, kw_only=True):
    agreement_item: Some[AgreementItem]
    engaged_party_role: Some[RelatedParty]
    party_privacy_profile: tuple[Reference, ...] | None = None
    party_privacy_profile_characteristic: tuple[ProfileCharacteristic, ...] | None = None


def _in_body(body: Any, *paths: str) -> Paths:
    return {path: in_json(body, path) for path in paths}


_SPECIFICATIONS, _PROFILES, _AGREEMENTS = (
    kind.table.c for kind in (PRIVACY_SPECIFICATION, PRIVACY_PROFILE, PRIVACY_AGREEMENT)
)


Create = Callable[[Tx, Body, datetime], Body]
Replace = Callable[[Tx, str, Body, datetime], object]
Delete = Callable[[Tx, str, datetime], object]


def _resource(
    kind: Kind,
    schema: type[Wire],
    paths: Paths,
    owner: Owner,
    verbs: tuple[Create, Replace, Delete],
) -> Document:
    create, replace, delete = verbs
    word = kind.name[0].lower() + kind.name[1:]

    def created(tx: Tx, body: Body, now: datetime) -> str:
        body.pop("id", None)  # the document leaves it to the server
        return str(create(tx, body, now)["id"])

    def deleted(tx: Tx, ident: str, now: datetime) -> None:
        delete(tx, ident, now)

    return Document(
        path=f"{PRIVACY}/{word}",
        type=kind.name,
        key=kind.table.c.id,
        paths={"@type": in_json(kind.table.c.body, "@type"), **paths},
        schema=schema,
        find=lambda r, ids: documents.find(r, kind, ids),
        create=created,
        replace=replace,
        delete=deleted,
        owner=owner,
        state_event="StatusChangeEvent",
    )


def _plain(kind: Kind) -> tuple[Create, Replace, Delete]:
    """The verbs of a kind that nothing else follows from."""
    return (
        lambda tx, body, now: documents.create(tx, kind, body, now),
        lambda tx, ident, body, now: change_privacy_document(tx, kind, ident, body, now),
        lambda tx, ident, _now: documents.delete(tx, kind, ident),
    )


API = Api(
    number="TMF644",
    title="Privacy Management",
    version="4.0.0",
    base=PRIVACY,
    resources=(
        _resource(
            PRIVACY_SPECIFICATION,
            PartyPrivacyProfileSpecification,
            {
                "status": _SPECIFICATIONS.status,
                "name": _SPECIFICATIONS.name,
                "lastUpdate": _SPECIFICATIONS.updated_at,
                **_in_body(
                    _SPECIFICATIONS.body,
                    "description",
                    "version",
                    "applicableRole.name",
                    "productOffering.id",
                    "relatedParty.id",
                    "partyPrivacyProfileSpecCharacteristic.name",
                    "partyPrivacyProfileSpecCharacteristic.privacyUsagePurpose",
                ),
            },
            PUBLIC,
            _plain(PRIVACY_SPECIFICATION),
        ),
        _resource(
            PRIVACY_PROFILE,
            PartyPrivacyProfile,
            {
                "status": _PROFILES.status,
                "creationDate": _PROFILES.created_at,
                "partyPrivacyProfileSpecification.id": _PROFILES.specification_id,
                "agreedByParty.id": _PROFILES.agreed_by,
                "applicableForParty.id": _PROFILES.party_id,
                **_in_body(
                    _PROFILES.body,
                    "name",
                    "description",
                    "agreement.id",
                    "partyPrivacyProfileCharacteristic.name",
                    "partyPrivacyProfileCharacteristic.privacyUsagePurpose",
                    "partyPrivacyProfileCharacteristic.value",
                ),
            },
            owned_by(_PROFILES.party_id, parties=True),
            (customers.agree_profile, customers.change_profile, customers.delete_profile),
        ),
        _resource(
            PRIVACY_AGREEMENT,
            PartyPrivacyAgreement,
            {
                "status": _AGREEMENTS.status,
                **_in_body(
                    _AGREEMENTS.body,
                    "name",
                    "description",
                    "agreementType",
                    "version",
                    "partyPrivacyProfile.id",
                    "engagedPartyRole.id",
                    "engagedPartyRole.role",
                ),
            },
            owned_by(_AGREEMENTS.party_id, parties=True, writes=False),
            _plain(PRIVACY_AGREEMENT),
        ),
    ),
)
