"""From what was asked for to what will be done: every reference checked, prices fixed.

Raises for the first item that can't be ordered, with its path in TMF622's terms.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline import customers, inventory
from trunkline.customers import BillingAccount, Customer
from trunkline.inventory import ProductStatus
from trunkline.ordering.adding import Captured, Context, add
from trunkline.ordering.existing import Existing, deleted, had, modified, unchanged
from trunkline.ordering.model import (
    Action,
    Effect,
    ItemRequest,
    NotOrderable,
    UnknownReference,
    item_id,
)
from trunkline.ordering.offers import offers
from trunkline.ordering.promoting import promoted
from trunkline.ordering.qualification.asking import asker
from trunkline.platform.db import Tx

_ALWAYS_TOLD = frozenset({"action", "id", "offering", "product", "quantity", "characteristics"})
"""What a fingerprint has of every item; whatever else, where it was given."""


_NOT_SERVED = (
    customers.CustomerStatus.REJECTED,
    customers.CustomerStatus.SUSPENDED,
    customers.CustomerStatus.CLOSED,
)


def fingerprint(billing_account: str, items: Sequence[ItemRequest]) -> str:
    """What two orders under one external id must share to be one order."""
    plain = []
    for item in items:
        told = msgspec.structs.asdict(item)
        if item.effect is Effect.AT_ONCE:
            del told["effect"]
        plain.append({name: told[name] for name in told if told[name] or name in _ALWAYS_TOLD})
    wanted = msgspec.json.encode([billing_account, plain], enc_hook=str, order="deterministic")
    return hashlib.sha256(wanted).hexdigest()


def buyer(tx: Tx, customer: str, billing_account: str) -> tuple[Customer, BillingAccount]:
    """The two, when they belong together and may order; so they stay until the order is in."""
    try:
        owner, account = customers.hold_buyer(
            tx,
            customer=customers.CustomerId(customer),
            account=customers.BillingAccountId(billing_account),
        )
    except customers.AccountNotFound as missing:
        raise UnknownReference(str(missing), path="billingAccount.id") from None
    except customers.CustomerNotFound as missing:
        raise UnknownReference(str(missing), path="relatedParty") from None
    if account.customer != owner.id:
        raise NotOrderable(
            f"the account {account.id} is not one of {owner.id}", path="billingAccount.id"
        )
    if account.state is not customers.AccountState.ACTIVE:
        raise NotOrderable(f"the account {account.id} is {account.state}", path="billingAccount.id")
    if owner.status in _NOT_SERVED:
        raise NotOrderable(f"the customer {owner.id} is {owner.status}", path="relatedParty")
    return owner, account


def capture(
    tx: Tx,
    requests: Sequence[ItemRequest],
    *,
    order: str,
    owner: Customer,
    account: BillingAccount,
    status: ProductStatus,
    channels: Collection[str] = (),
    code: Any = None,
    now: datetime,
) -> Captured:
    """The items in their first state with their tasks, and the products to be created in
    `status`. `requests` have passed `check_items`; `code` is a promotion's, or several."""
    # Two orders that would end or change one product are told of each other.
    changed = (each.product for each in requests if each.action is not Action.NO_CHANGE)
    inventory.lock_products(tx, [product for product in changed if product])
    offerings = offers(tx, (each.offering for each in requests if each.offering))
    asks = asker(
        tx,
        owner,
        offerings.values(),
        currency=account.currency,
        places=[
            place
            for request in requests
            for each in (request, *request.parts)
            for place in each.places
        ],
        channels=channels,
        without={request.product for request in requests if request.product},
    )
    together = _together(requests)
    effects = promoted(
        tx,
        owner=owner,
        asked=[(each, together[each.id]) for each in offerings.values() if each.id in together],
        channels=channels,
        code=code,
        now=now,
    )
    context = Context(tx, offerings, asks, together, effects, order, owner, account, status, now)
    captured = Captured()
    for index, request in enumerate(requests):
        item, at = item_id(request, index), f"productOrderItem[{index}]"
        if request.action is Action.ADD:
            add(context, captured, request, item, at)
            continue
        found = _existing(context, captured, request, item, at)
        captured.tasks += found.tasks
        captured.items.append(found.item)
    return captured


def _together(requests: Sequence[ItemRequest]) -> Counter[str]:
    """How many of each offering are asked for at once."""
    together: Counter[str] = Counter()
    for request in requests:
        if request.offering and request.action in (Action.ADD, Action.MODIFY):
            together[request.offering] += request.quantity
    return together


def _existing(
    context: Context, captured: Captured, request: ItemRequest, item: str, at: str
) -> Existing:
    product = had(context.tx, request, context.owner, captured.items, at)
    after = len(captured.tasks)
    if request.action is Action.NO_CHANGE:
        return unchanged(product, request, item)
    if request.action is Action.DELETE:
        return deleted(context.tx, product, request, item, after, at)
    offering = None
    if request.offering and request.offering != product.offering:
        offering = context.offering(request.offering, f"{at}.productOffering.id")
    return modified(context, product, request, offering, item, after, at)
