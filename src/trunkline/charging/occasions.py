"""What subscribers are told of their balances, where this operator sends messages at all."""

from datetime import datetime

from trunkline.charging.events import AccountStatusChanged, BalanceLow, FeeMissed
from trunkline.charging.lifetime import word
from trunkline.charging.state import Status
from trunkline.customers import billing_account
from trunkline.messaging import SendMessage, money, notify
from trunkline.platform.db import Tx


def balance_low(tx: Tx, event: BalanceLow, _now: datetime) -> None:
    owner = billing_account(tx, event.billing_account).customer
    said = {"balance": money(event.balance)}
    notify(
        tx, SendMessage(template="balance.low", customer=owner, variables=said, phone=event.phone)
    )


def fee_missed(tx: Tx, event: FeeMissed, _now: datetime) -> None:
    owner = billing_account(tx, event.billing_account).customer
    said = {"amount": money(event.amount), "balance": money(event.balance)}
    notify(
        tx, SendMessage(template="fee.missed", customer=owner, variables=said, phone=event.phone)
    )


def status_changed(tx: Tx, event: AccountStatusChanged, _now: datetime) -> None:
    """The end of the balance's validity is told; what people did themselves they know."""
    if event.status != word(Status.ONE_WAY) or event.until is None:
        return
    owner = billing_account(tx, event.billing_account).customer
    said = {"until": event.until.date().isoformat()}
    notify(tx, SendMessage(template="balance.grace", customer=owner, variables=said))
