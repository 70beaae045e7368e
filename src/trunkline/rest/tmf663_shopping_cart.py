"""TMF663 Shopping Cart, v4.

Prices and totals are ours, those of the catalogue as it stands. An anonymous cart has no customer
among its related parties, and may say its `channel` (an extension). A cart that names a `quote`
(an extension) and no items gets that quote's, at the agreed prices. It becomes an order by POST
of a productOrder that refers to it, and shows that order then as `productOrder`.
"""

from datetime import datetime
from typing import Literal

from msgspec import field

from trunkline import ordering
from trunkline.ordering import CART
from trunkline.platform.db import Tx
from trunkline.rest.forms.entities import ContactMedium, Note, Reference, RelatedParty
from trunkline.rest.forms.product import ProductTerm
from trunkline.rest.forms.product_order import QuoteItemReference
from trunkline.rest.forms.sales import Priced, Product, Relation, addressed, as_kept
from trunkline.rest.forms.wire import CARTS, ORDERING, PeriodIn, Typed
from trunkline.tmf import Api, Body, Document, documents, href, in_json, owned_by

_CARTS = f"{CARTS}/shoppingCart"


class CartItem(Typed, kw_only=True):
    id: str | None = None
    quantity: int | None = None
    item_total_price: tuple[Priced, ...] = field(name="ItemTotalPrice", default=())
    action: Literal["add", "modify", "delete", "noChange"] | None = None
    cart_item: "tuple[CartItem, ...]" = ()
    cart_item_relationship: tuple[Relation, ...] = ()
    item_price: tuple[Priced, ...] = ()
    item_term: tuple[ProductTerm, ...] = ()
    note: tuple[Note, ...] = ()
    product: Product | None = None
    product_offering: Reference | None = None
    status: Literal["active", "saveForLater"] | None = None
    quote_item: QuoteItemReference | None = None


class CartForm(Typed, kw_only=True):
    cart_item: tuple[CartItem, ...] = ()
    cart_total_price: tuple[Priced, ...] = ()
    contact_medium: tuple[ContactMedium, ...] = ()
    related_party: tuple[RelatedParty, ...] = ()
    valid_for: PeriodIn | None = None
    channel: Reference | None = None
    quote: Reference | None = None
    product_order: Reference | None = None


def _shown(body: Body) -> Body:
    shown = addressed(body)
    order = shown.get("productOrder")
    if order:
        where = {"href": href(f"{ORDERING}/productOrder", order["id"])}
        shown["productOrder"] = where | {"@referredType": "ProductOrder"} | order
    return shown


def _replace(tx: Tx, ident: str, body: Body, now: datetime) -> None:
    [shown] = ordering.priced(tx, [ident], now)
    ordering.change_cart(tx, ident, lambda kept: as_kept(kept, body, _shown(shown)), now)


def _create(tx: Tx, body: Body, now: datetime) -> str:
    body.pop("id", None)
    return str(ordering.fill_cart(tx, body, now)["id"])


def _delete(tx: Tx, ident: str, _now: datetime) -> None:
    documents.delete(tx, CART, ident)


_table = CART.table.c

API = Api(
    number="TMF663",
    title="Shopping Cart",
    version="4.0.0",
    base=CARTS,
    resources=(
        Document(
            path=_CARTS,
            type=CART.name,
            state_event="AttributeValueChangeEvent",
            key=_table.id,
            paths={
                "relatedParty.id": in_json(_table.body, "relatedParty.id"),
                "relatedParty.role": in_json(_table.body, "relatedParty.role"),
                "channel.id": _table.channel_id,
                "productOrder.id": _table.order_id,
                "validFor.endDateTime": _table.valid_until,
                "cartItem.id": in_json(_table.body, "cartItem.id"),
                "cartItem.action": in_json(_table.body, "cartItem.action"),
                "cartItem.status": in_json(_table.body, "cartItem.status"),
                "cartItem.quantity": in_json(_table.body, "cartItem.quantity", "number"),
                "cartItem.productOffering.id": in_json(_table.body, "cartItem.productOffering.id"),
                "cartItem.product.id": in_json(_table.body, "cartItem.product.id"),
            },
            schema=CartForm,
            find=lambda r, ids: ordering.priced(r, ids, r.database.now()),
            to_wire=_shown,
            create=_create,
            replace=_replace,
            delete=_delete,
            owner=owned_by(_table.customer_id, claims="relatedParty"),
        ),
    ),
)
