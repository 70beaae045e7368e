"""Items that add products: plain ones, and bundles with what is in them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline import inventory
from trunkline.catalog import Effect, Offering, OfferingId
from trunkline.customers import BillingAccount, Customer
from trunkline.inventory import NewProduct, ProductId, ProductStatus, ResourceState
from trunkline.ordering import charging_terms
from trunkline.ordering.decomposition import (
    ServiceKind,
    kind_of,
    plan_to_add,
    plan_to_add_bundle,
)
from trunkline.ordering.model import (
    MOST_OF_ONE,
    Action,
    ItemRequest,
    NotOrderable,
    OrderItem,
    OrderState,
    Task,
    UnfitOrder,
    UnknownReference,
    item_id,
)
from trunkline.ordering.promoting import reduced
from trunkline.ordering.qualification.model import Asker, reasons
from trunkline.platform.db import Reader, Tx

_OF_PRODUCTS = ("place", "description", "productSerialNumber", "productTerm", "agreement")
"""What an item says of its product that the product keeps."""


class Context(msgspec.Struct, frozen=True):
    """What capturing any item needs."""

    tx: Tx
    offerings: Mapping[OfferingId, Offering]
    asks: Asker
    together: Mapping[str, int]
    effects: Sequence[Effect]
    order: str
    owner: Customer
    account: BillingAccount
    status: ProductStatus
    now: datetime

    def offering(self, ident: str, path: str) -> Offering:
        """When it may be had. Raises `UnknownReference`, and `NotOrderable` with the gravest of
        the reasons that a qualification would give."""
        found = self.offerings.get(OfferingId(ident))
        if found is None:
            raise UnknownReference(f"there is no offering {ident[:60]}", path=path)
        parts = [self.offerings[each] for each in found.components]
        for reason in reasons(found, self.asks, at=self.now, together=self.together, parts=parts):
            raise NotOrderable(reason.label, path=path, rule=reason.code)
        return found


class Captured(msgspec.Struct):
    """What an order's items come to."""

    items: list[OrderItem] = []
    tasks: list[Task] = []
    products: list[NewProduct] = []


def add(context: Context, captured: Captured, request: ItemRequest, item: str, at: str) -> None:
    """Puts the item, its products and its tasks to what is `captured`."""
    assert request.offering is not None
    path = f"{at}.productOffering.id"
    offering = context.offering(request.offering, path)
    if offering.is_bundle or offering.components:
        _add_bundle(context, captured, request, offering, item, at)
        return
    if request.parts:
        raise NotOrderable(
            f"the offering {offering.id} is no bundle", path=f"{at}.productOrderItem"
        )
    kind = kind_of(offering, path)
    made, products = _new(context, request, offering, item, at)
    joins = _checked_terms(context, request, offering, kind, made, at)
    captured.products += products
    captured.items.append(made)
    for product in made.products:
        captured.tasks += plan_to_add(
            kind, joins=joins, item=item, product=product, after=len(captured.tasks)
        )


