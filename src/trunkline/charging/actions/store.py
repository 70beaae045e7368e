"""The table of balance actions, in the books."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from trunkline.charging.actions.model import (
    ActionKind,
    ActionState,
    BalanceAction,
    BalanceActionId,
)
from trunkline.charging.model import ChargingAccountId
from trunkline.customers import BillingAccountId
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata

balance_action = sa.Table(
    "balance_action",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("account", sa.String(100), nullable=False),
    sa.Column("billing_account_id", sa.String(100), nullable=False),
    sa.Column("legal_entity_id", sa.String(100), nullable=False),
    sa.Column("amount_micros", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("reason", sa.String(400)),
    sa.Column("description", sa.String(400)),
    sa.Column("to_account", sa.String(100)),
    sa.Column("to_billing_account_id", sa.String(100)),
    sa.Column("until", Instant),
    sa.Column("confirmed_at", Instant),
    sa.Column("failure", sa.String(400)),
    sa.Column("details", Json, info={"personal": True}),
    sa.Index("balance_action_by_kind", "kind", "id"),
    sa.Index("balance_action_by_account", "account", "id"),
    sa.Index("balance_action_by_payer", "billing_account_id", "id"),
    sa.Index("balance_action_by_receiver", "to_account", "id"),
)

_INSERT = sa.insert(balance_action)
_SOME = sa.select(balance_action).where(
    balance_action.c.id.in_(sa.bindparam("ids", expanding=True))
)
_LOCK = sa.select(balance_action).where(balance_action.c.id == sa.bindparam("id")).with_for_update()
_UPDATE = (
    sa.update(balance_action)
    .where(balance_action.c.id == sa.bindparam("which"))
    .values(
        {
            name: sa.bindparam(f"new_{name}", type_=balance_action.c[name].type)
            for name in ("state", "reason", "description", "confirmed_at", "failure")
        }
    )
)
_DELETE = sa.delete(balance_action).where(balance_action.c.id == sa.bindparam("which"))


def insert(tx: Tx, new: BalanceAction) -> None:
    tx.execute(
        _INSERT,
        {
            "id": new.id,
            "kind": new.kind.value,
            "account": new.account,
            "billing_account_id": new.billing_account,
            "legal_entity_id": new.entity,
            "amount_micros": new.amount.micros,
            "currency": new.amount.currency,
            "state": new.state.value,
            "requested_at": new.requested_at,
            "reason": new.reason,
            "description": new.description,
            "to_account": new.to,
            "to_billing_account_id": new.to_billing_account,
            "until": new.until,
            "confirmed_at": new.confirmed_at,
            "failure": new.failure,
            "details": new.details or None,
        },
    )


def update(tx: Tx, changed: BalanceAction) -> None:
    tx.execute(
        _UPDATE,
        {
            "which": changed.id,
            "new_state": changed.state.value,
            "new_reason": changed.reason,
            "new_description": changed.description,
            "new_confirmed_at": changed.confirmed_at,
            "new_failure": changed.failure,
        },
    )


def delete(tx: Tx, action: str) -> None:
    tx.execute(_DELETE, {"which": action})


def lock(tx: Tx, action: str) -> BalanceAction | None:
    row = tx.execute(_LOCK, {"id": action}).first()
    return None if row is None else _action(row)


def some(r: Reader, ids: Sequence[str]) -> list[BalanceAction]:
    return [_action(row) for row in r.execute(_SOME, {"ids": list(ids)})] if ids else []


def _action(row: Any) -> BalanceAction:
    return BalanceAction(
        id=BalanceActionId(row.id),
        kind=ActionKind(row.kind),
        account=ChargingAccountId(row.account),
        billing_account=BillingAccountId(row.billing_account_id),
        entity=LegalEntityId(row.legal_entity_id),
        amount=Money(row.amount_micros, row.currency),
        state=ActionState(row.state),
        requested_at=row.requested_at,
        reason=row.reason,
        description=row.description,
        to=None if row.to_account is None else ChargingAccountId(row.to_account),
        to_billing_account=(
            None
            if row.to_billing_account_id is None
            else BillingAccountId(row.to_billing_account_id)
        ),
        until=row.until,
        confirmed_at=row.confirmed_at,
        failure=row.failure,
        details=row.details or {},
    )
