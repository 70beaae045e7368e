"""Top-ups: their wire forms, and what a client may ask of them (TMF654).

One is a payment that came for a balance, or else came by a channel: a voucher that was redeemed,
a dealer who was paid.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline import charging, payments, vouchers
from trunkline.charging import ActionStands, BalanceAction
from trunkline.customers import BillingAccountId
from trunkline.kernel.errors import Invalid, TrunklineError
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.kernel.money import Money as Amount
from trunkline.kernel.time import format_instant
from trunkline.payments import Payment, PaymentId, PaymentMethodKind, Purpose
from trunkline.platform.db import Database, Reader, Tx
from trunkline.rest.forms.prepay_actions import (
    NAMES,
    PLACES,
    ActionForm,
    ActionPatch,
    BucketCreate,
    Details,
    Named,
    NotMonetary,
    NotOffered,
    StatusPatch,
    bucket_of,
    details,
    instant,
    receiver_of,
    shown,
)
from trunkline.rest.forms.prepay_buckets import MONETARY, money
from trunkline.rest.forms.wire import (
    ACCOUNT,
    BALANCE,
    METHOD,
    PRODUCTS,
    Party,
    QuantityIn,
    Ref,
    RefIn,
    given,
    placed,
    ref,
)
from trunkline.rest.tmf676_payment import Method, method_of
from trunkline.tmf import Body, href
from trunkline.tmf.access import ClosedToSubscribers
from trunkline.vouchers import Attempt, ChannelTopUp, ChannelTopUpId, VoucherRefused

TOP_UPS = f"{BALANCE}/topupBalance"
HISTORY = f"{BALANCE}/balanceActionHistory"

TopUp = Payment | ChannelTopUp


class TopUpForm(ActionForm, kw_only=True, tag="TopupBalance"):
    """`voucher` is the serial number of one that was redeemed: never its code."""

    is_auto_topup: bool
    payment_method: Ref | None = None
    voucher: str | None = None


class HistoryForm(ActionForm, kw_only=True, tag="BalanceActionHistory"):
    """Any of them; who received it is the account itself, or a transfer's receiver. `action`,
    an extension, says which it was."""

    action: str
    receiver_logical_resource: Named
    receiver_bucket: Ref | None = None
    receiver_product: Ref | None = None
    receiver: Party | None = None


class TopUpCreate(BucketCreate, kw_only=True):
    party_account: RefIn
    amount: QuantityIn | None = None
    """Of a voucher it is what that is worth, whatever is said."""
    payment_method: Method | None = None
    is_auto_topup: bool = False
    number_of_periods: int | None = None
    recurring_period: str | None = None
    voucher: str | None = None


def top_up(database: Database, tx: Tx, new: TopUpCreate, now: datetime) -> str:
    for wanted, path in (
        (new.is_auto_topup, "isAutoTopup"),
        (new.number_of_periods, "numberOfPeriods"),
        (new.recurring_period, "recurringPeriod"),
    ):
        if wanted:
            raise NotOffered("top-ups by rule are /trunkline/topup/v1/automaticTopUp", path=path)
    if new.voucher is None and tx.by_subscriber:
        raise ClosedToSubscribers("a subscriber redeems a voucher", path="voucher")
    balance = bucket_of(database, new, now)
    if not balance.kind.has_balance:
        raise NotMonetary("a postpaid product has no balance to top up", path="bucket.id")
    if balance.status is charging.Status.CLOSED:
        raise charging.AccountIsClosed("the product has ended", path="bucket.id")
    said = {"description": new.description, "reason": new.reason}
    kept = {**details(new), **{name: text for name, text in said.items() if text is not None}}
    if new.voucher is not None:
        return _redeemed(tx, new, balance, kept, now)
    if new.amount is None:
        raise Invalid("is required", path="amount")
    method, on_file = PaymentMethodKind.CASH, None
    if new.payment_method is not None:
        with placed(unknown="paymentMethod.id"):
            method, on_file = method_of(tx, new.payment_method)
    with placed(PLACES | {"paymentMethod": "paymentMethod.id"}):
        return payments.receive_payment(
            tx,
            account=balance.billing_account,
            amount=Amount.of(new.amount.amount, new.amount.units, path="amount"),
            method=method,
            reference=tx.new_id(PaymentId, now),
            purpose=Purpose.TOP_UP,
            source="topupBalance",
            subscriber=balance.account,
            payment_method=on_file,
            details=kept,
            now=now,
        ).id


def _redeemed(
    tx: Tx,
    new: TopUpCreate,
    balance: charging.Balance,
    kept: Mapping[str, Any],
    now: datetime,
) -> str:
    caller = tx.caller
    assert new.voucher is not None
    assert caller is not None
    by_others = caller.binding is None and new.requestor is not None
    attempt = Attempt(
        code=new.voucher,
        balance=balance,
        caller=caller.identity,
        requestor=new.requestor.id if by_others and new.requestor is not None else None,
        details=kept,
    )
    with placed(PLACES):
        return vouchers.redeem(tx, attempt, now=now).id


def refusal(body: Body) -> TrunklineError | None:
    """A code that gave nothing: that it was tried is kept."""
    if body["status"] != "failed":
        return None
    return VoucherRefused(body["statusReason"], path="voucher", topup=body["id"])


def payer_of(done: BalanceAction | TopUp) -> BillingAccountId:
    """Whose account's balance it was done to."""
    return done.account if isinstance(done, Payment) else done.billing_account


