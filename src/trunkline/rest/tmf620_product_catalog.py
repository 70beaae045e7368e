"""TMF620 Product Catalog Management, v4.1: specifications, offerings, prices, categories.

Usage prices and allowances are ProductOfferingPrices of `@type` UsagePrice and Allowance.
"""

from typing import Any

import msgspec

from trunkline.catalog import DOCUMENTS, DocumentKind, Scope
from trunkline.rest.forms.catalogue import CatalogRef, Entry, RelatedParty, entries, in_body, jobs
from trunkline.rest.forms.entities import Amount
from trunkline.rest.forms.wire import CATALOG, MoneyIn
from trunkline.tmf import Api, Number, Wire, in_json


class RefOrValue(Wire):
    """A reference by `id`, or the thing itself without one."""

    id: str | None = None
    href: str | None = None
    name: str | None = None


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
    unit_of_measure: Amount | None = None
    pop_relationship: tuple[PriceRelationship, ...] = ()
    bundled_pop_relationship: tuple[PriceRelationship, ...] = ()
    service: str | None = None
    rating_group: int | None = None
    rate_sheet: str | None = None
    increments: tuple[Increment, ...] = ()
    connection_fee: MoneyIn | None = None
    priority: int | None = None


API = Api(
    number="TMF620",
    title="Product Catalog Management",
    version="4.1.0",
    base=CATALOG,
    resources=(
        entries(
            CATALOG,
            DocumentKind.CATALOG,
            Catalog,
            in_body("catalogType", "category.id", "relatedParty.id", "relatedParty.role"),
        ),
        entries(
            CATALOG,
            DocumentKind.CATEGORY,
            Category,
            {
                **in_body("parentId", "subCategory.id", "productOffering.id"),
                "isRoot": in_json(DOCUMENTS.c.body, "isRoot", "boolean"),
            },
        ),
        entries(
            CATALOG,
            DocumentKind.SPECIFICATION,
            ProductSpecification,
            {
                **in_body(
                    "brand",
                    "productNumber",
                    "productSpecCharacteristic.name",
                    "serviceSpecification.id",
                    "relatedParty.id",
                ),
                "isBundle": DOCUMENTS.c.is_bundle,
            },
        ),
        entries(
            CATALOG,
            DocumentKind.OFFERING,
            ProductOffering,
            {
                **in_body(
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
        entries(
            CATALOG,
            DocumentKind.PRICE,
            ProductOfferingPrice,
            {
                **in_body(
                    "priceType", "recurringChargePeriodType", "price.unit", "service", "rateSheet"
                ),
                "isBundle": DOCUMENTS.c.is_bundle,
                "price.value": in_json(DOCUMENTS.c.body, "price.value", "number"),
                "ratingGroup": in_json(DOCUMENTS.c.body, "ratingGroup", "number"),
            },
        ),
        *jobs(CATALOG, Scope.PRODUCT),
    ),
)
