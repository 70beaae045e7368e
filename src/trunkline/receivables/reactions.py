"""What receivables do when money comes."""

from datetime import datetime

from trunkline.payments.events import PaymentReceived
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction
from trunkline.receivables.operations import allocate_payment


def on_payment(tx: Tx, event: PaymentReceived, now: datetime) -> None:
    allocate_payment(
        tx,
        payment=event.payment,
        account=event.account,
        entity=event.entity,
        amount=event.amount,
        received_at=event.received_at,
        invoice=event.invoice,
        now=now,
    )


REACTIONS: tuple[Reaction, ...] = (
    Reaction("receivables.allocate_payment", on=PaymentReceived, run=on_payment, database="books"),
)
