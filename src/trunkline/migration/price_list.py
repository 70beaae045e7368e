"""The price list that the customer file was written by, as catalogue offerings.

The file has no prices of its own; these reproduce its monthly charges within a few units.
Once they are in the catalogue, the catalogue's amounts count.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import msgspec

from trunkline.catalog import (
    DocumentKind,
    LifecycleStatus,
    Offering,
    OfferingId,
    RecurringPrice,
    create_document,
    documents,
    offerings,
)
from trunkline.kernel.errors import Conflict
from trunkline.platform.db import Reader, Tx


class ListedItem(msgspec.Struct, frozen=True):
    """An offering of the list and its price a month."""

    name: str
    monthly: int


PRICE_LIST: Mapping[str, ListedItem] = {
    "phone": ListedItem("Phone line", 20),
    "second-line": ListedItem("Second phone line", 5),
    "dsl": ListedItem("DSL internet", 25),
    "fibre": ListedItem("Fibre internet", 50),
    "online-security": ListedItem("Online security", 5),
    "online-backup": ListedItem("Online backup", 5),
    "device-protection": ListedItem("Device protection", 5),
    "tech-support": ListedItem("Tech support", 5),
    "streaming-tv": ListedItem("Streaming TV", 10),
    "streaming-movies": ListedItem("Streaming movies", 10),
}


class PriceListDiffers(Conflict):
    """An offering of the list stands in the catalogue, but not with one price a month in the
    market's currency."""

    code = "priceListDiffers"


def offering_id(key: str) -> OfferingId:
    return OfferingId(f"off_take_on_{key}")


def ensure_price_list(tx: Tx, *, currency: str, now: datetime) -> None:
    """Creates what the catalogue lacks of the list. What is there stays as it is."""
    ids = {key: offering_id(key) for key in PRICE_LIST}
    standing = documents(tx, DocumentKind.OFFERING, ids.values())
    for key, item in PRICE_LIST.items():
        if ids[key] in standing:
            continue
        price = {
            "name": item.name,
            "priceType": "recurring",
            "recurringChargePeriodType": "month",
            "recurringChargePeriodLength": 1,
            "lifecycleStatus": LifecycleStatus.LAUNCHED.value,
            "price": {"unit": currency, "value": Decimal(item.monthly)},
        }
        body = {
            "id": ids[key],
            "name": item.name,
            "lifecycleStatus": LifecycleStatus.LAUNCHED.value,
            "productOfferingPrice": [price],
        }
        create_document(tx, kind=DocumentKind.OFFERING, body=body, now=now)


def listed_offerings(r: Reader, *, currency: str) -> dict[str, tuple[Offering, RecurringPrice]]:
    """The list as the catalogue has it, by key. Raises `PriceListDiffers`."""
    found = offerings(r, [offering_id(key) for key in PRICE_LIST])
    listed = {}
    for key in PRICE_LIST:
        offering = found.get(offering_id(key))
        prices = offering.recurring_prices if offering else ()
        if (
            offering is None
            or len(prices) != 1
            or prices[0].period_months != 1
            or prices[0].amount.currency != currency
        ):
            raise PriceListDiffers(
                f"{offering_id(key)} has no single price a month in {currency}",
                path=str(offering_id(key)),
            )
        listed[key] = (offering, prices[0])
    return listed
