"""TMF670 Payment Method Management, v4: how accounts and parties pay.

`@type` is one of cash, check, bankAccountTransfer, bankAccountDebit, directDebit, tokenizedCard,
bankCard, digitalWallet and voucher; the type's own attributes are kept with it. A card's number
or security code is refused wherever it stands: a card is its gateway's token. `status` is
pending, active, inactive, expired or closed. Extensions: `method`, by which road money comes
(electronicCheck or mailedCheck for a check), and `automatic`, whether we collect it.
"""

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline import payments
from trunkline.customers import BILLING_ACCOUNTS
from trunkline.payments import PAYMENT_METHODS
from trunkline.platform.db import Tx
from trunkline.rest.forms.wire import METHOD, Party, PeriodIn
from trunkline.tmf import Api, Body, Document, Moment, Wire, documents, in_json, owned_by

_METHODS = f"{METHOD}/paymentMethod"


class AccountRef(Wire):
    id: str
    href: str | None = None
    name: str | None = None
    description: str | None = None
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class Place(Wire):
    id: str | None = None
    href: str | None = None
    name: str | None = None
    role: str | None = None


class PaymentMethod(Wire):
    """What all types have, and what several have."""

    type: str = msgspec.field(name="@type")
    name: str
    description: str | None = None
    is_preferred: bool = False
    authorization_code: str | None = None
    status: str | None = None
    status_date: Moment | None = None
    status_reason: str | None = None
    valid_for: PeriodIn | None = None
    related_party: Party | None = None
    related_place: Place | None = None
    account: tuple[AccountRef, ...] = ()
    method: str | None = None
    automatic: bool = False
    token: str | None = None
    last_four_digits: str | None = None
    brand: str | None = None
    account_number: str | None = None
    bank: str | None = None
    base_type: str | None = msgspec.field(name="@baseType", default=None)
    schema_location: str | None = msgspec.field(name="@schemaLocation", default=None)


def _create(tx: Tx, body: Body, now: datetime) -> str:
    ident: str = payments.keep_method(tx, body, now)["id"]
    return ident


def _replace(tx: Tx, ident: str, body: Body, now: datetime) -> Any:
    return payments.change_method(tx, ident, body, now)


_TABLE = PAYMENT_METHODS.table.c
OWNER = owned_by(
    _TABLE.related_party_id,
    sa.select(BILLING_ACCOUNTS.c.customer_id)
    .where(BILLING_ACCOUNTS.c.id == _TABLE.billing_account_id)
    .scalar_subquery(),
    parties=True,
)

API = Api(
    number="TMF670",
    title="Payment Method Management",
    version="4.0.0",
    base=METHOD,
    resources=(
        Document(
            path=_METHODS,
            type="PaymentMethod",
            state_event="StatusChangeEvent",
            key=_TABLE.id,
            paths={
                "@type": _TABLE.type,
                "name": _TABLE.name,
                "status": _TABLE.status,
                "statusDate": _TABLE.status_date,
                "isPreferred": _TABLE.preferred,
                "account.id": _TABLE.billing_account_id,
                "relatedParty.id": _TABLE.related_party_id,
                "description": in_json(_TABLE.body, "description"),
                "statusReason": in_json(_TABLE.body, "statusReason"),
                "brand": in_json(_TABLE.body, "brand"),
            },
            owner=OWNER,
            schema=PaymentMethod,
            find=lambda r, ids: documents.find(r, PAYMENT_METHODS, ids),
            create=_create,
            replace=_replace,
            delete=lambda tx, ident, _now: payments.remove_method(tx, ident),
        ),
    ),
)
