"""What payments do when charging has credited a top-up, has answered for a refund, or tells of a
balance that is low."""

from datetime import datetime

from trunkline.charging.events import (
    AccountClosed,
    ActionDone,
    ActionRefused,
    BalanceLow,
    ToppedUp,
    TopUpRefused,
)
from trunkline.customers.events import PartyErased
from trunkline.payments.automatic import operations as automatic
from trunkline.payments.model import PaymentId, RefundId
from trunkline.payments.operations import note_top_up
from trunkline.payments.personal import forget_party
from trunkline.payments.refunding import note_refund
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction


def on_topped_up(tx: Tx, event: ToppedUp, now: datetime) -> None:
    note_top_up(tx, PaymentId(event.payment_id), failure=None, now=now)
    automatic.note_credited(tx, event.payment_id, event.account, event.balance, now=now)


def on_top_up_refused(tx: Tx, event: TopUpRefused, now: datetime) -> None:
    note_top_up(tx, PaymentId(event.payment_id), failure=event.reason, now=now)
    automatic.note_refused(tx, event.payment_id, event.reason, now=now)


def on_done(tx: Tx, event: ActionDone, now: datetime) -> None:
    if event.action.startswith(f"{RefundId.prefix}_"):
        note_refund(tx, event.action, reason=None, now=now)


def on_refused(tx: Tx, event: ActionRefused, now: datetime) -> None:
    if event.action.startswith(f"{RefundId.prefix}_"):
        note_refund(tx, event.action, reason=event.reason, now=now)


def on_balance_low(tx: Tx, event: BalanceLow, now: datetime) -> None:
    automatic.balance_fell(tx, event.account, event.balance, seen_at=event.at, now=now)


def on_account_closed(tx: Tx, event: AccountClosed, now: datetime) -> None:
    automatic.end_rule_of(tx, event.account, "the product has ended", now=now)


REACTIONS: tuple[Reaction, ...] = (
    Reaction("payments.balance_low", on=BalanceLow, run=on_balance_low, database="books"),
    Reaction("payments.account_closed", on=AccountClosed, run=on_account_closed, database="books"),
    Reaction("payments.party_erased", on=PartyErased, run=forget_party, database="books"),
    Reaction("payments.confirm_top_up", on=ToppedUp, run=on_topped_up, database="books"),
    Reaction("payments.top_up_refused", on=TopUpRefused, run=on_top_up_refused, database="books"),
    Reaction("payments.refund_done", on=ActionDone, run=on_done, database="books"),
    Reaction("payments.refund_refused", on=ActionRefused, run=on_refused, database="books"),
)
