"""What vouchers do when charging has answered, and when they have told themselves to go on."""

from datetime import datetime

from trunkline.charging.events import ActionDone, ActionRefused, ToppedUp, TopUpRefused
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction
from trunkline.vouchers.batches import operations as batches
from trunkline.vouchers.events import DrawCodes
from trunkline.vouchers.top_ups import retail
from trunkline.vouchers.top_ups.model import ChannelTopUpId, ReversalId
from trunkline.vouchers.top_ups.redeeming import note_top_up


def draw_codes(tx: Tx, message: DrawCodes, now: datetime) -> None:
    batches.draw_codes(tx, message.batch, message.piece, now=now)


def on_topped_up(tx: Tx, event: ToppedUp, now: datetime) -> None:
    if event.payment_id.startswith(f"{ChannelTopUpId.prefix}_"):
        note_top_up(tx, event.payment_id, failure=None, now=now)
        retail.note_retail(tx, event.payment_id, failure=None, now=now)


def on_top_up_refused(tx: Tx, event: TopUpRefused, now: datetime) -> None:
    if event.payment_id.startswith(f"{ChannelTopUpId.prefix}_"):
        note_top_up(tx, event.payment_id, failure=event.reason, now=now)
        retail.note_retail(tx, event.payment_id, failure=event.reason, now=now)


def on_done(tx: Tx, event: ActionDone, now: datetime) -> None:
    if event.action.startswith(f"{ReversalId.prefix}_"):
        retail.note_reversal(tx, event.action, failure=None, now=now)


def on_refused(tx: Tx, event: ActionRefused, now: datetime) -> None:
    if event.action.startswith(f"{ReversalId.prefix}_"):
        retail.note_reversal(tx, event.action, failure=event.reason, now=now)


REACTIONS: tuple[Reaction, ...] = (
    Reaction("vouchers.draw_codes", on=DrawCodes, run=draw_codes, database="books"),
    Reaction("vouchers.confirm_top_up", on=ToppedUp, run=on_topped_up, database="books"),
    Reaction("vouchers.top_up_refused", on=TopUpRefused, run=on_top_up_refused, database="books"),
    Reaction("vouchers.reversal_done", on=ActionDone, run=on_done, database="books"),
    Reaction("vouchers.reversal_refused", on=ActionRefused, run=on_refused, database="books"),
)
