"""What customers are told about their bills."""

from collections.abc import Sequence

from trunkline.billing.model import Invoice
from trunkline.messaging import SendMessage, money, notify, served
from trunkline.platform.db import Tx


def tell_of_invoices(tx: Tx, invoices: Sequence[Invoice]) -> None:
    """Each customer hears of theirs, where messages are sent at all."""
    if not served(tx):
        return
    notify(
        tx,
        *(
            SendMessage(
                template="invoice.issued",
                customer=invoice.customer,
                variables={
                    "number": invoice.number,
                    "amount": money(invoice.gross),
                    "due": invoice.due_date.isoformat(),
                },
            )
            for invoice in invoices
        ),
    )
