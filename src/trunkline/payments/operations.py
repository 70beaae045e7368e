"""Writes: a method of payment kept, a payment received."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline.charging import ChargingAccountId
from trunkline.charging.events import TopUp
from trunkline.customers import (
    AccountNotFound,
    BillingAccountId,
    billing_account,
    billing_accounts,
)
from trunkline.kernel.errors import Invalid
from trunkline.kernel.ids import Id
from trunkline.kernel.money import CurrencyMismatch, Money
from trunkline.ledger import post
from trunkline.payments import store
from trunkline.payments.events import PaymentReceived, TopUpPaid
from trunkline.payments.methods import Body, MethodStatus, body_for, complete
from trunkline.payments.model import (
    MethodNotUsable,
    Payment,
    PaymentId,
    PaymentMethodId,
    PaymentMethodKind,
    PaymentState,
    Purpose,
    ReferenceUsed,
    UnknownPayment,
    UnknownPaymentMethod,
    check_amount,
    check_method,
    check_net,
    check_reference,
    entry_of,
    turned_entry_of,
)
from trunkline.payments.notices import tell_of_payment
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx
from trunkline.tmf import documents

_NOTHING: Mapping[str, Any] = {}


class NewPaymentMethod(msgspec.Struct, frozen=True):
    """What `add_payment_methods` needs to know of one."""

    account: BillingAccountId
    kind: PaymentMethodKind
    token: str | None = None
    last_digits: str | None = None
    automatic: bool = False


def add_payment_method(
    tx: Tx,
    *,
    account: BillingAccountId,
    kind: PaymentMethodKind,
    now: datetime,
    token: str | None = None,
    last_digits: str | None = None,
    automatic: bool = False,
) -> PaymentMethodId:
    """Keeps a way to pay for an account. Raises `AccountNotFound`, and `CardNumberRefused` for
    a card's number."""
    new = NewPaymentMethod(account, kind, token, last_digits, automatic)
    return add_payment_methods(tx, [new], now=now)[0]


def add_payment_methods(
    tx: Tx, new: Sequence[NewPaymentMethod], *, now: datetime
) -> list[PaymentMethodId]:
    """The same for many at once; the ids in the order of `new`."""
    accounts = billing_accounts(tx, {each.account for each in new})
    bodies: list[Body] = []
    for each in new:
        if each.account not in accounts:
            raise AccountNotFound(f"there is no billing account {each.account[:60]}")
        check_method(each.token, each.last_digits)
        said = body_for(
            each.kind,
            each.account,
            token=each.token,
            last_digits=each.last_digits,
            automatic=each.automatic,
        )
        begun = {"id": tx.new_id(PaymentMethodId, now), **said, "status": MethodStatus.ACTIVE.value}
        bodies.append(complete(begun, None, now))
    store.insert_methods(tx, bodies, now)
    for body in bodies:
        tx.changed("PaymentMethod", body["id"], Change.CREATED)
    return [PaymentMethodId(body["id"]) for body in bodies]


def keep_method(tx: Tx, body: Mapping[str, Any], now: datetime) -> Body:
    """Keeps a way to pay as a client describes it (TMF670). Where it is preferred, no other of
    its account is any more. Raises `InvalidPaymentMethod`, `CardNumberRefused`, and what
    `documents.create` does."""
    made = documents.create(tx, store.METHOD, body, now)
    _prefer(tx, made, now)
    return made


def change_method(tx: Tx, method_id: str, body: Mapping[str, Any], now: datetime) -> Body:
    """Puts `body` in its place; its status moves as the lifecycle allows. Raises
    `UnknownPaymentMethod`, `IllegalTransition`, and what `keep_method` does."""
    made = documents.change(tx, store.METHOD, method_id, lambda _: body, now)
    _prefer(tx, made, now)
    return made


def remove_method(tx: Tx, method_id: str) -> None:
    """Raises `MethodInUse` where a payment has come by it: such a one is closed instead."""
    documents.delete(tx, store.METHOD, method_id)


def _prefer(tx: Tx, made: Body, now: datetime) -> None:
    if made["isPreferred"]:
        accounts, party = made.get("account") or (), made.get("relatedParty")
        others = store.preferred_beside(
            tx,
            made["id"],
            accounts[0]["id"] if accounts else None,
            party["id"] if party else None,
        )
        for other in others:
            documents.change(
                tx, store.METHOD, other, lambda body: body | {"isPreferred": False}, now
            )


