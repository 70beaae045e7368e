"""TMF648 Quote, v4.

Prices are the catalogue's on the day of the quote; a `priceAlteration` of a `quoteItemPrice`, by
an amount or a percentage, is what was negotiated, and has to be approved by somebody else than
who asked for it. Approved, a quote binds until the end of `validFor`. Accepted, it becomes an
order at once where it is known who pays; otherwise an order, or a cart, refers to it.
"""

from datetime import datetime
from typing import Literal

from trunkline import ordering
from trunkline.ordering import QUOTE
from trunkline.platform.db import Tx
from trunkline.rest.forms.entities import (
    Attachment,
    ContactMedium,
    DescribedReference,
    Reference,
    RelatedParty,
)
from trunkline.rest.forms.sales import (
    ItemReference,
    Priced,
    Product,
    Relation,
    Remark,
    addressed,
    as_kept,
)
from trunkline.rest.forms.wire import QUOTES, PeriodIn, Typed
from trunkline.tmf import Api, Body, Moment, documents, in_json, owned_by

_State = Literal["rejected", "pending", "inProgress", "cancelled", "approved", "accepted"]


class Authorization(Typed, kw_only=True):
    given_date: Moment | None = None
    name: str | None = None
    requested_date: Moment | None = None
    signature_representation: str | None = None
    state: str | None = None
    approver: tuple[RelatedParty, ...] = ()


class QuoteItem(Typed, kw_only=True):
    id: str | None = None
    action: str | None = None
    quantity: int | None = None
    state: str | None = None
    appointment: tuple[DescribedReference, ...] = ()
    attachment: tuple[Attachment, ...] = ()
    note: tuple[Remark, ...] = ()
    product: Product | None = None
    product_offering: Reference | None = None
    product_offering_qualification_item: ItemReference | None = None
    quote_item: "tuple[QuoteItem, ...]" = ()
    quote_item_authorization: tuple[Authorization, ...] = ()
    quote_item_price: tuple[Priced, ...] = ()
    quote_item_relationship: tuple[Relation, ...] = ()
    related_party: tuple[RelatedParty, ...] = ()


class QuoteForm(Typed, kw_only=True):
    quote_item: tuple[QuoteItem, ...]
    category: str | None = None
    description: str | None = None
    effective_quote_completion_date: Moment | None = None
    expected_fulfillment_start_date: Moment | None = None
    expected_quote_completion_date: Moment | None = None
    external_id: str | None = None
    instant_sync_quote: bool | None = None
    quote_date: Moment | None = None
    requested_quote_completion_date: Moment | None = None
    version: str | None = None
    agreement: tuple[Reference, ...] = ()
    authorization: tuple[Authorization, ...] = ()
    billing_account: tuple[Reference, ...] = ()
    contact_medium: tuple[ContactMedium, ...] = ()
    note: tuple[Remark, ...] = ()
    product_offering_qualification: tuple[Reference, ...] = ()
    quote_total_price: tuple[Priced, ...] = ()
    related_party: tuple[RelatedParty, ...] = ()
    state: _State | None = None
    valid_for: PeriodIn | None = None


def _replace(tx: Tx, ident: str, body: Body, now: datetime) -> None:
    ordering.change_quote(tx, ident, lambda kept: as_kept(kept, body), now)


_table = QUOTE.table.c

API = Api(
    number="TMF648",
    title="Quote",
    version="4.0.0",
    base=QUOTES,
    resources=(
        documents.as_resource(
            QUOTE,
            path=f"{QUOTES}/quote",
            schema=QuoteForm,
            paths={
                "state": _table.state,
                "quoteDate": _table.quote_date,
                "externalId": _table.external_id,
                "category": _table.category,
                "validFor.endDateTime": _table.valid_until,
                "description": in_json(_table.body, "description"),
                "version": in_json(_table.body, "version"),
                "relatedParty.id": in_json(_table.body, "relatedParty.id"),
                "relatedParty.role": in_json(_table.body, "relatedParty.role"),
                "quoteItem.id": in_json(_table.body, "quoteItem.id"),
                "quoteItem.action": in_json(_table.body, "quoteItem.action"),
                "quoteItem.state": in_json(_table.body, "quoteItem.state"),
                "quoteItem.productOffering.id": in_json(
                    _table.body, "quoteItem.productOffering.id"
                ),
                "quoteItem.product.productOrderItem.productOrderId": in_json(
                    _table.body, "quoteItem.product.productOrderItem.productOrderId"
                ),
            },
            chooses_ids=True,
            to_wire=addressed,
            create=lambda tx, body, now: ordering.make_quote(tx, body, now)["id"],
            replace=_replace,
            owner=owned_by(_table.customer_id, claims="relatedParty"),
        ),
    ),
)
