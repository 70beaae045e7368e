"""The tables of rules and collections."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from trunkline.charging import ChargingAccountId
from trunkline.customers import BillingAccountId
from trunkline.kernel.money import Money
from trunkline.payments.automatic.model import (
    Collection,
    CollectionId,
    CollectionState,
    Rule,
    RuleExists,
    RuleId,
    RuleState,
)
from trunkline.payments.model import PaymentId, PaymentMethodId
from trunkline.platform.collisions import collision
from trunkline.platform.db import Instant, Reader, Tx, books_metadata

rule = sa.Table(
    "automatic_top_up",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("account", sa.String(100), nullable=False),
    sa.Column("open_account", sa.String(100), unique=True),
    sa.Column("billing_account_id", sa.String(100), nullable=False, index=True),
    sa.Column("threshold_micros", sa.BigInteger, nullable=False),
    sa.Column("amount_micros", sa.BigInteger, nullable=False),
    sa.Column("cap_micros", sa.BigInteger),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("payment_method_id", sa.ForeignKey("payment_method.id"), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("collection_id", sa.String(100)),
    sa.Column("settled_at", Instant),
    sa.Column("reason", sa.String(400)),
    sa.Index("automatic_top_up_by_account", "account", "id"),
    sa.Index("automatic_top_up_by_method", "payment_method_id"),
)
collection = sa.Table(
    "collection",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("rule_id", sa.ForeignKey(rule.c.id), nullable=False),
    sa.Column("account", sa.String(100), nullable=False),
    sa.Column("billing_account_id", sa.String(100), nullable=False),
    sa.Column("amount_micros", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("payment_method_id", sa.String(100), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("asked_at", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("leased", sa.Boolean, nullable=False),
    sa.Column("declines", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(400)),
    sa.Column("reference", sa.String(200)),
    sa.Column("payment_id", sa.String(100), unique=True),
    sa.Column("ended_at", Instant),
    sa.Index("collection_by_rule", "rule_id", "asked_at"),
    sa.Index("collection_due", "state", "due_at"),
    sa.Index("collection_by_payer", "billing_account_id", "id"),
)

_which = sa.bindparam("which", type_=sa.String)
_RULES = sa.select(rule).where(rule.c.id.in_(sa.bindparam("ids", expanding=True)))
_LOCK_RULE = sa.select(rule).where(rule.c.id == _which).with_for_update()
_LOCK_OPEN = sa.select(rule).where(rule.c.open_account == _which).with_for_update()
_OPEN_AFTER = (
    sa.select(rule)
    .where(
        rule.c.state == RuleState.ACTIVE.value,
        rule.c.collection_id.is_(None),
        rule.c.id > sa.bindparam("after"),
    )
    .order_by(rule.c.id)
    .limit(sa.bindparam("limit"))
)
_RULE_COLUMNS = (
    "open_account", "threshold_micros", "amount_micros", "cap_micros", "payment_method_id",
    "state", "collection_id", "settled_at", "reason",
)  # fmt: skip
_SAVE_RULE = (
    sa.update(rule)
    .where(rule.c.id == _which)
    .values({name: sa.bindparam(f"new_{name}", type_=rule.c[name].type) for name in _RULE_COLUMNS})
)
_COLLECTIONS = sa.select(collection).where(collection.c.id.in_(sa.bindparam("ids", expanding=True)))
_LOCK_COLLECTION = sa.select(collection).where(collection.c.id == _which).with_for_update()
_BY_PAYMENT = sa.select(collection).where(collection.c.payment_id == _which)
_DUE = (
    sa.select(collection)
    .where(
        collection.c.state == CollectionState.PENDING.value,
        collection.c.due_at <= sa.bindparam("now", type_=Instant),
    )
    .order_by(collection.c.due_at)
    .limit(sa.bindparam("limit"))
)
_LEASE = (
    sa.update(collection)
    .where(
        collection.c.id == _which,
        collection.c.state == CollectionState.PENDING.value,
        collection.c.due_at <= sa.bindparam("now", type_=Instant),
    )
    .values(due_at=sa.bindparam("until", type_=Instant), leased=True)
)
_COLLECTION_COLUMNS = (
    "payment_method_id", "state", "due_at", "leased", "declines", "attempts", "reason",
    "reference", "payment_id", "ended_at",
)  # fmt: skip
_SAVE_COLLECTION = (
    sa.update(collection)
    .where(collection.c.id == _which)
    .values(
        {
            name: sa.bindparam(f"new_{name}", type_=collection.c[name].type)
            for name in _COLLECTION_COLUMNS
        }
    )
)
_SUM = sa.select(sa.func.coalesce(sa.func.sum(collection.c.amount_micros), 0)).where(
    collection.c.rule_id == _which,
    collection.c.asked_at >= sa.bindparam("since", type_=Instant),
    collection.c.state.in_([CollectionState.PENDING.value, CollectionState.COLLECTED.value]),
)


def _rule_row(each: Rule) -> dict[str, Any]:
    return {
        "open_account": None if each.state is RuleState.ENDED else each.account,
        "threshold_micros": each.threshold.micros,
        "amount_micros": each.amount.micros,
        "cap_micros": None if each.cap is None else each.cap.micros,
        "payment_method_id": each.method,
        "state": each.state.value,
        "collection_id": each.collection,
        "settled_at": each.settled_at,
        "reason": None if each.reason is None else each.reason[:400],
    }


def insert_rule(tx: Tx, new: Rule) -> None:
    row = {
        "id": new.id,
        "account": new.account,
        "billing_account_id": new.billing_account,
        "currency": new.amount.currency,
        "created_at": new.created_at,
        **_rule_row(new),
    }
    with collision(taken=RuleExists("this balance has a rule already", path="product")):
        tx.execute(sa.insert(rule), row)


def save_rule(tx: Tx, changed: Rule) -> None:
    values = {f"new_{name}": value for name, value in _rule_row(changed).items()}
    tx.execute(_SAVE_RULE, {"which": changed.id, **values})


def find_rules(r: Reader, ids: Sequence[str]) -> list[Rule]:
    return [_rule(row) for row in r.execute(_RULES, {"ids": list(ids)})] if ids else []


def lock_rule(tx: Tx, which: str) -> Rule | None:
    row = tx.execute(_LOCK_RULE, {"which": which}).first()
    return None if row is None else _rule(row)


def lock_rule_of(tx: Tx, account: str) -> Rule | None:
    """The rule of a balance that hasn't ended."""
    row = tx.execute(_LOCK_OPEN, {"which": account}).first()
    return None if row is None else _rule(row)


