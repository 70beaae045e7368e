"""Builds the little town that bills are made for: a seller, taxes, and people with products."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from trunkline import billing, inventory, payments
from trunkline.catalog import BrandId, create_brand, create_market
from trunkline.customers import (
    AccountKind,
    BillingAccountId,
    NewIndividual,
    PostalAddress,
    create_billing_account,
    create_customer,
    register_party,
)
from trunkline.inventory import NewProduct, PriceAlteration, PriceKind, Product, ProductPrice
from trunkline.inventory import ProductStatus as Status
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId, create_legal_entity
from trunkline.payments import Payment, PaymentMethodKind
from trunkline.platform.db import Tx
from trunkline.tax import TaxRounding, declare_regime, set_rate

ENTITY = LegalEntityId("le_town")
BRAND = BrandId("brd_town")


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


def at(text: str) -> datetime:
    """An instant in UTC: "2026-11-01" or "2026-11-01T08:30"."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def found_town(
    tx: Tx,
    now: datetime,
    *,
    time_zone: str = "UTC",
    rounding: TaxRounding = TaxRounding.INVOICE,
    inclusive: bool = False,
) -> None:
    """Town Mobile sells in euros, at 20 % tax."""
    create_legal_entity(
        tx,
        name="Town Mobile GmbH",
        country="DE",
        currency="EUR",
        tax_number="DE123456789",
        invoice_prefix="TOWN",
        address=("Hafenstraße 1", "20457 Hamburg"),
        bank_account="DE89 3704 0044 0532 0130 00",
        entity_id=ENTITY,
        now=now,
    )
    declare_regime(tx, code="town", rounding=rounding, inclusive=inclusive)
    set_rate(
        tx,
        regime="town",
        category="standard",
        name="VAT",
        millionths=200_000,
        valid_from=date(2020, 1, 1),
    )
    market = create_market(
        tx,
        name="Town",
        currency="EUR",
        time_zone=time_zone,
        country="DE",
        tax_regime="town",
        now=now,
    )
    create_brand(tx, name="Town Mobile", market=market.id, brand_id=BRAND, now=now)


def move_in(
    tx: Tx,
    name: str,
    now: datetime,
    *,
    cycle_day: int = 1,
    kind: AccountKind = AccountKind.POSTPAID,
    terms: int = 14,
    currency: str = "EUR",
) -> BillingAccountId:
    """A person with a customer relation and a billing account."""
    person = register_party(
        tx,
        NewIndividual(
            full_name=name,
            contact_media=(
                PostalAddress(
                    street1="Lange Straße 5", post_code="20095", city="Hamburg", country="DE"
                ),
            ),
        ),
        now=now,
    )
    customer = create_customer(tx, party=person.id, brand=BRAND, now=now)
    account = create_billing_account(
        tx,
        customer=customer.id,
        name=name,
        legal_entity=ENTITY,
        currency=currency,
        kind=kind,
        cycle_day=cycle_day,
        payment_terms_days=terms,
        now=now,
    )
    return account.id


def recurring(
    name: str,
    amount: str,
    *,
    months: int = 1,
    agreed: str | None = None,
    currency: str = "EUR",
    tax_category: str = "standard",
) -> ProductPrice:
    """`agreed` is an agreement's alteration of the price."""
    return ProductPrice(
        kind=PriceKind.RECURRING,
        name=name,
        amount=Money.of(amount, currency),
        period_months=months,
        tax_category=tax_category,
        alterations=()
        if agreed is None
        else (PriceAlteration(name=f"{name}, as agreed", amount=Money.of(agreed, currency)),),
    )


def once(name: str, amount: str) -> ProductPrice:
    return ProductPrice(kind=PriceKind.ONE_TIME, name=name, amount=eur(amount))


def give_product(
    tx: Tx,
    account: BillingAccountId,
    prices: Sequence[ProductPrice],
    since: datetime,
    *,
    name: str = "Mobile",
) -> Product:
    """A product in service since then, and with it the account's billing."""
    product = inventory.create_product(
        tx,
        NewProduct(
            name=name,
            offering="off_town",
            offering_name=name,
            customer="cus",
            billing_account=account,
            prices=tuple(prices),
            status=Status.ACTIVE,
            start_date=since,
        ),
        now=since,
    )
    billing.start_billing(tx, {account: since})
    return product


def end_product(tx: Tx, product: Product, when: datetime) -> None:
    inventory.change_product_status(tx, product=product.id, status=Status.TERMINATED, now=when)


def pay(
    tx: Tx,
    account: BillingAccountId,
    amount: str,
    reference: str,
    now: datetime,
    *,
    invoice: str | None = None,
) -> Payment:
    return payments.receive_payment(
        tx,
        account=account,
        amount=eur(amount),
        method=PaymentMethodKind.BANK_TRANSFER,
        reference=reference,
        source="bank",
        invoice=invoice,
        now=now,
    )
