"""From what was asked for to what will be done: every reference checked, prices fixed.

Raises for the first item that can't be ordered, with its path in TMF622's terms.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from trunkline import catalog, customers, inventory
from trunkline.catalog import Offering, OfferingId
from trunkline.customers import BillingAccount, Customer
from trunkline.inventory import (
    NewProduct,
    PriceKind,
    ProductId,
    ProductPrice,
    ProductStatus,
    ResourceState,
)
from trunkline.ordering import store
from trunkline.ordering.decomposition import (
    ServiceKind,
    plan_to_add,
    plan_to_delete,
    service_kind,
)
from trunkline.ordering.model import (
    Action,
    ItemRequest,
    NotOrderable,
    OrderItem,
    OrderState,
    Task,
    TaskKind,
    TaskState,
    UnknownReference,
)
from trunkline.ordering.qualification.asking import asker
from trunkline.ordering.qualification.model import Asker, reasons
from trunkline.platform.db import Reader, Tx


_ALWAYS_TOLD = frozenset({"action", "id", "offering", "product", "quantity", "characteristics"})
"""What a fingerprint has of every item; whatever else, where it was given."""


def fingerprint(billing_account: str, items: Sequence[ItemRequest]) -> str:
    """What two orders under one external id must share to be one order."""
    plain = []
    for item in items:
        told = msgspec.structs.asdict(item)
        plain.append({name: told[name] for name in told if told[name] or name in _ALWAYS_TOLD})
    wanted = msgspec.json.encode([billing_account, plain], enc_hook=str, order="deterministic")
    return hashlib.sha256(wanted).hexdigest()


def buyer(r: Reader, customer: str, billing_account: str) -> tuple[Customer, BillingAccount]:
    """The two, when they belong together and may order."""
    try:
        account = customers.billing_account(r, customers.BillingAccountId(billing_account))
    except customers.AccountNotFound as missing:
        raise UnknownReference(str(missing), path="billingAccount.id") from None
    try:
        owner = customers.customer(r, customers.CustomerId(customer))
    except customers.CustomerNotFound as missing:
        raise UnknownReference(str(missing), path="relatedParty") from None
    if account.customer != owner.id:
        raise NotOrderable(
            f"the account {account.id} is not one of {owner.id}", path="billingAccount.id"
        )
    if account.state is not customers.AccountState.ACTIVE:
        raise NotOrderable(f"the account {account.id} is {account.state}", path="billingAccount.id")
    if owner.status in (customers.CustomerStatus.SUSPENDED, customers.CustomerStatus.CLOSED):
        raise NotOrderable(f"the customer {owner.id} is {owner.status}", path="relatedParty")
    return owner, account


class Captured(msgspec.Struct):
    """What an order's items come to."""

    items: list[OrderItem] = []
    tasks: list[Task] = []
    products: list[NewProduct] = []


def capture(
    tx: Tx,
    requests: Sequence[ItemRequest],
    *,
    order: str,
    owner: Customer,
    account: BillingAccount,
    status: ProductStatus,
    channels: Collection[str] = (),
    now: datetime,
) -> Captured:
    """The items in their first state with their tasks, and the products to be created in
    `status`. `requests` have passed `check_items`."""
    wanted = {OfferingId(each.offering) for each in requests if each.offering}
    offerings = catalog.offerings(tx, wanted) if wanted else {}
    together = Counter({str(each): 0 for each in wanted})
    for request in requests:
        if request.action is Action.ADD:
            together[request.offering or ""] += request.quantity
    asks = asker(
        tx,
        owner,
        offerings.values(),
        currency=account.currency,
        places=[place for request in requests for place in request.places],
        channels=channels,
        without={request.product for request in requests if request.product},
    )
    captured = Captured()
    for index, request in enumerate(requests):
        item_id = request.id or str(index + 1)
        at = f"productOrderItem[{index}]"
        if request.action is Action.DELETE:
            _capture_delete(tx, captured, request, item_id, owner, at)
            continue
        assert request.offering is not None
        offering = offerings.get(OfferingId(request.offering))
        if offering is None:
            raise UnknownReference(
                f"there is no offering {request.offering[:60]}", path=f"{at}.productOffering.id"
            )
        _check_eligible(offering, asks, together, now, f"{at}.productOffering.id")
        characteristics = _wished(tx, request, at)
        kind = _kind(offering, f"{at}.productOffering.id")
        ids = tuple(tx.new_id(ProductId, now) for _ in range(request.quantity))
        for product in ids:
            captured.products.append(
                NewProduct(
                    id=product,
                    name=offering.name,
                    offering=offering.id,
                    offering_name=offering.name,
                    customer=owner.id,
                    billing_account=account.id,
                    status=status,
                    prices=prices(offering),
                    order=order,
                    order_item=item_id,
                    order_date=now,
                    characteristics=characteristics,
                )
            )
            captured.tasks += plan_to_add(
                kind, item=item_id, product=product, after=len(captured.tasks)
            )
        captured.items.append(
            OrderItem(
                id=item_id,
                action=request.action,
                state=OrderState.ACKNOWLEDGED,
                offering=offering.id,
                offering_name=offering.name,
                quantity=request.quantity,
                products=ids,
                characteristics=characteristics,
            )
        )
    return captured


