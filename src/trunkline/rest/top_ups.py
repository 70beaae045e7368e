"""Top-ups that people see to themselves, beyond TM Forum's APIs: a voucher that they redeem, and
rules by which a balance that falls low is topped up. A subscriber's token reaches both, for its
own products.

A `redemption` is a voucher's top-up by another name (TMF654's `topupBalance` has the same id); a
code that gives nothing is refused, and kept as one that failed. An `automaticTopUp` collects its
`amount` by a kept payment method whenever the balance is below its `threshold`, at most its
`monthlyCap` in a calendar month; what it collects, and how that goes, are `collection`s. Where no
gateway is set, staff says what became of a collection: `state` to collected with the payment's
`reference`, or declined with a `reason`.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from trunkline import charging, payments, vouchers
from trunkline.charging import ChargingAccountId
from trunkline.customers import BILLING_ACCOUNTS
from trunkline.kernel.errors import Invalid, TrunklineError
from trunkline.kernel.time import format_instant
from trunkline.payments import (
    COLLECTIONS,
    RULES,
    Collection,
    NewRule,
    Outcome,
    PaymentMethodId,
    Rule,
    RuleState,
)
from trunkline.platform.db import Database, Reader, Tx
from trunkline.rest.forms.wire import (
    ACCOUNT,
    METHOD,
    PRODUCTS,
    Money,
    MoneyIn,
    Ref,
    RefIn,
    given,
    instant,
    placed,
    ref,
)
from trunkline.tmf import (
    Aggregate,
    Api,
    Body,
    Entity,
    Task,
    Timestamp,
    Verb,
    Wire,
    href,
    owned_through,
)
from trunkline.vouchers import CHANNEL_TOP_UPS, Attempt, Channel, ChannelTopUp, VoucherRefused

BASE = "/trunkline/topup/v1"
_REDEMPTIONS = f"{BASE}/redemption"
_RULES = f"{BASE}/automaticTopUp"
_COLLECTIONS = f"{BASE}/collection"
_PAYER = (BILLING_ACCOUNTS.c.id, BILLING_ACCOUNTS.c.customer_id)


class RedemptionForm(Entity, kw_only=True, tag="Redemption"):
    """`voucher` is the serial number."""

    product: Ref
    billing_account: Ref
    state: str
    reason: str | None = None
    amount: Money
    voucher: str | None = None
    requested_date: Timestamp
    confirmation_date: Timestamp | None = None


class RedemptionCreate(Wire):
    product: RefIn
    code: str
    requestor: str | None = None


class RuleForm(Entity, kw_only=True, tag="AutomaticTopUp"):
    """`collection` is under way, if one is."""

    product: Ref
    billing_account: Ref
    threshold: Money
    amount: Money
    monthly_cap: Money | None = None
    payment_method: Ref
    state: str
    reason: str | None = None
    collection: Ref | None = None
    created_at: Timestamp


class RuleCreate(Wire):
    product: RefIn
    threshold: MoneyIn
    amount: MoneyIn
    payment_method: RefIn
    monthly_cap: MoneyIn | None = None


class RulePatch(Wire):
    threshold: MoneyIn | msgspec.UnsetType = msgspec.UNSET
    amount: MoneyIn | msgspec.UnsetType = msgspec.UNSET
    payment_method: RefIn | msgspec.UnsetType = msgspec.UNSET
    monthly_cap: MoneyIn | msgspec.UnsetType | None = msgspec.UNSET
    state: RuleState | msgspec.UnsetType = msgspec.UNSET


class CollectionForm(Entity, kw_only=True, tag="Collection"):
    """`declines` counts the tries that were refused; the next is at `dueDate`."""

    automatic_top_up: Ref
    product: Ref
    billing_account: Ref
    amount: Money
    payment_method: Ref
    state: str
    reason: str | None = None
    declines: int
    asked_date: Timestamp
    due_date: Timestamp | None = None
    end_date: Timestamp | None = None
    reference: str | None = None
    payment: str | None = None


class CollectionPatch(Wire):
    state: str
    reference: str | None = None
    reason: str | None = None


def _balance(database: Database, product: str, now: datetime) -> charging.Balance:
    with database.read() as r, placed(unknown="product.id"):
        return charging.balance(r, ChargingAccountId(product), now)


def _redeem(database: Database, tx: Tx, new: RedemptionCreate, now: datetime) -> str:
    caller = tx.caller
    assert caller is not None
    attempt = Attempt(
        code=new.code,
        balance=_balance(database, new.product.id, now),
        caller=caller.identity,
        requestor=new.requestor if caller.binding is None else None,
    )
    with placed({"account": "product.id"}):
        return vouchers.redeem(tx, attempt, now=now).id


def _refusal(body: Body) -> TrunklineError | None:
    if body["state"] != "failed":
        return None
    return VoucherRefused(body["reason"], path="code", redemption=body["id"])


def _redemption(found: ChannelTopUp) -> RedemptionForm:
    return RedemptionForm(
        id=found.id,
        href=href(_REDEMPTIONS, found.id),
        product=ref(PRODUCTS, "Product", found.account),
        billing_account=ref(ACCOUNT, "BillingAccount", found.billing_account),
        state=found.state,
        reason=found.reason,
        amount=Money.of(found.amount),
        voucher=None if found.serial is None else str(found.serial),
        requested_date=format_instant(found.requested_at),
        confirmation_date=instant(found.confirmed_at),
    )


def _find_redemptions(r: Reader, ids: Sequence[str]) -> list[ChannelTopUp]:
    return [each for each in vouchers.channel_top_ups(r, ids) if each.channel is Channel.VOUCHER]


_PLACES = {
    "method": "paymentMethod.id",
    "paymentMethod": "paymentMethod.id",
    "account": "product.id",
    "product": "product.id",
}


def _set(database: Database, tx: Tx, new: RuleCreate, now: datetime) -> str:
    rule = NewRule(
        balance=_balance(database, new.product.id, now),
        threshold=new.threshold.parsed("threshold.value"),
        amount=new.amount.parsed("amount.value"),
        method=PaymentMethodId(new.payment_method.id),
        cap=None if new.monthly_cap is None else new.monthly_cap.parsed("monthlyCap.value"),
    )
    with placed(_PLACES):
        return payments.set_rule(tx, rule, now=now).id


def _change(tx: Tx, ident: str, patch: RulePatch, now: datetime) -> None:
    threshold, money = given(patch.threshold), given(patch.amount)
    method, cap = given(patch.payment_method), given(patch.monthly_cap)
    with placed(_PLACES):
        payments.change_rule(
            tx,
            ident,
            threshold=None if threshold is None else threshold.parsed("threshold.value"),
            amount=None if money is None else money.parsed("amount.value"),
            method=None if method is None else PaymentMethodId(method.id),
            cap=None if cap is None else cap.parsed("monthlyCap.value"),
            uncapped=patch.monthly_cap is None,
            state=given(patch.state),
            now=now,
        )


def _end(tx: Tx, ident: str, now: datetime) -> None:
    payments.change_rule(tx, ident, state=RuleState.ENDED, now=now)


def _rule(found: Rule) -> RuleForm:
    under_way = found.collection
    return RuleForm(
        id=found.id,
        href=href(_RULES, found.id),
        product=ref(PRODUCTS, "Product", found.account),
        billing_account=ref(ACCOUNT, "BillingAccount", found.billing_account),
        threshold=Money.of(found.threshold),
        amount=Money.of(found.amount),
        monthly_cap=None if found.cap is None else Money.of(found.cap),
        payment_method=ref(METHOD, "PaymentMethod", found.method),
        state=found.state,
        reason=found.reason,
        collection=None if under_way is None else ref(BASE, "Collection", under_way),
        created_at=format_instant(found.created_at),
    )


def _answer(tx: Tx, ident: str, patch: CollectionPatch, now: datetime) -> None:
    if patch.state == "collected":
        if not patch.reference:
            raise Invalid("is required: the payment's own", path="reference")
        outcome = Outcome(reference=patch.reference)
    elif patch.state == "declined":
        outcome = Outcome(reason=patch.reason or "declined")
    else:
        raise Invalid("is collected or declined", path="state")
    payments.note_outcome(tx, ident, outcome, now=now)


def _collection(found: Collection) -> CollectionForm:
    pending = found.state is payments.CollectionState.PENDING
    return CollectionForm(
        id=found.id,
        href=href(_COLLECTIONS, found.id),
        automatic_top_up=ref(BASE, "AutomaticTopUp", found.rule),
        product=ref(PRODUCTS, "Product", found.account),
        billing_account=ref(ACCOUNT, "BillingAccount", found.billing_account),
        amount=Money.of(found.amount),
        payment_method=ref(METHOD, "PaymentMethod", found.method),
        state=found.state,
        reason=found.reason,
        declines=found.declines,
        asked_date=format_instant(found.asked_at),
        due_date=format_instant(found.due_at) if pending else None,
        end_date=instant(found.ended_at),
        reference=found.reference,
        payment=found.payment,
    )


def api(database: Database) -> Api:
    """The API; balances are read in charging's `database`."""
    top_up, rule, collection = CHANNEL_TOP_UPS.c, RULES.c, COLLECTIONS.c
    redemptions: Task[Any] = Task(
        path=_REDEMPTIONS,
        type="Redemption",
        key=top_up.id,
        where=top_up.channel == Channel.VOUCHER.value,
        paths={
            "product.id": top_up.account,
            "billingAccount.id": top_up.billing_account_id,
            "state": top_up.state,
            "requestedDate": top_up.requested_at,
        },
        owner=owned_through(top_up.billing_account_id, *_PAYER, deletes=False),
        find=_find_redemptions,
        to_wire=_redemption,
        form=RedemptionForm,
        accepts=RedemptionCreate,
        create=partial(_redeem, database),
        refusal=_refusal,
    )
    rules: Aggregate[Any] = Aggregate(
        path=_RULES,
        type="AutomaticTopUp",
        key=rule.id,
        paths={
            "product.id": rule.account,
            "billingAccount.id": rule.billing_account_id,
            "paymentMethod.id": rule.payment_method_id,
            "state": rule.state,
        },
        owner=owned_through(rule.billing_account_id, *_PAYER),
        find=payments.automatic_top_ups,
        to_wire=_rule,
        form=RuleForm,
        accepts=RuleCreate,
        create=partial(_set, database),
        verbs=(Verb(form=RulePatch, run=_change),),
        delete=_end,
    )
    collections: Aggregate[Any] = Aggregate(
        path=_COLLECTIONS,
        type="Collection",
        key=collection.id,
        paths={
            "automaticTopUp.id": collection.rule_id,
            "product.id": collection.account,
            "billingAccount.id": collection.billing_account_id,
            "state": collection.state,
            "askedDate": collection.asked_at,
            "dueDate": collection.due_at,
        },
        owner=owned_through(collection.billing_account_id, *_PAYER, writes=False),
        find=payments.collections,
        to_wire=_collection,
        form=CollectionForm,
        verbs=(Verb(on="state", form=CollectionPatch, run=_answer),),
    )
    return Api(
        number="TOPUP",
        title="Vouchers redeemed, and automatic top-ups",
        version="1.0.0",
        base=BASE,
        resources=(redemptions, rules, collections),
    )
