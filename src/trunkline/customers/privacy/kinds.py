"""The three kinds of document of TMF644: specifications, profiles, agreements."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from trunkline.catalog import OfferingId, offerings
from trunkline.customers.privacy import store
from trunkline.customers.privacy.model import (
    AGREEMENT_LIFECYCLE,
    PROFILE_LIFECYCLE,
    SPECIFICATION_LIFECYCLE,
    InvalidProfile,
    PrivacyAgreementId,
    PrivacyProfileId,
    PrivacySpecificationId,
    Standing,
    party_named,
    period,
    standing,
)
from trunkline.kernel.errors import Conflict
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Reader, Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body


class SpecificationInUse(Conflict):
    """Profiles were made of it."""

    code = "privacySpecificationInUse"


def parties_among(r: Reader, ids: Collection[str]) -> Collection[str]:
    """Those that are a party's or a customer's."""
    return store.party_ids(r, ids).keys()


def _offerings_among(r: Reader, ids: Collection[str]) -> Collection[str]:
    return offerings(r, [OfferingId(each) for each in ids]).keys()


def _moved(lifecycle: Lifecycle[Standing], body: Body, before: Body | None) -> None:
    if before is not None and before["status"] != body["status"]:
        lifecycle.check(standing(before["status"]), standing(body["status"]), path="status")


def _complete_specification(body: Body, before: Body | None, now: datetime) -> Body:
    made = dict(body)
    made.setdefault("status", "Active")
    made["lastUpdate"] = format_instant(now)
    _moved(SPECIFICATION_LIFECYCLE, made, before)
    period(made.get("validFor"))
    return made


def _complete_profile(body: Body, before: Body | None, now: datetime) -> Body:
    made = dict(body)
    made.setdefault("status", "agreed")
    period(made.get("validFor"))
    if before is None:
        made["creationDate"] = format_instant(now)
        made.setdefault("applicableForParty", made["agreedByParty"])
        return made
    if made.get("creationDate") != before["creationDate"]:
        raise InvalidProfile("can't be changed", path="creationDate")
    made.setdefault("applicableForParty", made["agreedByParty"])
    if party_named(made) != party_named(before):
        raise InvalidProfile("another party has its own profile", path="applicableForParty.id")
    _moved(PROFILE_LIFECYCLE, made, before)
    return made


def _complete_agreement(body: Body, before: Body | None, now: datetime) -> Body:
    made = dict(body)
    made.setdefault("status", "in process")
    made.setdefault("initialDate", format_instant(now))
    period_of_agreement = made.get("agreementPeriod")
    if period_of_agreement is not None:
        period(period_of_agreement)
    _moved(AGREEMENT_LIFECYCLE, made, before)
    return made


def _profile_columns(body: Body) -> Mapping[str, Any]:
    return {
        "status": body["status"],
        "specification_id": body["partyPrivacyProfileSpecification"]["id"],
        "party_id": party_named(body),
        "agreed_by": body["agreedByParty"]["id"],
    }


def _engaged(body: Body) -> str | None:
    return next((each["id"] for each in body.get("engagedPartyRole", ())), None)


def _unused(tx: Tx, body: Body) -> None:
    if store.is_used(tx, body["id"]):
        raise SpecificationInUse(f"profiles were made of {body['id']}")


SPECIFICATION = documents.Kind(
    name="PartyPrivacyProfileSpecification",
    ids=PrivacySpecificationId,
    table=store.specification,
    columns=lambda body: {"status": body["status"], "name": body.get("name")},
    complete=_complete_specification,
    refers={"relatedParty": parties_among, "productOffering": _offerings_among},
    deletable=_unused,
)

AGREEMENT = documents.Kind(
    name="PartyPrivacyAgreement",
    ids=PrivacyAgreementId,
    table=store.agreement,
    columns=lambda body: {"status": body["status"], "party_id": _engaged(body)},
    complete=_complete_agreement,
    refers={
        "engagedPartyRole": parties_among,
        "partyPrivacyProfile": store.profiles_among,
        "agreementItem.productOffering": _offerings_among,
    },
)
PROFILE = documents.Kind(
    name="PartyPrivacyProfile",
    ids=PrivacyProfileId,
    table=store.profile,
    columns=_profile_columns,
    complete=_complete_profile,
    refers={
        "agreedByParty": parties_among,
        "applicableForParty": parties_among,
        "partyPrivacyProfileSpecification": documents.known(SPECIFICATION),
        "agreement": documents.known(AGREEMENT),
        "partyPrivacyProfileCharacteristic.relatedParty": parties_among,
    },
)
