"""TMF666 Account Management, v4: billing accounts, and the other accounts beside them.

The bill cycle stands in `billStructure.cycleSpecification`: `billingDateShift` counts the days
from the first of the month to the first of the cycle, `paymentDueDateOffset` those from a bill
to its due date. `accountType` is prepaid, postpaid or hybrid. Extensions: `currency`, `legalEntity`
(left out, the operator's only one) and `externalId`. Its `paymentStatus` follows the books: paid,
due or inArrears. An account that nothing was made for can be deleted; any other is closed.

Party, settlement and financial accounts, bill formats, presentation media and cycle
specifications are documents, which billing accounts point at.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, UnsetType

from trunkline import customers, ledger, receivables
from trunkline.billing import INVOICES
from trunkline.customers import (
    BILLING_ACCOUNTS,
    AccountInUse,
    AccountKind,
    AccountState,
    BillingAccount,
    BillingAccountId,
    Customer,
    CustomerId,
)
from trunkline.inventory import product_table
from trunkline.kernel.errors import Invalid, Refused
from trunkline.kernel.money import Money as Amount
from trunkline.kernel.time import format_instant
from trunkline.ordering import product_order
from trunkline.payments import PAYMENT_METHODS, PAYMENTS
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms.account_documents import DOCUMENTS
from trunkline.rest.forms.account_terms import (
    BillStructureIn,
    details_of,
    financial_of,
    terms_of,
)
from trunkline.rest.forms.wire import (
    ACCOUNT,
    METHOD,
    Money,
    Party,
    PartyIn,
    Ref,
    RefIn,
    Since,
    customer_among,
    customer_party,
    given,
    placed,
    ref,
)
from trunkline.tmf import (
    Aggregate,
    Api,
    Entity,
    Timestamp,
    Verb,
    Wire,
    href,
    in_json,
    owned_by,
)

_ACCOUNTS = f"{ACCOUNT}/billingAccount"
_RECEIVABLE = "receivable"
_PLACES = {
    "customer": "relatedParty",
    "cycleDay": "billStructure.cycleSpecification.billingDateShift",
    "paymentTermsDays": "billStructure.cycleSpecification.paymentDueDateOffset",
}
Found = tuple[BillingAccount, Customer, Amount, bool]


class Cycle(Wire, kw_only=True):
    """BillingCycleSpecificationRefOrValue: its values, and the specification they came from."""

    id: str | None = None
    href: str | None = None
    is_ref: bool
    name: str
    frequency: str
    billing_period: str
    billing_date_shift: int
    payment_due_date_offset: int


class Chosen(Wire):
    """A BillFormat or BillPresentationMedia, by reference."""

    id: str
    href: str
    name: str
    is_ref: bool
    referred_type: str = msgspec.field(name="@referredType")


class BillStructure(Wire):
    cycle_specification: Cycle
    format: Chosen | None = None
    presentation_media: tuple[Chosen, ...] = ()


class Balance(Wire):
    """What the account owes; negative where it has credit."""

    balance_type: str
    amount: Money
    valid_for: Since


class AccountForm(Entity, kw_only=True, tag="BillingAccount"):
    name: str
    state: str
    account_type: str
    description: str | None = None
    last_modified: Timestamp
    related_party: tuple[Party, ...]
    bill_structure: BillStructure
    account_balance: tuple[Balance, ...]
    payment_status: str
    contact: tuple[dict[str, Any], ...] = ()
    account_relationship: tuple[dict[str, Any], ...] = ()
    default_payment_method: Ref | None = None
    financial_account: Ref | None = None
    currency: str
    legal_entity: Ref
    external_id: str | None = None


class AccountCreate(Wire):
    name: str
    related_party: tuple[PartyIn, ...]
    account_type: AccountKind = AccountKind.POSTPAID
    description: str | None = None
    bill_structure: BillStructureIn = msgspec.field(default_factory=BillStructureIn)
    currency: str | None = None
    legal_entity: RefIn | None = None
    external_id: str | None = None
    contact: tuple[dict[str, Any], ...] = ()
    account_relationship: tuple[dict[str, Any], ...] = ()
    default_payment_method: RefIn | None = None
    financial_account: RefIn | None = None
    credit_limit: dict[str, Any] | None = None
    payment_plan: tuple[dict[str, Any], ...] = ()
    tax_exemption: tuple[dict[str, Any], ...] = ()
    account_balance: tuple[dict[str, Any], ...] = ()


class NotOffered(Refused):
    """Well meant, but nothing here honours it."""

    code = "notOffered"


class StatePatch(Wire):
    state: AccountState


class AccountPatch(Wire):
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    bill_structure: BillStructureIn | UnsetType = UNSET
    contact: tuple[dict[str, Any], ...] | UnsetType | None = UNSET
    account_relationship: tuple[dict[str, Any], ...] | UnsetType | None = UNSET
    default_payment_method: RefIn | UnsetType | None = UNSET
    financial_account: RefIn | UnsetType = UNSET


def _find(r: Reader, ids: Sequence[str]) -> list[Found]:
    found = customers.billing_accounts(r, [BillingAccountId(each) for each in ids])
    owners = customers.customers(r, {each.customer for each in found.values()})
    balances = receivables.receivable_balances(r, list(found))
    overdue = receivables.overdue_accounts(r, list(found), now=r.database.now())
    return [
        (
            each,
            owners[each.customer],
            balances.get(each.id, Amount.zero(each.currency)),
            each.id in overdue,
        )
        for each in found.values()
    ]


def _status(owed: Amount, *, overdue: bool) -> str:
    if overdue:
        return "inArrears"
    return "due" if owed.micros > 0 else "paid"


def _cycle(account: BillingAccount) -> Cycle:
    chosen = account.details.get("cycle")
    return Cycle(
        id=chosen,
        href=href(f"{ACCOUNT}/billingCycleSpecification", chosen) if chosen else None,
        is_ref=chosen is not None,
        name=f"Monthly from day {account.cycle_day}",
        frequency="monthly",
        billing_period="1 month",
        billing_date_shift=account.cycle_day - 1,
        payment_due_date_offset=account.payment_terms_days,
    )


def _chosen(type_: str, said: Mapping[str, str]) -> Chosen:
    place = f"{ACCOUNT}/{type_[0].lower()}{type_[1:]}"
    return Chosen(
        id=said["id"],
        href=href(place, said["id"]),
        name=said["name"],
        is_ref=True,
        referred_type=type_,
    )


def _account(found: Found) -> AccountForm:
    account, owner, balance, overdue = found
    kept = account.details
    since = Since(start_date_time=format_instant(account.created_at))
    method, financial = kept.get("defaultPaymentMethod"), account.financial_account
    form = kept.get("format")
    return AccountForm(
        id=account.id,
        href=href(_ACCOUNTS, account.id),
        name=account.name,
        state=account.state,
        account_type=account.kind,
        description=account.description,
        last_modified=format_instant(account.updated_at),
        related_party=(customer_party(owner.id, owner.name),),
        bill_structure=BillStructure(
            cycle_specification=_cycle(account),
            format=None if form is None else _chosen("BillFormat", form),
            presentation_media=tuple(
                _chosen("BillPresentationMedia", each) for each in kept.get("presentationMedia", ())
            ),
        ),
        account_balance=(
            Balance(balance_type=_RECEIVABLE, amount=Money.of(balance), valid_for=since),
        ),
        payment_status=_status(balance, overdue=overdue),
        contact=tuple(kept.get("contact", ())),
        account_relationship=tuple(kept.get("accountRelationship", ())),
        default_payment_method=None if method is None else ref(METHOD, "PaymentMethod", method),
        financial_account=(
            None if financial is None else ref(ACCOUNT, "FinancialAccount", financial)
        ),
        currency=account.currency,
        legal_entity=Ref(id=account.legal_entity),
        external_id=account.external_id,
    )


def _refuse(new: AccountCreate) -> None:
    """What would be kept and not be true."""
    for said, path in (
        (new.credit_limit, "creditLimit"),
        (new.payment_plan, "paymentPlan"),
        (new.tax_exemption, "taxExemption"),
    ):
        if said:
            raise NotOffered("nothing here honours it yet", path=path)
    if new.account_balance:
        raise Invalid("follows the books", path="accountBalance")


def _create(tx: Tx, new: AccountCreate, now: datetime) -> str:
    owner = customer_among(new.related_party)
    if owner is None:
        raise Invalid("needs the customer: role or @referredType customer", path="relatedParty")
    _refuse(new)
    with placed({"id": "relatedParty.id", "name": "relatedParty.name"}):
        said = next((each.name for each in new.related_party if each.id == owner), None)
        customers.remember_customer(tx, customer=owner, name=said or new.name, now=now)
    entity = _legal_entity(tx, new.legal_entity)
    shift, due = terms_of(tx, new.bill_structure.cycle_specification)
    financial = new.financial_account
    details = details_of(
        tx,
        contact=new.contact,
        relationship=new.account_relationship,
        method=new.default_payment_method,
        structure=new.bill_structure,
    )
    with placed(_PLACES):
        return customers.create_billing_account(
            tx,
            customer=CustomerId(owner),
            name=new.name,
            legal_entity=entity.id,
            currency=new.currency or entity.currency,
            kind=new.account_type,
            cycle_day=shift + 1,
            payment_terms_days=due,
            external_id=new.external_id,
            description=new.description,
            financial_account=None if financial is None else financial_of(tx, financial),
            details={name: each for name, each in details.items() if each is not None},
            now=now,
        ).id


def _legal_entity(r: Reader, named: RefIn | None) -> ledger.LegalEntity:
    entities = ledger.legal_entities(r)
    if named is not None:
        entities = [each for each in entities if each.id == named.id]
        if not entities:
            raise Invalid(f"there is no legal entity {named.id[:60]}", path="legalEntity.id")
    if len(entities) != 1:
        raise Invalid("is required: there is more than one", path="legalEntity")
    return entities[0]


def _change_state(tx: Tx, ident: str, patch: StatePatch, now: datetime) -> None:
    customers.change_account_state(tx, account=BillingAccountId(ident), to=patch.state, now=now)


def _change(tx: Tx, ident: str, patch: AccountPatch, now: datetime) -> None:
    account = BillingAccountId(ident)
    due = None
    if not isinstance(patch.bill_structure, UnsetType):
        present = customers.billing_account(tx, account)
        shift, due = terms_of(tx, patch.bill_structure.cycle_specification)
        if shift + 1 != present.cycle_day:
            raise Invalid(
                "the day on which a cycle begins stays for good",
                path="billStructure.cycleSpecification.billingDateShift",
            )
    financial = given(patch.financial_account)
    details = details_of(
        tx,
        contact=patch.contact,
        relationship=patch.account_relationship,
        method=patch.default_payment_method,
        structure=patch.bill_structure,
    )
    with placed(_PLACES):
        customers.change_billing_account(
            tx,
            account=account,
            name=given(patch.name),
            description=given(patch.description),
            payment_terms_days=due,
            financial_account=None if financial is None else financial_of(tx, financial),
            details=details,
            now=now,
        )


_USES = (
    product_table.c.billing_account_id,
    INVOICES.c.billing_account_id,
    PAYMENTS.c.billing_account_id,
    PAYMENT_METHODS.table.c.billing_account_id,
    product_order.c.billing_account_id,
)


def _delete(tx: Tx, ident: str, _now: datetime) -> None:
    for column in _USES:
        used = sa.select(1).where(column == ident).limit(1)
        if tx.execute(used).first() is not None:
            what = column.table.name.replace("_", " ")
            raise AccountInUse(f"there is a {what} of it: it can only be closed", path="id")
    customers.delete_billing_account(tx, BillingAccountId(ident))


API = Api(
    number="TMF666",
    title="Account Management",
    version="4.0.0",
    base=ACCOUNT,
    resources=(
        Aggregate(
            path=_ACCOUNTS,
            type="BillingAccount",
            key=BILLING_ACCOUNTS.c.id,
            paths={
                "name": BILLING_ACCOUNTS.c.name,
                "state": BILLING_ACCOUNTS.c.state,
                "accountType": BILLING_ACCOUNTS.c.kind,
                "description": BILLING_ACCOUNTS.c.description,
                "lastModified": BILLING_ACCOUNTS.c.updated_at,
                "relatedParty.id": BILLING_ACCOUNTS.c.customer_id,
                "currency": BILLING_ACCOUNTS.c.currency,
                "legalEntity.id": BILLING_ACCOUNTS.c.legal_entity_id,
                "externalId": BILLING_ACCOUNTS.c.external_id,
                "financialAccount.id": BILLING_ACCOUNTS.c.financial_account_id,
                "defaultPaymentMethod.id": in_json(
                    BILLING_ACCOUNTS.c.details, "defaultPaymentMethod"
                ),
            },
            find=_find,
            to_wire=_account,
            form=AccountForm,
            owner=owned_by(BILLING_ACCOUNTS.c.customer_id, writes=False),
            accepts=AccountCreate,
            create=_create,
            verbs=(
                Verb(on="state", form=StatePatch, run=_change_state),
                Verb(form=AccountPatch, run=_change),
            ),
            delete=_delete,
        ),
        *DOCUMENTS,
    ),
)
