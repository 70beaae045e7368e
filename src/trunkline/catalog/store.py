"""The tables of documents, rate sheets, brands and markets, and all SQL on them."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.catalog.bodies import Reference
from trunkline.catalog.model import (
    Brand,
    BrandId,
    Document,
    DocumentInUse,
    DocumentKind,
    LifecycleStatus,
    Market,
    MarketId,
    OfferingId,
    RateSheet,
    RateSheetEntry,
    UnknownReference,
    document_exists,
    name_taken,
)
from trunkline.kernel.money import Money
from trunkline.platform.collisions import collision
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata, decode_json

market = sa.Table(
    "market",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("time_zone", sa.String(60), nullable=False),
    sa.Column("country", sa.String(2), nullable=False),
    sa.Column("tax_regime", sa.String(60), nullable=False),
    sa.Column("languages", Json, nullable=False),
)

brand = sa.Table(
    "brand",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    sa.Column("market_id", sa.ForeignKey(market.c.id), nullable=False),
)

rate_sheet = sa.Table(
    "rate_sheet",
    books_metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("imported_at", Instant, nullable=False),
)

rate_sheet_entry = sa.Table(
    "rate_sheet_entry",
    books_metadata,
    sa.Column("rate_sheet_name", sa.ForeignKey(rate_sheet.c.name), primary_key=True),
    sa.Column("prefix", sa.String(15), primary_key=True),
    sa.Column("destination", sa.String(200), nullable=False),
    sa.Column("price_per_minute_micros", sa.BigInteger, nullable=False),
    sa.Column("connection_charge_micros", sa.BigInteger, nullable=False),
    sa.Column("charge_period", sa.Integer, nullable=False),
)

catalog_document = sa.Table(
    "catalog_document",
    books_metadata,
    sa.Column("kind", sa.String(30), primary_key=True),
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("lifecycle_status", sa.String(20), nullable=False),
    sa.Column("version", sa.String(40), nullable=False),
    sa.Column("last_update", Instant, nullable=False),
    sa.Column("is_bundle", sa.Boolean, nullable=False),
    sa.Column("brand_id", sa.ForeignKey(brand.c.id)),
    sa.Column("rate_sheet_name", sa.ForeignKey(rate_sheet.c.name)),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Index("catalog_document_by_name", "kind", "name"),
    sa.Index("catalog_document_by_status", "kind", "lifecycle_status"),
    sa.Index("catalog_document_by_rate_sheet", "rate_sheet_name"),
)

catalog_reference = sa.Table(
    "catalog_reference",
    books_metadata,
    sa.Column("from_kind", sa.String(30), primary_key=True),
    sa.Column("from_id", sa.String(100), primary_key=True),
    sa.Column("path", sa.String(100), primary_key=True),
    sa.Column("to_kind", sa.String(30), nullable=False),
    sa.Column("to_id", sa.String(100), nullable=False),
    sa.ForeignKeyConstraint(
        ["from_kind", "from_id"], [catalog_document.c.kind, catalog_document.c.id]
    ),
    sa.ForeignKeyConstraint(["to_kind", "to_id"], [catalog_document.c.kind, catalog_document.c.id]),
    sa.Index("catalog_reference_by_target", "to_kind", "to_id"),
)

_INSERT_MARKET = sa.insert(market)
_MARKET = sa.select(market).where(market.c.id == sa.bindparam("id"))
_MARKETS = sa.select(market).order_by(market.c.name)
_MARKET_NAMED = sa.select(market).where(market.c.name == sa.bindparam("name"))
_INSERT_BRAND = sa.insert(brand)
_BRAND = sa.select(brand).where(brand.c.id == sa.bindparam("id"))
_BRANDS = sa.select(brand).order_by(brand.c.name)
_BRAND_NAMED = sa.select(brand).where(brand.c.name == sa.bindparam("name"))
_MARKET_OF_BRAND = (sa.select(market).join(brand, brand.c.market_id == market.c.id)).where(
    brand.c.id == sa.bindparam("id")
)

_INSERT_DOCUMENT = sa.insert(catalog_document)
_OF_KIND = catalog_document.c.kind == sa.bindparam("of_kind")
_WITH_ID = catalog_document.c.id == sa.bindparam("with_id")
_UPDATE_DOCUMENT = sa.update(catalog_document).where(_OF_KIND, _WITH_ID)
_DELETE_DOCUMENT = sa.delete(catalog_document).where(_OF_KIND, _WITH_ID)
_DOCUMENT = sa.select(catalog_document).where(_OF_KIND, _WITH_ID)
_DOCUMENT_LOCKED = _DOCUMENT.with_for_update()
_DOCUMENTS = sa.select(catalog_document).where(
    _OF_KIND, catalog_document.c.id.in_(sa.bindparam("ids", expanding=True))
)
# Offerings and the prices that they name, their bodies as text.
_TEXTS = [*(each for each in catalog_document.c if each.name != "body"),
          sa.cast(catalog_document.c.body, sa.Text).label("body")]  # fmt: skip
_named = catalog_reference.c
_OFFERINGS_WITH_PRICES = sa.union_all(
    sa.select(*_TEXTS).where(
        catalog_document.c.kind == DocumentKind.OFFERING.value,
        catalog_document.c.id.in_(sa.bindparam("ids", expanding=True)),
    ),
    sa.select(*_TEXTS)
    .select_from(catalog_reference)
    .join(
        catalog_document,
        (catalog_document.c.kind == _named.to_kind) & (catalog_document.c.id == _named.to_id),
    )
    .where(
        _named.from_kind == DocumentKind.OFFERING.value,
        _named.from_id.in_(sa.bindparam("ids", expanding=True)),
        _named.to_kind == DocumentKind.PRICE.value,
    ),
)
_KNOWN = sa.select(catalog_document.c.id).where(
    _OF_KIND, catalog_document.c.id.in_(sa.bindparam("ids", expanding=True))
)
_OFFERING_IDS = sa.select(catalog_document.c.id).where(_OF_KIND).order_by(catalog_document.c.id)
_OFFERING_IDS_IN = _OFFERING_IDS.where(
    catalog_document.c.lifecycle_status.in_(sa.bindparam("statuses", expanding=True))
)
_TEXTS_IN = sa.select(*_TEXTS).where(
    _OF_KIND, catalog_document.c.lifecycle_status.in_(sa.bindparam("statuses", expanding=True))
)
_INSERT_REFERENCE = sa.insert(catalog_reference)
_DELETE_REFERENCES = sa.delete(catalog_reference).where(
    catalog_reference.c.from_kind == sa.bindparam("of_kind"),
    catalog_reference.c.from_id == sa.bindparam("with_id"),
)
_REFERRERS = (
    sa.select(catalog_reference.c.from_kind, catalog_reference.c.from_id, catalog_reference.c.path)
    .where(
        catalog_reference.c.to_kind == sa.bindparam("of_kind"),
        catalog_reference.c.to_id == sa.bindparam("with_id"),
    )
    .order_by(catalog_reference.c.from_kind, catalog_reference.c.from_id)
)
_OFFERINGS_ON_SHEET = (
    sa.select(catalog_reference.c.from_id)
    .distinct()
    .join(
        catalog_document,
        (catalog_document.c.kind == catalog_reference.c.to_kind)
        & (catalog_document.c.id == catalog_reference.c.to_id),
    )
    .where(
        catalog_document.c.rate_sheet_name == sa.bindparam("sheet"),
        catalog_reference.c.from_kind == DocumentKind.OFFERING.value,
    )
    .order_by(catalog_reference.c.from_id)
)
_offering = catalog_document.alias("offering")
_PRICES_WITH_NETWORKS = sa.select(catalog_document).where(
    catalog_document.c.kind == DocumentKind.PRICE.value,
    sa.cast(catalog_document.c.body, sa.Text).contains('"networks"'),
    catalog_document.c.id.in_(
        sa.select(_named.to_id)
        .join(
            _offering, (_offering.c.kind == _named.from_kind) & (_offering.c.id == _named.from_id)
        )
        .where(
            _named.from_kind == DocumentKind.OFFERING.value,
            _named.to_kind == DocumentKind.PRICE.value,
            _offering.c.lifecycle_status.in_(sa.bindparam("statuses", expanding=True)),
        )
    ),
)

_INSERT_SHEET = sa.insert(rate_sheet)
_UPDATE_SHEET = sa.update(rate_sheet).where(rate_sheet.c.name == sa.bindparam("sheet"))
_SHEET = sa.select(rate_sheet).where(rate_sheet.c.name == sa.bindparam("sheet"))
_SHEET_LOCKED = _SHEET.with_for_update()
_INSERT_ENTRY = sa.insert(rate_sheet_entry)
_DELETE_ENTRIES = sa.delete(rate_sheet_entry).where(
    rate_sheet_entry.c.rate_sheet_name == sa.bindparam("sheet")
)
_ENTRIES = (
    sa.select(rate_sheet_entry)
    .where(rate_sheet_entry.c.rate_sheet_name == sa.bindparam("sheet"))
    .order_by(rate_sheet_entry.c.prefix)
)


def insert_market(tx: Tx, new: Market) -> None:
    with collision(taken=name_taken("market", new.name)):
        tx.execute(
            _INSERT_MARKET,
            {
                "id": new.id,
                "name": new.name,
                "currency": new.currency,
                "time_zone": new.time_zone,
                "country": new.country,
                "tax_regime": new.tax_regime,
                "languages": list(new.languages),
            },
        )


def insert_brand(tx: Tx, new: Brand) -> None:
    with collision(taken=name_taken("brand", new.name)):
        tx.execute(_INSERT_BRAND, {"id": new.id, "name": new.name, "market_id": new.market})


def find_market(r: Reader, market_id: str) -> Market | None:
    return _market(r.execute(_MARKET, {"id": market_id}).first())


def find_market_named(r: Reader, name: str) -> Market | None:
    return _market(r.execute(_MARKET_NAMED, {"name": name}).first())


def find_market_of(r: Reader, brand_id: str) -> Market | None:
    return _market(r.execute(_MARKET_OF_BRAND, {"id": brand_id}).first())


def all_markets(r: Reader) -> list[Market]:
    return [found for row in r.execute(_MARKETS) if (found := _market(row))]


def find_brand(r: Reader, brand_id: str) -> Brand | None:
    return _brand(r.execute(_BRAND, {"id": brand_id}).first())


def find_brand_named(r: Reader, name: str) -> Brand | None:
    return _brand(r.execute(_BRAND_NAMED, {"name": name}).first())


def all_brands(r: Reader) -> list[Brand]:
    return [found for row in r.execute(_BRANDS) if (found := _brand(row))]


def insert_document(
    tx: Tx, new: Document, refers_to: Sequence[Reference], *, sheet: str | None
) -> None:
    with collision(taken=document_exists(new.kind, new.id)):
        tx.execute(_INSERT_DOCUMENT, {"kind": new.kind.value, "id": new.id, **_columns(new, sheet)})
    _insert_references(tx, new, refers_to)


def update_document(
    tx: Tx, changed: Document, refers_to: Sequence[Reference], *, sheet: str | None
) -> None:
    place = {"of_kind": changed.kind.value, "with_id": changed.id}
    tx.execute(_UPDATE_DOCUMENT, place | _columns(changed, sheet))
    tx.execute(_DELETE_REFERENCES, place)
    _insert_references(tx, changed, refers_to)


def delete_document(tx: Tx, kind: DocumentKind, document_id: str) -> None:
    place = {"of_kind": kind.value, "with_id": document_id}
    tx.execute(_DELETE_REFERENCES, place)
    in_use = DocumentInUse(f"another document has come to name {kind} {document_id}")
    with collision(missing=in_use):
        tx.execute(_DELETE_DOCUMENT, place)


def find_document(
    r: Reader, kind: DocumentKind, document_id: str, *, lock: bool = False
) -> Document | None:
    statement = _DOCUMENT_LOCKED if lock else _DOCUMENT
    row = r.execute(statement, {"of_kind": kind.value, "with_id": document_id}).first()
    return _document(row) if row else None


def find_documents(r: Reader, kind: DocumentKind, ids: Iterable[str]) -> dict[str, Document]:
    wanted = list(ids)
    if not wanted:
        return {}
    rows = r.execute(_DOCUMENTS, {"of_kind": kind.value, "ids": wanted})
    return {row.id: _document(row) for row in rows}


def offerings_with_prices(r: Reader, ids: Iterable[str]) -> list[Any]:
    """The rows of these offerings and of the prices that they name, their bodies as text."""
    wanted = list(ids)
    return list(r.execute(_OFFERINGS_WITH_PRICES, {"ids": wanted}).all()) if wanted else []


def document_of_texts(row: Any) -> Document:
    """The document of such a row."""
    return msgspec.structs.replace(_document(row), body=decode_json(row.body))


def documents_in(r: Reader, kind: DocumentKind, statuses: Iterable[LifecycleStatus]) -> list[Any]:
    """The rows of those in one of these states, their bodies as text, by id."""
    states = [each.value for each in statuses]
    rows = r.execute(_TEXTS_IN, {"of_kind": kind.value, "statuses": states})
    return sorted(rows, key=lambda each: str(each.id))


def known_ids(r: Reader, kind: DocumentKind, ids: Iterable[str]) -> set[str]:
    wanted = list(ids)
    if not wanted:
        return set()
    return set(r.execute(_KNOWN, {"of_kind": kind.value, "ids": wanted}).scalars())


def offering_ids(r: Reader, statuses: Sequence[LifecycleStatus]) -> list[str]:
    """All of them where `statuses` is empty."""
    place: dict[str, Any] = {"of_kind": DocumentKind.OFFERING.value}
    if not statuses:
        return list(r.execute(_OFFERING_IDS, place).scalars())
    place["statuses"] = [status.value for status in statuses]
    return list(r.execute(_OFFERING_IDS_IN, place).scalars())


def referrers(r: Reader, kind: DocumentKind, document_id: str) -> list[tuple[str, str, str]]:
    """(kind, id, path) of every reference to this document."""
    rows = r.execute(_REFERRERS, {"of_kind": kind.value, "with_id": document_id})
    return [(row.from_kind, row.from_id, row.path) for row in rows]


def offerings_on_sheet(r: Reader, sheet: str) -> list[OfferingId]:
    return [OfferingId(each) for each in r.execute(_OFFERINGS_ON_SHEET, {"sheet": sheet}).scalars()]


def prices_with_networks(r: Reader, statuses: Iterable[LifecycleStatus]) -> list[Document]:
    """The prices of offerings in one of these states that may say which networks a zone has."""
    rows = r.execute(_PRICES_WITH_NETWORKS, {"statuses": [each.value for each in statuses]})
    return sorted(map(_document, rows), key=lambda each: each.id)


def find_sheet(r: Reader, name: str, *, lock: bool = False) -> RateSheet | None:
    row = r.execute(_SHEET_LOCKED if lock else _SHEET, {"sheet": name}).first()
    if row is None:
        return None
    entries = tuple(_entry(each, row.currency) for each in r.execute(_ENTRIES, {"sheet": name}))
    return RateSheet(
        name=row.name,
        currency=row.currency,
        revision=row.revision,
        imported_at=row.imported_at,
        entries=tuple(sorted(entries, key=lambda entry: entry.prefix)),
    )


def sheet_currency(r: Reader, name: str) -> str | None:
    """None where there is no such sheet."""
    row = r.execute(_SHEET, {"sheet": name}).first()
    return row.currency if row else None


def write_sheet(tx: Tx, sheet: RateSheet) -> None:
    """The sheet and its entries in the place of what there was."""
    columns = {
        "currency": sheet.currency,
        "revision": sheet.revision,
        "imported_at": sheet.imported_at,
    }
    if sheet.revision == 1:
        with collision(taken=name_taken("rate sheet", sheet.name)):
            tx.execute(_INSERT_SHEET, {"name": sheet.name, **columns})
    else:
        tx.execute(_UPDATE_SHEET, {"sheet": sheet.name, **columns})
        tx.execute(_DELETE_ENTRIES, {"sheet": sheet.name})
    tx.execute(
        _INSERT_ENTRY,
        [
            {
                "rate_sheet_name": sheet.name,
                "prefix": entry.prefix,
                "destination": entry.destination,
                "price_per_minute_micros": entry.price_per_minute.micros,
                "connection_charge_micros": entry.connection_charge.micros,
                "charge_period": entry.charge_period,
            }
            for entry in sheet.entries
        ],
    )


def _insert_references(tx: Tx, document: Document, refers_to: Sequence[Reference]) -> None:
    if not refers_to:
        return
    with collision(missing=UnknownReference("what it refers to has been deleted")):
        tx.execute(
            _INSERT_REFERENCE,
            [
                {
                    "from_kind": document.kind.value,
                    "from_id": document.id,
                    "path": each.path,
                    "to_kind": each.kind.value,
                    "to_id": each.id,
                }
                for each in refers_to
            ],
        )


def _columns(document: Document, sheet: str | None) -> dict[str, Any]:
    return {
        "name": document.name,
        "lifecycle_status": document.lifecycle_status.value,
        "version": document.version,
        "last_update": document.last_update,
        "is_bundle": document.is_bundle,
        "brand_id": document.brand,
        "rate_sheet_name": sheet,
        "revision": document.revision,
        "body": dict(document.body),
    }


def _document(row: Any) -> Document:
    return Document(
        kind=DocumentKind(row.kind),
        id=row.id,
        body=row.body,
        name=row.name,
        lifecycle_status=LifecycleStatus(row.lifecycle_status),
        version=row.version,
        last_update=row.last_update,
        is_bundle=row.is_bundle,
        brand=BrandId(row.brand_id) if row.brand_id else None,
        revision=row.revision,
    )


def _market(row: Any) -> Market | None:
    if row is None:
        return None
    return Market(
        id=MarketId(row.id),
        name=row.name,
        currency=row.currency,
        time_zone=row.time_zone,
        country=row.country,
        tax_regime=row.tax_regime,
        languages=tuple(row.languages),
    )


def _brand(row: Any) -> Brand | None:
    if row is None:
        return None
    return Brand(id=BrandId(row.id), name=row.name, market=MarketId(row.market_id))


def _entry(row: Any, currency: str) -> RateSheetEntry:
    return RateSheetEntry(
        prefix=row.prefix,
        destination=row.destination,
        price_per_minute=Money(row.price_per_minute_micros, currency),
        connection_charge=Money(row.connection_charge_micros, currency),
        charge_period=row.charge_period,
    )
