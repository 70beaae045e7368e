"""TMF622 Product Ordering, v4.

An order is for one billing account: its own, or the same of all items, or the only active one of
its customer. A wished number comes as the product characteristic `msisdn`. An item for a bundle
shows its components as items within it. An item that modifies a product suspends it, or makes it
active again, by the product's `status`. An order without items that refers to a `shoppingCart`
(an extension) or a `quote` is for what that holds. A PATCH describes the order otherwise, or
cancels it; what was ordered stays. Cancelling is a PATCH of `state` to cancelled, or a
CancelProductOrder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trunkline import customers, ordering
from trunkline.customers import AccountState, BillingAccountId, CustomerId
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import parse_instant
from trunkline.ordering import (
    CANCELLATION,
    ORDER_LIFECYCLE,
    ItemRequest,
    OrderId,
    OrderState,
    ProductOrder,
    order_item,
    product_order,
    without_nulls,
)
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms.entities import Reference
from trunkline.rest.forms.product_order import (
    ORDERS,
    OrderForm,
    OrderIn,
    details_of,
    is_ours,
    order_form,
    request_of,
)
from trunkline.rest.forms.references import check_entities
from trunkline.rest.forms.wire import ORDERING, Typed, customer_among, placed
from trunkline.tmf import (
    Aggregate,
    Api,
    Body,
    Moment,
    child,
    documents,
    href,
    in_json,
    owned_by,
    owned_through,
    wire,
)

_CANCELS = f"{ORDERING}/cancelProductOrder"
_FIXED = frozenset(
    {
        "id", "href", "orderDate", "completionDate", "expectedCompletionDate", "cancellationDate",
        "billingAccount", "orderTotalPrice",
    }
)  # fmt: skip


class CancelForm(Typed, kw_only=True):
    product_order: Reference
    cancellation_reason: str | None = None
    requested_cancellation_date: Moment | None = None
    effective_cancellation_date: Moment | None = None
    state: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Orders(Aggregate[ProductOrder]):
    """Orders keep what they have no field for; so they are given the whole body."""

    def created(self, tx: Tx, body: Body, now: datetime) -> str:
        said = without_nulls(body)
        return _place(tx, wire.convert(said, OrderIn), said, now)

    def changed(self, tx: Tx, ident: str, before: Body, after: Body, now: datetime) -> None:
        _change(tx, OrderId(ident), before, after, now)

    @property
    def changes(self) -> bool:
        return True


def _place(tx: Tx, new: OrderIn, body: Body, now: datetime) -> str:
    """What its items say; without any, what the cart or the quote holds that it refers to."""

    _check_references(tx, body, {})

    def place(
        items: Sequence[ItemRequest], customer: str | None, sold: Body | None = None
    ) -> ProductOrder:
        account = _account(tx, new, customer)
        if customer is None:
            with placed(unknown="billingAccount.id"):
                customer = customers.billing_account(tx, BillingAccountId(account)).customer
        return ordering.place_order(
            tx,
            customer=customer,
            billing_account=account,
            items=items,
            external_id=new.external_id,
            requested_start=new.requested_start_date,
            description=new.description,
            category=new.category,
            priority=new.priority,
            details={**(sold or {}), **details_of(body)},
            now=now,
        )

    customer = customer_among(new.related_party)
    if not new.product_order_item and new.shopping_cart is not None:
        cart = new.shopping_cart.id
        with placed(unknown="shoppingCart.id"):
            return ordering.order_cart(tx, ident=cart, customer=customer, place=place, now=now).id
    if not new.product_order_item and new.quote:
        with placed(unknown="quote[0].id"):
            return ordering.order_quote(tx, ident=new.quote[0].id, place=place, now=now).id
    items = zip(new.product_order_item, body.get("productOrderItem") or (), strict=True)
    requests = [
        request_of(item, said, f"productOrderItem[{i}]") for i, (item, said) in enumerate(items)
    ]
    return place(requests, customer).id


_REFERS = {
    "agreement": "agreement",
    "payment": "payment",
    "productOfferingQualification": "productOfferingQualification",
    "quote": "quote",
    "shoppingCart": "shoppingCart",
}
"""What an order refers to beside what it is about, and of which type that is."""


def _check_references(r: Reader, body: Body, before: Body) -> None:
    """Of items, and of those within items, what they are paid with. Raises `UnknownReference`."""
    for path, kind in _REFERS.items():
        if path in body:
            check_entities(r, body, before, path, default=kind)
    paths = ["productOrderItem.payment"]
    while any(documents.at(body, paths[-1].rpartition(".")[0])):
        paths.append(f"productOrderItem.{paths[-1]}")
    check_entities(r, body, before, *paths, default="payment")
    if len(body.get("relatedParty", ())) > 1:  # one is the customer, whom ordering looks at
        customers.check_parties(r, body, before, "relatedParty")


def _account(r: Reader, new: OrderIn, customer: str | None) -> str:
    account = new.billing_account.id if new.billing_account else None
    for i, item in enumerate(new.product_order_item):
        own = item.billing_account.id if item.billing_account else account
        if account is not None and own != account:
            raise Invalid(
                "an order is for one billing account",
                path=f"productOrderItem[{i}].billingAccount.id",
            )
        account = own
    if account is None and customer is not None:
        active = [
            each.id
            for each in customers.accounts_of(r, CustomerId(customer))
            if each.state is AccountState.ACTIVE
        ]
        if len(active) == 1:
            return active[0]
    if account is None:
        raise Invalid("is required: nothing else says who pays", path="billingAccount")
    return account


def _change(tx: Tx, ident: OrderId, before: Body, after: Body, now: datetime) -> None:
    names = {name for name in before.keys() | after.keys() if after.get(name) != before.get(name)}
    if "productOrderItem" in names and _says_nothing_new(
        after.get("productOrderItem"), before["productOrderItem"]
    ):
        # The document makes items mandatory in a PATCH: as they are, or less of them.
        names.discard("productOrderItem")
        after = after | {"productOrderItem": before["productOrderItem"]}
    for name in sorted(names & (_FIXED | {"productOrderItem"})):
        raise Invalid("can't be changed", path=name)
    cancels = "state" in names
    if cancels:
        _check_state(before, after)
    elif "cancellationReason" in names:
        raise Invalid("can only be changed together with state", path="cancellationReason")
    said = without_nulls(after)
    given = wire.convert(said, OrderIn)
    _check_references(tx, said, before)
    if names - {"state", "cancellationReason"}:
        if customer_among(given.related_party) not in (before["relatedParty"][0]["id"], None):
            raise Invalid("an order's customer can't be changed", path="relatedParty")
        ordering.amend_order(
            tx,
            order=ident,
            external_id=given.external_id,
            description=given.description,
            category=given.category,
            priority=given.priority,
            requested_start=given.requested_start_date,
            details=_kept(tx, ident, names, said),
            now=now,
        )
    if cancels:
        ordering.cancel_order(tx, order=ident, reason=given.cancellation_reason, now=now)


def _kept(tx: Tx, ident: OrderId, names: set[str], said: Body) -> Body:
    """What the order keeps as it came, where it changed as it comes now."""
    order = ordering.order(tx, ident)
    kept, told = dict(order.details), details_of(said)
    ours = {item.id for item in order.items}
    if "note" in told:
        told["note"] = [each for each in told["note"] if not is_ours(each, ours)]
    for name in names:
        kept.pop(name, None)
        if name in told:
            kept[name] = told[name]
    return kept


def _check_state(before: Body, after: Body) -> None:
    said = str(after.get("state"))
    states = {str(each): each for each in OrderState}
    if said not in states:
        raise Invalid(f"is one of {', '.join(states)}", path="state")
    if states[said] is not OrderState.CANCELLED:
        ORDER_LIFECYCLE.check(states[before["state"]], states[said])
        raise Invalid(f"can't be set to {said!r}, only to cancelled", path="state")


def _says_nothing_new(said: Any, known: Any) -> bool:
    """Whether all that is said is known: objects may say less, lists hold as many."""
    if isinstance(said, dict) and isinstance(known, dict):
        return all(name in known and _says_nothing_new(said[name], known[name]) for name in said)
    if isinstance(said, list) and isinstance(known, list):
        return len(said) == len(known) and all(map(_says_nothing_new, said, known))
    return bool(said == known)


def _request_cancel(tx: Tx, body: Body, now: datetime) -> str:
    at = body.get("requestedCancellationDate")
    with placed({"id": "productOrder.id"}):
        return ordering.request_cancellation(
            tx,
            order=OrderId(body["productOrder"]["id"]),
            request=body,
            at=parse_instant(at, path="requestedCancellationDate") if at else None,
            reason=body.get("cancellationReason"),
            now=now,
        )


def _cancellation(body: Body) -> Body:
    reference = body["productOrder"]
    where = {"href": href(ORDERS, reference["id"]), "@referredType": "ProductOrder"}
    return body | {"productOrder": where | reference}


_of_order = order_item.c.order_id == product_order.c.id
_cancels = CANCELLATION.table.c

API = Api(
    number="TMF622",
    title="Product Ordering",
    version="4.0.0",
    base=ORDERING,
    resources=(
        _Orders(
            path=ORDERS,
            type="ProductOrder",
            key=product_order.c.id,
            paths={
                "state": product_order.c.state,
                "orderDate": product_order.c.order_date,
                "completionDate": product_order.c.completion_date,
                "cancellationDate": product_order.c.cancellation_date,
                "requestedStartDate": product_order.c.requested_start,
                "externalId": product_order.c.external_id,
                "category": product_order.c.category,
                "priority": product_order.c.priority,
                "description": product_order.c.description,
                "billingAccount.id": product_order.c.billing_account_id,
                "relatedParty.id": product_order.c.customer_id,
                "channel.id": in_json(product_order.c.details, "channel.id"),
                "agreement.id": in_json(product_order.c.details, "agreement.id"),
                "quote.id": in_json(product_order.c.details, "quote.id"),
                "shoppingCart.id": in_json(product_order.c.details, "shoppingCart.id"),
                "productOrderItem.id": child(order_item.c.id, on=_of_order),
                "productOrderItem.state": child(order_item.c.state, on=_of_order),
                "productOrderItem.action": child(order_item.c.action, on=_of_order),
                "productOrderItem.quantity": child(order_item.c.quantity, on=_of_order),
                "productOrderItem.productOffering.id": child(
                    order_item.c.offering_id, on=_of_order
                ),
            },
            find=ordering.orders,
            to_wire=order_form,
            form=OrderForm,
            owner=owned_by(product_order.c.customer_id, claims="relatedParty"),
            accepts=OrderIn,
            create=lambda tx, new, now: _place(tx, new, wire.plain(new), now),
            delete=lambda tx, ident, now: ordering.delete_order(tx, order=OrderId(ident), now=now),
        ),
        documents.as_resource(
            CANCELLATION,
            path=_CANCELS,
            schema=CancelForm,
            paths={
                "state": _cancels.state,
                "productOrder.id": _cancels.order_id,
                "requestedCancellationDate": _cancels.requested_at,
                "effectiveCancellationDate": _cancels.effective_at,
            },
            create=_request_cancel,
            to_wire=_cancellation,
            changes=False,
            deletes=False,
            owner=owned_through(_cancels.order_id, product_order.c.id, product_order.c.customer_id),
        ),
    ),
)
