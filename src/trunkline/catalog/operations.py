"""Writes to the catalogue."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from trunkline.catalog import store
from trunkline.catalog.bodies import (
    ID_KINDS,
    Reference,
    characteristics,
    inline_prices,
    read_document,
    references,
)
from trunkline.catalog.events import PricesChanged
from trunkline.catalog.model import (
    CATALOG_LIFECYCLE,
    IN_USE,
    ON_SALE,
    PRICED,
    Brand,
    BrandId,
    Document,
    DocumentInUse,
    DocumentKind,
    DocumentNotFound,
    InvalidDocument,
    Market,
    MarketId,
    OfferingId,
    OneTimePrice,
    Price,
    RateSheet,
    RecurringPrice,
    UnknownMarket,
    UnknownReference,
    ZoneContradiction,
    document_exists,
    name_taken,
)
from trunkline.catalog.prices import parse_price
from trunkline.catalog.promotions import promotion_of
from trunkline.catalog.rates import read_sheet
from trunkline.catalog.usage import (
    PriceId,
    UsageDiscount,
    UsagePrice,
    Where,
)
from trunkline.kernel.errors import Invalid
from trunkline.kernel.ids import Id
from trunkline.kernel.money import CurrencyMismatch, check_currency
from trunkline.kernel.time import zone
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx, decode_json, encode_json
from trunkline.platform.storable import check_storable
from trunkline.tmf.patch import merge

Body = Mapping[str, Any]


def create_market(
    tx: Tx,
    *,
    name: str,
    currency: str,
    time_zone: str,
    country: str,
    tax_regime: str,
    languages: tuple[str, ...] = (),
    market_id: MarketId | None = None,
    now: datetime,
) -> Market:
    """Opens a market. Raises `NameTaken`, or `Invalid` for an unknown zone or what is no
    currency or country."""
    zone(time_zone, path="timeZone")
    if len(country) != 2 or not country.isascii() or not country.isupper():
        raise Invalid(f"{country[:10]!r} is not an ISO 3166-1 alpha-2 code", path="country")
    if store.find_market_named(tx, name) is not None:
        raise name_taken("market", name)
    new = Market(
        id=market_id or tx.new_id(MarketId, now),
        name=name,
        currency=check_currency(currency, path="currency"),
        time_zone=time_zone,
        country=country,
        tax_regime=tax_regime,
        languages=languages,
    )
    store.insert_market(tx, new)
    return new


def create_brand(
    tx: Tx, *, name: str, market: MarketId, brand_id: BrandId | None = None, now: datetime
) -> Brand:
    """A name to sell under. Raises `NameTaken`, `UnknownMarket`."""
    if store.find_market(tx, market) is None:
        raise UnknownMarket(f"there is no market {market}", path="market")
    if store.find_brand_named(tx, name) is not None:
        raise name_taken("brand", name)
    new = Brand(id=brand_id or tx.new_id(BrandId, now), name=name, market=market)
    store.insert_brand(tx, new)
    return new


def create_document(tx: Tx, *, kind: DocumentKind, body: Body, now: datetime) -> Document:
    """Keeps a new resource; one without an `id` gets one. An offering's prices may
    stand in it themselves: each becomes a ProductOfferingPrice that it refers to.

    Raises `DocumentExists`, `InvalidDocument`, `UnknownReference` (with the path), or `Invalid`
    for amounts and units."""
    plain = _plain(body)
    document_id = _id_of(tx, kind, plain, now)
    if store.known_ids(tx, kind, [document_id]):
        raise document_exists(kind, document_id)
    return _save(tx, kind, plain, document_id, None, now)


def save_document(tx: Tx, *, kind: DocumentKind, body: Body, now: datetime) -> Document:
    """As `create_document`; but an id that is there has its whole body replaced. The same body
    again changes nothing. Raises what `change_document` raises."""
    plain = _plain(body)
    document_id = _id_of(tx, kind, plain, now)
    present = store.find_document(tx, kind, document_id, lock=True)
    return _save(tx, kind, plain, document_id, present, now)


def change_document(
    tx: Tx,
    *,
    kind: DocumentKind,
    document_id: str,
    change: Callable[[dict[str, Any]], Any],
    now: datetime,
) -> Document:
    """Puts what `change` makes of the present body in its place; the row is locked meanwhile.
    What the server supplies (`id`, `lastUpdate`) stays. Raises `DocumentNotFound`,
    `IllegalTransition` for a lifecycle status that may not follow, and what `create_document`
    raises."""
    present = store.find_document(tx, kind, document_id, lock=True)
    if present is None:
        raise DocumentNotFound(f"there is no {kind} {document_id}")
    changed = change(dict(present.body))
    if not isinstance(changed, dict):
        raise InvalidDocument("the document is not an object")
    if changed.get("id", document_id) != document_id:
        raise InvalidDocument("the id can't be changed", path="id")
    return _save(tx, kind, _plain(changed), ID_KINDS[kind](document_id), present, now)


def patch_document(
    tx: Tx, *, kind: DocumentKind, document_id: str, patch: Body, now: datetime
) -> Document:
    """`change_document` by a merge patch (RFC 7396): null deletes."""
    plain = _plain(patch)
    return change_document(
        tx, kind=kind, document_id=document_id, change=lambda body: merge(body, plain), now=now
    )


def delete_document(tx: Tx, *, kind: DocumentKind, document_id: str) -> None:
    """Raises `DocumentNotFound`, or `DocumentInUse` where another document names it or it is an
    offering that customers may hold."""
    present = store.find_document(tx, kind, document_id, lock=True)
    if present is None:
        raise DocumentNotFound(f"there is no {kind} {document_id}")
    if kind is DocumentKind.OFFERING and present.lifecycle_status in IN_USE:
        raise DocumentInUse(
            f"customers may hold an offering that is {present.lifecycle_status}: "
            "retire it and make it obsolete first",
            path="lifecycleStatus",
        )
    others = [each for each in store.referrers(tx, kind, document_id) if each[1] != document_id]
    if others:
        by_kind, by_id, path = others[0]
        raise DocumentInUse(f"{by_kind} {by_id} names it in {path}", referrers=others)
    store.delete_document(tx, kind, document_id)
    tx.changed(kind.resource, document_id, Change.DELETED)
    if kind is DocumentKind.OFFERING:
        tx.emit(PricesChanged(offering=OfferingId(document_id)))


class RateSheetImport(msgspec.Struct, frozen=True, kw_only=True):
    """What an import came to: how many prefixes the sheet now has, and whether it differs from
    what was there."""

    sheet: str
    entries: int
    changed: bool


def import_rate_sheet(
    tx: Tx, *, sheet: str, lines: Iterable[str | bytes], currency: str, now: datetime
) -> RateSheetImport:
    """Puts a CSV sheet (`rates.COLUMNS`) in the place of the one of this name: all of it, or
    nothing where a line is at fault. Its amounts are in `currency`. The same sheet again
    changes nothing. Raises `RateSheetRejected` naming the lines, and `CurrencyMismatch` where
    the sheet is in another currency."""
    check_currency(currency, path="currency")
    Id.parse(sheet, path="sheet")
    entries = tuple(read_sheet(lines, currency=currency))
    present = store.find_sheet(tx, sheet, lock=True)
    if present is not None and present.currency != currency:
        raise CurrencyMismatch(
            f"{sheet} is in {present.currency}; prices may name it", path="currency"
        )
    if present is not None and present.entries == entries:
        return RateSheetImport(sheet=sheet, entries=len(entries), changed=False)
    store.write_sheet(
        tx,
        RateSheet(
            name=sheet,
            currency=currency,
            revision=present.revision + 1 if present else 1,
            imported_at=now,
            entries=entries,
        ),
    )
    for offering in store.offerings_on_sheet(tx, sheet):
        tx.emit(PricesChanged(offering=offering))
    return RateSheetImport(sheet=sheet, entries=len(entries), changed=True)


def _plain(body: Body) -> dict[str, Any]:
    """The body as it will be read back: numbers with a fraction are decimals."""
    if not isinstance(body, Mapping):
        raise InvalidDocument("the document is not an object")
    plain: dict[str, Any] = decode_json(encode_json(body))
    check_storable(plain)
    return plain


def _id_of(tx: Tx, kind: DocumentKind, body: Body, now: datetime) -> Id:
    given = body.get("id")
    if given is None:
        return tx.new_id(ID_KINDS[kind], now)
    if not isinstance(given, str):
        raise InvalidDocument("is not a string", path="id")
    return ID_KINDS[kind].parse(given, path="id")


def _save(
    tx: Tx,
    kind: DocumentKind,
    body: dict[str, Any],
    document_id: Id,
    present: Document | None,
    now: datetime,
) -> Document:
    if kind is DocumentKind.OFFERING:
        body = _with_prices_apart(tx, body, now)
    revision = present.revision + 1 if present else 1
    document = read_document(kind, body, document_id=document_id, now=now, revision=revision)
    if present is not None:
        if _content(document) == _content(present):
            return present
        if document.lifecycle_status is not present.lifecycle_status:
            CATALOG_LIFECYCLE.check(
                present.lifecycle_status, document.lifecycle_status, path="lifecycleStatus"
            )
    refers_to = references(kind, document.body)
    _check_references(tx, document, refers_to)
    sheet = _check_prices(tx, document, refers_to)
    if present is None:
        store.insert_document(tx, document, refers_to, sheet=sheet)
    else:
        store.update_document(tx, document, refers_to, sheet=sheet)
    users = _offerings_with(tx, document) if present is not None else []
    for user in users:
        _check_user(tx, user)
    _tell(tx, document, present)
    for user in users:
        tx.emit(PricesChanged(offering=OfferingId(user.id)))
    return document


def _content(document: Document) -> dict[str, Any]:
    return {name: value for name, value in document.body.items() if name != "lastUpdate"}


def _with_prices_apart(tx: Tx, body: dict[str, Any], now: datetime) -> dict[str, Any]:
    """An offering's body in which the prices that it held itself are references."""
    places = inline_prices(body)
    if not places:
        return body
    listed = list(body["productOfferingPrice"])
    for place in places:
        path = f"productOfferingPrice[{place}]"
        status = body.get("lifecycleStatus")
        inline = {"lifecycleStatus": status, **listed[place]} if status else listed[place]
        try:
            price = create_document(tx, kind=DocumentKind.PRICE, body=inline, now=now)
        except Invalid as error:
            error.path = f"{path}.{error.path}" if error.path else path
            raise
        listed[place] = {
            "id": price.id,
            "name": price.name,
            "@referredType": "ProductOfferingPrice",
        }
    return body | {"productOfferingPrice": listed}


