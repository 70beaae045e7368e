"""TMF620 Product Catalog Management, v4.1: specifications, offerings, prices, categories.

The bodies are kept whole, extension attributes too; what is declared here is checked. Usage
prices and allowances are ProductOfferingPrices of `@type` UsagePrice and Allowance.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline import catalog
from trunkline.catalog import DOCUMENTS, DocumentKind
from trunkline.platform.db import Reader, Tx
from trunkline.rest.wire import CATALOG, MoneyIn, PeriodIn
from trunkline.tmf import Api, Body, Document, Moment, Number, Paths, Wire, in_json


class CatalogRef(Wire):
    id: str
    href: str | None = None
    name: str | None = None
    version: str | None = None
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class RefOrValue(Wire):
    """A reference by `id`, or the thing itself without one."""

    id: str | None = None
    href: str | None = None
    name: str | None = None


class PriceQuantity(Wire):
    amount: Number | None = None
    units: str | None = None


class RelatedParty(Wire):
    id: str
    referred_type: str = msgspec.field(name="@referredType")
    name: str | None = None
    role: str | None = None


class CharacteristicValue(Wire):
    value: Any = None
    is_default: bool | None = None
    value_type: str | None = None
    unit_of_measure: str | None = None


class CharacteristicSpecification(Wire):
    name: str | None = None
    description: str | None = None
    configurable: bool | None = None
    value_type: str | None = None
    min_cardinality: int | None = None
    max_cardinality: int | None = None
    product_spec_characteristic_value: tuple[CharacteristicValue, ...] = ()


class CharacteristicUse(Wire):
    name: str | None = None
    value_type: str | None = None
    product_spec_characteristic_value: tuple[CharacteristicValue, ...] = ()


class Relationship(Wire):
    id: str
    relationship_type: str | None = None
    name: str | None = None


class PriceRelationship(Wire):
    id: str
    relationship_type: str | None = None


class Increment(Wire):
    """Usage from `from` on counts up in blocks of `increment`, in the service's unit."""

    from_: int = msgspec.field(name="from")
    increment: int


class Entry(Wire):
    """What all entries of the catalogue have."""

    name: str
    description: str | None = None
    lifecycle_status: str | None = None
    version: str | None = None
    last_update: Moment | None = None
    valid_for: PeriodIn | None = None
    type: str | None = msgspec.field(name="@type", default=None)
    base_type: str | None = msgspec.field(name="@baseType", default=None)
    schema_location: str | None = msgspec.field(name="@schemaLocation", default=None)


class Catalog(Entry):
    catalog_type: str | None = None
    category: tuple[CatalogRef, ...] = ()
    related_party: tuple[RelatedParty, ...] = ()


class Category(Entry):
    is_root: bool | None = None
    parent_id: str | None = None
    sub_category: tuple[CatalogRef, ...] = ()
    product_offering: tuple[CatalogRef, ...] = ()


class ProductSpecification(Entry):
    brand: str | None = None
    is_bundle: bool | None = None
    product_number: str | None = None
    product_spec_characteristic: tuple[CharacteristicSpecification, ...] = ()
    bundled_product_specification: tuple[CatalogRef, ...] = ()
    product_specification_relationship: tuple[Relationship, ...] = ()
    related_party: tuple[RelatedParty, ...] = ()
    resource_specification: tuple[CatalogRef, ...] = ()
    service_specification: tuple[CatalogRef, ...] = ()


class ProductOffering(Entry):
    """`brand`, an extension, is the id of the brand that it is sold under; without it, any."""

    is_bundle: bool | None = None
    is_sellable: bool | None = None
    status_reason: str | None = None
    brand: str | None = None
    product_specification: CatalogRef | None = None
    product_offering_price: tuple[RefOrValue, ...] = ()
    category: tuple[CatalogRef, ...] = ()
    channel: tuple[CatalogRef, ...] = ()
    market_segment: tuple[CatalogRef, ...] = ()
    bundled_product_offering: tuple[RefOrValue, ...] = ()
    product_offering_relationship: tuple[Relationship, ...] = ()
    prod_spec_char_value_use: tuple[CharacteristicUse, ...] = ()


