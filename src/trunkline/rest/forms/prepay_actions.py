"""Adjustments, transfers and reservations: their wire forms, and what a client may ask
of them (TMF654)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from trunkline import charging
from trunkline.charging import (
    ActionKind,
    ActionRequest,
    BalanceAction,
    BalanceActionId,
    ChargingAccountId,
)
from trunkline.kernel.errors import Invalid, Refused
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.kernel.money import Money as Amount
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Database, Reader, Tx
from trunkline.rest.forms.prepay_buckets import (
    CREDIT,
    MONETARY,
    SHARED,
    money,
)
from trunkline.rest.forms.wire import (
    ACCOUNT,
    BALANCE,
    PRODUCTS,
    MoneyIn,
    Party,
    Period,
    PeriodIn,
    Quantity,
    QuantityIn,
    Ref,
    RefIn,
    Typed,
    given,
    placed,
    ref,
)
from trunkline.tmf import (
    Entity,
    Timestamp,
    Wire,
    href,
)

_ADJUSTMENTS = f"{BALANCE}/adjustBalance"
_TRANSFERS = f"{BALANCE}/transferBalance"
_RESERVATIONS = f"{BALANCE}/reserveBalance"


class Named(Wire):
    """A channel, a party or a resource, as the client names it."""

    id: str
    href: str | None = None
    name: str | None = None
    role: str | None = None
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class Details(Wire, kw_only=True):
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
    base_type: str | None = msgspec.field(name="@baseType", default=None)
    schema_location: str | None = msgspec.field(name="@schemaLocation", default=None)


class ActionForm(Entity, kw_only=True):
    """What all actions show."""

    base_type: str | None = msgspec.field(name="@baseType", default=None)
    schema_location: str | None = msgspec.field(name="@schemaLocation", default=None)

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
    related_party: tuple[Party, ...] = ()


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


class BucketCreate(Typed, kw_only=True):
    """What is asked of a bucket."""

    bucket: RefIn
    usage_type: str
    party_account: RefIn | None = None
    product: tuple[RefIn, ...] = ()
    description: str | None = None
    reason: str | None = None
    channel: Named | None = None
    requestor: Party | None = None
    logical_resource: tuple[Named, ...] = ()


class ActionCreate(BucketCreate, kw_only=True):
    amount: QuantityIn


class AdjustCreate(ActionCreate, kw_only=True):
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


PLACES = {
    "account": "bucket.id",
    "subscriber": "bucket.id",
    "to": "receiverBucket.id",
    "until": "validFor.endDateTime",
}


def details(new: BucketCreate) -> Mapping[str, Any]:
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
            "base_type",
            "schema_location",
        )
        if hasattr(new, name)
    }
    made: dict[str, Any] = msgspec.to_builtins(Details(**kept))
    return made


def bucket_of(database: Database, new: BucketCreate, now: datetime) -> charging.Balance:
    """The bucket as charging has it. Raises what is wrong with what is said of it."""
    check_monetary(new.usage_type, "usageType")
    with database.read() as r:
        balance = balance_of(r, new.bucket.id, now, "bucket.id")
    if new.party_account is not None and balance.billing_account != new.party_account.id:
        raise Invalid(
            f"the bucket {balance.account} is not one of this account", path="partyAccount.id"
        )
    for index, each in enumerate(new.product):
        if each.id != balance.account:
            raise Invalid(f"the bucket is {balance.account}'s", path=f"product[{index}].id")
    return balance


def asked_of(
    database: Database, new: BucketCreate, amount: QuantityIn, now: datetime
) -> ActionRequest:
    """The bucket, and what is to be done to it. Raises what is wrong with either."""
    return ActionRequest(
        balance=bucket_of(database, new, now),
        amount=Amount.of(amount.amount, amount.units, path="amount"),
        reason=new.reason,
        description=new.description,
        details=details(new),
    )


def check_monetary(said: str, path: str) -> None:
    if said != MONETARY:
        raise NotMonetary(f"only a {MONETARY} bucket is topped up or moved", path=path)


def balance_of(r: Reader, bucket: str, now: datetime, path: str) -> charging.Balance:
    """The balance whose money this bucket is."""
    account, mark, number = bucket.rpartition("~")
    named = number.isdigit() or number.partition(".")[0] in (SHARED, CREDIT)
    if mark and named and charging.balances_by_id(r, [ChargingAccountId(account)], now):
        raise NotMonetary("only a product's own balance is topped up or moved", path=path)
    with placed(unknown=path):
        return charging.balance(r, ChargingAccountId(bucket), now)


def adjust(database: Database, tx: Tx, new: AdjustCreate, now: datetime) -> str:
    if new.adjust_type != "oneTime":
        raise NotOffered("only oneTime", path="adjustType")
    asked = asked_of(database, new, new.amount, now)
    with placed(PLACES):
        return charging.request_adjustment(tx, asked, now=now).id


def transfer(database: Database, tx: Tx, new: TransferCreate, now: datetime) -> str:
    check_monetary(new.receiver_bucket_usage_type, "receiverBucketUsageType")
    if new.transfer_cost is not None:
        raise NotOffered("a transfer costs nothing", path="transferCost")
    if not new.logical_resource:
        raise Invalid("has one at least", path="logicalResource")
    asked = asked_of(database, new, new.amount, now)
    with database.read() as r:
        to = balance_of(r, new.receiver_bucket.id, now, "receiverBucket.id")
    if new.receiver_product is not None and new.receiver_product.id != to.account:
        raise Invalid(f"the bucket is {to.account}'s", path="receiverProduct.id")
    with placed(PLACES):
        return charging.request_transfer(tx, asked, to=to, now=now).id


def reserve(database: Database, tx: Tx, new: ReserveCreate, now: datetime) -> str:
    asked = asked_of(database, new, new.amount, now)
    until = None
    if new.valid_for is not None:
        until = new.valid_for.end_date_time
        start = new.valid_for.start_date_time
        if start is not None and start > now:
            raise NotOffered("a reservation begins at once", path="validFor.startDateTime")
    with placed(PLACES):
        return charging.request_reservation(tx, asked, until=until, now=now).id


def shown(action: BalanceAction, base: str) -> dict[str, Any]:
    kept = msgspec.convert(action.details, Details)
    return {
        "id": action.id,
        "href": href(base, action.id),
        "base_type": kept.base_type,
        "schema_location": kept.schema_location,
        "status": action.state,
        "status_reason": action.failure,
        "usage_type": MONETARY,
        "amount": money(action.amount),
        "bucket": ref(BALANCE, "Bucket", action.account),
        "party_account": ref(ACCOUNT, "BillingAccount", action.billing_account),
        "product": (ref(PRODUCTS, "Product", action.account),),
        "requested_date": format_instant(action.requested_at),
        "confirmation_date": instant(action.confirmed_at),
        "description": action.description,
        "reason": action.reason,
        "channel": kept.channel,
        "requestor": kept.requestor,
        "logical_resource": kept.logical_resource,
    }


def instant(moment: datetime | None) -> str | None:
    return None if moment is None else format_instant(moment)


def adjust_form(action: BalanceAction) -> AdjustForm:
    return AdjustForm(**shown(action, _ADJUSTMENTS), adjust_type="oneTime")


def receiver_of(action: BalanceAction) -> dict[str, Any]:
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
        **shown(action, _TRANSFERS),
        **receiver_of(action),
        receiver_bucket_usage_type=MONETARY,
        cost_owner=msgspec.convert(action.details, Details).cost_owner,
    )


def reserve_form(action: BalanceAction) -> ReserveForm:
    return ReserveForm(
        **shown(action, _RESERVATIONS),
        valid_for=Period(
            start_date_time=format_instant(action.requested_at),
            end_date_time=instant(action.until),
        ),
    )


NAMES = {
    ActionKind.ADJUSTMENT: "adjustBalance",
    ActionKind.TRANSFER: "transferBalance",
    ActionKind.RESERVATION: "reserveBalance",
}


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
