"""What the documents of selling share (TMF648, 663, 679): products, prices, references and terms
as clients may give them. What a body holds beside these is kept as it came.
"""

from typing import Any

from trunkline.rest.forms.entities import (
    Note,
    Reference,
    RelatedPlaceRefOrValue,
)
from trunkline.rest.forms.product import ProductAttributes
from trunkline.rest.forms.wire import ACCOUNT, CATALOG, ORDERING, PRODUCTS, Typed
from trunkline.tmf import Body, Number, Wire, href
from trunkline.tmf.wire import plain


class ItemReference(Reference, kw_only=True):
    """An item of another document."""

    product_offering_qualification_id: str
    product_offering_qualification_href: str | None = None
    product_offering_qualification_name: str | None = None


class Sum(Wire, kw_only=True):
    unit: str | None = None
    value: Number | None = None


class Price(Typed, kw_only=True):
    percentage: Number | None = None
    tax_rate: Number | None = None
    duty_free_amount: Sum | None = None
    tax_included_amount: Sum | None = None


class Alteration(Typed, kw_only=True):
    price: Price
    price_type: str
    application_duration: int | None = None
    description: str | None = None
    name: str | None = None
    priority: int | None = None
    recurring_charge_period: str | None = None
    unit_of_measure: str | None = None
    product_offering_price: Reference | None = None


class Priced(Typed, kw_only=True):
    """OrderPrice, QuotePrice, CartPrice."""

    description: str | None = None
    name: str | None = None
    price_type: str | None = None
    recurring_charge_period: str | None = None
    unit_of_measure: str | None = None
    price: Price | None = None
    price_alteration: tuple[Alteration, ...] = ()
    product_offering_price: Reference | None = None
    billing_account: Reference | None = None


class ProductPrice(Typed, kw_only=True):
    price: Price
    price_type: str
    description: str | None = None
    name: str | None = None
    recurring_charge_period: str | None = None
    unit_of_measure: str | None = None
    billing_account: Reference | None = None
    product_offering_price: Reference | None = None
    product_price_alteration: tuple[Alteration, ...] = ()


class Remark(Note, kw_only=True):
    """A note; one without an id gets one."""

    text: str


class Place(RelatedPlaceRefOrValue, kw_only=True):
    """`postcode` and `country` are those of a GeographicAddress."""

    postcode: str | None = None
    country: str | None = None


class Product(ProductAttributes, kw_only=True):
    """ProductRefOrValue."""

    id: str | None = None
    place: tuple[Place, ...] = ()
    product: "tuple[Product, ...]" = ()
    product_price: tuple[ProductPrice, ...] = ()
    product_relationship: "tuple[ProductRelation, ...]" = ()


class ProductRelation(Typed, kw_only=True):
    product: Product
    relationship_type: str


class Relation(Typed, kw_only=True):
    """Between two items of one document."""

    id: str | None = None
    relationship_type: str | None = None


_MASTERS = {
    "productOffering": (CATALOG, "ProductOffering"),
    "alternateProductOffering": (CATALOG, "ProductOffering"),
    "productOfferingPrice": (CATALOG, "ProductOfferingPrice"),
    "billingAccount": (ACCOUNT, "BillingAccount"),
    "product": (PRODUCTS, "Product"),
}


def addressed(body: Body) -> Body:
    """`body` with the addresses of what it refers to, where it gives none."""
    shown: Body = _addressed(body, "")
    return shown


def _addressed(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [_addressed(each, name) for each in value]
    if not isinstance(value, dict):
        return value
    shown = {key: _addressed(each, key) for key, each in value.items()}
    ident = shown.get("id")
    if name in _MASTERS and isinstance(ident, str) and "href" not in shown:
        base, type_ = _MASTERS[name]
        shown["href"] = href(f"{base}/{type_[0].lower()}{type_[1:]}", ident)
        if name != "product":
            shown.setdefault("@referredType", type_)
    order = shown.get("productOrderId")
    if isinstance(order, str) and "productOrderHref" not in shown:
        shown["productOrderHref"] = href(f"{ORDERING}/productOrder", order)
    return shown


def as_kept(kept: Body, patched: Body, shown: Body | None = None) -> Body:
    """What a patch of the `shown` body (the kept one with its addresses, by default) makes of
    the kept one: what it left alone stays as it is kept, without what is only shown."""
    before = plain(addressed(kept if shown is None else shown))
    return {
        name: kept[name] if name in kept and each == before.get(name) else each
        for name, each in patched.items()
        if name in kept or each != before.get(name)
    }