def idle_rules_after(r: Reader, after: str, limit: int) -> list[Rule]:
    """Active ones that collect nothing at the moment."""
    return [_rule(row) for row in r.execute(_OPEN_AFTER, {"after": after, "limit": limit})]


def _collection_row(each: Collection) -> dict[str, Any]:
    return {
        "payment_method_id": each.method,
        "state": each.state.value,
        "due_at": each.due_at,
        "leased": each.leased,
        "declines": each.declines,
        "attempts": each.attempts,
        "reason": None if each.reason is None else each.reason[:400],
        "reference": None if each.reference is None else each.reference[:200],
        "payment_id": each.payment,
        "ended_at": each.ended_at,
    }


def insert_collection(tx: Tx, new: Collection) -> None:
    row = {
        "id": new.id,
        "rule_id": new.rule,
        "account": new.account,
        "billing_account_id": new.billing_account,
        "amount_micros": new.amount.micros,
        "currency": new.amount.currency,
        "asked_at": new.asked_at,
        **_collection_row(new),
    }
    tx.execute(sa.insert(collection), row)


def save_collection(tx: Tx, changed: Collection) -> None:
    values = {f"new_{name}": value for name, value in _collection_row(changed).items()}
    tx.execute(_SAVE_COLLECTION, {"which": changed.id, **values})


def find_collections(r: Reader, ids: Sequence[str]) -> list[Collection]:
    return [_of(row) for row in r.execute(_COLLECTIONS, {"ids": list(ids)})] if ids else []


def lock_collection(tx: Tx, which: str) -> Collection | None:
    row = tx.execute(_LOCK_COLLECTION, {"which": which}).first()
    return None if row is None else _of(row)


def collection_of_payment(r: Reader, payment: str) -> Collection | None:
    row = r.execute(_BY_PAYMENT, {"which": payment}).first()
    return None if row is None else _of(row)


def due(r: Reader, now: datetime, limit: int) -> list[Collection]:
    return [_of(row) for row in r.execute(_DUE, {"now": now, "limit": limit})]


def lease(tx: Tx, which: str, now: datetime, until: datetime) -> bool:
    return tx.execute(_LEASE, {"which": which, "now": now, "until": until}).rowcount == 1


def collected_since(r: Reader, which: RuleId, since: datetime) -> int:
    """Micros that a rule collected, or is about to."""
    return int(r.execute(_SUM, {"which": which, "since": since}).scalar_one())


def _rule(row: Any) -> Rule:
    return Rule(
        id=RuleId(row.id),
        account=ChargingAccountId(row.account),
        billing_account=BillingAccountId(row.billing_account_id),
        threshold=Money(row.threshold_micros, row.currency),
        amount=Money(row.amount_micros, row.currency),
        method=PaymentMethodId(row.payment_method_id),
        state=RuleState(row.state),
        created_at=row.created_at,
        cap=None if row.cap_micros is None else Money(row.cap_micros, row.currency),
        collection=None if row.collection_id is None else CollectionId(row.collection_id),
        settled_at=row.settled_at,
        reason=row.reason,
    )


def _of(row: Any) -> Collection:
    return Collection(
        id=CollectionId(row.id),
        rule=RuleId(row.rule_id),
        account=ChargingAccountId(row.account),
        billing_account=BillingAccountId(row.billing_account_id),
        amount=Money(row.amount_micros, row.currency),
        method=PaymentMethodId(row.payment_method_id),
        state=CollectionState(row.state),
        asked_at=row.asked_at,
        due_at=row.due_at,
        leased=row.leased,
        declines=row.declines,
        attempts=row.attempts,
        reason=row.reason,
        reference=row.reference,
        payment=None if row.payment_id is None else PaymentId(row.payment_id),
        ended_at=row.ended_at,
    )