def _add_bundle(
    context: Context,
    captured: Captured,
    request: ItemRequest,
    bundle: Offering,
    item: str,
    at: str,
) -> None:
    """The bundle's own products, and beneath its item one for each kind of component, whose
    products say what they are bundled in. A bundle that has prices is paid by them alone;
    otherwise its components cost what they cost."""
    if not bundle.components:
        path = f"{at}.productOffering.id"
        raise NotOrderable(f"the bundle {bundle.id} holds nothing", path=path)
    made, products = _new(context, request, bundle, item, at)
    _checked_terms(context, request, bundle, ServiceKind.NONE, made, at)
    captured.items.append(made)
    holds: list[list[str]] = [[] for _ in products]
    first = len(captured.tasks)
    for place, (part, count) in enumerate(_parts(bundle, request, at)):
        within = f"{at}.productOrderItem[{place}]"
        for index, product in enumerate(
            _add_part(context, captured, part, made, item_id(part, place, f"{item}."), within,
                      count)
        ):  # fmt: skip
            holds[index // count].append(product)
    below = captured.tasks[first:]
    for new, inside in zip(products, holds, strict=True):
        assert new.id is not None
        relations = [_relation("bundles", each) for each in inside]
        captured.products.append(_related(new, relations, isBundle=True))
        captured.tasks += plan_to_add_bundle(
            [task for task in below if task.product in inside],
            item=item,
            product=new.id,
            after=len(captured.tasks),
        )


def _add_part(
    context: Context,
    captured: Captured,
    part: ItemRequest,
    bundle: OrderItem,
    item: str,
    at: str,
    count: int,
) -> tuple[str, ...]:
    """A component, `count` of it in each bundle; its products."""
    path = f"{at}.productOffering.id"
    component = context.offerings[OfferingId(part.offering or "")]
    if component.is_bundle or component.components:
        raise NotOrderable(f"{component.id}, in the bundle, is one itself", path=path)
    kind = kind_of(component, path)
    made, products = _new(context, part, component, item, at, within=bundle)
    joins = _checked_terms(context, part, component, kind, made, at)
    captured.items.append(made)
    for index, new in enumerate(products):
        assert new.id is not None
        holder = bundle.products[index // count]
        captured.products.append(_related(new, [_relation("isBundledIn", holder)]))
        captured.tasks += plan_to_add(
            kind, joins=joins, item=item, product=new.id, after=len(captured.tasks)
        )
    return made.products


def _parts(bundle: Offering, request: ItemRequest, at: str) -> list[tuple[ItemRequest, int]]:
    """The components to be delivered, with how many one bundle holds: those that the request
    says more about, and the others as the bundle has them."""
    counts = dict(zip(bundle.components, bundle.component_counts, strict=True))
    told: list[tuple[ItemRequest, int]] = []
    for place, part in enumerate(request.parts):
        within = f"{at}.productOrderItem[{place}]"
        count = counts.pop(OfferingId(part.offering or ""), None)
        if count is None:
            raise NotOrderable(
                f"{part.offering} is not in the bundle {bundle.id}, or is named twice",
                path=f"{within}.productOffering.id",
            )
        each = max(count, 1)
        _check_amount(each * request.quantity, f"{within}.quantity")
        if "msisdn" in part.characteristics and each * request.quantity > 1:
            raise UnfitOrder("one number for several", path=f"{within}.product")
        told.append((msgspec.structs.replace(part, quantity=each * request.quantity), each))
    for ident, count in counts.items():
        if count:
            amount = count * request.quantity
            _check_amount(amount, f"{at}.quantity")
            told.append((ItemRequest(action=Action.ADD, offering=ident, quantity=amount), count))
    return told


def _check_amount(amount: int, path: str) -> None:
    if amount > MOST_OF_ONE:
        raise UnfitOrder(f"that is {amount} of one; at most {MOST_OF_ONE}", path=path)


def _relation(kind: str, product: str) -> dict[str, Any]:
    return {"relationshipType": kind, "product": {"id": product}}


def _related(new: NewProduct, relations: list[dict[str, Any]], **more: Any) -> NewProduct:
    """The product with its relations to others."""
    details = {**new.details, "productRelationship": relations, **more}
    return msgspec.structs.replace(new, details=details)


def _new(
    context: Context,
    request: ItemRequest,
    offering: Offering,
    item: str,
    at: str,
    *,
    within: OrderItem | None = None,
) -> tuple[OrderItem, list[NewProduct]]:
    """The item of a request, and the products that it creates."""
    characteristics = _wished(context.tx, request, at)
    included = within is not None and bool(within.prices)
    agreed = request.prices
    if agreed is None:
        agreed = reduced(offering, context.effects, context.now)
    cost = () if included else agreed
    ids = tuple(context.tx.new_id(ProductId, context.now) for _ in range(request.quantity))
    kept = request.details.get("product") or {}
    products = [
        NewProduct(
            id=product,
            name=offering.name,
            offering=offering.id,
            offering_name=offering.name,
            customer=context.owner.id,
            billing_account=context.account.id,
            status=context.status,
            prices=cost,
            order=context.order,
            order_item=item,
            order_date=context.now,
            characteristics=characteristics,
            details={name: kept[name] for name in _OF_PRODUCTS if name in kept},
        )
        for product in ids
    ]
    made = OrderItem(
        id=item,
        action=request.action,
        state=OrderState.ACKNOWLEDGED,
        offering=offering.id,
        offering_name=offering.name,
        quantity=request.quantity,
        products=ids,
        characteristics=characteristics,
        parent=None if within is None else within.id,
        prices=cost,
        details=request.details,
    )
    return made, products


def _checked_terms(
    context: Context,
    request: ItemRequest,
    offering: Offering,
    kind: ServiceKind,
    item: OrderItem,
    at: str,
) -> bool:
    """Whether what the item adds draws on a pool. Raises what `charging_terms.check` does."""
    if not charging_terms.NAMES & (request.characteristics.keys() | offering.characteristics):
        return False
    return charging_terms.check(
        context.tx,
        offering.characteristics,
        item,
        kind=kind,
        account=context.account,
        path=f"{at}.product.productCharacteristic",
    )


def _wished(r: Reader, request: ItemRequest, at: str) -> dict[str, Any]:
    """The characteristics, the wished number in its stored form and known to be free now."""
    characteristics = dict(request.characteristics)
    if (asked := characteristics.get("msisdn")) is None:
        return characteristics
    path = f"{at}.product.productCharacteristic"
    msisdn = inventory.Msisdn.parse(asked, path=path)
    known = inventory.number(r, msisdn)
    if known is None:
        raise UnknownReference(f"the number {msisdn} is not in stock", path=path)
    if known.state is not ResourceState.AVAILABLE:
        raise NotOrderable(f"the number {msisdn} is {known.state}", path=path)
    return characteristics | {"msisdn": msisdn}
