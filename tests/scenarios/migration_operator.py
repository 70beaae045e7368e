"""An operator who takes on the customers of another."""

from datetime import date, datetime
from pathlib import Path

import pytest

from trunkline.catalog import STANDARD_TAX, create_brand, create_market
from trunkline.customers import Customer, accounts_of, customers_by_external_id
from trunkline.inventory import Product, products_of
from trunkline.ledger import create_legal_entity
from trunkline.platform.db import Database, Reader
from trunkline.tax import declare_regime, set_rate

FILE = Path(__file__).parents[3] / "shared" / "data" / "telco-customers.csv"


def found(books: Database, now: datetime) -> None:
    """A US operator whose market taxes at 8 %."""
    with books.transaction() as tx:
        create_legal_entity(
            tx, name="Prairie Inc", country="US", currency="USD", tax_number="1", now=now
        )
        declare_regime(tx, code="US")
        set_rate(
            tx,
            regime="US",
            category=STANDARD_TAX,
            name="Sales tax",
            millionths=80_000,
            valid_from=date(2000, 1, 1),
        )
        market = create_market(
            tx,
            name="United States",
            currency="USD",
            time_zone="America/New_York",
            country="US",
            tax_regime="US",
            now=now,
        )
        create_brand(tx, name="Prairie", market=market.id, now=now)


def real_file() -> Path:
    """The 7,043 customers; skips the test where they aren't."""
    if not FILE.exists():
        pytest.skip("../shared/data is not beside this checkout")
    return FILE


def taken_on(r: Reader, customer_id: str) -> Customer:
    return customers_by_external_id(r, [customer_id])[customer_id]


def products(r: Reader, customer: Customer) -> list[Product]:
    (account,) = accounts_of(r, customer.id)
    return products_of(r, account.id)
