"""The table of the top-ups that came by a channel."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from trunkline.charging import ChargingAccountId
from trunkline.customers import BillingAccountId
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata
from trunkline.vouchers.dealers.store import dealer
from trunkline.vouchers.top_ups.model import (
    Channel,
    ChannelTopUp,
    ChannelTopUpId,
    ReversalId,
    TopUpState,
)

top_up = sa.Table(
    "channel_top_up",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("channel", sa.String(10), nullable=False),
    sa.Column("account", sa.String(100), nullable=False),
    sa.Column("billing_account_id", sa.String(100), nullable=False),
    sa.Column("legal_entity_id", sa.String(100), nullable=False),
    sa.Column("amount_micros", sa.BigInteger, nullable=False),
    sa.Column("cost_micros", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("caller", sa.String(300), nullable=False),
    sa.Column("serial", sa.BigInteger),
    sa.Column("dealer_id", sa.ForeignKey(dealer.c.id)),
    sa.Column("reference", sa.String(200)),
    sa.Column("confirmed_at", Instant),
    sa.Column("reason", sa.String(400)),
    sa.Column("finding", sa.String(40)),
    sa.Column("reversal_id", sa.String(100), unique=True),
    sa.Column("reversed_at", Instant),
    sa.Column("details", Json, info={"personal": True}),
    sa.UniqueConstraint("dealer_id", "reference"),
    sa.Index("channel_top_up_by_account", "account", "id"),
    sa.Index("channel_top_up_by_payer", "billing_account_id", "id"),
    sa.Index("channel_top_up_by_serial", "serial", "id"),
)

_which = sa.bindparam("which", type_=sa.String)

_TOP_UPS = sa.select(top_up).where(top_up.c.id.in_(sa.bindparam("ids", expanding=True)))

_LOCK_TOP_UP = sa.select(top_up).where(top_up.c.id == _which).with_for_update()

_BY_REVERSAL = sa.select(top_up).where(top_up.c.reversal_id == _which).with_for_update()

_BY_REFERENCE = sa.select(top_up).where(
    top_up.c.dealer_id == sa.bindparam("dealer"), top_up.c.reference == sa.bindparam("reference")
)

_OF_ACCOUNTS = (
    sa.select(top_up)
    .where(top_up.c.billing_account_id.in_(sa.bindparam("accounts", expanding=True)))
    .order_by(top_up.c.id.desc())
    .limit(sa.bindparam("limit"))
)

_SAVE_TOP_UP = (
    sa.update(top_up)
    .where(top_up.c.id == _which)
    .values(
        {
            name: sa.bindparam(f"new_{name}", type_=top_up.c[name].type)
            for name in (
                "state", "confirmed_at", "reason", "finding", "reversal_id", "reversed_at",
                "details",
            )
        }
    )
)  # fmt: skip


def insert_top_up(tx: Tx, new: ChannelTopUp) -> None:
    row = {
        "id": new.id,
        "channel": new.channel.value,
        "account": new.account,
        "billing_account_id": new.billing_account,
        "legal_entity_id": new.entity,
        "amount_micros": new.amount.micros,
        "cost_micros": new.cost.micros,
        "currency": new.amount.currency,
        "state": new.state.value,
        "requested_at": new.requested_at,
        "caller": new.caller[:300],
        "serial": new.serial,
        "dealer_id": new.dealer,
        "reference": new.reference,
        "confirmed_at": new.confirmed_at,
        "reason": new.reason,
        "finding": new.finding,
        "reversal_id": new.reversal,
        "reversed_at": new.reversed_at,
        "details": new.details or None,
    }
    tx.execute(sa.insert(top_up), row)


def save_top_up(tx: Tx, changed: ChannelTopUp) -> None:
    values = {
        "which": changed.id,
        "new_state": changed.state.value,
        "new_confirmed_at": changed.confirmed_at,
        "new_reason": None if changed.reason is None else changed.reason[:400],
        "new_finding": changed.finding,
        "new_reversal_id": changed.reversal,
        "new_reversed_at": changed.reversed_at,
        "new_details": changed.details or None,
    }
    tx.execute(_SAVE_TOP_UP, values)


def find_top_ups(r: Reader, ids: Sequence[str]) -> list[ChannelTopUp]:
    return [_of_top_up(row) for row in r.execute(_TOP_UPS, {"ids": list(ids)})] if ids else []


def lock_top_up(tx: Tx, which: str) -> ChannelTopUp | None:
    row = tx.execute(_LOCK_TOP_UP, {"which": which}).first()
    return None if row is None else _of_top_up(row)


def lock_by_reversal(tx: Tx, reversal: str) -> ChannelTopUp | None:
    row = tx.execute(_BY_REVERSAL, {"which": reversal}).first()
    return None if row is None else _of_top_up(row)


def by_reference(r: Reader, which: str, reference: str) -> ChannelTopUp | None:
    row = r.execute(_BY_REFERENCE, {"dealer": which, "reference": reference}).first()
    return None if row is None else _of_top_up(row)


def top_ups_of(r: Reader, accounts: Sequence[str], limit: int) -> list[ChannelTopUp]:
    if not accounts:
        return []
    rows = r.execute(_OF_ACCOUNTS, {"accounts": list(accounts), "limit": limit})
    return [_of_top_up(row) for row in rows]


def _of_top_up(row: Any) -> ChannelTopUp:
    return ChannelTopUp(
        id=ChannelTopUpId(row.id),
        channel=Channel(row.channel),
        account=ChargingAccountId(row.account),
        billing_account=BillingAccountId(row.billing_account_id),
        entity=LegalEntityId(row.legal_entity_id),
        amount=Money(row.amount_micros, row.currency),
        cost=Money(row.cost_micros, row.currency),
        state=TopUpState(row.state),
        requested_at=row.requested_at,
        caller=row.caller,
        serial=row.serial,
        dealer=row.dealer_id,
        reference=row.reference,
        confirmed_at=row.confirmed_at,
        reason=row.reason,
        finding=row.finding,
        reversal=None if row.reversal_id is None else ReversalId(row.reversal_id),
        reversed_at=row.reversed_at,
        details=row.details or {},
    )
