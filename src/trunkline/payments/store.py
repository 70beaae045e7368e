"""The tables of payment methods and payments."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.charging import ChargingAccountId
from trunkline.customers import BillingAccountId, known_accounts, known_parties
from trunkline.kernel.money import Money
from trunkline.kernel.time import parse_instant
from trunkline.ledger import LegalEntityId
from trunkline.payments.methods import BEGINS, LIFECYCLE, Body, complete, kind_of
from trunkline.payments.model import (
    MethodInUse,
    Payment,
    PaymentId,
    PaymentMethod,
    PaymentMethodId,
    PaymentMethodKind,
    PaymentState,
    Purpose,
    Refund,
    RefundId,
    RefundState,
)
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata
from trunkline.tmf import documents

payment_method = documents.table(
    "payment_method",
    sa.Column("billing_account_id", sa.String(100)),
    sa.Column("related_party_id", sa.String(100)),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("type", sa.String(30), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("status_date", Instant, nullable=False),
    sa.Column("preferred", sa.Boolean, nullable=False),
    sa.Index("payment_method_by_account", "billing_account_id"),
    sa.Index("payment_method_by_party", "related_party_id"),
    sa.Index("payment_method_by_name", "name", "id"),
)
payment_method.c.body.info["personal"] = True

payment = sa.Table(
    "payment",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("billing_account_id", sa.String(100), nullable=False),
    sa.Column("legal_entity_id", sa.String(100), nullable=False),
    sa.Column("amount_micros", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("method", sa.String(20), nullable=False),
    sa.Column("source", sa.String(60), nullable=False),
    sa.Column("reference", sa.String(200), nullable=False),
    sa.Column("purpose", sa.String(10), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("subscriber_id", sa.String(100)),
    sa.Column("invoice_id", sa.String(100)),
    sa.Column("payment_method_id", sa.ForeignKey("payment_method.id")),
    sa.Column("refunded_micros", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("confirmed_at", Instant),
    sa.Column("failure", sa.String(400)),
    sa.Column("net_micros", sa.BigInteger),
    sa.Column("details", Json, info={"personal": True}),
    sa.UniqueConstraint("source", "reference"),
    sa.Index("payment_by_account", "billing_account_id", "received_at"),
    sa.Index("payment_by_subscriber", "subscriber_id", "id"),
    sa.Index("payment_by_time", "received_at", "id"),
    sa.Index("payment_by_state", "state", "id"),
)

refund = sa.Table(
    "refund",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("billing_account_id", sa.String(100), nullable=False),
    sa.Column("legal_entity_id", sa.String(100), nullable=False),
    sa.Column("amount_micros", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("method", sa.String(20), nullable=False),
    sa.Column("source", sa.String(60), nullable=False),
    sa.Column("reference", sa.String(200), nullable=False),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("reason", sa.String(400)),
    sa.Column("refunded_at", Instant, nullable=False),
    sa.Column("status_at", Instant, nullable=False),
    sa.Column("payment_id", sa.ForeignKey("payment.id")),
    sa.Column("payment_method_id", sa.ForeignKey("payment_method.id")),
    sa.Column("net_micros", sa.BigInteger),
    sa.Column("details", Json, info={"personal": True}),
    sa.UniqueConstraint("source", "reference"),
    sa.Index("refund_by_account", "billing_account_id", "refunded_at"),
    sa.Index("refund_by_payment", "payment_id"),
    sa.Index("refund_by_time", "refunded_at", "id"),
)

_METHOD = sa.select(payment_method).where(payment_method.c.id == sa.bindparam("id"))
_PAID_BY = sa.select(1).where(payment.c.payment_method_id == sa.bindparam("method")).limit(1)
_PREFERRED = sa.select(payment_method.c.id).where(payment_method.c.preferred)
_IN_TURN = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:whose, 670))")
_METHODS = (
    sa.select(payment_method)
    .where(payment_method.c.billing_account_id == sa.bindparam("account"))
    .order_by(payment_method.c.id)
)
# PostgreSQL's construct renders the clause that both engines understand.
_INSERT_PAYMENT = postgresql.insert(payment).on_conflict_do_nothing(
    index_elements=["source", "reference"]
)
_PAYMENT = sa.select(payment).where(payment.c.id == sa.bindparam("id"))
_PAYMENTS = sa.select(payment).where(payment.c.id.in_(sa.bindparam("ids", expanding=True)))
_BY_REFERENCE = sa.select(payment).where(
    payment.c.source == sa.bindparam("source"), payment.c.reference == sa.bindparam("reference")
)
_LOCK_PAYMENT = _PAYMENT.with_for_update()
_ADD_REFUNDED = (
    sa.update(payment)
    .where(payment.c.id == sa.bindparam("which"))
    .values(refunded_micros=payment.c.refunded_micros + sa.bindparam("more", type_=sa.BigInteger))
)
_CONFIRM = (
    sa.update(payment)
    .where(payment.c.id == sa.bindparam("which"), payment.c.confirmed_at.is_(None))
    .values(
        confirmed_at=sa.bindparam("at", type_=Instant),
        failure=sa.bindparam("why", type_=sa.String),
    )
)
_SAVE_DETAILS = (
    sa.update(payment)
    .where(payment.c.id == sa.bindparam("which"))
    .values(details=sa.bindparam("said", type_=Json))
)
_INSERT_REFUND = sa.insert(refund)
_UPDATE_REFUND = (
    sa.update(refund)
    .where(refund.c.id == sa.bindparam("which"))
    .values(
        state=sa.bindparam("state", type_=sa.String),
        reason=sa.bindparam("reason", type_=sa.String),
        status_at=sa.bindparam("at", type_=Instant),
    )
)
_REFUNDS = sa.select(refund).where(refund.c.id.in_(sa.bindparam("ids", expanding=True)))
_LOCK_REFUND = sa.select(refund).where(refund.c.id == sa.bindparam("id")).with_for_update()
_REFUND_BY_REFERENCE = sa.select(refund).where(
    refund.c.source == sa.bindparam("source"), refund.c.reference == sa.bindparam("reference")
)
_OF_ACCOUNT = (
    sa.select(payment)
    .where(payment.c.billing_account_id == sa.bindparam("account"))
    .order_by(payment.c.received_at.desc(), payment.c.id.desc())
    .limit(sa.bindparam("limit"))
    .offset(sa.bindparam("offset"))
)


def _columns(body: Body) -> dict[str, Any]:
    accounts = body.get("account") or ()
    party = body.get("relatedParty")
    return {
        "billing_account_id": accounts[0]["id"] if accounts else None,
        "related_party_id": party["id"] if party else None,
        "kind": kind_of(body).value,
        "type": body["@type"],
        "name": body["name"],
        "status": body["status"],
        "status_date": parse_instant(body["statusDate"]),
        "preferred": body["isPreferred"],
    }


METHOD = documents.Kind(
    name="PaymentMethod",
    ids=PaymentMethodId,
    table=payment_method,
    columns=_columns,
    complete=complete,
    refers={"account": known_accounts, "relatedParty": known_parties},
    lifecycle=LIFECYCLE,
    begins=BEGINS,
    deletable=lambda tx, body: _check_unused(tx, body["id"]),
)


def insert_methods(tx: Tx, bodies: Sequence[Body], now: datetime) -> None:
    """New ones, completed and checked already, in one statement."""
    if bodies:
        rows = [
            {
                "id": body["id"],
                "revision": 1,
                "created_at": now,
                "updated_at": now,
                "body": body,
                **_columns(body),
            }
            for body in bodies
        ]
        tx.execute(METHOD.insert, rows)


def _check_unused(tx: Tx, method_id: str) -> None:
    if tx.execute(_PAID_BY, {"method": method_id}).first() is not None:
        raise MethodInUse("money has come by it: close it instead (status closed)", path="id")


def preferred_beside(tx: Tx, method_id: str, account: str | None, party: str | None) -> list[str]:
    """The other methods that are preferred for the same account, or the same party where they
    have no account. Who makes another one preferred at the same moment waits, and finds this."""
    if tx.dialect == "postgresql":
        tx.execute(_IN_TURN, {"whose": account or party or method_id})
    others = _PREFERRED.where(payment_method.c.id != method_id)
    if account is not None:
        others = others.where(payment_method.c.billing_account_id == account)
    elif party is not None:
        others = others.where(
            payment_method.c.billing_account_id.is_(None),
            payment_method.c.related_party_id == party,
        )
    else:
        return []
    return list(tx.execute(others.order_by(payment_method.c.id)).scalars())


def insert_payment(tx: Tx, new: Payment) -> bool:
    """False, and nothing written, if its (source, reference) stands already."""
    result = tx.execute(
        _INSERT_PAYMENT,
        {
            "id": new.id,
            "billing_account_id": new.account,
            "legal_entity_id": new.entity,
            "amount_micros": new.amount.micros,
            "currency": new.amount.currency,
            "method": new.method.value,
            "source": new.source,
            "reference": new.reference,
            "purpose": new.purpose.value,
            "state": new.state.value,
            "received_at": new.received_at,
            "subscriber_id": new.subscriber,
            "invoice_id": new.invoice,
            "payment_method_id": new.payment_method,
            "net_micros": None if new.net is None else new.net.micros,
            "details": new.details or None,
        },
    )
    return bool(result.rowcount)


def lock_payment(tx: Tx, payment_id: str) -> Payment | None:
    row = tx.execute(_LOCK_PAYMENT, {"id": payment_id}).first()
    return _payment(row) if row else None


def add_refunded(tx: Tx, payment_id: str, micros: int) -> None:
    """`micros` more of it have gone back, or, negative, have not after all."""
    tx.execute(_ADD_REFUNDED, {"which": payment_id, "more": micros})


def save_details(tx: Tx, payment_id: str, details: Mapping[str, Any]) -> None:
    tx.execute(_SAVE_DETAILS, {"which": payment_id, "said": dict(details)})


def answer_top_up(tx: Tx, payment_id: str, at: datetime, failure: str | None) -> bool:
    """False where it was answered before."""
    values = {"which": payment_id, "at": at, "why": None if failure is None else failure[:400]}
    return tx.execute(_CONFIRM, values).rowcount == 1


def insert_refund(tx: Tx, new: Refund) -> None:
    tx.execute(
        _INSERT_REFUND,
        {
            "id": new.id,
            "billing_account_id": new.account,
            "legal_entity_id": new.entity,
            "amount_micros": new.amount.micros,
            "currency": new.amount.currency,
            "method": new.method.value,
            "source": new.source,
            "reference": new.reference,
            "state": new.state.value,
            "reason": new.reason,
            "refunded_at": new.refunded_at,
            "status_at": new.status_at,
            "payment_id": new.payment,
            "payment_method_id": new.payment_method,
            "net_micros": None if new.net is None else new.net.micros,
            "details": new.details or None,
        },
    )


def update_refund(tx: Tx, changed: Refund) -> None:
    values = {"state": changed.state.value, "reason": changed.reason, "at": changed.status_at}
    tx.execute(_UPDATE_REFUND, {"which": changed.id, **values})


def lock_refund(tx: Tx, refund_id: str) -> Refund | None:
    row = tx.execute(_LOCK_REFUND, {"id": refund_id}).first()
    return _refund(row) if row else None


def find_refunds(r: Reader, ids: Sequence[str]) -> list[Refund]:
    return [_refund(row) for row in r.execute(_REFUNDS, {"ids": list(ids)})] if ids else []


def refund_by_reference(r: Reader, source: str, reference: str) -> Refund | None:
    row = r.execute(_REFUND_BY_REFERENCE, {"source": source, "reference": reference}).first()
    return _refund(row) if row else None


def find_method(r: Reader, method_id: PaymentMethodId) -> PaymentMethod | None:
    row = r.execute(_METHOD, {"id": method_id}).first()
    return _method(row) if row else None


def methods_of(r: Reader, account: BillingAccountId) -> list[PaymentMethod]:
    return [_method(row) for row in r.execute(_METHODS, {"account": account})]


def find_payments(r: Reader, ids: Sequence[str]) -> list[Payment]:
    return [_payment(row) for row in r.execute(_PAYMENTS, {"ids": list(ids)})] if ids else []


def find_payment(r: Reader, payment_id: PaymentId) -> Payment | None:
    row = r.execute(_PAYMENT, {"id": payment_id}).first()
    return _payment(row) if row else None


def find_by_reference(r: Reader, source: str, reference: str) -> Payment | None:
    row = r.execute(_BY_REFERENCE, {"source": source, "reference": reference}).first()
    return _payment(row) if row else None


def payments_of(r: Reader, account: BillingAccountId, limit: int, offset: int) -> list[Payment]:
    values = {"account": account, "limit": limit, "offset": offset}
    return [_payment(row) for row in r.execute(_OF_ACCOUNT, values)]


def _method(row: Any) -> PaymentMethod:
    body = row.body
    account = row.billing_account_id
    return PaymentMethod(
        id=PaymentMethodId(row.id),
        account=None if account is None else BillingAccountId(account),
        kind=PaymentMethodKind(row.kind),
        created_at=row.created_at,
        status=row.status,
        name=row.name,
        preferred=row.preferred,
        token=body.get("token"),
        last_digits=body.get("lastFourDigits"),
        automatic=body.get("automatic") is True,
    )


def _payment(row: Any) -> Payment:
    return Payment(
        id=PaymentId(row.id),
        account=BillingAccountId(row.billing_account_id),
        entity=LegalEntityId(row.legal_entity_id),
        amount=Money(row.amount_micros, row.currency),
        method=PaymentMethodKind(row.method),
        source=row.source,
        reference=row.reference,
        purpose=Purpose(row.purpose),
        state=PaymentState(row.state),
        received_at=row.received_at,
        subscriber=ChargingAccountId(row.subscriber_id) if row.subscriber_id else None,
        invoice=row.invoice_id,
        payment_method=PaymentMethodId(row.payment_method_id) if row.payment_method_id else None,
        refunded=Money(row.refunded_micros, row.currency) if row.refunded_micros else None,
        confirmed_at=row.confirmed_at,
        failure=row.failure,
        net=None if row.net_micros is None else Money(row.net_micros, row.currency),
        details=row.details or {},
    )


def _refund(row: Any) -> Refund:
    return Refund(
        id=RefundId(row.id),
        account=BillingAccountId(row.billing_account_id),
        entity=LegalEntityId(row.legal_entity_id),
        amount=Money(row.amount_micros, row.currency),
        method=PaymentMethodKind(row.method),
        source=row.source,
        reference=row.reference,
        state=RefundState(row.state),
        refunded_at=row.refunded_at,
        status_at=row.status_at,
        payment=PaymentId(row.payment_id) if row.payment_id else None,
        payment_method=PaymentMethodId(row.payment_method_id) if row.payment_method_id else None,
        reason=row.reason,
        net=None if row.net_micros is None else Money(row.net_micros, row.currency),
        details=row.details or {},
    )
