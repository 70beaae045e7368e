"""TMF654 Prepay Balance Management, v4: buckets and top-ups, from charging's own database.

A product that is charged for use has a monetary bucket, whose id is the product's, where it is
prepaid; and one for each allowance of the running month, whose id is the product's with the
bucket's number. A top-up is a payment: the id of one is that of the payment in TMF676. It is
`created` until charging has credited it, and then `completed`.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import sqlalchemy as sa

from trunkline import charging, customers, payments
from trunkline.charging import ACCOUNTS, Balance, BucketBalance, ChargingAccountId, Status
from trunkline.customers import BILLING_ACCOUNTS, AccountKind, BillingAccountId, CustomerId
from trunkline.kernel.errors import Invalid, Refused
from trunkline.kernel.money import Money as Amount
from trunkline.kernel.time import format_instant
from trunkline.payments import PAYMENTS, Payment, PaymentId, PaymentMethodKind, Purpose
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database, Reader, Tx
from trunkline.platform.principals import Binding
from trunkline.rest.tmf676_payment import Method, method_of
from trunkline.rest.wire import (
    ACCOUNT,
    BALANCE,
    PRODUCTS,
    Period,
    Quantity,
    QuantityIn,
    Ref,
    RefIn,
    placed,
    ref,
)
from trunkline.tmf import (
    Aggregate,
    Api,
    Entity,
    Path,
    Task,
    Timestamp,
    Wire,
    amount,
    href,
    owned_elsewhere,
    owned_through,
)
from trunkline.tmf.access import Databases
from trunkline.tmf.errors import BadQuery
from trunkline.tmf.paths import Op
from trunkline.tmf.query import Query

_BUCKETS = f"{BALANCE}/bucket"
_TOP_UPS = f"{BALANCE}/topupBalance"
_MONETARY = "monetary"
_MOST_ACCOUNTS = 2000
_STATUSES = {Status.ACTIVE: "active", Status.BARRED: "suspended", Status.CLOSED: "expired"}
_UNITS = {
    charging.Service.DATA: "bytes",
    charging.Service.VOICE: "seconds",
    charging.Service.SMS: "messages",
}


class BucketForm(Entity, kw_only=True, tag="Bucket"):
    name: str
    usage_type: str
    status: str
    is_shared: bool
    remaining_value: Quantity
    remaining_value_name: str
    reserved_value: Quantity
    party_account: Ref
    product: tuple[Ref, ...]
    valid_for: Period | None = None


class TopUpForm(Entity, kw_only=True, tag="TopupBalance"):
    status: str
    usage_type: str
    amount: Quantity
    bucket: Ref
    party_account: Ref
    product: tuple[Ref, ...]
    is_auto_topup: bool
    requested_date: Timestamp


class TopUpCreate(Wire):
    amount: QuantityIn
    bucket: RefIn
    party_account: RefIn
    usage_type: str
    payment_method: Method | None = None


class NotMonetary(Refused):
    """Only money can be topped up."""

    code = "notMonetary"


def _forms(balance: Balance) -> Iterable[BucketForm]:
    account = ref(ACCOUNT, "BillingAccount", balance.billing_account)
    products = (ref(PRODUCTS, "Product", balance.account),)
    status = _STATUSES[balance.status]
    if balance.kind is AccountKind.PREPAID:
        yield BucketForm(
            id=balance.account,
            href=href(_BUCKETS, balance.account),
            name="Balance",
            usage_type=_MONETARY,
            status=status,
            is_shared=False,
            remaining_value=_money(balance.money),
            remaining_value_name=str(balance.money),
            reserved_value=_money(balance.reserved),
            party_account=account,
            product=products,
        )
    for each in balance.buckets:
        units = _UNITS[each.service]
        ident = f"{balance.account}~{each.number}"
        yield BucketForm(
            id=ident,
            href=href(_BUCKETS, ident),
            name=each.name,
            usage_type=each.service.name.lower(),
            status=status,
            is_shared=False,
            remaining_value=Quantity(amount=Decimal(each.remaining), units=units),
            remaining_value_name=f"{each.remaining:,} {units}",
            reserved_value=Quantity(amount=Decimal(each.reserved), units=units),
            party_account=account,
            product=products,
            valid_for=_validity(each),
        )


def _validity(bucket: BucketBalance) -> Period:
    return Period(
        start_date_time=format_instant(bucket.starts), end_date_time=format_instant(bucket.expires)
    )


def _money(money: Amount) -> Quantity:
    return Quantity(amount=money.to_decimal(), units=money.currency)


@dataclass(frozen=True, kw_only=True, eq=False)
class Buckets(Aggregate[BucketForm]):
    """Buckets stand inside their accounts, encoded. A list finds the accounts by SQL, opens
    them, and filters what it finds; one that would open too many is refused."""

    now: Callable[[], datetime]

    def page(self, r: Reader, asked: Query) -> tuple[list[Any], int]:
        if asked.sort:
            raise BadQuery("buckets can't be sorted", path="sort")
        conditions = [*asked.reach]
        for term in asked.terms:
            if term.path not in self.filters:
                raise BadQuery(
                    f"buckets are found by {', '.join(sorted(self.filters))}", path=term.path
                )
            if term.op is not Op.EQ:
                raise BadQuery(f"buckets are not compared by {term.op}", path=term.path)
            column = _BY_ACCOUNT.get(term.path)
            if column is not None:
                wanted = {each.rpartition("~")[0] or each for each in term.values}
                conditions.append(column.in_(wanted | set(term.values)))
        rows = r.execute(
            sa.select(ACCOUNTS.c.id, ACCOUNTS.c.billing_account)
            .where(*conditions)
            .order_by(ACCOUNTS.c.id)
            .limit(_MOST_ACCOUNTS + 1)
        ).all()
        if len(rows) > _MOST_ACCOUNTS:
            raise BadQuery(
                f"more than {_MOST_ACCOUNTS} products have buckets: name a product.id or "
                "a partyAccount.id"
            )
        found = [
            form
            for form in self._open(
                r, [row.id for row in rows], {row.billing_account for row in rows}
            )
            if all(_holds(form, term.path, term.values) for term in asked.terms)
        ]
        return found[asked.offset : asked.offset + asked.limit], len(found)

    def answers(self, r: Reader, ids: Sequence[str]) -> list[Any]:
        owners = {each.rpartition("~")[0] or each for each in ids} | set(ids)
        rows = r.execute(
            sa.select(ACCOUNTS.c.id, ACCOUNTS.c.billing_account).where(ACCOUNTS.c.id.in_(owners))
        ).all()
        accounts = {row.billing_account for row in rows}
        found = {form.id: form for form in self._open(r, [row.id for row in rows], accounts)}
        return [found[each] for each in ids if each in found]

    def among(
        self, r: Reader, ids: Collection[str], binding: Binding, databases: Databases
    ) -> dict[str, bool]:
        of = {each: each.rpartition("~")[0] or each for each in ids}
        found = super().among(r, {*of, *of.values()}, binding, databases)
        own = {each: found.get(each, found.get(account)) for each, account in of.items()}
        return {each: mine for each, mine in own.items() if mine is not None}

    def _open(self, r: Reader, ids: Sequence[str], accounts: set[str]) -> Iterable[BucketForm]:
        balances = charging.balances(r, [BillingAccountId(a) for a in accounts], self.now())
        by_id = {each.account: each for of in balances.values() for each in of}
        for ident in ids:
            yield from _forms(by_id[ChargingAccountId(ident)])


_OWN = Path(sa.literal(""), lambda text, _: text, only_equal=True)
"""Not for SQL: what stands inside an account is compared by `Buckets` itself."""

_BY_ACCOUNT: dict[str, sa.Column[Any]] = {
    "id": ACCOUNTS.c.id,
    "product.id": ACCOUNTS.c.id,
    "partyAccount.id": ACCOUNTS.c.billing_account,
}


def _holds(form: BucketForm, path: str, values: Sequence[str]) -> bool:
    match path:
        case "product.id":
            return form.product[0].id in values
        case "partyAccount.id":
            return form.party_account.id in values
        case "usageType":
            return form.usage_type in values
        case "status":
            return form.status in values
        case "name":
            return form.name in values
    return form.id in values


def _top_up_form(found: tuple[Payment, bool]) -> TopUpForm:
    payment, credited = found
    assert payment.subscriber is not None
    return TopUpForm(
        id=payment.id,
        href=href(_TOP_UPS, payment.id),
        status="completed" if credited else "created",
        usage_type=_MONETARY,
        amount=_money(payment.amount),
        bucket=ref(BALANCE, "Bucket", payment.subscriber),
        party_account=ref(ACCOUNT, "BillingAccount", payment.account),
        product=(ref(PRODUCTS, "Product", payment.subscriber),),
        is_auto_topup=False,
        requested_date=format_instant(payment.received_at),
    )


_PLACES = {"account": "partyAccount", "subscriber": "bucket"}


def _top_up(database: Database, tx: Tx, new: TopUpCreate, now: datetime) -> str:
    if new.usage_type != _MONETARY:
        raise NotMonetary(f"only a {_MONETARY} bucket is topped up", path="usageType")
    with placed(_PLACES, unknown="bucket.id"):
        with database.read() as r:
            balance = charging.balance(r, ChargingAccountId(new.bucket.id), now)
        if balance.billing_account != new.party_account.id:
            raise Invalid(
                f"the bucket {balance.account} is not one of this account", path="partyAccount.id"
            )
        if balance.kind is not AccountKind.PREPAID:
            raise NotMonetary("a postpaid product has no balance to top up", path="bucket.id")
    method, on_file = PaymentMethodKind.CASH, None
    if new.payment_method is not None:
        with placed(unknown="paymentMethod.id"):
            method, on_file = method_of(tx, new.payment_method)
    with placed(_PLACES):
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
            now=now,
        ).id


def _find_top_ups(database: Database, r: Reader, ids: Sequence[str]) -> list[tuple[Payment, bool]]:
    found = [each for each in payments.payments(r, ids) if each.purpose is Purpose.TOP_UP]
    with database.read() as own:
        credited = charging.credited(own, [each.id for each in found])
    return [(each, each.id in credited) for each in found]


def _accounts_of(books: Reader, customer: str) -> list[str]:
    return [each.id for each in customers.accounts_of(books, CustomerId(customer))]


def api(database: Database, clock: Clock) -> Api:
    """The API over charging's `database`; top-ups come in through the books as well."""
    buckets = Buckets(
        path=_BUCKETS,
        type="Bucket",
        key=ACCOUNTS.c.id,
        database="charging",
        paths=dict.fromkeys((*_BY_ACCOUNT, "usageType", "status", "name"), _OWN),
        find=lambda _r, _ids: (),
        to_wire=lambda form: form,
        form=BucketForm,
        owner=owned_elsewhere(ACCOUNTS.c.billing_account, _accounts_of, writes=False),
        now=clock.now,
    )
    top_ups = Task(
        path=_TOP_UPS,
        type="TopupBalance",
        key=PAYMENTS.c.id,
        where=PAYMENTS.c.purpose == Purpose.TOP_UP.value,
        paths={
            "bucket.id": PAYMENTS.c.subscriber_id,
            "product.id": PAYMENTS.c.subscriber_id,
            "partyAccount.id": PAYMENTS.c.billing_account_id,
            "requestedDate": PAYMENTS.c.received_at,
            "amount.amount": amount(PAYMENTS.c.amount_micros),
            "amount.units": PAYMENTS.c.currency,
        },
        find=partial(_find_top_ups, database),
        to_wire=_top_up_form,
        form=TopUpForm,
        owner=owned_through(
            PAYMENTS.c.billing_account_id, BILLING_ACCOUNTS.c.id, BILLING_ACCOUNTS.c.customer_id
        ),
        accepts=TopUpCreate,
        create=partial(_top_up, database),
    )
    return Api(
        number="TMF654",
        title="Prepay Balance Management",
        version="4.0.0",
        base=BALANCE,
        resources=(buckets, top_ups),
    )
