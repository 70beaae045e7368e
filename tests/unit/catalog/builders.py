"""TMF620 bodies as a product manager would send them, and brands to sell them under."""

from datetime import datetime
from typing import Any

from trunkline.catalog import (
    Brand,
    Document,
    DocumentKind,
    Market,
    create_brand,
    create_market,
    save_document,
)
from trunkline.platform.db import Tx


def recurring(price_id: str = "fee", value: object = "19.90", **more: Any) -> dict[str, Any]:
    return {
        "id": price_id,
        "name": "Monthly fee",
        "priceType": "recurring",
        "recurringChargePeriodType": "month",
        "recurringChargePeriodLength": 1,
        "price": {"unit": "EUR", "value": value},
        **more,
    }


def one_time(price_id: str = "activation", value: object = "10") -> dict[str, Any]:
    return {
        "id": price_id,
        "name": "Activation",
        "priceType": "oneTime",
        "price": {"unit": "EUR", "value": value},
    }


def voice_usage(price_id: str = "calls", **more: Any) -> dict[str, Any]:
    return {
        "@type": "UsagePrice",
        "id": price_id,
        "name": "Calls",
        "priceType": "usage",
        "service": "voice",
        "price": {"unit": "EUR", "value": 0.09},
        "unitOfMeasure": {"amount": 1, "units": "minute"},
        **more,
    }


def data_allowance(price_id: str = "data", **more: Any) -> dict[str, Any]:
    return {
        "@type": "Allowance",
        "id": price_id,
        "name": "10 GB",
        "service": "data",
        "unitOfMeasure": {"amount": 10, "units": "GB"},
        **more,
    }


def offering_body(offering_id: str = "mobile-m", *prices: str, **more: Any) -> dict[str, Any]:
    return {
        "id": offering_id,
        "name": "Mobile M",
        "lifecycleStatus": "Launched",
        "productOfferingPrice": [{"id": each} for each in prices],
        **more,
    }


def save_price(tx: Tx, body: dict[str, Any], now: datetime) -> Document:
    return save_document(tx, kind=DocumentKind.PRICE, body=body, now=now)


def save_offering(tx: Tx, body: dict[str, Any], now: datetime) -> Document:
    return save_document(tx, kind=DocumentKind.OFFERING, body=body, now=now)


def german_market(tx: Tx, now: datetime) -> Market:
    return create_market(
        tx,
        name="Germany",
        currency="EUR",
        time_zone="Europe/Berlin",
        country="DE",
        tax_regime="DE",
        languages=("de", "en"),
        now=now,
    )


def northstar(tx: Tx, now: datetime) -> Brand:
    return create_brand(tx, name="Northstar", market=german_market(tx, now).id, now=now)
