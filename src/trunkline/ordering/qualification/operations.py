"""Qualifications: asked for, answered at once, and kept (TMF679)."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from trunkline import catalog, customers, inventory
from trunkline.catalog import DocumentKind, LifecycleStatus, Offering
from trunkline.customers import Customer, CustomerId
from trunkline.inventory import Product, ProductStatus
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.time import format_instant, parse_instant
from trunkline.ordering.bodies import (
    Body,
    action_of,
    check_kept,
    customer_and_path,
    items_in,
    noted,
    numbered,
    offering_in,
    segments_of,
    without_nulls,
)
from trunkline.ordering.model import Action, UnknownReference
from trunkline.ordering.offers import offers
from trunkline.ordering.qualification.asking import asker
from trunkline.ordering.qualification.model import (
    Asker,
    QualificationId,
    Reason,
    places,
    reasons,
)
from trunkline.ordering.qualification.store import qualification
from trunkline.platform.db import Reader, Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Kind

GOOD_FOR = timedelta(days=14)
"""How long an answer is worth something."""
_MOST_OFFERED = 100
_ITEMS = "productOfferingQualificationItem"
_ANSWERED = frozenset(
    {
        "category", "channel", "effectiveQualificationDate", "expirationDate",
        "instantSyncQualification", "place", "productOfferingQualificationDate",
        _ITEMS, "provideAlternative", "provideOnlyAvailable", "provideUnavailabilityReason",
        "qualificationResult", "relatedParty",
    }
)  # fmt: skip
"""What the question was, and what was answered: none of it changes any more."""


class TaskState(StrEnum):
    """TMF679 v4, TaskStateType. Here a question is answered at once."""

    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "inProgress"
    TERMINATED_WITH_ERROR = "terminatedWithError"
    DONE = "done"


QUALIFICATION_LIFECYCLE = Lifecycle(
    "the qualification",
    {
        TaskState.ACKNOWLEDGED: {
            TaskState.IN_PROGRESS,
            TaskState.DONE,
            TaskState.TERMINATED_WITH_ERROR,
        },
        TaskState.IN_PROGRESS: {TaskState.DONE, TaskState.TERMINATED_WITH_ERROR},
        TaskState.DONE: frozenset(),
        TaskState.TERMINATED_WITH_ERROR: frozenset(),
    },
)


def _columns(body: Body) -> Mapping[str, Any]:
    customer = customer_and_path(body)
    return {
        "customer_id": customer[0] if customer else None,
        "state": body["state"],
        "qualified_at": parse_instant(body["productOfferingQualificationDate"]),
        "result": body.get("qualificationResult"),
        "channel_id": (body.get("channel") or {}).get("id"),
    }


def _complete(body: Body, before: Body | None, _now: datetime) -> Body:
    check_kept(body, before, _ANSWERED)
    plain: Body = without_nulls(body)
    noted(plain.get("note") or [])
    return plain


QUALIFICATION = Kind(
    name="ProductOfferingQualification",
    ids=QualificationId,
    table=qualification,
    columns=_columns,
    complete=_complete,
    lifecycle=QUALIFICATION_LIFECYCLE,
    state="state",
    begins=(TaskState.DONE, TaskState.TERMINATED_WITH_ERROR),
)


class _Question(msgspec.Struct, frozen=True):
    """Who asks, and what was read for the answer."""

    owner: Customer | None
    asker: Asker
    offerings: Mapping[str, Offering]
    products: Mapping[str, Product]
    together: Mapping[str, int]
    now: datetime


def qualify(tx: Tx, body: Body, now: datetime) -> Body:
    """Answers which of the offerings may be had and why others may not, and keeps the answer.
    Without items it is about all that is on sale, of one category where that is given. Raises
    `UnknownReference` and `UnfitDocument` with the path."""
    asked: Body = without_nulls(body)
    asked.pop("id", None)
    items = asked.get(_ITEMS) or _on_sale(tx, asked)
    numbered(items, _ITEMS, None, None)
    question = _read(tx, asked, items, now)
    answered = [_answer(question, asked, item, f"{_ITEMS}[{i}]")
                for i, item in enumerate(items)]  # fmt: skip
    if asked.get("provideOnlyAvailable"):
        answered = [each for each in answered if each["qualificationItemResult"] == "qualified"]
    results = {each["qualificationItemResult"] for each in answered}
    failed = bool(answered) and all(each["state"] != TaskState.DONE for each in answered)
    asked[_ITEMS] = answered
    asked |= {
        "state": TaskState.TERMINATED_WITH_ERROR.value if failed else TaskState.DONE.value,
        "productOfferingQualificationDate": format_instant(now),
        "effectiveQualificationDate": format_instant(now),
        "expirationDate": format_instant(now + GOOD_FOR),
        "qualificationResult": next(
            (each for each in ("unqualified", "alternate") if each in results), "qualified"
        ),
    }
    return documents.create(tx, QUALIFICATION, asked, now)


def _on_sale(tx: Tx, asked: Body) -> list[Body]:
    """An item for each offering that is on sale, of the category that is asked for."""
    category = (asked.get("category") or {}).get("id")
    ids = catalog.offering_ids(tx, LifecycleStatus.LAUNCHED)
    if category is not None:
        if not catalog.documents(tx, DocumentKind.CATEGORY, [category]):
            raise UnknownReference(f"there is no category {category[:60]}", path="category.id")
        bodies = catalog.documents(tx, DocumentKind.OFFERING, ids)
        ids = [
            each
            for each in ids
            if any(ref.get("id") == category for ref in bodies[each].body.get("category") or ())
        ]
    return [{"productOffering": {"id": str(each)}} for each in ids[:_MOST_OFFERED]]


def _read(tx: Tx, asked: Body, items: list[Body], now: datetime) -> _Question:
    owner = _owner(tx, asked)
    products = _products(tx, items, owner)
    wanted: dict[str, str] = {}
    together: Counter[str] = Counter()
    for at, item in items_in(items, _ITEMS, None):
        if (found := offering_in(item, at)) is not None:
            wanted.setdefault(*found)
            if action_of(item, at) is Action.ADD:
                together[found[0]] += 1
    offerings = {str(ident): each for ident, each in offers(tx, wanted).items()}
    for ident, path in wanted.items():
        if ident not in offerings:
            raise UnknownReference(f"there is no offering {ident[:60]}", path=path)
    wider = {alt for each in offerings.values() for alt in each.eligibility.alternatives}
    offerings |= {str(ident): each for ident, each in offers(tx, wider).items()}
    channel = asked.get("channel") or {}
    there = list(places(asked.get("place")))
    for item in items:
        there += places((item.get("product") or {}).get("place"))
    going = {
        product.id
        for (at, item), product in _about(items, products)
        if action_of(item, at) in (Action.DELETE, Action.MODIFY)
    }
    asks = asker(
        tx,
        owner,
        offerings.values(),
        currency=None if owner is None else catalog.market_of_brand(tx, owner.brand).currency,
        places=there,
        channels=[channel[name] for name in ("id", "name") if channel.get(name)],
        named_segments=segments_of(asked),
        without=going,
    )
    return _Question(owner, asks, offerings, products, together, now)


def _owner(r: Reader, asked: Body) -> Customer | None:
    named = customer_and_path(asked)
    if named is None:
        return None
    ident, path = named
    try:
        return customers.customer(r, CustomerId(ident))
    except customers.CustomerNotFound as missing:
        raise UnknownReference(str(missing), path=path) from None


def _about(
    items: list[Body], products: Mapping[str, Product]
) -> list[tuple[tuple[str, Body], Product]]:
    return [
        ((at, item), products[ident])
        for at, item in items_in(items, _ITEMS, None)
        if (ident := (item.get("product") or {}).get("id", "")) in products
    ]


def _products(r: Reader, items: list[Body], owner: Customer | None) -> dict[str, Product]:
    """The products that items are about, each the customer's own."""
    named = {
        item["product"]["id"]: f"{at}.product.id"
        for at, item in items_in(items, _ITEMS, None)
        if (item.get("product") or {}).get("id")
    }
    found = inventory.products(r, list(named)) if named else []
    theirs = {str(each.id): each for each in found if owner and each.customer == owner.id}
    for ident, path in named.items():
        if ident not in theirs:
            raise UnknownReference(f"this customer has no product {ident[:60]}", path=path)
    return theirs


