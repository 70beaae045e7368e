"""Items about products that the customer has: changed, ended, or left as they are."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from trunkline import catalog, inventory
from trunkline.catalog import Offering, OfferingId
from trunkline.customers import Customer
from trunkline.inventory import PriceKind, Product, ProductId, ProductPrice, ProductStatus
from trunkline.kernel.time import format_instant, monthly_period, zone
from trunkline.ordering import charging_terms, store
from trunkline.ordering.adding import Context
from trunkline.ordering.decomposition import (
    ServiceKind,
    kind_of,
    plan_to_delete,
    plan_to_modify,
    plan_to_rest,
)
from trunkline.ordering.model import (
    Action,
    Effect,
    ItemRequest,
    NotOrderable,
    OrderItem,
    OrderState,
    Task,
    TaskKind,
    TaskState,
    UnknownReference,
)
from trunkline.ordering.promoting import reduced
from trunkline.platform.db import Reader, Tx

_OPEN = (TaskState.PENDING, TaskState.IN_PROGRESS, TaskState.FAILED)
_PROTECTED = frozenset({"msisdn", "imsi", "iccid"}) | charging_terms.FIXED
"""Characteristics that follow from what the network knows the subscriber by, and what charging
was told when its account was opened."""


_DONE_TO_IT = {
    TaskKind.TERMINATE_PRODUCT: "ends",
    TaskKind.CHANGE_PRODUCT: "changes",
    TaskKind.SUSPEND_PRODUCT: "suspends",
    TaskKind.RESUME_PRODUCT: "resumes",
}


class Existing(msgspec.Struct, frozen=True):
    """An item about a product, with its tasks."""

    item: OrderItem
    tasks: list[Task]


def had(
    r: Reader, request: ItemRequest, owner: Customer, taken: Sequence[OrderItem], at: str
) -> Product:
    """The product that an item is about, when it is the customer's and nothing else is being
    done to it. Raises `UnknownReference` and `NotOrderable`."""
    path = f"{at}.product.id"
    try:
        product = inventory.product(r, ProductId(request.product or ""))
    except inventory.ProductNotFound as missing:
        raise UnknownReference(str(missing), path=path) from None
    if product.customer != owner.id:
        raise UnknownReference(f"the customer {owner.id} has no product {product.id}", path=path)
    if request.action is Action.NO_CHANGE:
        return product
    if product.status not in (ProductStatus.ACTIVE, ProductStatus.SUSPENDED):
        raise NotOrderable(f"the product {product.id} is {product.status}", path=path)
    _check_left_alone(r, [product.id], path)
    if any(product.id in item.products for item in taken if item.action is not Action.NO_CHANGE):
        raise NotOrderable(f"the order is about the product {product.id} already", path=path)
    return product


def _check_left_alone(r: Reader, products: Sequence[ProductId], path: str) -> None:
    """Raises `NotOrderable` where another order is about to end or change one of these."""
    for kind, verb in _DONE_TO_IT.items():
        for product, order in store.orders_with_task(r, products, kind, _OPEN).items():
            raise NotOrderable(f"the order {order} already {verb} the product {product}", path=path)


def unchanged(product: Product, request: ItemRequest, item: str) -> Existing:
    return Existing(_item(request, item, product, (product.id,)), [])


def deleted(
    tx: Tx, product: Product, request: ItemRequest, item: str, after: int, at: str
) -> Existing:
    """Ends the product and, of a bundle, all that is in it. Raises `NotOrderable` where something
    else is being done to that."""
    ids = [product.id, *_left_alone(tx, product, at)]
    tasks: list[Task] = []
    for each, kind in _kinds(tx, ids).items():
        tasks += plan_to_delete(kind, item=item, product=each, after=after + len(tasks))
    return Existing(_item(request, item, product, tuple(ids)), tasks)


def _components(r: Reader, bundle: Product) -> Iterator[ProductId]:
    """The products in a bundle that are in service."""
    relations = bundle.details.get("productRelationship") or ()
    named = [
        each["product"]["id"] for each in relations if each.get("relationshipType") == "bundles"
    ]
    for each in inventory.products(r, named) if named else ():
        if each.status in (ProductStatus.ACTIVE, ProductStatus.SUSPENDED):
            yield each.id


def modified(
    context: Context,
    product: Product,
    request: ItemRequest,
    offering: Offering | None,
    item: str,
    after: int,
    at: str,
) -> Existing:
    """Changes the product's characteristics and, with an `offering`, what it is one of and
    costs, or suspends or resumes it; `offering` has been found eligible. Its one-time prices are
    those of a new product: a change costs none of them. Raises `NotOrderable`."""
    r, path = context.tx, f"{at}.product.productCharacteristic"
    for name, value in request.characteristics.items():
        if name in _PROTECTED and product.characteristics.get(name) != value:
            raise NotOrderable(f"{name} is not changed by an order", path=path)
    becomes = offering if offering is not None and offering.id != product.offering else None
    cost: tuple[ProductPrice, ...] = ()
    if becomes is not None:
        _check_alike(r, product, becomes, f"{at}.productOffering.id")
        cost = request.prices if request.prices is not None else ()
        if request.prices is None:
            cost = reduced(becomes, context.effects, context.now)
        cost = tuple(each for each in cost if each.kind is PriceKind.RECURRING)
    waits = _cycle_begins(context) if request.effect is Effect.NEXT_CYCLE else None
    until = None if waits is None else format_instant(waits)
    if request.status not in (None, product.status):
        _check_may_rest(product, request, becomes, at)
        return _resting(context.tx, product, request, until, item, after, at)
    kind = _kinds(r, [product.id])[product.id]
    tasks = plan_to_modify(
        kind,
        becomes_another=becomes is not None,
        pool=charging_terms.pool_steps(
            context.tx, product, request.characteristics, kind=kind, path=path
        ),
        waits_until=until,
        item=item,
        product=product.id,
        after=after,
    )
    made = _item(request, item, product, (product.id,))
    if becomes is not None:
        made = msgspec.structs.replace(
            made, offering=becomes.id, offering_name=becomes.name, prices=cost
        )
        if kind is not ServiceKind.NONE:
            charging_terms.check_change(r, product, made, path=f"{at}.productOffering")
    return Existing(made, tasks)


def _resting(
    tx: Tx,
    product: Product,
    request: ItemRequest,
    until: str | None,
    item: str,
    after: int,
    at: str,
) -> Existing:
    """Suspends the product, or makes it active again, and, of a bundle, all that is in it."""
    inside = _left_alone(tx, product, at)
    known = {each.id: each.status for each in inventory.products(tx, inside)} if inside else {}
    ids = [product.id, *(each for each in inside if known[each] is not request.status)]
    tasks: list[Task] = []
    for each, kind in _kinds(tx, ids).items():
        tasks += plan_to_rest(
            kind,
            resumes=request.status is ProductStatus.ACTIVE,
            waits_until=until,
            item=item,
            product=each,
            after=after + len(tasks),
        )
    return Existing(_item(request, item, product, tuple(ids)), tasks)


def _left_alone(tx: Tx, bundle: Product, at: str) -> list[ProductId]:
    """What is in a bundle, where nothing else is being done to it. Raises `NotOrderable`."""
    inside = list(_components(tx, bundle))
    inventory.lock_products(tx, inside)
    _check_left_alone(tx, inside, f"{at}.product.id")
    return inside


def _kinds(r: Reader, products: Sequence[ProductId]) -> dict[ProductId, ServiceKind]:
    """How each of these products in service was delivered."""
    delivered = {each.product for each in inventory.services_of(r, products)}
    kinds = {
        each: ServiceKind.MOBILE if each in delivered else ServiceKind.NONE for each in products
    }
    known = inventory.products(r, products)
    return kinds | {each.id: ServiceKind.POOL for each in known if charging_terms.is_pool(each)}


def _check_may_rest(
    product: Product, request: ItemRequest, becomes: Offering | None, at: str
) -> None:
    """Raises `NotOrderable` for a status that no order brings about, and where it is not all
    that is asked for."""
    path = f"{at}.product.status"
    if request.status not in (ProductStatus.SUSPENDED, ProductStatus.ACTIVE):
        raise NotOrderable(
            "an order suspends a product or makes it active again; the action delete ends it",
            path=path,
        )
    same = product.characteristics
    differing = any(same.get(name) != value for name, value in request.characteristics.items())
    if becomes is not None or differing:
        raise NotOrderable("what changes otherwise is an item of its own", path=path)


def _check_alike(r: Reader, product: Product, offering: Offering, path: str) -> None:
    """A product can't become one that is delivered in another way."""
    if offering.is_bundle or offering.components:
        raise NotOrderable(f"the offering {offering.id} is a bundle", path=path)
    before = catalog.offerings(r, [OfferingId(product.offering)]).get(OfferingId(product.offering))
    if before is not None and kind_of(before, path) is not kind_of(offering, path):
        raise NotOrderable(f"the offering {offering.id} is delivered in another way", path=path)


def _cycle_begins(context: Context) -> datetime:
    """When the account's next billing month begins."""
    tz = zone(catalog.market_of_brand(context.tx, context.owner.brand).time_zone)
    return monthly_period(context.now, cycle_day=context.account.cycle_day, tz=tz).end


def _item(
    request: ItemRequest, item: str, product: Product, products: tuple[str, ...]
) -> OrderItem:
    told: Mapping[str, str] = request.characteristics
    return OrderItem(
        id=item,
        action=request.action,
        state=OrderState.ACKNOWLEDGED,
        offering=product.offering,
        offering_name=product.offering_name,
        quantity=1,
        products=products,
        characteristics=dict(told),
        details=request.details,
    )