def _check_references(tx: Tx, document: Document, refers_to: list[Reference]) -> None:
    wanted: dict[DocumentKind, set[str]] = {}
    for each in refers_to:
        wanted.setdefault(each.kind, set()).add(each.id)
    known = {kind: store.known_ids(tx, kind, ids) for kind, ids in wanted.items()}
    if document.kind in known:
        known[document.kind].add(document.id)
    for each in refers_to:
        if each.id not in known[each.kind]:
            raise UnknownReference(f"there is no {each.kind} {each.id[:60]}", path=each.path)
    if document.brand is not None and store.find_brand(tx, document.brand) is None:
        raise UnknownReference(f"there is no brand {document.brand[:60]}", path="brand")


def _check_prices(tx: Tx, document: Document, refers_to: list[Reference]) -> str | None:
    """Refuses a price that can't be read, and an offering on sale that has one which can't be
    reckoned with. Answers with the rate sheet that a usage price names."""
    if document.kind is DocumentKind.PRICE:
        price = parse_price(document.body, price_id=PriceId(document.id))
        _check_networks(tx, price, "zone.networks")
        return _check_sheet(tx, price) if isinstance(price, UsagePrice) else None
    if document.kind is DocumentKind.PROMOTION:
        _check_promotion(tx, document)
    if document.kind is DocumentKind.OFFERING:
        characteristics(document.body)
        _check_offering(tx, document, [e for e in refers_to if e.kind is DocumentKind.PRICE])
    return None


