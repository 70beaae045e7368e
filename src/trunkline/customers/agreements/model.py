"""What is settled with parties beside the list, and the forms it takes (TMF651)."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.catalog import CATALOG_LIFECYCLE, LifecycleStatus, OfferingId
from trunkline.customers.bodies import check_period, check_supplied, in_words
from trunkline.customers.model import CustomerId, at, check_name
from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.money import Money
from trunkline.kernel.time import format_instant, parse_instant
from trunkline.tmf.documents import Body

COMMERCIAL = "commercial"
ALTERATION = "recurringAlteration"
"""Of an agreement's item, beside what TMF651 knows: Money that is added to the offering's
recurring price each period."""


class AgreementId(Id):
    __slots__ = ()
    prefix = "agr"


class AgreementSpecificationId(Id):
    __slots__ = ()
    prefix = "ags"


class AgreementStatus(StrEnum):
    """Where an agreement stands (TMF651: "typical values are: in process, approved and
    rejected")."""

    IN_PROCESS = "inProcess"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    ACTIVE = "active"
    TERMINATED = "terminated"


_S = AgreementStatus
AGREEMENT_LIFECYCLE = Lifecycle(
    "the agreement",
    {
        _S.IN_PROCESS: {_S.APPROVED, _S.REJECTED, _S.CANCELLED, _S.ACTIVE},
        _S.APPROVED: {_S.ACTIVE, _S.CANCELLED, _S.TERMINATED},
        _S.REJECTED: {_S.IN_PROCESS},
        _S.CANCELLED: frozenset(),
        _S.ACTIVE: {_S.TERMINATED},
        _S.TERMINATED: frozenset(),
    },
)
BEGINS = (_S.IN_PROCESS, _S.APPROVED, _S.ACTIVE)
DELETABLE = frozenset({_S.IN_PROCESS, _S.REJECTED, _S.CANCELLED})

_L = LifecycleStatus
SPECIFICATION_LIFECYCLE = CATALOG_LIFECYCLE
SPECIFICATION_BEGINS = (_L.IN_STUDY, _L.IN_DESIGN, _L.IN_TEST, _L.ACTIVE, _L.LAUNCHED)


class AgreementItem(msgspec.Struct, frozen=True, kw_only=True):
    """`recurring_alteration` is added to the offering's recurring price each period, and taken
    off it where negative."""

    name: str
    offering: OfferingId
    recurring_alteration: Money


class NewAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to sign an agreement. It holds from `starts` up to, and without, `ends`;
    None is open-ended."""

    customer: CustomerId
    name: str
    items: tuple[AgreementItem, ...]
    starts: datetime
    ends: datetime | None = None
    external_id: str | None = None


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """What was settled with one customer beside the list. `items` are those that alter a
    price."""

    id: AgreementId
    customer: CustomerId
    name: str
    status: AgreementStatus
    items: tuple[AgreementItem, ...]
    starts: datetime
    ends: datetime | None = None
    external_id: str | None = None
    created_at: datetime


class InvalidAgreement(Invalid):
    code = "invalidAgreement"


class AgreementNotFound(NotFound):
    code = "agreementNotFound"


class AgreementInForce(Conflict):
    code = "agreementInForce"


class SpecificationInUse(Conflict):
    code = "specificationInUse"


def check_agreement(new: NewAgreement, *, path: str = "") -> None:
    """Raises `InvalidAgreement`, or `InvalidParty` for its name."""
    check_name(new.name, path=at(path, "name"))
    if not new.items:
        raise InvalidAgreement("an agreement has at least one item", path=at(path, "agreementItem"))
    if new.ends is not None and new.ends <= new.starts:
        raise InvalidAgreement("it ends before it begins", path=at(path, "agreementPeriod"))


def body_of(signed: Agreement, customer_name: str) -> Body:
    """A signed agreement as the document that it is."""
    said = format_instant(signed.created_at)
    body: Body = {
        "id": signed.id,
        "name": signed.name,
        "agreementType": COMMERCIAL,
        "status": signed.status.value,
        "initialDate": said,
        "agreementPeriod": {"startDateTime": format_instant(signed.starts)},
        "engagedParty": [
            {
                "id": signed.customer,
                "name": customer_name,
                "role": "customer",
                "@referredType": "Customer",
            }
        ],
        "agreementItem": [
            {
                "name": item.name,
                "productOffering": [{"id": item.offering}],
                ALTERATION: {
                    "unit": item.recurring_alteration.currency,
                    "value": item.recurring_alteration.to_decimal(),
                },
            }
            for item in signed.items
        ],
    }
    if signed.ends is not None:
        body["agreementPeriod"]["endDateTime"] = format_instant(signed.ends)
    if signed.external_id is not None:
        body["externalId"] = signed.external_id
    return body


def items_of(body: Mapping[str, Any]) -> tuple[AgreementItem, ...]:
    """Those of its items that alter a price."""
    found = []
    for index, item in enumerate(body["agreementItem"]):
        if ALTERATION not in item:
            continue
        place = f"agreementItem[{index}]"
        offerings = item.get("productOffering", ())
        if len(offerings) != 1:
            raise InvalidAgreement("a price is altered of one offering", path=place)
        amount = item[ALTERATION]
        found.append(
            AgreementItem(
                name=item.get("name") or body["name"],
                offering=OfferingId(offerings[0]["id"]),
                recurring_alteration=Money.of(
                    Decimal(amount["value"]), amount["unit"], path=f"{place}.{ALTERATION}"
                ),
            )
        )
    return tuple(found)


def meant(body: Body) -> Body:
    """With its status in our words: "In process" is inProcess."""
    return in_words(body, "status", AgreementStatus)


def complete_agreement(body: Body, before: Body | None, now: datetime) -> Body:
    """The agreement as it is kept: with the day it was begun, and the one that ended it."""
    check_period(body, "agreementPeriod")
    if not body["agreementItem"]:
        raise InvalidAgreement("an agreement has at least one item", path="agreementItem")
    if not body["engagedParty"]:
        raise InvalidAgreement("an agreement has parties", path="engagedParty")
    items_of(body)
    if before is None:
        return {"initialDate": format_instant(now), **body}
    check_supplied(body, before, "completionDate", "initialDate")
    if body["status"] != before["status"] and body["status"] == _S.TERMINATED:
        return _ended(body, now)
    return body


def _ended(body: Body, now: datetime) -> Body:
    """What is terminated holds no longer."""
    period = dict(body.get("agreementPeriod", {}))
    ends = period.get("endDateTime")
    if ends is None or parse_instant(ends) > now:
        period["endDateTime"] = format_instant(now)
    return {**body, "agreementPeriod": period, "completionDate": {**period}}


def complete_specification(body: Body, before: Body | None, now: datetime) -> Body:
    """The specification as it is kept."""
    check_period(body, "validFor")
    if before is not None:
        check_supplied(body, before, "lastUpdate")
    return {**body, "lastUpdate": format_instant(now)}


def specification_meant(body: Body) -> Body:
    """With its lifecycle status in our words."""
    return in_words(body, "lifecycleStatus", LifecycleStatus)
