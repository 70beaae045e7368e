"""TMF676 Payment, v4: money that came for a billing account, and money that went back.

`correlatorId` is the sender's reference: a payment comes in once by it, and so does a refund.
`paymentMethod` is one that is on file (by `id`) or says its kind in `@type` or `name`: a type of
TMF670, or bankTransfer, creditCard, electronicCheck, mailedCheck. A payment item that is a
CustomerBill is the bill to be paid; without one, the oldest are paid first. A refund names its
payment, or else gives back unused credit of the account; a top-up's is `pendingAuthorization`
until charging has given up the balance, and `denied` where that was used up.
`refundedAmount` is an extension.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline import payments, receivables
from trunkline.customers import BILLING_ACCOUNTS, BillingAccountId
from trunkline.kernel import money
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import format_instant
from trunkline.payments import (
    PAYMENTS,
    REFUNDS,
    Payment,
    PaymentId,
    PaymentMethodId,
    PaymentMethodKind,
    PaymentState,
    Refund,
    RefundId,
    RefundRequest,
    kind_of_type,
)
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms.wire import (
    ACCOUNT,
    BILL,
    METHOD,
    PAYMENT,
    PRODUCTS,
    Money,
    MoneyIn,
    Party,
    Ref,
    RefIn,
    placed,
    ref,
)
from trunkline.tmf import (
    Aggregate,
    Api,
    Entity,
    Moment,
    Owner,
    Timestamp,
    Wire,
    amount,
    column,
    either,
    href,
    owned_through,
)

_PAYMENTS = f"{PAYMENT}/payment"
_REFUNDS = f"{PAYMENT}/refund"
_KINDS = {kind.lower(): kind for kind in PaymentMethodKind}
_STATUSES = {PaymentState.RECEIVED: "done"}
"""In the words of TMF676's PaymentStatusExampleType."""
_STATES = {said: state.value for state, said in _STATUSES.items()}


class Method(Wire):
    id: str | None = None
    href: str | None = None
    name: str | None = None
    type: str | None = msgspec.field(name="@type", default=None)
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class Named(Wire):
    """A channel or a party, as the sender names it."""

    id: str
    href: str | None = None
    name: str | None = None
    role: str | None = None
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class Item(Wire):
    item: Ref
    amount: Money


class Paper(Entity, kw_only=True):
    """What payments and refunds both show."""

    account: Ref
    payment_method: Method
    amount: Money
    total_amount: Money
    tax_amount: Money | None = None
    status: str
    status_date: Timestamp
    correlator_id: str
    name: str | None = None
    description: str | None = None
    authorization_code: str | None = None
    channel: Named | None = None


class PaymentForm(Paper, kw_only=True, tag="Payment"):
    payment_date: Timestamp
    payer: Party | None = None
    payment_item: tuple[Item, ...] = ()
    refunded_amount: Money | None = None


class RefundForm(Paper, kw_only=True, tag="Refund"):
    refund_date: Timestamp
    requestor: Party | None = None
    payment: Ref | None = None
    status_reason: str | None = None


class PaymentItemIn(Wire):
    item: RefIn
    id: str | None = None
    amount: MoneyIn | None = None
    tax_amount: MoneyIn | None = None
    total_amount: MoneyIn | None = None


class PaperIn(Wire):
    account: RefIn
    payment_method: Method
    total_amount: MoneyIn
    amount: MoneyIn | None = None
    tax_amount: MoneyIn | None = None
    correlator_id: str | None = None
    name: str | None = None
    description: str | None = None
    authorization_code: str | None = None
    channel: Named | None = None


class PaymentCreate(PaperIn):
    payer: Party | None = None
    payment_item: tuple[PaymentItemIn, ...] = ()


class RefundCreate(PaperIn):
    payment: RefIn | None = None
    requestor: Party | None = None
    refund_date: Moment | None = None


class Details(Wire):
    """What is kept of a payment or refund, and only shown again."""

    name: str | None = None
    description: str | None = None
    authorization_code: str | None = None
    channel: Named | None = None
    payer: Party | None = None
    requestor: Party | None = None