def _check_promotion(tx: Tx, document: Document) -> None:
    promotion = promotion_of(document)
    for pattern in promotion.patterns if promotion else ():
        for effect in pattern.effects:
            named = effect.offering
            if named and not store.known_ids(tx, DocumentKind.OFFERING, [named]):
                raise UnknownReference(
                    f"there is no productOffering {named[:60]}",
                    path=f"{effect.path}.actionEntityRef.id",
                )


def _check_sheet(tx: Tx, price: UsagePrice) -> str | None:
    if price.rate_sheet is None:
        return None
    currency = store.sheet_currency(tx, price.rate_sheet)
    if currency is None:
        raise UnknownReference(f"there is no rate sheet {price.rate_sheet[:60]}", path="rateSheet")
    if currency != price.amount.currency:
        raise InvalidDocument(
            f"the rate sheet is in {currency}, the price in {price.amount.currency}",
            path="price.unit",
        )
    return price.rate_sheet


def _check_networks(tx: Tx, price: Price | None, path: str) -> None:
    """Refuses other networks of a zone than another price in use says at the same time."""
    if price is not None and _networks(price):
        for each in store.prices_with_networks(tx, PRICED):
            other = parse_price(each.body, price_id=PriceId(each.id))
            if other is not None and other.id != price.id:
                _check_alike(price, other, path)


