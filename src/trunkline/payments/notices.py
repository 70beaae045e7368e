"""What customers are told about their payments."""

from trunkline.customers import billing_account
from trunkline.messaging import SendMessage, money, notify, served
from trunkline.payments.model import Payment
from trunkline.platform.db import Tx


def tell_of_payment(tx: Tx, payment: Payment) -> None:
    """Its customer hears that it came, where messages are sent at all."""
    if not served(tx):
        return
    template = "payment.received" if payment.subscriber is None else "topup.received"
    customer = billing_account(tx, payment.account).customer
    variables = {"amount": money(payment.amount)}
    notify(tx, SendMessage(template=template, customer=customer, variables=variables))