def prices(offering: Offering) -> tuple[ProductPrice, ...]:
    """What a product of this offering costs beside its usage, as it is now."""
    recurring = [
        ProductPrice(
            kind=PriceKind.RECURRING,
            name=price.name,
            amount=price.amount,
            period_months=price.period_months,
            offering_price=price.id,
            tax_category=price.tax_category,
        )
        for price in offering.recurring_prices
    ]
    one_time = [
        ProductPrice(
            kind=PriceKind.ONE_TIME,
            name=price.name,
            amount=price.amount,
            offering_price=price.id,
            tax_category=price.tax_category,
        )
        for price in offering.one_time_prices
    ]
    return (*recurring, *one_time)


def _kind(offering: Offering, path: str) -> ServiceKind:
    """Declared by the characteristic `serviceKind`; where it is not, whatever prices usage of
    the mobile services needs a mobile service."""
    declared = offering.characteristics.get("serviceKind")
    if declared is None and offering.charged_services:
        return ServiceKind.MOBILE
    return service_kind(None if declared is None else str(declared), path=path)


def _check_eligible(
    offering: Offering, asks: Asker, together: Mapping[str, int], now: datetime, path: str
) -> None:
    """Raises `NotOrderable` with the gravest of the reasons that a qualification would give."""
    if offering.is_bundle or offering.components:
        raise NotOrderable(f"{offering.id} is a bundle; order its components", path=path)
    for reason in reasons(offering, asks, at=now, together=together):
        raise NotOrderable(reason.label, path=path, rule=reason.code)


def _wished(r: Reader, request: ItemRequest, at: str) -> dict[str, str]:
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


def _capture_delete(
    tx: Tx, captured: Captured, request: ItemRequest, item_id: str, owner: Customer, at: str
) -> None:
    path = f"{at}.product.id"
    try:
        product = inventory.product(tx, ProductId(request.product or ""))
    except inventory.ProductNotFound as missing:
        raise UnknownReference(str(missing), path=path) from None
    if product.customer != owner.id:
        raise UnknownReference(f"the customer {owner.id} has no product {product.id}", path=path)
    if product.status not in (ProductStatus.ACTIVE, ProductStatus.SUSPENDED):
        raise NotOrderable(f"the product {product.id} is {product.status}", path=path)
    open_states = (TaskState.PENDING, TaskState.IN_PROGRESS, TaskState.FAILED)
    others = store.orders_with_task(tx, [product.id], TaskKind.TERMINATE_PRODUCT, open_states)
    named = any(product.id in item.products for item in captured.items)
    if others or named:
        other = others.get(product.id, "itself")
        raise NotOrderable(f"the order {other} already ends the product {product.id}", path=path)
    delivered = inventory.services_of(tx, [product.id])
    kind = ServiceKind.MOBILE if delivered else ServiceKind.NONE
    captured.tasks += plan_to_delete(
        kind, item=item_id, product=product.id, after=len(captured.tasks)
    )
    captured.items.append(
        OrderItem(
            id=item_id,
            action=request.action,
            state=OrderState.ACKNOWLEDGED,
            offering=product.offering,
            offering_name=product.offering_name,
            quantity=1,
            products=(product.id,),
            characteristics=dict(request.characteristics),
        )
    )