def _shown(found: TopUp, base: str, account: str, status: str, why: str | None) -> dict[str, Any]:
    kept = msgspec.convert(found.details, Details)
    requested = found.requested_at if isinstance(found, ChannelTopUp) else found.received_at
    return {
        "id": found.id,
        "href": href(base, found.id),
        "base_type": kept.base_type,
        "schema_location": kept.schema_location,
        "status": status,
        "status_reason": why,
        "usage_type": MONETARY,
        "amount": money(found.amount),
        "bucket": ref(BALANCE, "Bucket", account),
        "party_account": ref(ACCOUNT, "BillingAccount", payer_of(found)),
        "product": (ref(PRODUCTS, "Product", account),),
        "requested_date": format_instant(requested),
        "confirmation_date": instant(found.confirmed_at),
        "description": kept.description,
        "reason": kept.reason,
        "channel": kept.channel,
        "requestor": kept.requestor,
        "logical_resource": kept.logical_resource,
    }


def _top_up_shown(found: TopUp, base: str) -> dict[str, Any]:
    if isinstance(found, ChannelTopUp):
        return _shown(found, base, found.account, found.status, found.reason)
    assert found.subscriber is not None
    return _shown(found, base, found.subscriber, found.top_up_status, found.failure)


def top_up_form(found: TopUp) -> TopUpForm:
    told = _top_up_shown(found, TOP_UPS)
    if isinstance(found, ChannelTopUp):
        serial = None if found.serial is None else str(found.serial)
        return TopUpForm(**told, is_auto_topup=False, voucher=serial)
    method = found.payment_method
    return TopUpForm(
        **told,
        is_auto_topup=found.source == payments.AUTOMATIC,
        payment_method=None if method is None else ref(METHOD, "PaymentMethod", method),
    )


def history_form(found: BalanceAction | TopUp) -> HistoryForm:
    if not isinstance(found, BalanceAction):
        told = _top_up_shown(found, HISTORY)
        own = Named(id=told["bucket"].id, referred_type="Product")
        return HistoryForm(**told, action="topupBalance", receiver_logical_resource=own)
    if found.to is not None:
        receiver = receiver_of(found)
    else:
        receiver = {"receiver_logical_resource": Named(id=found.account, referred_type="Product")}
    return HistoryForm(**shown(found, HISTORY), **receiver, action=NAMES[found.kind])


def find_top_ups(r: Reader, ids: Sequence[str]) -> list[TopUp]:
    paid = [each for each in payments.payments(r, ids) if each.purpose is Purpose.TOP_UP]
    return [*paid, *vouchers.channel_top_ups(r, ids)]


def find_history(r: Reader, ids: Sequence[str]) -> list[BalanceAction | TopUp]:
    return [*find_top_ups(r, ids), *charging.balance_actions(r, ids)]


def keep_status(_tx: Tx, _ident: str, _patch: StatusPatch, _now: datetime) -> None:
    raise IllegalTransition("money that has come is given back by a refund", path="status")


def describe_top_up(tx: Tx, ident: str, patch: ActionPatch, _now: datetime) -> None:
    said = {"description": given(patch.description), "reason": given(patch.reason)}
    kept = {name: text for name, text in said.items() if text is not None}
    if ident.startswith(f"{ChannelTopUpId.prefix}_"):
        vouchers.describe_top_up(tx, ident, details=kept)
    else:
        payments.describe_payment(tx, PaymentId(ident), resource="TopupBalance", details=kept)


def keep(_tx: Tx, _ident: str, _now: datetime) -> None:
    raise ActionStands("money that has come is given back by a refund", path="id")
