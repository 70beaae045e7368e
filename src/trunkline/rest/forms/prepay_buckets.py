"""Buckets and their sums: what TMF654 and TMF677 show of balances."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from trunkline import charging
from trunkline.charging import Balance, MemberShare, SharedUnits, Status
from trunkline.kernel.money import Money as Amount
from trunkline.rest.forms.wire import (
    ACCOUNT,
    BALANCE,
    PRODUCTS,
    Party,
    Period,
    Quantity,
    Ref,
    instant,
    ref,
)
from trunkline.tmf import Entity, href

BUCKETS = f"{BALANCE}/bucket"
SUMS = f"{BALANCE}/accumulatedBalance"
MONETARY = "monetary"
SHARED = "shared"
CREDIT = "credit"
OTHER = "other"
"""What TMF654 calls all usage that is neither voice, data nor messages."""
_USAGE_TYPES = frozenset({"voice", "data", "sms"})

STATUSES = {
    Status.PRE_ACTIVE: "active",
    Status.ACTIVE: "active",
    Status.ONE_WAY: "suspended",
    Status.BARRED: "suspended",
    Status.EXPIRED: "expired",
    Status.CLOSED: "expired",
}


class BucketForm(Entity, kw_only=True, tag="Bucket"):
    """`description` says what is counted where the usage type is only `other`."""

    name: str
    description: str | None = None
    usage_type: str
    status: str
    is_shared: bool
    remaining_value: Quantity
    remaining_value_name: str
    reserved_value: Quantity
    party_account: Ref
    product: tuple[Ref, ...]
    logical_resource: tuple[Ref, ...] = ()
    related_party: tuple[Party, ...] = ()
    valid_for: Period | None = None
    status_reason: str | None = None
    """An extension: which status the charging account has, where it isn't simply active."""


class SumForm(Entity, kw_only=True, tag="AccumulatedBalance"):
    """What a product has left of one kind, over all its buckets. Of several numbers it shows the
    first."""

    name: str
    description: str | None = None
    usage_type: str
    bucket: tuple[Ref, ...]
    total_balance: Quantity
    party_account: Ref
    product: tuple[Ref, ...]
    logical_resource: Ref | None = None
    related_party: tuple[Party, ...] = ()


class Held(msgspec.Struct, frozen=True):
    """An account's balance, the numbers that it has, and what it shares as a member."""

    balance: Balance
    numbers: Sequence[str] = ()
    share: MemberShare | None = None


def buckets_of(held: Held) -> Iterator[BucketForm]:
    """Its money, where it has a balance; what of a hybrid account's limit is left; the allowances
    of the running month; and of a member what it still may have of its pool, of each kind, wherever
    that is just now. A pool's own and a member's of it are shared."""
    balance, share = held.balance, held.share
    alike: dict[str, Any] = {
        "status": STATUSES[balance.status],
        "status_reason": None if balance.status is Status.ACTIVE else balance.status_word,
        "party_account": ref(ACCOUNT, "BillingAccount", balance.billing_account),
        "product": (ref(PRODUCTS, "Product", balance.account),),
        "logical_resource": tuple(
            Ref(id=each, name=each, referred_type="MSISDN") for each in held.numbers
        ),
    }
    yield from _of_money(held, alike)
    for each in balance.buckets:
        if share is None or not each.shared:
            yield _of_units(
                f"{balance.account}~{each.number}",
                each.service,
                each.remaining,
                each.reserved,
                name=each.name,
                is_shared=each.shared,
                valid_for=period(each.starts, each.expires),
                **alike,
            )
    if share is not None:
        if share.use.paused:
            alike["status"] = "suspended"
        for shared in share.units:
            yield _shared(shared, share, alike)


def _shared(shared: SharedUnits, share: MemberShare, alike: Mapping[str, Any]) -> BucketForm:
    kind = charging.service_name(shared.service)
    return _of_units(
        f"{share.use.account}~{SHARED}.{kind}",
        shared.service,
        shared.left,
        shared.reserved,
        name=shared.name or f"Shared {kind}",
        is_shared=True,
        valid_for=period(share.use.since, share.use.until),
        **alike,
    )


