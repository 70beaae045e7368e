"""Top-ups, adjustments, transfers and reservations: their wire forms, and what a client may ask
of them (TMF654)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline import charging, payments
from trunkline.charging import (
    ActionKind,
    ActionRequest,
    ActionStands,
    BalanceAction,
    BalanceActionId,
    ChargingAccountId,
)
from trunkline.customers import AccountKind
from trunkline.kernel.errors import Invalid, Refused
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.kernel.money import Money as Amount
from trunkline.kernel.time import format_instant
from trunkline.payments import Payment, PaymentId, PaymentMethodKind, Purpose
from trunkline.platform.db import Database, Reader, Tx
from trunkline.rest.forms.prepay_buckets import (
    MONETARY,
    money,
)
from trunkline.rest.forms.wire import (
    ACCOUNT,
    BALANCE,
    METHOD,
    PRODUCTS,
    MoneyIn,
    Party,
    Period,
    PeriodIn,
    Quantity,
    QuantityIn,
    Ref,
    RefIn,
    given,
    placed,
    ref,
)
from trunkline.rest.tmf676_payment import Method, method_of
from trunkline.tmf import (
    Entity,
    Timestamp,
    Wire,
    href,
)

TOP_UPS = f"{BALANCE}/topupBalance"
_ADJUSTMENTS = f"{BALANCE}/adjustBalance"
_TRANSFERS = f"{BALANCE}/transferBalance"
_RESERVATIONS = f"{BALANCE}/reserveBalance"
HISTORY = f"{BALANCE}/balanceActionHistory"


class Named(Wire):
    """A channel, a party or a resource, as the client names it."""

    id: str
    href: str | None = None
    name: str | None = None
    role: str | None = None
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class Details(Wire):
    """What is kept of a request, and only shown again."""

    channel: Named | None = None
    requestor: Party | None = None
    logical_resource: tuple[Named, ...] = ()
    receiver: Party | None = None
    receiver_logical_resource: Named | None = None
    cost_owner: str | None = None
    adjust_type: str | None = None
    description: str | None = None
    reason: str | None = None


class ActionForm(Entity, kw_only=True):
    """What all actions show."""

    status: str
    status_reason: str | None = None
    usage_type: str
    amount: Quantity
    bucket: Ref
    party_account: Ref
    product: tuple[Ref, ...]
    requested_date: Timestamp
    confirmation_date: Timestamp | None = None
    description: str | None = None
    reason: str | None = None
    channel: Named | None = None
    requestor: Party | None = None
    logical_resource: tuple[Named, ...] = ()


class TopUpForm(ActionForm, kw_only=True, tag="TopupBalance"):
    is_auto_topup: bool
    payment_method: Ref | None = None


class AdjustForm(ActionForm, kw_only=True, tag="AdjustBalance"):
    adjust_type: str


class TransferForm(ActionForm, kw_only=True, tag="TransferBalance"):
    receiver_bucket: Ref
    receiver_bucket_usage_type: str
    receiver_product: Ref
    receiver_logical_resource: Named
    receiver: Party | None = None
    cost_owner: str | None = None


class ReserveForm(ActionForm, kw_only=True, tag="ReserveBalance"):
    valid_for: Period


class HistoryForm(ActionForm, kw_only=True, tag="BalanceActionHistory"):
    """Any of them; who received it is the account itself, or a transfer's receiver. `action`,
    an extension, says which it was."""

    action: str
    receiver_logical_resource: Named
    receiver_bucket: Ref | None = None
    receiver_product: Ref | None = None
    receiver: Party | None = None


class ActionCreate(Wire):
    amount: QuantityIn
    bucket: RefIn
    usage_type: str
    party_account: RefIn | None = None
    product: tuple[RefIn, ...] = ()
    description: str | None = None
    reason: str | None = None
    channel: Named | None = None
    requestor: Party | None = None
    logical_resource: tuple[Named, ...] = ()


class TopUpCreate(ActionCreate, kw_only=True):
    party_account: RefIn
    payment_method: Method | None = None
    is_auto_topup: bool = False
    number_of_periods: int | None = None
    recurring_period: str | None = None
    voucher: str | None = None


class AdjustCreate(ActionCreate):
    adjust_type: str = "oneTime"


class TransferCreate(ActionCreate, kw_only=True):
    reason: str
    channel: Named
    logical_resource: tuple[Named, ...]
    receiver_logical_resource: Named
    receiver_bucket: RefIn
    receiver_bucket_usage_type: str
    receiver: Party | None = None
    receiver_product: RefIn | None = None
    cost_owner: str | None = None
    transfer_cost: MoneyIn | None = None


class ReserveCreate(ActionCreate, kw_only=True):
    party_account: RefIn
    valid_for: PeriodIn | None = None


class StatusPatch(Wire):
    status: str


class ActionPatch(Wire):
    description: str | msgspec.UnsetType = msgspec.UNSET
    reason: str | msgspec.UnsetType = msgspec.UNSET


class NotMonetary(Refused):
    """Only money can be topped up and moved."""

    code = "notMonetary"


class NotOffered(Refused):
    """Well meant, but nothing here does it."""

    code = "notOffered"


_PLACES = {
    "account": "bucket.id",
    "subscriber": "bucket.id",
    "to": "receiverBucket.id",
    "until": "validFor.endDateTime",
}


def _details(new: ActionCreate) -> Mapping[str, Any]:
    kept: dict[str, Any] = {
        name: getattr(new, name)
        for name in (
            "channel",
            "requestor",
            "logical_resource",
            "receiver",
            "receiver_logical_resource",
            "cost_owner",
            "adjust_type",
        )
        if hasattr(new, name)
    }
    made: dict[str, Any] = msgspec.to_builtins(Details(**kept))
    return made


def _asked(database: Database, new: ActionCreate, now: datetime) -> ActionRequest:
    """The bucket as charging has it, and what is to be done to it. Raises what is wrong with
    either."""
    _check_monetary(new.usage_type, "usageType")
    with database.read() as r:
        balance = _balance(r, new.bucket.id, now, "bucket.id")
    if new.party_account is not None and balance.billing_account != new.party_account.id:
        raise Invalid(
            f"the bucket {balance.account} is not one of this account", path="partyAccount.id"
        )
    for index, each in enumerate(new.product):
        if each.id != balance.account:
            raise Invalid(f"the bucket is {balance.account}'s", path=f"product[{index}].id")
    return ActionRequest(
        balance=balance,
        amount=Amount.of(new.amount.amount, new.amount.units, path="amount"),
        reason=new.reason,
        description=new.description,
        details=_details(new),
    )


def _check_monetary(said: str, path: str) -> None:
    if said != MONETARY:
        raise NotMonetary(f"only a {MONETARY} bucket is topped up or moved", path=path)


def _balance(r: Reader, bucket: str, now: datetime, path: str) -> charging.Balance:
    """The balance whose money this bucket is."""
    account, mark, number = bucket.rpartition("~")
    if mark and number.isdigit() and charging.balances_by_id(r, [ChargingAccountId(account)], now):
        raise NotMonetary(f"only a {MONETARY} bucket is topped up or moved", path=path)
    with placed(unknown=path):
        return charging.balance(r, ChargingAccountId(bucket), now)


def top_up(database: Database, tx: Tx, new: TopUpCreate, now: datetime) -> str:
    for wanted, path in (
        (new.is_auto_topup, "isAutoTopup"),
        (new.number_of_periods, "numberOfPeriods"),
        (new.recurring_period, "recurringPeriod"),
    ):
        if wanted:
            raise NotOffered("only single top-ups are taken", path=path)
    if new.voucher is not None:
        raise NotOffered("no vouchers are taken", path="voucher")
    asked = _asked(database, new, now)
    balance = asked.balance
    if balance.kind is not AccountKind.PREPAID:
        raise NotMonetary("a postpaid product has no balance to top up", path="bucket.id")
    if balance.status is charging.Status.CLOSED:
        raise charging.AccountIsClosed("the product has ended", path="bucket.id")
    method, on_file = PaymentMethodKind.CASH, None
    if new.payment_method is not None:
        with placed(unknown="paymentMethod.id"):
            method, on_file = method_of(tx, new.payment_method)
    said = {"description": new.description, "reason": new.reason}
    with placed(_PLACES | {"paymentMethod": "paymentMethod.id"}):
        return payments.receive_payment(
            tx,
            account=balance.billing_account,
            amount=asked.amount,
            method=method,
            reference=tx.new_id(PaymentId, now),
            purpose=Purpose.TOP_UP,
            source="topupBalance",
            subscriber=balance.account,
            payment_method=on_file,
            details={
                **asked.details,
                **{name: text for name, text in said.items() if text is not None},
            },
            now=now,
        ).id


def adjust(database: Database, tx: Tx, new: AdjustCreate, now: datetime) -> str:
    if new.adjust_type != "oneTime":
        raise NotOffered("only oneTime", path="adjustType")
    asked = _asked(database, new, now)
    with placed(_PLACES):
        return charging.request_adjustment(tx, asked, now=now).id


def transfer(database: Database, tx: Tx, new: TransferCreate, now: datetime) -> str:
    _check_monetary(new.receiver_bucket_usage_type, "receiverBucketUsageType")
    if new.transfer_cost is not None:
        raise NotOffered("a transfer costs nothing", path="transferCost")
    if not new.logical_resource:
        raise Invalid("has one at least", path="logicalResource")
    asked = _asked(database, new, now)
    with database.read() as r:
        to = _balance(r, new.receiver_bucket.id, now, "receiverBucket.id")
    if new.receiver_product is not None and new.receiver_product.id != to.account:
        raise Invalid(f"the bucket is {to.account}'s", path="receiverProduct.id")
    with placed(_PLACES):
        return charging.request_transfer(tx, asked, to=to, now=now).id


def reserve(database: Database, tx: Tx, new: ReserveCreate, now: datetime) -> str:
    asked = _asked(database, new, now)
    until = None
    if new.valid_for is not None:
        until = new.valid_for.end_date_time
        start = new.valid_for.start_date_time
        if start is not None and start > now:
            raise NotOffered("a reservation begins at once", path="validFor.startDateTime")
    with placed(_PLACES):
        return charging.request_reservation(tx, asked, until=until, now=now).id


def _shown(action: BalanceAction, base: str) -> dict[str, Any]:
    kept = msgspec.convert(action.details, Details)
    return {
        "id": action.id,
        "href": href(base, action.id),
        "status": action.state,
        "status_reason": action.failure,
        "usage_type": MONETARY,
        "amount": money(action.amount),
        "bucket": ref(BALANCE, "Bucket", action.account),
        "party_account": ref(ACCOUNT, "BillingAccount", action.billing_account),
        "product": (ref(PRODUCTS, "Product", action.account),),
        "requested_date": format_instant(action.requested_at),
        "confirmation_date": _instant(action.confirmed_at),
        "description": action.description,
        "reason": action.reason,
        "channel": kept.channel,
        "requestor": kept.requestor,
        "logical_resource": kept.logical_resource,
    }


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else format_instant(moment)


def adjust_form(action: BalanceAction) -> AdjustForm:
    return AdjustForm(**_shown(action, _ADJUSTMENTS), adjust_type="oneTime")


def _receiver(action: BalanceAction) -> dict[str, Any]:
    assert action.to is not None
    kept = msgspec.convert(action.details, Details)
    return {
        "receiver_bucket": ref(BALANCE, "Bucket", action.to),
        "receiver_product": ref(PRODUCTS, "Product", action.to),
        "receiver_logical_resource": kept.receiver_logical_resource or Named(id=action.to),
        "receiver": kept.receiver,
    }


def transfer_form(action: BalanceAction) -> TransferForm:
    return TransferForm(
        **_shown(action, _TRANSFERS),
        **_receiver(action),
        receiver_bucket_usage_type=MONETARY,
        cost_owner=msgspec.convert(action.details, Details).cost_owner,
    )


def reserve_form(action: BalanceAction) -> ReserveForm:
    return ReserveForm(
        **_shown(action, _RESERVATIONS),
        valid_for=Period(
            start_date_time=format_instant(action.requested_at),
            end_date_time=_instant(action.until),
        ),
    )


def _top_up_shown(payment: Payment, base: str) -> dict[str, Any]:
    assert payment.subscriber is not None
    kept = msgspec.convert(payment.details, Details)
    return {
        "id": payment.id,
        "href": href(base, payment.id),
        "status": payment.top_up_status,
        "status_reason": payment.failure,
        "usage_type": MONETARY,
        "amount": money(payment.amount),
        "bucket": ref(BALANCE, "Bucket", payment.subscriber),
        "party_account": ref(ACCOUNT, "BillingAccount", payment.account),
        "product": (ref(PRODUCTS, "Product", payment.subscriber),),
        "requested_date": format_instant(payment.received_at),
        "confirmation_date": _instant(payment.confirmed_at),
        "description": kept.description,
        "reason": kept.reason,
        "channel": kept.channel,
        "requestor": kept.requestor,
        "logical_resource": kept.logical_resource,
    }


def top_up_form(payment: Payment) -> TopUpForm:
    method = payment.payment_method
    return TopUpForm(
        **_top_up_shown(payment, TOP_UPS),
        is_auto_topup=False,
        payment_method=None if method is None else ref(METHOD, "PaymentMethod", method),
    )


def history_form(found: BalanceAction | Payment) -> HistoryForm:
    if isinstance(found, Payment):
        assert found.subscriber is not None
        own = Named(id=found.subscriber, referred_type="Product")
        shown = _top_up_shown(found, HISTORY)
        return HistoryForm(**shown, action="topupBalance", receiver_logical_resource=own)
    if found.to is not None:
        receiver = _receiver(found)
    else:
        receiver = {"receiver_logical_resource": Named(id=found.account, referred_type="Product")}
    return HistoryForm(**_shown(found, HISTORY), **receiver, action=NAMES[found.kind])


NAMES = {
    ActionKind.ADJUSTMENT: "adjustBalance",
    ActionKind.TRANSFER: "transferBalance",
    ActionKind.RESERVATION: "reserveBalance",
}


def find_top_ups(r: Reader, ids: Sequence[str]) -> list[Payment]:
    return [each for each in payments.payments(r, ids) if each.purpose is Purpose.TOP_UP]


def find_history(r: Reader, ids: Sequence[str]) -> list[BalanceAction | Payment]:
    return [*find_top_ups(r, ids), *charging.balance_actions(r, ids)]


def change_status(tx: Tx, ident: str, patch: StatusPatch, now: datetime) -> None:
    if patch.status != "cancelled":
        raise IllegalTransition(
            "follows what charging does; a client may only ask for cancelled", path="status"
        )
    charging.cancel_action(tx, BalanceActionId(ident), now=now)


def describe(tx: Tx, ident: str, patch: ActionPatch, _now: datetime) -> None:
    charging.describe_action(
        tx,
        BalanceActionId(ident),
        reason=given(patch.reason),
        description=given(patch.description),
    )


def forget(tx: Tx, ident: str, now: datetime) -> None:
    charging.forget_action(tx, BalanceActionId(ident), now=now)


def keep_status(_tx: Tx, _ident: str, _patch: StatusPatch, _now: datetime) -> None:
    raise IllegalTransition("money that has come is given back by a refund", path="status")


def describe_top_up(tx: Tx, ident: str, patch: ActionPatch, _now: datetime) -> None:
    said = {"description": given(patch.description), "reason": given(patch.reason)}
    payments.describe_payment(
        tx,
        PaymentId(ident),
        resource="TopupBalance",
        details={name: text for name, text in said.items() if text is not None},
    )


def keep(_tx: Tx, _ident: str, _now: datetime) -> None:
    raise ActionStands("money that has come is given back by a refund", path="id")
