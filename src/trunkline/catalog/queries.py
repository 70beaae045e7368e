"""Reads of the catalogue."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from trunkline.catalog import store
from trunkline.catalog.bodies import offering_of, references
from trunkline.catalog.model import (
    ON_SALE,
    Brand,
    BrandId,
    Document,
    DocumentKind,
    DocumentNotFound,
    LifecycleStatus,
    Market,
    MarketId,
    Offering,
    OfferingId,
    RateSheet,
    UnknownBrand,
    UnknownMarket,
    UnknownRateSheet,
)
from trunkline.catalog.prices import parse_price
from trunkline.catalog.promotions import Promotion, promotion_of
from trunkline.catalog.usage import (
    PriceId,
)
from trunkline.platform.db import Reader, decode_json

DOCUMENTS = store.catalog_document
"""The table, for lists that are filtered by its columns."""


def document(r: Reader, kind: DocumentKind, document_id: str) -> Document:
    """Raises `DocumentNotFound`."""
    found = store.find_document(r, kind, document_id)
    if found is None:
        raise DocumentNotFound(f"there is no {kind} {document_id[:60]}")
    return found


def documents(r: Reader, kind: DocumentKind, ids: Iterable[str]) -> dict[str, Document]:
    """Those that exist, by id."""
    return store.find_documents(r, kind, ids)


def offering(r: Reader, offering_id: OfferingId) -> Offering:
    """The typed view. Raises `DocumentNotFound`."""
    found = offerings(r, [offering_id]).get(offering_id)
    if found is None:
        raise DocumentNotFound(f"there is no {DocumentKind.OFFERING} {offering_id[:60]}")
    return found


def offerings(r: Reader, ids: Iterable[OfferingId]) -> dict[OfferingId, Offering]:
    """The typed views of those that exist, by id: one statement for all of them."""
    rows = store.offerings_with_prices(r, ids)
    prices = {row.id: row for row in rows if row.kind == DocumentKind.PRICE}
    return {
        OfferingId(row.id): _typed(
            row, tuple(prices[i] for i in _prices_named(row.body) if i in prices)
        )
        for row in rows
        if row.kind == DocumentKind.OFFERING
    }


@lru_cache(maxsize=1000)
def _prices_named(body: str) -> tuple[str, ...]:
    found = references(DocumentKind.OFFERING, decode_json(body))
    return tuple(each.id for each in found if each.kind is DocumentKind.PRICE)


@lru_cache(maxsize=1000)
def _typed(row: Any, prices: tuple[Any, ...]) -> Offering:
    """What these rows say, whole as they are: other rows are another offering."""
    parsed = (parse_price(decode_json(each.body), price_id=PriceId(each.id)) for each in prices)
    return offering_of(
        store.document_of_texts(row), tuple(each for each in parsed if each is not None)
    )


def offerings_with_price(r: Reader, price_id: str) -> list[OfferingId]:
    """The ids of those that name this price."""
    return [
        OfferingId(by_id)
        for by_kind, by_id, _ in store.referrers(r, DocumentKind.PRICE, price_id)
        if by_kind == DocumentKind.OFFERING
    ]


def offering_ids(r: Reader, *statuses: LifecycleStatus) -> list[OfferingId]:
    """The ids of all offerings, or of those in one of these states."""
    return [OfferingId(each) for each in store.offering_ids(r, statuses)]


def brand(r: Reader, brand_id: BrandId) -> Brand:
    """Raises `UnknownBrand`."""
    found = store.find_brand(r, brand_id)
    if found is None:
        raise UnknownBrand(f"there is no brand {brand_id[:60]}")
    return found


def brands(r: Reader) -> list[Brand]:
    """All of them, by name."""
    return store.all_brands(r)


def market(r: Reader, market_id: MarketId) -> Market:
    """Raises `UnknownMarket`."""
    found = store.find_market(r, market_id)
    if found is None:
        raise UnknownMarket(f"there is no market {market_id[:60]}")
    return found


def market_named(r: Reader, name: str) -> Market | None:
    return store.find_market_named(r, name)


def markets(r: Reader) -> list[Market]:
    """All of them, by name."""
    return store.all_markets(r)


def market_of_brand(r: Reader, brand_id: BrandId) -> Market:
    """Where the brand sells. Raises `UnknownBrand`."""
    found = store.find_market_of(r, brand_id)
    if found is None:
        raise UnknownBrand(f"there is no brand {brand_id[:60]}")
    return found


def rate_sheet(r: Reader, name: str) -> RateSheet:
    """The sheet as it was last imported. Raises `UnknownRateSheet`."""
    found = store.find_sheet(r, name)
    if found is None:
        raise UnknownRateSheet(f"there is no rate sheet {name[:60]}")
    return found


def promotions(r: Reader) -> list[Promotion]:
    """Those on sale that make something cheaper."""
    rows = store.documents_in(r, DocumentKind.PROMOTION, ON_SALE)
    return [each for row in rows if (each := _promotion(row)) is not None]


@lru_cache(maxsize=1000)
def _promotion(row: Any) -> Promotion | None:
    """What this row says, whole as it is."""
    return promotion_of(store.document_of_texts(row))
