"""TMF669 Party Role, v4: what parties are to the operator, other than its customers (TMF629)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trunkline import customers
from trunkline.customers import ROLES, PartyRoleId, party_role
from trunkline.platform.db import Tx
from trunkline.rest.forms.entities import DescribedReference, NamedValue, RelatedParty
from trunkline.rest.forms.party_types import (
    AccountRef,
    ContactMediumIn,
    CreditProfile,
    addressed,
    unaddressed,
)
from trunkline.rest.forms.references import check_methods
from trunkline.rest.forms.wire import PeriodIn, Typed
from trunkline.tmf import Api, documents, in_json, owned_by

_BASE = "/tmf-api/partyRoleManagement/v4"
_BODY = party_role.c.body
_REFERENCES = ("engagedParty", "relatedParty", "account", "agreement")
_bare = unaddressed(*_REFERENCES)


class PartyRole(Typed, kw_only=True):
    """`name` is what the part is called: supplier, dealer, agent."""

    name: str
    status: str | None = None
    status_reason: str | None = None
    account: tuple[AccountRef, ...] | None = None
    agreement: tuple[DescribedReference, ...] | None = None
    characteristic: tuple[NamedValue, ...] | None = None
    contact_medium: tuple[ContactMediumIn, ...] | None = None
    credit_profile: tuple[CreditProfile, ...] | None = None
    engaged_party: RelatedParty | None = None
    payment_method: tuple[DescribedReference, ...] | None = None
    related_party: tuple[RelatedParty, ...] | None = None
    valid_for: PeriodIn | None = None


def _create(tx: Tx, body: dict[str, Any], now: datetime) -> str:
    check_methods(tx, body, None)
    return str(customers.give_role(tx, _bare(body), now=now)["id"])


def _replace(tx: Tx, ident: str, body: dict[str, Any], now: datetime) -> None:
    def changing(before: Mapping[str, Any]) -> Mapping[str, Any]:
        check_methods(tx, body, before)
        return _bare(body)

    customers.change_role(tx, role=PartyRoleId(ident), changing=changing, now=now)


API = Api(
    number="TMF669",
    title="Party Role Management",
    version="4.0.0",
    base=_BASE,
    resources=(
        documents.as_resource(
            ROLES,
            path=f"{_BASE}/partyRole",
            schema=PartyRole,
            paths={
                "name": party_role.c.name,
                "status": party_role.c.status,
                "engagedParty.id": party_role.c.party_id,
                "relatedParty.id": documents.naming(ROLES, "relatedParty"),
                "@type": party_role.c.type,
                **{
                    path: in_json(_BODY, path)
                    for path in (
                        "statusReason", "engagedParty.name", "relatedParty.role", "account.id",
                        "agreement.id", "paymentMethod.id", "characteristic.name",
                        "characteristic.value", "contactMedium.characteristic.emailAddress",
                        "contactMedium.characteristic.phoneNumber",
                    )
                },
            },
            owner=owned_by(party_role.c.party_id, parties=True, writes=False),
            create=_create,
            replace=_replace,
            to_wire=addressed(*_REFERENCES),
        ),
    ),
)  # fmt: skip