def _of_units(ident: str, service: int, left: int, reserved: int, **rest: Any) -> BucketForm:
    kind, units = charging.service_name(service), charging.service_unit(service)
    return BucketForm(
        id=ident,
        href=href(BUCKETS, ident),
        description=None if kind in _USAGE_TYPES else kind,
        usage_type=kind if kind in _USAGE_TYPES else OTHER,
        remaining_value=Quantity(amount=Decimal(left), units=units),
        remaining_value_name=f"{left:,} {units}",
        reserved_value=Quantity(amount=Decimal(reserved), units=units),
        **rest,
    )


def _of_money(held: Held, alike: Mapping[str, Any]) -> Iterator[BucketForm]:
    balance, share = held.balance, held.share
    nothing = Amount.zero(balance.money.currency)

    def bucket(
        name: str, mark: str, left: Amount, reserved: Amount = nothing, **more: Any
    ) -> BucketForm:
        ident = f"{balance.account}~{mark}" if mark else str(balance.account)
        told: dict[str, Any] = {"is_shared": False, "remaining_value_name": str(left)} | more
        return BucketForm(
            id=ident,
            href=href(BUCKETS, ident),
            name=name,
            usage_type=MONETARY,
            remaining_value=money(left),
            reserved_value=money(reserved),
            **told,
            **alike,
        )

    # Usage takes a hybrid account's balance first: what is reserved beyond it is the limit's.
    limit, on_bill = balance.credit_limit, balance.on_bill
    reserved = balance.reserved if on_bill is None else min(balance.reserved, balance.money)
    if balance.kind.has_balance:
        own = balance.money - (balance.shared_money or nothing)
        is_pool = balance.members is not None
        until = period(None, balance.valid_until)
        yield bucket("Balance", "", own, reserved, is_shared=is_pool, valid_for=until)
    if limit is not None and on_bill is not None:
        left = limit - on_bill
        told = f"{left} of {limit}" if on_bill <= limit else f"{on_bill - limit} beyond {limit}"
        beyond = balance.reserved - reserved
        yield bucket("Credit", CREDIT, left, beyond, remaining_value_name=told)
    shared = balance.shared_money if share is None else share.money
    if shared is not None:
        yield bucket("Shared balance", SHARED, shared, is_shared=True)


def period(since: datetime | None, until: datetime | None) -> Period | None:
    if since is None and until is None:
        return None
    return Period(start_date_time=instant(since), end_date_time=instant(until))


def sums_of(held: Held) -> Iterator[SumForm]:
    """One for each kind of bucket that it has; what may go onto a bill is no money of the
    subscriber's, and apart."""
    account = held.balance.account
    kinds: dict[str, list[BucketForm]] = {}
    for each in buckets_of(held):
        kind = each.description or each.usage_type
        if each.id == f"{account}~{CREDIT}":
            kind = CREDIT
        kinds.setdefault(kind, []).append(each)
    for kind, buckets in kinds.items():
        ident = f"{account}~{kind}"
        total = sum((each.remaining_value.amount for each in buckets), start=Decimal(0))
        yield SumForm(
            id=ident,
            href=href(SUMS, ident),
            name=f"Remaining {'money' if kind == MONETARY else kind}",
            description=buckets[0].description,
            usage_type=buckets[0].usage_type,
            bucket=tuple(ref(BALANCE, "Bucket", each.id, each.name) for each in buckets),
            total_balance=Quantity(amount=total, units=buckets[0].remaining_value.units),
            party_account=buckets[0].party_account,
            product=buckets[0].product,
            logical_resource=next(iter(buckets[0].logical_resource), None),
        )


def money(amount: Amount) -> Quantity:
    return Quantity(amount=amount.to_decimal(), units=amount.currency)
