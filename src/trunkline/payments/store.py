"""The tables of payment methods and payments."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.charging import ChargingAccountId
from trunkline.customers import BillingAccountId
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.payments.model import (
    Payment,
    PaymentId,
    PaymentMethod,
    PaymentMethodId,
    PaymentMethodKind,
    PaymentState,
    Purpose,
)
from trunkline.platform.db import Instant, Reader, Tx, books_metadata

payment_method = sa.Table(
    "payment_method",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("billing_account_id", sa.String(100), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("token", sa.String(200)),
    sa.Column("last_digits", sa.String(4)),
    sa.Column("automatic", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Index("payment_method_by_account", "billing_account_id"),
)

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
    sa.UniqueConstraint("source", "reference"),
    sa.Index("payment_by_account", "billing_account_id", "received_at"),
    sa.Index("payment_by_time", "received_at"),
)

_INSERT_METHOD = sa.insert(payment_method)
_METHOD = sa.select(payment_method).where(payment_method.c.id == sa.bindparam("id"))
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
_OF_ACCOUNT = (
    sa.select(payment)
    .where(payment.c.billing_account_id == sa.bindparam("account"))
    .order_by(payment.c.received_at.desc(), payment.c.id.desc())
    .limit(sa.bindparam("limit"))
    .offset(sa.bindparam("offset"))
)


def insert_methods(tx: Tx, methods: Sequence[PaymentMethod]) -> None:
    if not methods:
        return
    tx.execute(
        _INSERT_METHOD,
        [
            {
                "id": method.id,
                "billing_account_id": method.account,
                "kind": method.kind.value,
                "token": method.token,
                "last_digits": method.last_digits,
                "automatic": method.automatic,
                "created_at": method.created_at,
            }
            for method in methods
        ],
    )


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
        },
    )
    return bool(result.rowcount)


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
    return PaymentMethod(
        id=PaymentMethodId(row.id),
        account=BillingAccountId(row.billing_account_id),
        kind=PaymentMethodKind(row.kind),
        created_at=row.created_at,
        token=row.token,
        last_digits=row.last_digits,
        automatic=row.automatic,
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
    )
