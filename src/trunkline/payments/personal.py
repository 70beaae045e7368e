"""Ways to pay of somebody who is forgotten: closed, and empty. Payments stay, as the books do."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from trunkline import customers
from trunkline.customers import ERASED
from trunkline.customers.events import PartyErased
from trunkline.kernel.time import format_instant
from trunkline.payments.methods import MethodStatus
from trunkline.payments.store import METHOD, payment, payment_method, refund
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx

_KEPT = ("id", "@type", "method", "account")


def forget_party(tx: Tx, event: PartyErased, now: datetime) -> None:
    """Nothing can be paid by these any more; payments and refunds lose their words."""
    ids, accounts = event.known_as, event.accounts
    _c = payment_method.c
    theirs = _c.billing_account_id.in_(accounts) | _c.related_party_id.in_(ids)
    for body in tx.execute(sa.select(_c.body).where(theirs).order_by(_c.id)).scalars().all():
        left = _emptied(body, now)
        if body.get("name") == ERASED and body["status"] == MethodStatus.CLOSED:
            continue
        tx.execute(
            sa.update(payment_method)
            .where(_c.id == body["id"])
            .values(
                body=left,
                revision=_c.revision + 1,
                updated_at=now,
                name=ERASED,
                status=MethodStatus.CLOSED.value,
                status_date=now,
                preferred=False,
            )
        )
        tx.changed(METHOD.name, body["id"], Change.STATE)
    for table in (payment, refund):
        owner = table.c.billing_account_id
        customers.erase_in(tx, owner, accounts, ids, column="details", now=now)


def _emptied(body: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {name: body[name] for name in _KEPT if name in body} | {
        "name": ERASED,
        "status": MethodStatus.CLOSED.value,
        "statusDate": format_instant(now),
        "isPreferred": False,
    }
