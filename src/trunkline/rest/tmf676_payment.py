"""TMF676 Payment, v4: money that came for a billing account.

`correlatorId` is the sender's reference: a payment comes in once by it. `paymentMethod` is one
that is on file (by `id`) or says its kind in `@type` or `name`: bankTransfer, cash, creditCard,
directDebit, electronicCheck, mailedCheck. A payment item that is a CustomerBill is the bill to
be paid; without one, the oldest are paid first.
"""

from datetime import datetime

import msgspec

from trunkline import payments
from trunkline.customers import BILLING_ACCOUNTS, BillingAccountId
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import format_instant
from trunkline.payments import (
    PAYMENTS,
    Payment,
    PaymentId,
    PaymentMethodId,
    PaymentMethodKind,
)
from trunkline.platform.db import Reader, Tx
from trunkline.rest.wire import (
    ACCOUNT,
    BILL,
    PAYMENT,
    PRODUCTS,
    Money,
    MoneyIn,
    Ref,
    RefIn,
    placed,
    ref,
)
from trunkline.tmf import Aggregate, Api, Entity, Timestamp, Wire, amount, href, owned_through

_PAYMENTS = f"{PAYMENT}/payment"
_KINDS = {kind.lower(): kind for kind in PaymentMethodKind}


class Method(Wire):
    id: str | None = None
    name: str | None = None
    type: str | None = msgspec.field(name="@type", default=None)


class Item(Wire):
    item: Ref
    amount: Money


class PaymentForm(Entity, kw_only=True, tag="Payment"):
    account: Ref
    payment_method: Method
    amount: Money
    total_amount: Money
    payment_date: Timestamp
    status: str
    status_date: Timestamp
    correlator_id: str
    payment_item: tuple[Item, ...] = ()


class PaymentItemIn(Wire):
    item: RefIn


class PaymentCreate(Wire):
    account: RefIn
    payment_method: Method
    total_amount: MoneyIn
    correlator_id: str | None = None
    payment_item: tuple[PaymentItemIn, ...] = ()


def _payment(payment: Payment) -> PaymentForm:
    paid = Money.of(payment.amount)
    items: tuple[Item, ...] = ()
    if payment.subscriber is not None:
        items = (Item(item=ref(PRODUCTS, "Product", payment.subscriber), amount=paid),)
    elif payment.invoice is not None:
        items = (Item(item=ref(BILL, "CustomerBill", payment.invoice), amount=paid),)
    received = format_instant(payment.received_at)
    return PaymentForm(
        id=payment.id,
        href=href(_PAYMENTS, payment.id),
        account=ref(ACCOUNT, "BillingAccount", payment.account),
        payment_method=Method(id=payment.payment_method, name=payment.method, type=payment.method),
        amount=paid,
        total_amount=paid,
        payment_date=received,
        status=payment.state,
        status_date=received,
        correlator_id=payment.reference,
        payment_item=items,
    )


def method_of(r: Reader, method: Method) -> tuple[PaymentMethodKind, PaymentMethodId | None]:
    """The kind, and the method on file where one is named."""
    if method.id is not None:
        known = payments.payment_method(r, PaymentMethodId(method.id))
        return known.kind, known.id
    for said in (method.type, method.name):
        kind = _KINDS.get((said or "").replace(" ", "").lower())
        if kind is not None:
            return kind, None
    raise Invalid(f"@type or name is among {', '.join(PaymentMethodKind)}", path="paymentMethod")


def _receive(tx: Tx, new: PaymentCreate, now: datetime) -> str:
    with placed(unknown="paymentMethod.id"):
        kind, on_file = method_of(tx, new.payment_method)
    with placed({"amount": "totalAmount", "reference": "correlatorId"}, unknown="account.id"):
        return payments.receive_payment(
            tx,
            account=BillingAccountId(new.account.id),
            amount=new.total_amount.parsed("totalAmount.value"),
            method=kind,
            # One that the sender has no name for is known by a name of its own.
            reference=new.correlator_id or tx.new_id(PaymentId, now),
            source="api",
            invoice=_bill(new.payment_item),
            payment_method=on_file,
            now=now,
        ).id


def _bill(items: tuple[PaymentItemIn, ...]) -> str | None:
    if len(items) > 1:
        raise Invalid("a payment names one bill at most", path="paymentItem")
    for each in items:
        if each.item.referred_type not in (None, "CustomerBill"):
            raise Invalid("what is paid is a CustomerBill", path="paymentItem[0].item")
        return each.item.id
    return None


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
                "account.id": PAYMENTS.c.billing_account_id,
                "amount.value": amount(PAYMENTS.c.amount_micros),
                "amount.unit": PAYMENTS.c.currency,
                "totalAmount.value": amount(PAYMENTS.c.amount_micros),
                "totalAmount.unit": PAYMENTS.c.currency,
                "paymentDate": PAYMENTS.c.received_at,
                "status": PAYMENTS.c.state,
                "correlatorId": PAYMENTS.c.reference,
                "paymentMethod.id": PAYMENTS.c.payment_method_id,
                "paymentMethod.name": PAYMENTS.c.method,
            },
            find=payments.payments,
            to_wire=_payment,
            form=PaymentForm,
            owner=owned_through(
                PAYMENTS.c.billing_account_id,
                BILLING_ACCOUNTS.c.id,
                BILLING_ACCOUNTS.c.customer_id,
            ),
            accepts=PaymentCreate,
            create=_receive,
        ),
    ),
)
