"""What the documents of selling share (TMF648, 663, 679): products, prices, references and terms
as clients may give them. What a body holds beside these is kept as it came.
"""

from typing import Any, Literal

from msgspec import field

from trunkline.rest.forms.wire import ACCOUNT, CATALOG, ORDERING, PRODUCTS, PeriodIn, Typed
from trunkline.tmf import Body, Moment, Number, Wire, href
from trunkline.tmf.wire import plain


class Reference(Typed, kw_only=True):
    id: str
    href: str | None = None
    name: str | None = None
    referred_type: str | None = field(name="@referredType", default=None)


class Related(Typed, kw_only=True):
    """RelatedParty; in TM Forum's documents `@referredType` is mandatory."""

    id: str
    referred_type: str = field(name="@referredType")
    href: str | None = None
    name: str | None = None
    role: str | None = None


class Channel(Reference, kw_only=True):
    role: str | None = None


class ItemReference(Reference, kw_only=True):
    """An item of another document."""

    product_offering_qualification_id: str
    product_offering_qualification_href: str | None = None
    product_offering_qualification_name: str | None = None


class Sum(Wire, kw_only=True):
    unit: str | None = None
    value: Number | None = None


class Amount(Wire, kw_only=True):
    amount: Number | None = None
    units: str | None = None


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


class Remark(Typed, kw_only=True):
    """A note; one without an id gets one."""

    text: str
    id: str | None = None
    author: str | None = None
    date: Moment | None = None


class LooseRemark(Typed, kw_only=True):
    """The same where the document asks for nothing."""

    id: str | None = None
    text: str | None = None
    author: str | None = None
    date: Moment | None = None


class Term(Typed, kw_only=True):
    description: str | None = None
    name: str | None = None
    duration: Amount | None = None


class ProductTerm(Term, kw_only=True):
    valid_for: PeriodIn | None = None


class Place(Typed, kw_only=True):
    """RelatedPlaceRefOrValue. `postcode` and `country` are those of a GeographicAddress."""

    role: str
    id: str | None = None
    href: str | None = None
    name: str | None = None
    postcode: str | None = None
    country: str | None = None
    referred_type: str | None = field(name="@referredType", default=None)


class Trait(Typed, kw_only=True):
    """Characteristic."""

    name: str
    value: Any
    value_type: str | None = None


class OrderItemReference(Typed, kw_only=True):
    order_item_id: str
    product_order_id: str
    order_item_action: str | None = None
    product_order_href: str | None = None
    role: str | None = None
    referred_type: str | None = field(name="@referredType", default=None)


class AgreementItem(Reference, kw_only=True):
    agreement_item_id: str | None = None


class ProductSchema(Wire, kw_only=True):
    """TargetProductSchema."""

    type: str = field(name="@type")
    schema_location: str = field(name="@schemaLocation")
    base_type: str | None = field(name="@baseType", default=None)


class SpecificationReference(Reference, kw_only=True):
    version: str | None = None
    target_product_schema: ProductSchema | None = None


class ResourceReference(Reference, kw_only=True):
    value: str | None = None


ProductStatus = Literal[
    "created",
    "pendingActive",
    "cancelled",
    "active",
    "pendingTerminate",
    "terminated",
    "suspended",
    "aborted ",
]


class Product(Typed, kw_only=True):
    """ProductRefOrValue."""

    id: str | None = None
    href: str | None = None
    description: str | None = None
    is_bundle: bool | None = None
    is_customer_visible: bool | None = None
    name: str | None = None
    order_date: Moment | None = None
    product_serial_number: str | None = None
    start_date: Moment | None = None
    termination_date: Moment | None = None
    agreement: tuple[AgreementItem, ...] = ()
    billing_account: Reference | None = None
    place: tuple[Place, ...] = ()
    product: "tuple[Product, ...]" = ()
    product_characteristic: tuple[Trait, ...] = ()
    product_offering: Reference | None = None
    product_order_item: tuple[OrderItemReference, ...] = ()
    product_price: tuple[ProductPrice, ...] = ()
    product_relationship: "tuple[ProductRelation, ...]" = ()
    product_specification: SpecificationReference | None = None
    product_term: tuple[ProductTerm, ...] = ()
    realizing_resource: tuple[ResourceReference, ...] = ()
    realizing_service: tuple[Reference, ...] = ()
    related_party: tuple[Related, ...] = ()
    status: ProductStatus | None = None
    referred_type: str | None = field(name="@referredType", default=None)


class ProductRelation(Typed, kw_only=True):
    product: Product
    relationship_type: str


class Relation(Typed, kw_only=True):
    """Between two items of one document."""

    id: str | None = None
    relationship_type: str | None = None


class MediumTrait(Typed, kw_only=True):
    city: str | None = None
    contact_type: str | None = None
    country: str | None = None
    email_address: str | None = None
    fax_number: str | None = None
    phone_number: str | None = None
    post_code: str | None = None
    social_network_id: str | None = None
    state_or_province: str | None = None
    street1: str | None = None
    street2: str | None = None


class Medium(Typed, kw_only=True):
    medium_type: str | None = None
    preferred: bool | None = None
    characteristic: MediumTrait | None = None
    valid_for: PeriodIn | None = None


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
