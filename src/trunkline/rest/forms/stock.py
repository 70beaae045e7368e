"""Stock on the wire (TMF687)."""

from typing import Literal

from trunkline.rest.forms.entities import (
    Amount,
    Linked,
    PlaceRefOrValue,
    Reference,
    RelatedEntity,
    RelatedParty,
    RelatedPlaceRefOrValue,
    ResourceReference,
)
from trunkline.rest.forms.product import ProductRefOrValue
from trunkline.rest.forms.wire import PeriodIn, Some
from trunkline.tmf import Moment

ProductStockStatusType = Literal["reserved", "available", "unavailable", "unknown"]


ProductStockUsageType = Literal[
    "inTransit", "onDisplay", "damaged", "returned", "replenishmentInProgress", "inShop"
]


TaskStateType = Literal["accepted", "terminatedWithError", "inProgress", "done"]


class AdjustProductStockItem(Linked, kw_only=True):
    id: str
    adjust_product_stock_quantity: Amount
    product_stock_target: Reference
    state: TaskStateType | None = None


class AdjustForm(Linked, kw_only=True):
    adjust_reason: str | None = None
    completed_adjust_product_stock_date: Moment | None = None
    creation_date: Moment | None = None
    description: str | None = None
    instant_sync_adjust: bool | None = None
    requested_adjust_product_stock_date: Moment | None = None
    adjust_product_stock_item: Some[AdjustProductStockItem]
    state: TaskStateType | None = None


class AlternateProductStock(Linked, kw_only=True):
    id: str | None = None
    alternate_availability_date: Moment | None = None
    alternate_place: PlaceRefOrValue | None = None
    alternate_product: ProductRefOrValue | None = None
    alternate_quantity: Amount | None = None
    alternate_stock: Reference | None = None


class ProductStockRelationship(Linked, kw_only=True):
    relationship_type: str
    stock_level: Reference | None = None


class StockAttributes(Linked, kw_only=True):
    creation_date: Moment | None = None
    description: str | None = None
    last_inventory_date: Moment | None = None
    last_update: Moment | None = None
    name: str | None = None
    replenishment_date: Moment | None = None
    stock_level_category: str | None = None
    channel: tuple[Reference, ...] = ()
    market_segment: tuple[Reference, ...] = ()
    max_stock_level: Amount | None = None
    min_stock_level: Amount | None = None
    place: RelatedPlaceRefOrValue | None = None
    product_stock_level: Amount
    product_stock_relationship: tuple[ProductStockRelationship, ...] = ()
    product_stock_status_type: ProductStockStatusType | None = None
    product_stock_usage_type: ProductStockUsageType | None = None
    related_party: tuple[RelatedParty, ...] = ()
    reorder_quantity: Amount | None = None
    resource: tuple[ResourceReference, ...] = ()
    stock_level_alert: Amount | None = None
    stocked_product: ProductRefOrValue


class ProductStock(StockAttributes, kw_only=True):
    id: str | None = None


class ProductStockForm(StockAttributes, kw_only=True):
    product_stock_status_type: ProductStockStatusType


class CheckProductStockItem(Linked, kw_only=True):
    id: str
    availability_result: str | None = None
    provide_alternative: bool | None = None
    alternate: tuple[AlternateProductStock, ...] = ()
    checked_product_stock: ProductStock
    requested_quantity: Amount
    state: TaskStateType | None = None


class CheckForm(Linked, kw_only=True):
    completed_check_product_stock_date: Moment | None = None
    creation_date: Moment | None = None
    instant_sync_check: bool | None = None
    provide_alternative: bool | None = None
    requested_availability_date: Moment | None = None
    requested_check_product_stock_date: Moment | None = None
    check_product_stock_item: Some[CheckProductStockItem]
    place: PlaceRefOrValue | None = None
    related_party: tuple[RelatedParty, ...] = ()
    state: TaskStateType | None = None


class QueryForm(Linked, kw_only=True):
    completed_query_product_stock_date: Moment | None = None
    creation_date: Moment | None = None
    instant_sync_check: bool | None = None
    requested_availability_date: Moment | None = None
    requested_query_product_stock_date: Moment | None = None
    query_product_stock_item: tuple[ProductStock, ...] = ()
    related_party: tuple[RelatedParty, ...] = ()
    search_criteria: ProductStock
    state: TaskStateType | None = None


class ReserveProductStockItem(Linked, kw_only=True):
    id: str
    product_stock_requested: Reference | None = None
    product_stock_reserved: Reference | None = None
    quantity_requested: Amount
    quantity_reserved: Amount | None = None
    requested_product: ProductRefOrValue
    reserve_product_stock_state: TaskStateType | None = None


class ReserveForm(Linked, kw_only=True):
    creation_date: Moment | None = None
    required_availability_date: Moment | None = None
    channel: tuple[Reference, ...] = ()
    market_segment: tuple[Reference, ...] = ()
    place: RelatedPlaceRefOrValue | None = None
    related_entity: tuple[RelatedEntity, ...] = ()
    related_party: tuple[RelatedParty, ...] = ()
    reserve_product_stock_item: Some[ReserveProductStockItem]
    reserve_product_stock_state: TaskStateType | None = None
    valid_for: PeriodIn | None = None
