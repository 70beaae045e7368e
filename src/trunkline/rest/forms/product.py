"""Products on the wire: what the inventory, stock and the documents of selling share (TMF637, 687,
622, 648, 663, 679).
"""

from typing import Literal

import msgspec

from trunkline.rest.forms.entities import (
    Amount,
    Characteristic,
    Linked,
    Named,
    Reference,
    RelatedParty,
    RelatedPlaceRefOrValue,
    ResourceReference,
)
from trunkline.rest.forms.wire import MoneyIn, PeriodIn
from trunkline.tmf import Moment, Number

ProductStatusType = Literal[
    "created",
    "pendingActive",
    "cancelled",
    "active",
    "pendingTerminate",
    "terminated",
    "suspended",
    "aborted ",
    "aborted",
]


class AgreementItemRef(Named, kw_only=True):
    id: str
    agreement_item_id: str | None = None


class BillingAccountRef(Named, kw_only=True):
    id: str
    rating_type: str | None = None


class Price(Linked, kw_only=True):
    percentage: Number | None = None
    tax_rate: Number | None = None
    duty_free_amount: MoneyIn | None = None
    tax_included_amount: MoneyIn | None = None
    id: str | None = None


class PriceAlteration(Named, kw_only=True):
    application_duration: int | None = None
    description: str | None = None
    price_type: str
    priority: int | None = None
    recurring_charge_period: str | None = None
    unit_of_measure: str | None = None
    price: Price
    product_offering_price: Reference | None = None


class ProductPrice(Named, kw_only=True):
    description: str | None = None
    price_type: str
    recurring_charge_period: str | None = None
    unit_of_measure: str | None = None
    billing_account: BillingAccountRef | None = None
    price: Price
    product_offering_price: Reference | None = None
    product_price_alteration: tuple[PriceAlteration, ...] = ()


class ProductRelationship(Linked, kw_only=True):
    relationship_type: str
    product: "ProductRefOrValue"
    id: str | None = None


class TargetProductSchema(Linked, kw_only=True):
    schema_location: str = msgspec.field(name="@schemaLocation")
    type: str = msgspec.field(name="@type")


class ProductSpecificationRef(Named, kw_only=True):
    id: str
    version: str | None = None
    target_product_schema: TargetProductSchema | None = None


class ProductTerm(Named, kw_only=True):
    description: str | None = None
    duration: Amount | None = None
    valid_for: PeriodIn | None = None


class RelatedProductOrderItem(Linked, kw_only=True):
    order_item_action: str | None = None
    order_item_id: str
    product_order_href: str | None = None
    product_order_id: str
    role: str | None = None
    id: str | None = None


class ProductAttributes(Linked, kw_only=True):
    """What every document says of a product, but for its parts, places and prices."""

    description: str | None = None
    is_bundle: bool | None = None
    is_customer_visible: bool | None = None
    name: str | None = None
    order_date: Moment | None = None
    product_serial_number: str | None = None
    start_date: Moment | None = None
    termination_date: Moment | None = None
    agreement: tuple[AgreementItemRef, ...] = ()
    billing_account: BillingAccountRef | None = None
    product_characteristic: tuple[Characteristic, ...] = ()
    product_offering: Reference | None = None
    product_order_item: tuple[RelatedProductOrderItem, ...] = ()
    product_specification: ProductSpecificationRef | None = None
    product_term: tuple[ProductTerm, ...] = ()
    realizing_resource: tuple[ResourceReference, ...] = ()
    realizing_service: tuple[Reference, ...] = ()
    related_party: tuple[RelatedParty, ...] = ()
    status: ProductStatusType | None = None


class InventoryProduct(ProductAttributes, kw_only=True):
    """Its prices are whole: it is charged by them."""

    place: tuple[RelatedPlaceRefOrValue, ...] = ()
    product: "tuple[ProductRefOrValue, ...]" = ()
    product_price: tuple[ProductPrice, ...] = ()
    product_relationship: tuple[ProductRelationship, ...] = ()


class ProductRefOrValue(InventoryProduct, kw_only=True):
    id: str | None = None


class ProductForm(InventoryProduct, kw_only=True):
    status: ProductStatusType