def _check_alike(price: Price, other: Price, path: str) -> None:
    mine, theirs = _networks(price), _networks(other)
    for name in mine.keys() & theirs.keys():
        if mine[name] != theirs[name] and price.meets(other):
            raise ZoneContradiction(
                f"zone {name!r} has other networks in price {other.id}: say them once, and"
                " elsewhere the name alone",
                path=path,
            )


def _networks(price: Price) -> dict[str, frozenset[str]]:
    """What the price says of its zone's networks; by the zone's name, or nothing."""
    zone = None if isinstance(price, RecurringPrice | OneTimePrice) else price.where.zone
    return {zone.name: frozenset(zone.networks)} if zone is not None and zone.networks else {}


def _check_offering(tx: Tx, document: Document, prices: list[Reference]) -> None:
    bodies = store.find_documents(tx, DocumentKind.PRICE, [each.id for each in prices])
    currencies: set[str] = set()
    used: dict[tuple[str, Where], list[tuple[UsagePrice, str]]] = {}
    zoned: list[Price] = []
    for each in prices:
        price = parse_price(bodies[each.id].body, price_id=PriceId(each.id), path=each.path)
        if price is None and document.lifecycle_status in ON_SALE:
            raise InvalidDocument(
                "an offering on sale can't have a price of a type that is only kept",
                path=each.path,
            )
        if price is not None and _networks(price) and document.lifecycle_status in PRICED:
            _check_networks(tx, price, each.path)
            for before in zoned:
                _check_alike(price, before, each.path)
            zoned.append(price)
        if isinstance(price, UsagePrice):
            alike = used.setdefault((price.service, price.where), [])
            for other, there in alike:
                if price.meets(other):
                    raise InvalidDocument(
                        f"prices the same usage at the same time as {there}: one service, under"
                        " the same circumstances",
                        path=each.path,
                    )
            alike.append((price, each.path))
        if isinstance(price, RecurringPrice | OneTimePrice | UsagePrice):
            currencies.add(price.amount.currency)
        if isinstance(price, UsageDiscount) and price.spent is not None:
            currencies.add(price.spent.currency)
    if len(currencies) > 1:
        raise InvalidDocument(
            f"its prices are in {' and '.join(sorted(currencies))}", path="productOfferingPrice"
        )


def _offerings_with(tx: Tx, document: Document) -> list[Document]:
    """The offerings that refer to this price."""
    if document.kind is not DocumentKind.PRICE:
        return []
    users = {
        by_id
        for by_kind, by_id, _ in store.referrers(tx, document.kind, document.id)
        if by_kind == DocumentKind.OFFERING
    }
    found = store.find_documents(tx, DocumentKind.OFFERING, users)
    return [found[each] for each in sorted(found)]


def _check_user(tx: Tx, offering: Document) -> None:
    """An offering is to be right with its changed price too."""
    prices = [
        each for each in references(offering.kind, offering.body) if each.kind is DocumentKind.PRICE
    ]
    try:
        _check_offering(tx, offering, prices)
    except InvalidDocument as error:
        raise InvalidDocument(
            f"{offering.kind} {offering.id}, {error.path}, would be wrong: {error.reason}"
        ) from None


def _tell(tx: Tx, document: Document, present: Document | None) -> None:
    if present is None:
        change = Change.CREATED
    elif document.lifecycle_status is not present.lifecycle_status:
        change = Change.STATE
    else:
        change = Change.ATTRIBUTES
    tx.changed(document.kind.resource, document.id, change)
    if document.kind is DocumentKind.OFFERING:
        tx.emit(PricesChanged(offering=OfferingId(document.id)))