def _details(new: PaymentCreate | RefundCreate) -> Mapping[str, Any]:
    kept = Details(
        name=_short(new.name, "name"),
        description=_short(new.description, "description"),
        authorization_code=_short(new.authorization_code, "authorizationCode"),
        channel=new.channel,
        payer=new.payer if isinstance(new, PaymentCreate) else None,
        requestor=new.requestor if isinstance(new, RefundCreate) else None,
    )
    made: dict[str, Any] = msgspec.to_builtins(kept)
    return made


def _short(text: str | None, path: str) -> str | None:
    if text is not None and len(text) > 1000:
        raise Invalid("has at most 1000 characters", path=path)
    return text


def _net(new: PaperIn, total: money.Money) -> money.Money | None:
    """What the sender says is net; with the tax it must make the total."""
    net = None if new.amount is None else new.amount.parsed("amount.value")
    tax = None if new.tax_amount is None else new.tax_amount.parsed("taxAmount.value")
    for said, path in ((net, "amount"), (tax, "taxAmount")):
        if said is not None and said.currency != total.currency:
            raise Invalid(f"is not in {total.currency}", path=f"{path}.unit")
    if tax is not None and net is not None and net + tax != total:
        raise Invalid(f"amount and taxAmount are not {total}", path="totalAmount.value")
    if tax is not None:
        net = total - tax
    return net


def _paper(
    subject: Payment | Refund, base: str, status: str, status_at: datetime
) -> dict[str, Any]:
    total = subject.amount
    kept = msgspec.convert(subject.details, Details)
    net = total if subject.net is None else subject.net
    return {
        "id": subject.id,
        "href": href(base, subject.id),
        "account": ref(ACCOUNT, "BillingAccount", subject.account),
        "payment_method": _method(subject),
        "amount": Money.of(net),
        "total_amount": Money.of(total),
        "tax_amount": Money.of(total - net) if total != net else None,
        "status": status,
        "status_date": format_instant(status_at),
        "correlator_id": subject.reference,
        "name": kept.name,
        "description": kept.description,
        "authorization_code": kept.authorization_code,
        "channel": kept.channel,
    }


def _method(subject: Payment | Refund) -> Method:
    on_file = subject.payment_method
    if on_file is None:
        return Method(name=subject.method, type=subject.method)
    return Method(
        id=on_file,
        href=href(f"{METHOD}/paymentMethod", on_file),
        name=subject.method,
        type=subject.method,
        referred_type="PaymentMethod",
    )


def _payment(payment: Payment) -> PaymentForm:
    paid = Money.of(payment.amount)
    items: tuple[Item, ...] = ()
    if payment.subscriber is not None:
        items = (Item(item=ref(PRODUCTS, "Product", payment.subscriber), amount=paid),)
    elif payment.invoice is not None:
        items = (Item(item=ref(BILL, "CustomerBill", payment.invoice), amount=paid),)
    return PaymentForm(
        **_paper(payment, _PAYMENTS, _STATUSES[payment.state], payment.received_at),
        payment_date=format_instant(payment.received_at),
        payer=msgspec.convert(payment.details, Details).payer,
        payment_item=items,
        refunded_amount=None if payment.refunded is None else Money.of(payment.refunded),
    )


def _refund(refund: Refund) -> RefundForm:
    return RefundForm(
        **_paper(refund, _REFUNDS, refund.state, refund.status_at),
        refund_date=format_instant(refund.refunded_at),
        requestor=msgspec.convert(refund.details, Details).requestor,
        payment=None if refund.payment is None else ref(PAYMENT, "Payment", refund.payment),
        status_reason=refund.reason,
    )


def method_of(r: Reader, method: Method) -> tuple[PaymentMethodKind, PaymentMethodId | None]:
    """The kind, and the method on file where one is named."""
    if method.id is not None:
        known = payments.payment_method(r, PaymentMethodId(method.id))
        return known.kind, known.id
    for said in (method.type, method.name):
        plain = (said or "").replace(" ", "").lower()
        kind = _KINDS.get(plain) or kind_of_type(plain)
        if kind is not None:
            return kind, None
    raise Invalid(f"@type or name is among {', '.join(PaymentMethodKind)}", path="paymentMethod")


def _asked_method(r: Reader, method: Method) -> tuple[PaymentMethodKind, PaymentMethodId | None]:
    with placed(unknown="paymentMethod.id"):
        return method_of(r, method)


