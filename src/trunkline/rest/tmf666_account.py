"""TMF666 Account Management, v4: billing accounts.

The bill cycle stands in `billStructure.cycleSpecification`: `billingDateShift` counts the days
from the first of the month to the first of the cycle, `paymentDueDateOffset` those from a bill
to its due date. `accountType` is prepaid or postpaid. Extensions: `currency`, `legalEntity`
(left out, the operator's only one) and `externalId`.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from trunkline import customers, ledger, receivables
from trunkline.customers import (
    BILLING_ACCOUNTS,
    AccountKind,
    AccountState,
    BillingAccount,
    BillingAccountId,
    Customer,
    CustomerId,
)
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Money as Amount
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Reader, Tx
from trunkline.rest.wire import (
    ACCOUNT,
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
)
from trunkline.tmf import Aggregate, Api, Entity, Timestamp, Verb, Wire, href, owned_by

_ACCOUNTS = f"{ACCOUNT}/billingAccount"
_RECEIVABLE = "receivable"
_PLACES = {
    "customer": "relatedParty",
    "cycleDay": "billStructure.cycleSpecification.billingDateShift",
    "paymentTermsDays": "billStructure.cycleSpecification.paymentDueDateOffset",
}
Found = tuple[BillingAccount, Customer, Amount]


class Cycle(Wire):
    """BillingCycleSpecificationRefOrValue, always by value."""

    is_ref: bool
    name: str
    frequency: str
    billing_period: str
    billing_date_shift: int
    payment_due_date_offset: int


class BillStructure(Wire):
    cycle_specification: Cycle


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
    currency: str
    legal_entity: Ref
    external_id: str | None = None


class CycleIn(Wire):
    billing_date_shift: int = 0
    payment_due_date_offset: int = 14


class BillStructureIn(Wire):
    cycle_specification: CycleIn = msgspec.field(default_factory=CycleIn)


class AccountCreate(Wire):
    name: str
    related_party: tuple[PartyIn, ...]
    account_type: AccountKind = AccountKind.POSTPAID
    description: str | None = None
    bill_structure: BillStructureIn = msgspec.field(default_factory=BillStructureIn)
    currency: str | None = None
    legal_entity: RefIn | None = None
    external_id: str | None = None


class StatePatch(Wire):
    state: AccountState


class AccountPatch(Wire):
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    bill_structure: BillStructure | UnsetType = UNSET


def _find(r: Reader, ids: Sequence[str]) -> list[Found]:
    found = customers.billing_accounts(r, [BillingAccountId(each) for each in ids])
    owners = customers.customers(r, {each.customer for each in found.values()})
    balances = receivables.receivable_balances(r, list(found))
    return [
        (each, owners[each.customer], balances.get(each.id, Amount.zero(each.currency)))
        for each in found.values()
    ]


def _account(found: Found) -> AccountForm:
    account, owner, balance = found
    since = Since(start_date_time=format_instant(account.created_at))
    cycle = Cycle(
        is_ref=False,
        name=f"Monthly from day {account.cycle_day}",
        frequency="monthly",
        billing_period="1 month",
        billing_date_shift=account.cycle_day - 1,
        payment_due_date_offset=account.payment_terms_days,
    )
    return AccountForm(
        id=account.id,
        href=href(_ACCOUNTS, account.id),
        name=account.name,
        state=account.state,
        account_type=account.kind,
        description=account.description,
        last_modified=format_instant(account.updated_at),
        related_party=(customer_party(owner.id, owner.name),),
        bill_structure=BillStructure(cycle_specification=cycle),
        account_balance=(
            Balance(balance_type=_RECEIVABLE, amount=Money.of(balance), valid_for=since),
        ),
        currency=account.currency,
        legal_entity=Ref(id=account.legal_entity),
        external_id=account.external_id,
    )


def _create(tx: Tx, new: AccountCreate, now: datetime) -> str:
    owner = customer_among(new.related_party)
    if owner is None:
        raise Invalid("needs the customer: role or @referredType customer", path="relatedParty")
    entity = _legal_entity(tx, new.legal_entity)
    cycle = new.bill_structure.cycle_specification
    with placed(_PLACES):
        return customers.create_billing_account(
            tx,
            customer=CustomerId(owner),
            name=new.name,
            legal_entity=entity.id,
            currency=new.currency or entity.currency,
            kind=new.account_type,
            cycle_day=cycle.billing_date_shift + 1,
            payment_terms_days=cycle.payment_due_date_offset,
            external_id=new.external_id,
            description=new.description,
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
    terms = None
    if not isinstance(patch.bill_structure, UnsetType):
        present = _account(_find(tx, [account])[0]).bill_structure.cycle_specification
        asked = patch.bill_structure.cycle_specification
        terms = asked.payment_due_date_offset
        if msgspec.structs.replace(present, payment_due_date_offset=terms) != asked:
            raise Invalid(
                "only paymentDueDateOffset can be changed", path="billStructure.cycleSpecification"
            )
    with placed(_PLACES):
        customers.change_billing_account(
            tx,
            account=account,
            name=given(patch.name),
            description=given(patch.description),
            payment_terms_days=terms,
            now=now,
        )


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
        ),
    ),
)
