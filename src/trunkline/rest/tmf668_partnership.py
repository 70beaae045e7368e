"""TMF668 Partnership Type Management, v4.

A partner is a party role of TMF669: one that is given without an id becomes one.
"""

from datetime import datetime
from typing import Any

from trunkline import customers
from trunkline.customers import (
    PARTNERSHIP_SPECIFICATIONS,
    PARTNERSHIPS,
    PartnershipId,
    partnership,
    partnership_specification,
)
from trunkline.platform.db import Tx
from trunkline.rest.forms.entities import DescribedReference, NamedValue, RelatedParty
from trunkline.rest.forms.party_types import AccountRef, CreditProfile, addressed, unaddressed
from trunkline.rest.forms.wire import PeriodIn, Typed
from trunkline.tmf import Api, documents, in_json

_BASE = "/tmf-api/partnershipManagement/v4"
_REFERENCES = ("specification", "partner", "partner.engagedParty")
_bare = unaddressed(*_REFERENCES)
_CHANGED = "ChangeEvent"
"""Partnerships and their specifications have one event for all changes."""


class PartnershipRoleSpecification(Typed, kw_only=True):
    name: str
    description: str | None = None
    requires_billing: bool | None = None
    requires_settlement: bool | None = None
    agreement_specification: tuple[DescribedReference, ...] | None = None


class PartnershipSpecification(Typed, kw_only=True):
    name: str
    description: str | None = None
    role_specification: tuple[PartnershipRoleSpecification, ...] | None = None


class Partner(Typed, kw_only=True):
    """A party role, made with the partnership or before."""

    id: str | None = None
    href: str | None = None
    name: str | None = None
    status: str | None = None
    status_reason: str | None = None
    account: tuple[AccountRef, ...] | None = None
    agreement: tuple[DescribedReference, ...] | None = None
    characteristic: tuple[NamedValue, ...] | None = None
    credit_profile: tuple[CreditProfile, ...] | None = None
    engaged_party: RelatedParty | None = None
    payment_method: tuple[DescribedReference, ...] | None = None
    related_party: tuple[RelatedParty, ...] | None = None
    valid_for: PeriodIn | None = None


class Partnership(Typed, kw_only=True):
    name: str
    specification: DescribedReference
    description: str | None = None
    partner: tuple[Partner, ...] | None = None


def _create(tx: Tx, body: dict[str, Any], now: datetime) -> str:
    return str(customers.form_partnership(tx, _bare(body), now=now)["id"])


def _replace(tx: Tx, ident: str, body: dict[str, Any], now: datetime) -> None:
    customers.change_partnership(tx, partnership=PartnershipId(ident), to=_bare(body), now=now)


API = Api(
    number="TMF668",
    title="Partnership Type Management",
    version="4.0.0",
    base=_BASE,
    resources=(
        documents.as_resource(
            PARTNERSHIP_SPECIFICATIONS,
            path=f"{_BASE}/partnershipSpecification",
            schema=PartnershipSpecification,
            attribute_event=_CHANGED,
            state_event=_CHANGED,
            paths={
                "name": partnership_specification.c.name,
                **{
                    path: in_json(partnership_specification.c.body, path)
                    for path in (
                        "description", "roleSpecification.name",
                        "roleSpecification.agreementSpecification.id", "@type",
                    )
                },
            },
        ),
        documents.as_resource(
            PARTNERSHIPS,
            path=f"{_BASE}/partnership",
            schema=Partnership,
            attribute_event=_CHANGED,
            state_event=_CHANGED,
            paths={
                "name": partnership.c.name,
                "specification.id": partnership.c.specification_id,
                **{
                    path: in_json(partnership.c.body, path)
                    for path in ("description", "specification.name", "partner.id", "@type")
                },
            },
            find=customers.find_partnerships,
            create=_create,
            replace=_replace,
            to_wire=addressed(*_REFERENCES),
        ),
    ),
)  # fmt: skip