def _answer(question: _Question, asked: Body, item: Body, at: str) -> Body:
    action = action_of(item, at)
    named = offering_in(item, at)
    product = question.products.get((item.get("product") or {}).get("id", ""))
    if named is None and product is None:
        error = {"id": "1", "value": "names neither an offering nor a product"}
        return item | {
            "state": TaskState.TERMINATED_WITH_ERROR.value,
            "qualificationItemResult": "unqualified",
            "terminationError": [error],
        }
    offering = question.offerings[named[0]] if named else None
    against = _against(question, action, offering, product)
    result, more = "qualified", {}
    if against:
        result = "unqualified"
        if asked.get("provideUnavailabilityReason", True):
            told = [{"code": each.code, "label": each.label} for each in against]
            more["eligibilityUnavailabilityReason"] = told
        found = _alternatives(question, offering) if asked.get("provideAlternative") else []
        if found:
            result = "alternate"
            more["alternateProductOfferingProposal"] = found
    shown = {
        name: each
        for name, each in item.items()
        if name not in ("eligibilityUnavailabilityReason", "alternateProductOfferingProposal",
                        "terminationError")
    }  # fmt: skip
    if offering is not None and item.get("productOffering"):
        shown["productOffering"] = item["productOffering"] | {"name": offering.name}
    return shown | more | {"state": TaskState.DONE.value, "qualificationItemResult": result}


def _against(
    question: _Question, action: Action, offering: Offering | None, product: Product | None
) -> list[Reason]:
    if product is not None and product.status not in (
        ProductStatus.ACTIVE,
        ProductStatus.SUSPENDED,
    ):
        said = f"the product {product.id} is {product.status}"
        return [Reason("productNotActive", said)]
    if offering is None or action in (Action.DELETE, Action.NO_CHANGE):
        return []
    return _reasons(question, offering, question.together)


def _reasons(question: _Question, offering: Offering, together: Mapping[str, int]) -> list[Reason]:
    parts = [question.offerings[str(each)] for each in offering.components]
    return reasons(offering, question.asker, at=question.now, together=together, parts=parts)


def _alternatives(question: _Question, offering: Offering | None) -> list[Body]:
    """The offerings that are declared to take its place, and may be had."""
    found: list[Body] = []
    if offering is None:
        return found
    for ident in offering.eligibility.alternatives:
        other = question.offerings.get(ident)
        if other is None:
            continue
        together = Counter(question.together)
        together.subtract({str(offering.id): 1})
        together[ident] += 1
        if not _reasons(question, other, together):
            reference = {"id": ident, "name": other.name, "@referredType": "ProductOffering"}
            found.append({"id": str(len(found) + 1), "alternateProductOffering": reference})
    return found
