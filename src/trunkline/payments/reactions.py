"""What payments do when charging has credited a top-up, or has answered for a refund."""

from datetime import datetime

from trunkline.charging.events import ActionDone, ActionRefused, ToppedUp
from trunkline.payments import store
from trunkline.payments.model import RefundId
from trunkline.payments.refunding import note_refund
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction


def on_topped_up(tx: Tx, event: ToppedUp, now: datetime) -> None:
    if store.confirm_top_up(tx, event.payment_id, now):
        tx.changed("TopupBalance", event.payment_id, Change.STATE)


def on_done(tx: Tx, event: ActionDone, now: datetime) -> None:
    if event.action.startswith(f"{RefundId.prefix}_"):
        note_refund(tx, event.action, reason=None, now=now)


def on_refused(tx: Tx, event: ActionRefused, now: datetime) -> None:
    if event.action.startswith(f"{RefundId.prefix}_"):
        note_refund(tx, event.action, reason=event.reason, now=now)


REACTIONS: tuple[Reaction, ...] = (
    Reaction("payments.confirm_top_up", on=ToppedUp, run=on_topped_up, database="books"),
    Reaction("payments.refund_done", on=ActionDone, run=on_done, database="books"),
    Reaction("payments.refund_refused", on=ActionRefused, run=on_refused, database="books"),
)