class ProductOfferingPrice(Entry):
    """From `service` on: the extensions of usage prices and allowances."""

    is_bundle: bool | None = None
    price_type: str | None = None
    price: MoneyIn | None = None
    percentage: Number | None = None
    recurring_charge_period_length: int | None = None
    recurring_charge_period_type: str | None = None
    unit_of_measure: PriceQuantity | None = None
    pop_relationship: tuple[PriceRelationship, ...] = ()
    bundled_pop_relationship: tuple[PriceRelationship, ...] = ()
    service: str | None = None
    rating_group: int | None = None
    rate_sheet: str | None = None
    increments: tuple[Increment, ...] = ()
    connection_fee: MoneyIn | None = None
    priority: int | None = None


def _document(kind: DocumentKind, schema: type[Entry], paths: Paths) -> Document:
    def find(r: Reader, ids: Sequence[str]) -> Iterable[Body]:
        return [dict(each.body) for each in catalog.documents(r, kind, ids).values()]

    def create(tx: Tx, body: Body, now: datetime) -> str:
        return catalog.create_document(tx, kind=kind, body=body, now=now).id

    def replace(tx: Tx, ident: str, body: Body, now: datetime) -> None:
        catalog.change_document(tx, kind=kind, document_id=ident, change=lambda _: body, now=now)

    def delete(tx: Tx, ident: str, now: datetime) -> None:  # noqa: ARG001
        catalog.delete_document(tx, kind=kind, document_id=ident)

    common: Paths = {
        "name": DOCUMENTS.c.name,
        "lifecycleStatus": DOCUMENTS.c.lifecycle_status,
        "version": DOCUMENTS.c.version,
        "lastUpdate": DOCUMENTS.c.last_update,
        "description": in_json(DOCUMENTS.c.body, "description"),
        "@type": in_json(DOCUMENTS.c.body, "@type"),
    }
    return Document(
        path=f"{CATALOG}/{kind}",
        type=schema.__name__,
        key=DOCUMENTS.c.id,
        where=DOCUMENTS.c.kind == kind.value,
        paths={**common, **paths},
        schema=schema,
        find=find,
        create=create,
        replace=replace,
        delete=delete,
    )


def _paths(*paths: str) -> Paths:
    return {path: in_json(DOCUMENTS.c.body, path) for path in paths}


API = Api(
    number="TMF620",
    title="Product Catalog Management",
    version="4.1.0",
    base=CATALOG,
    resources=(
        _document(
            DocumentKind.CATALOG,
            Catalog,
            _paths("catalogType", "category.id", "relatedParty.id", "relatedParty.role"),
        ),
        _document(
            DocumentKind.CATEGORY,
            Category,
            {
                **_paths("parentId", "subCategory.id", "productOffering.id"),
                "isRoot": in_json(DOCUMENTS.c.body, "isRoot", "boolean"),
            },
        ),
        _document(
            DocumentKind.SPECIFICATION,
            ProductSpecification,
            {
                **_paths(
                    "brand",
                    "productNumber",
                    "productSpecCharacteristic.name",
                    "serviceSpecification.id",
                    "relatedParty.id",
                ),
                "isBundle": DOCUMENTS.c.is_bundle,
            },
        ),
        _document(
            DocumentKind.OFFERING,
            ProductOffering,
            {
                **_paths(
                    "productSpecification.id",
                    "productOfferingPrice.id",
                    "category.id",
                    "category.name",
                    "channel.id",
                    "marketSegment.id",
                    "bundledProductOffering.id",
                    "prodSpecCharValueUse.name",
                ),
                "isBundle": DOCUMENTS.c.is_bundle,
                "isSellable": in_json(DOCUMENTS.c.body, "isSellable", "boolean"),
                "brand": DOCUMENTS.c.brand_id,
            },
        ),
        _document(
            DocumentKind.PRICE,
            ProductOfferingPrice,
            {
                **_paths(
                    "priceType", "recurringChargePeriodType", "price.unit", "service", "rateSheet"
                ),
                "isBundle": DOCUMENTS.c.is_bundle,
                "price.value": in_json(DOCUMENTS.c.body, "price.value", "number"),
                "ratingGroup": in_json(DOCUMENTS.c.body, "ratingGroup", "number"),
            },
        ),
    ),
)