_PLACES = {
    "net": "amount.value",
    "amount": "totalAmount",
    "reference": "correlatorId",
    "account": "account.id",
    "payment": "payment.id",
    "paymentMethod": "paymentMethod.id",
}


def _receive(tx: Tx, new: PaymentCreate, now: datetime) -> str:
    kind, on_file = _asked_method(tx, new.payment_method)
    total = new.total_amount.parsed("totalAmount.value")
    net, details = _net(new, total), _details(new)
    with placed(_PLACES, unknown="account.id"):
        return payments.receive_payment(
            tx,
            account=BillingAccountId(new.account.id),
            amount=total,
            method=kind,
            # One that the sender has no name for is known by a name of its own.
            reference=new.correlator_id or tx.new_id(PaymentId, now),
            source="api",
            invoice=_bill(new.payment_item),
            payment_method=on_file,
            net=net,
            details=details,
            now=now,
        ).id


def _give_back(tx: Tx, new: RefundCreate, now: datetime) -> str:
    kind, on_file = _asked_method(tx, new.payment_method)
    total = new.total_amount.parsed("totalAmount.value")
    asked = RefundRequest(
        account=BillingAccountId(new.account.id),
        amount=total,
        method=kind,
        reference=new.correlator_id or tx.new_id(RefundId, now),
        source="api",
        payment=None if new.payment is None else PaymentId(new.payment.id),
        payment_method=on_file,
        net=_net(new, total),
        details=_details(new),
    )
    with placed(_PLACES, unknown="account.id"):
        return receivables.refund(tx, asked, now=now).id


def _bill(items: tuple[PaymentItemIn, ...]) -> str | None:
    if len(items) > 1:
        raise Invalid("a payment names one bill at most", path="paymentItem")
    for each in items:
        if each.item.referred_type not in (None, "CustomerBill"):
            raise Invalid("what is paid is a CustomerBill", path="paymentItem[0].item")
        return each.item.id
    return None


def _state(text: str, _path: str) -> str:
    return _STATES.get(text, text)


def _papers(table: Any) -> dict[str, Any]:
    """The paths that payments and refunds both have."""
    return {
        "account.id": table.c.billing_account_id,
        "amount.value": amount(sa.func.coalesce(table.c.net_micros, table.c.amount_micros)),
        "amount.unit": table.c.currency,
        "totalAmount.value": amount(table.c.amount_micros),
        "totalAmount.unit": table.c.currency,
        "correlatorId": table.c.reference,
        "paymentMethod.id": table.c.payment_method_id,
        "paymentMethod.name": table.c.method,
        "paymentMethod.@type": table.c.method,
    }


def _owner(table: Any) -> Owner:
    account = BILLING_ACCOUNTS.c
    return owned_through(table.c.billing_account_id, account.id, account.customer_id, writes=False)


API = Api(
    number="TMF676",
    title="Payment Management",
    version="4.0.0",
    base=PAYMENT,
    resources=(
        Aggregate(
            path=_PAYMENTS,
            type="Payment",
            key=PAYMENTS.c.id,
            paths={
                **_papers(PAYMENTS),
                "paymentDate": PAYMENTS.c.received_at,
                "statusDate": PAYMENTS.c.received_at,
                "status": column(PAYMENTS.c.state, parse=_state),
                "paymentItem.item.id": either(
                    column(PAYMENTS.c.subscriber_id), column(PAYMENTS.c.invoice_id)
                ),
            },
            owner=_owner(PAYMENTS),
            find=payments.payments,
            to_wire=_payment,
            form=PaymentForm,
            accepts=PaymentCreate,
            create=_receive,
        ),
        Aggregate(
            path=_REFUNDS,
            type="Refund",
            key=REFUNDS.c.id,
            paths={
                **_papers(REFUNDS),
                "refundDate": REFUNDS.c.refunded_at,
                "statusDate": REFUNDS.c.status_at,
                "status": REFUNDS.c.state,
                "payment.id": REFUNDS.c.payment_id,
            },
            owner=_owner(REFUNDS),
            find=payments.refunds,
            to_wire=_refund,
            form=RefundForm,
            accepts=RefundCreate,
            create=_give_back,
        ),
    ),
)
