"""Vouchers, dealers' top-ups and automatic ones on a customer's page."""

from tests.unit.console.office import Office, text_of
from trunkline import charging, customers, payments, vouchers
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.payments import NewRule, PaymentMethodKind
from trunkline.vouchers import Attempt, NewDealer, VoucherKeys


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


def test_what_came_by_which_channel(office: Office) -> None:
    customer, subscriber = office.subscriber()
    page = f"/console/customers/{customer.id}"
    visitor = office.visitor("*")
    assert "Vouchers and dealers" not in text_of(visitor.get(page))
    vouchers.keep_keys(office.books, lambda: VoucherKeys.of(["5e" * 32]))
    now = office.clock.now()
    with office.charging.read() as r:
        balance = charging.balance(r, subscriber, now)
    with office.books.transaction() as tx:
        vouchers.redeem(tx, Attempt(code="1", balance=balance, caller="app"), now=now)
        role = customers.give_role(
            tx, {"name": "Kiosk", "@type": "Dealer", "status": "active"}, now=now
        )["id"]
        new = NewDealer(
            role=role,
            entity=LegalEntityId("ent_skerry"),
            currency="EUR",
            credit_limit=eur("100"),
        )
        vouchers.add_dealer(tx, new, now=now)
        vouchers.sell_top_up(
            tx, role, balance=balance, amount=eur("15"), reference="t1", caller="till", now=now
        )
        card = payments.add_payment_method(
            tx,
            account=balance.billing_account,
            kind=PaymentMethodKind.CREDIT_CARD,
            token="tok_1",
            now=now,
        )
        payments.set_rule(
            tx,
            NewRule(balance=balance, threshold=eur("5"), amount=eur("25"), method=card),
            now=now,
        )
    office.relay.drain()
    shown = text_of(visitor.get(page))
    assert "Vouchers and dealers" in shown
    assert "malformed" in shown
    assert role in shown
    assert "Automatic top-ups" in shown
    assert "collecting" in shown