def receive_payment(
    tx: Tx,
    *,
    account: BillingAccountId,
    amount: Money,
    method: PaymentMethodKind,
    reference: str,
    purpose: Purpose = Purpose.SETTLE,
    now: datetime,
    source: str = "manual",
    subscriber: ChargingAccountId | None = None,
    invoice: str | None = None,
    payment_method: PaymentMethodId | None = None,
    net: Money | None = None,
    details: Mapping[str, Any] = _NOTHING,
) -> Payment:
    """Takes money in: to pay invoices (the oldest, or the one named), or as a top-up of
    `subscriber`'s balance. The same (source, reference) again answers with the payment that
    stands, or raises `ReferenceUsed` if it said something else. Raises `Invalid` for an
    amount that can't be paid, `CurrencyMismatch` where the account has another currency,
    `UnknownPaymentMethod` for one that isn't the account's."""
    check_amount(amount)
    check_net(net, amount)
    check_reference(reference)
    if invoice is not None:
        Id.parse(invoice, path="invoice")
    if (purpose is Purpose.TOP_UP) != (subscriber is not None):
        raise Invalid("a top-up, and nothing else, names its subscriber", path="subscriber")
    if purpose is Purpose.TOP_UP and invoice is not None:
        raise Invalid("a top-up pays no invoice", path="invoice")
    payer = billing_account(tx, account)
    if payer.currency != amount.currency:
        raise CurrencyMismatch(
            f"account {account} pays in {payer.currency}, not in {amount.currency}", path="amount"
        )
    if payment_method is not None:
        check_on_file(tx, payment_method, account)
    payment = Payment(
        id=tx.new_id(PaymentId, now),
        account=account,
        entity=payer.legal_entity,
        amount=amount,
        method=method,
        source=source,
        reference=reference,
        purpose=purpose,
        state=PaymentState.RECEIVED,
        received_at=now,
        subscriber=subscriber,
        invoice=invoice,
        payment_method=payment_method,
        net=net,
        details=details,
    )
    if not store.insert_payment(tx, payment):
        return _repeated(tx, payment)
    post(tx, entry_of(payment), now)
    _tell(tx, payment)
    tell_of_payment(tx, payment)
    return payment


def note_top_up(tx: Tx, payment: PaymentId, *, failure: str | None, now: datetime) -> None:
    """What charging answered: credited, or, with a `failure`, refused: then the money is the
    customer's credit, and pays what is open. Once."""
    if not store.answer_top_up(tx, payment, now, failure):
        return
    tx.changed("TopupBalance", payment, Change.STATE)
    if failure is None:
        return
    paid = store.find_payment(tx, payment)
    assert paid is not None
    post(tx, turned_entry_of(paid, now), now)
    tx.changed("Payment", payment, Change.ATTRIBUTES)
    tx.emit(_received(paid))


def describe_payment(
    tx: Tx, payment: PaymentId, *, details: Mapping[str, Any], resource: str = "Payment"
) -> None:
    """Adds to what is said beside a payment, known to clients as this `resource`. Raises
    `UnknownPayment`."""
    present = store.lock_payment(tx, payment)
    if present is None:
        raise UnknownPayment(f"there is no payment {payment[:60]}")
    said = {**present.details, **details}
    if said != present.details:
        store.save_details(tx, payment, said)
        tx.changed(resource, payment, Change.ATTRIBUTES)


def check_on_file(tx: Tx, method: PaymentMethodId, account: BillingAccountId) -> None:
    """Raises `UnknownPaymentMethod` for one that isn't the account's, `MethodNotUsable` for one
    that isn't active."""
    known = store.find_method(tx, method)
    if known is None or known.account != account:
        raise UnknownPaymentMethod(
            f"account {account} has no payment method {method[:60]}", path="paymentMethod"
        )
    if known.status != MethodStatus.ACTIVE:
        raise MethodNotUsable(f"{method} is {known.status}", path="paymentMethod")


def _tell(tx: Tx, payment: Payment) -> None:
    """One way or the other, never both."""
    tx.changed("Payment", payment.id, Change.CREATED)
    if payment.subscriber is None:
        tx.emit(_received(payment))
        return
    tx.changed("TopupBalance", payment.id, Change.CREATED)
    tx.emit(TopUp(payment_id=payment.id, account=payment.subscriber, amount=payment.amount))
    tx.emit(
        TopUpPaid(
            payment=payment.id,
            account=payment.account,
            subscriber=payment.subscriber,
            amount=payment.amount,
            received_at=payment.received_at,
        )
    )


def _received(payment: Payment) -> PaymentReceived:
    return PaymentReceived(
        payment=payment.id,
        account=payment.account,
        entity=payment.entity,
        amount=payment.amount,
        received_at=payment.received_at,
        invoice=payment.invoice,
    )


def _repeated(tx: Tx, payment: Payment) -> Payment:
    standing = store.find_by_reference(tx, payment.source, payment.reference)
    assert standing is not None
    same = msgspec.structs.replace(
        payment,
        id=standing.id,
        received_at=standing.received_at,
        state=standing.state,
        refunded=standing.refunded,
        confirmed_at=standing.confirmed_at,
        failure=standing.failure,
    )
    if same != standing:
        raise ReferenceUsed(
            f"{payment.source} payment {payment.reference} came in already, and was another",
            path="reference",
            payment=standing.id,
        )
    return standing
