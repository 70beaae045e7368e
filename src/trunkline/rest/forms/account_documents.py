"""The documents of TMF666: accounts beside the billing accounts, and how bills come."""

from typing import Any

import msgspec

from trunkline.customers import (
    BILL_FORMATS,
    BILL_MEDIA,
    CYCLE_SPECIFICATIONS,
    FINANCIAL_ACCOUNTS,
    PARTY_ACCOUNTS,
    SETTLEMENT_ACCOUNTS,
)
from trunkline.rest.forms.entities import (
    ContactMedium,
)
from trunkline.rest.forms.wire import ACCOUNT, MoneyIn, PeriodIn, Ref
from trunkline.tmf import PUBLIC, Document, Moment, Wire, documents, in_json, owned_by


class PartyNamed(Wire):
    id: str
    referred_type: str = msgspec.field(name="@referredType")
    name: str
    href: str | None = None
    role: str | None = None


class Contact(Wire):
    contact_type: str
    valid_for: PeriodIn
    contact_name: str | None = None
    party_role_type: str | None = None
    contact_medium: tuple[ContactMedium, ...] = ()
    related_party: PartyNamed | None = None


class Relationship(Wire):
    relationship_type: str
    valid_for: PeriodIn
    account: Ref | None = None


class Exemption(Wire):
    issuing_jurisdiction: str
    valid_for: PeriodIn
    certificate_number: str | None = None
    reason: str | None = None


class Entry(Wire):
    """What all have."""

    name: str
    description: str | None = None
    type: str | None = msgspec.field(name="@type", default=None)
    base_type: str | None = msgspec.field(name="@baseType", default=None)
    schema_location: str | None = msgspec.field(name="@schemaLocation", default=None)


class FinancialAccount(Entry):
    account_type: str | None = None
    state: str | None = None
    last_modified: Moment | None = None
    related_party: tuple[PartyNamed, ...] = ()
    account_relationship: tuple[Relationship, ...] = ()
    contact: tuple[Contact, ...] = ()
    credit_limit: MoneyIn | None = None
    tax_exemption: tuple[Exemption, ...] = ()


class PartyAccount(FinancialAccount, kw_only=True):
    related_party: tuple[PartyNamed, ...]
    payment_status: str | None = None
    default_payment_method: Ref | None = None
    financial_account: Ref | None = None


class SettlementAccount(PartyAccount):
    """A partner's."""


class BillFormat(Entry):
    pass


class BillPresentationMedia(Entry):
    pass


class BillingCycleSpecification(Entry):
    frequency: str | None = None
    billing_period: str | None = None
    billing_date_shift: int | None = None
    payment_due_date_offset: int | None = None
    charge_date_offset: int | None = None
    credit_date_offset: int | None = None
    mailing_date_offset: int | None = None
    valid_for: PeriodIn | None = None


def _account(kind: documents.Kind, schema: type[FinancialAccount]) -> Document:
    table = kind.table.c
    return documents.as_resource(
        kind,
        path=f"{ACCOUNT}/{kind.name[0].lower()}{kind.name[1:]}",
        schema=schema,
        paths={
            "name": table.name,
            "state": table.state,
            "accountType": table.type,
            "lastModified": table.updated_at,
            "description": in_json(table.body, "description"),
            "relatedParty.id": in_json(table.body, "relatedParty.id"),
            "financialAccount.id": in_json(table.body, "financialAccount.id"),
        },
        owner=owned_by(table.related_party_id, parties=True, writes=False),
    )


def _choice(kind: documents.Kind, schema: type[Entry]) -> Document:
    table = kind.table.c
    paths: dict[str, Any] = {
        "name": table.name,
        "description": in_json(table.body, "description"),
    }
    if kind is CYCLE_SPECIFICATIONS:
        paths["frequency"] = table.frequency
        for name in ("billingDateShift", "paymentDueDateOffset"):
            paths[name] = in_json(table.body, name, "number")
    return documents.as_resource(
        kind,
        path=f"{ACCOUNT}/{kind.name[0].lower()}{kind.name[1:]}",
        schema=schema,
        paths=paths,
        owner=PUBLIC,
    )


DOCUMENTS = (
    _account(PARTY_ACCOUNTS, PartyAccount),
    _account(SETTLEMENT_ACCOUNTS, SettlementAccount),
    _account(FINANCIAL_ACCOUNTS, FinancialAccount),
    _choice(BILL_FORMATS, BillFormat),
    _choice(BILL_MEDIA, BillPresentationMedia),
    _choice(CYCLE_SPECIFICATIONS, BillingCycleSpecification),
)
