"""Topping up a prepaid balance over the counter."""

import re
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

import falcon

from trunkline import charging, inventory, payments
from trunkline.charging import ChargingAccountId
from trunkline.console.web import Console, Desk, form
from trunkline.customers import BillingAccountId, CustomerId
from trunkline.inventory import Product, ProductId
from trunkline.kernel.errors import Invalid, NotFound, Refused
from trunkline.kernel.money import Money
from trunkline.payments import PaymentMethodKind, Purpose
from trunkline.platform import audit
from trunkline.platform.db import Reader

SOURCE = "console"

_REFERENCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_AMOUNT = re.compile(r"\d{1,9}([.,]\d{1,3})?", re.ASCII)


class TopUp:
    """What the form on a customer's page sends."""

    scopes: ClassVar[dict[str, str]] = {"POST": "tmf654:write"}

    def __init__(self, console: Console) -> None:
        self._console = console

    def on_post(self, req: falcon.Request, resp: falcon.Response, customer: str) -> None:
        """A payment over the counter, credited to one prepaid balance. The form's reference is
        the payment's: sent twice, it pays once."""
        desk: Desk = req.context.desk
        fields = form(req)
        reference = fields.get("reference", "")
        if not _REFERENCE.fullmatch(reference):
            raise Invalid("this form is out of date: open the page again", path="reference")
        with self._console.books.read() as r:
            product = _owned(r, CustomerId.parse(customer, path="customer"), fields)
        subscriber = ChargingAccountId(product.id)
        with self._console.charging.read() as r:
            balance = charging.balance(r, subscriber, desk.now)
        if not balance.kind.has_balance:
            raise Refused("only a prepaid balance can be topped up", path="product")
        if balance.status is charging.Status.CLOSED:
            raise Refused("this balance is closed", path="product")
        amount = _amount(fields.get("amount", ""), balance.money.currency)
        with self._console.books.transaction() as tx:
            payment = payments.receive_payment(
                tx,
                account=BillingAccountId(product.billing_account),
                amount=amount,
                method=PaymentMethodKind.CASH,
                reference=reference,
                source=SOURCE,
                purpose=Purpose.TOP_UP,
                subscriber=subscriber,
                now=desk.now,
            )
            if not audit.about(tx, payment.id, limit=1):
                audit.record(
                    tx,
                    who=desk.user,
                    verb="receive_payment",
                    what=payment.id,
                    detail={"subscriber": subscriber, "amount": str(amount)},
                    now=desk.now,
                )
        desk.go(resp, f"/console/customers/{quote(customer)}", "topped-up")


def _owned(r: Reader, customer: CustomerId, fields: Mapping[str, str]) -> Product:
    """The product that the form names, if it is this customer's."""
    product = inventory.product(r, ProductId.parse(fields.get("product", ""), path="product"))
    if product.customer != customer:
        raise NotFound(f"{customer} has no product {product.id}", path="product")
    return product


def _amount(text: str, currency: str) -> Money:
    """What was typed, with a point or a comma."""
    typed = text.strip()
    if not _AMOUNT.fullmatch(typed):
        raise Invalid(f"{text[:20]!r} is not an amount like 20 or 12.50", path="amount")
    return Money.of(typed.replace(",", "."), currency, path="amount")
