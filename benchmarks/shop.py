"""The operator that benchmarks use: one mobile offer, customers, numbers and SIMs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from trunkline import catalog, customers, inventory
from trunkline.app import System, open_system, upgrade_databases
from trunkline.app.founding import found, operator
from trunkline.catalog import DocumentKind
from trunkline.customers import AccountKind, BillingAccountId, CustomerId
from trunkline.inventory import Iccid, Imsi, Msisdn
from trunkline.platform.settings import DatabaseSettings, Settings

OFFERING = "off_mobile"
FIRST_NUMBER = 353_850_000_000
CHUNK = 250

Buyer = tuple[CustomerId, BillingAccountId]

_NO_PRICE: dict[str, Any] = {"lifecycleStatus": "Launched", "priceType": "usage"}
_MONTHLY = {"recurringChargePeriodType": "month", "recurringChargePeriodLength": 1}
_PRICES: tuple[dict[str, Any], ...] = (
    {"name": "Activation", "priceType": "oneTime", "price": {"unit": "EUR", "value": 5}},
    {"name": "Fee", "priceType": "recurring", "price": {"unit": "EUR", "value": 20}, **_MONTHLY},
    {
        "name": "Data",
        "@type": "UsagePrice",
        "service": "data",
        "price": {"unit": "EUR", "value": 1},
        "unitOfMeasure": {"amount": 1, "units": "GB"},
    },
    {
        "name": "Calls",
        "@type": "UsagePrice",
        "service": "voice",
        "price": {"unit": "EUR", "value": Decimal("0.09")},
        "unitOfMeasure": {"amount": 1, "units": "min"},
    },
    {
        "name": "Messages",
        "@type": "UsagePrice",
        "service": "sms",
        "price": {"unit": "EUR", "value": Decimal("0.08")},
        "unitOfMeasure": {"amount": 1, "units": "message"},
    },
)
_SERVICE_KIND = {
    "name": "serviceKind",
    "productSpecCharacteristicValue": [{"value": "mobile", "isDefault": True}],
}


@contextmanager
def opened(url: Callable[[str], str]) -> Iterator[System]:
    """An operator in fresh databases, its offer on sale and its tariff with charging."""
    databases = DatabaseSettings(books=url("books"), charging=url("charging"))
    settings = msgspec.structs.replace(Settings(), databases=databases)
    upgrade_databases(settings)
    system = open_system(settings)
    try:
        found(system)
        _offer(system, system.clock.now())
        system.relay().drain()
        yield system
    finally:
        system.close()


def _offer(system: System, now: datetime) -> None:
    prices = [{**_NO_PRICE, **price, "id": f"pop_{index}"} for index, price in enumerate(_PRICES)]
    offering = {
        "id": OFFERING,
        "name": "Mobile M",
        "isBundle": False,
        "isSellable": True,
        "lifecycleStatus": "Launched",
        "prodSpecCharValueUse": [_SERVICE_KIND],
        "productOfferingPrice": [{"id": each["id"], "name": each["name"]} for each in prices],
    }
    with system.books.transaction() as tx:
        for price in prices:
            catalog.save_document(tx, kind=DocumentKind.PRICE, body=price, now=now)
        catalog.save_document(tx, kind=DocumentKind.OFFERING, body=offering, now=now)


def sign_up(system: System, count: int) -> list[Buyer]:
    """So many customers with a postpaid account each, who have ordered nothing yet."""
    now = system.clock.now()
    buyers: list[Buyer] = []
    with system.books.read() as r:
        seller = operator(r)
    for first in range(0, count, CHUNK):
        names = [f"Customer {number}" for number in range(first, min(first + CHUNK, count))]
        with system.books.transaction() as tx:
            parties = customers.register_parties(
                tx, [customers.NewIndividual(full_name=name) for name in names], now=now
            )
            owners = customers.create_customers(
                tx,
                [customers.NewCustomer(party=each.id, brand=seller.brand.id) for each in parties],
                now=now,
            )
            accounts = customers.create_billing_accounts(
                tx,
                [
                    customers.NewBillingAccount(
                        customer=each.id,
                        name=each.name,
                        legal_entity=seller.entity.id,
                        currency="EUR",
                        kind=AccountKind.POSTPAID,
                    )
                    for each in owners
                ],
                now=now,
            )
        buyers += [(each.customer, each.id) for each in accounts]
    return buyers


def fill_shelf(system: System, count: int) -> None:
    """So many numbers, and as many SIMs."""
    now = system.clock.now()
    for first in range(0, count, CHUNK):
        here = min(CHUNK, count - first)
        serials = range(first, first + here)
        pairs = [(Iccid.of(f"893530000000{each:07}"), Imsi(f"27201{each:010}")) for each in serials]
        with system.books.transaction() as tx:
            start = Msisdn(str(FIRST_NUMBER + first))
            inventory.add_numbers(tx, first=start, count=here, now=now)
            inventory.add_sims(tx, sims=pairs, now=now)
