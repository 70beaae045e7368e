"""Quotes as documents: what the server says in them, and what may change when."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from trunkline.kernel.time import format_instant, parse_instant
from trunkline.ordering.bodies import (
    Body,
    UnfitDocument,
    action_of,
    check_kept,
    customer_and_path,
    ends,
    items_in,
    noted,
    numbered,
    with_items,
    without_nulls,
)
from trunkline.ordering.quotes.model import (
    QUOTE_LIFECYCLE,
    QuoteId,
    QuoteOrdered,
    QuoteState,
    orders_in,
)
from trunkline.ordering.quotes.store import quote
from trunkline.platform.db import Tx
from trunkline.tmf.documents import Kind

GOOD_FOR = timedelta(days=30)
"""How long a quote binds, where it doesn't say."""
ITEMS = "quoteItem"


def _columns(body: Body) -> Mapping[str, Any]:
    customer = customer_and_path(body)
    return {
        "customer_id": customer[0] if customer else None,
        "state": body["state"],
        "quote_date": parse_instant(body["quoteDate"]),
        "external_id": body.get("externalId"),
        "category": body.get("category"),
        "valid_until": parse_instant(body["validFor"]["endDateTime"]),
    }


def _complete(body: Body, before: Body | None, now: datetime) -> Body:
    plain: Body = without_nulls(body)
    check_kept(plain, before, ("quoteDate", "effectiveQuoteCompletionDate") if before and
               before.get("state") == plain.get("state") else ("quoteDate",))  # fmt: skip
    for name, longest in (("externalId", 100), ("category", 500)):
        if len(plain.get(name) or "") > longest:
            raise UnfitDocument(f"has at most {longest} characters", path=name)
    if before is None:
        plain["quoteDate"] = format_instant(now)
        plain.setdefault("version", "1")
    noted(plain.get("note") or [])
    ends(plain)
    period = {"startDateTime": format_instant(now)} | (plain.get("validFor") or {})
    period.setdefault("endDateTime", format_instant(now + GOOD_FOR))
    plain["validFor"] = period
    ends(plain)
    state = plain["state"]
    plain[ITEMS] = with_items(plain[ITEMS], ITEMS, lambda item: item | {"state": state})
    return plain


def numbered_items(body: Body) -> None:
    """Gives its items ids, actions and quantities, in place. Raises `UnfitDocument`."""
    if not body.get(ITEMS):
        raise UnfitDocument("a quote has items", path=ITEMS)
    numbered(body[ITEMS], ITEMS, ITEMS)
    for at, item in items_in(body[ITEMS], ITEMS, ITEMS):
        action_of(item, at)
        item.setdefault("quantity", 1)
        noted(item.get("note") or [])


def _deletable(_tx: Tx, body: Body) -> None:
    orders = orders_in(body)
    if orders:
        raise QuoteOrdered(f"the order {orders[0]} was made from it", path="state")


QUOTE = Kind(
    name="Quote",
    ids=QuoteId,
    table=quote,
    columns=_columns,
    complete=_complete,
    deletable=_deletable,
    lifecycle=QUOTE_LIFECYCLE,
    state="state",
    begins=(QuoteState.IN_PROGRESS, QuoteState.APPROVED),
)
