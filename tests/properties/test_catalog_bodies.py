"""Whatever JSON a client sends as a catalogue document is read or refused, never a crash."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trunkline.catalog import Document, DocumentKind, OfferingId, PriceId
from trunkline.catalog.bodies import (
    characteristics,
    inline_prices,
    offering_of,
    read_document,
    references,
)
from trunkline.catalog.prices import parse_price
from trunkline.kernel.errors import Invalid

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
KNOWN = [
    "name", "lifecycleStatus", "version", "isBundle", "isSellable", "validFor", "brand", "@type",
    "startDateTime", "endDateTime", "productSpecification", "productOfferingPrice", "category",
    "bundledProductOffering", "prodSpecCharValueUse", "productSpecCharacteristicValue", "value",
    "isDefault", "parentId", "subCategory", "id", "priceType", "price", "unit", "unitOfMeasure",
    "amount", "units", "service", "ratingGroup", "rateSheet", "increments", "from", "increment",
    "connectionFee", "priority", "tax", "taxCategory", "recurringChargePeriodType",
    "recurringChargePeriodLength",
]  # fmt: skip
WORDS = [
    "Launched", "UsagePrice", "Allowance", "recurring", "oneTime", "usage", "data", "voice",
    "EUR", "GB", "minute", "month", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1.5",
]  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS)
    | st.text(max_size=8)
)
json = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KNOWN), inner, max_size=4)
    ),
    max_leaves=8,
)
bodies = st.dictionaries(st.sampled_from(KNOWN), json, max_size=6)


def read(kind: DocumentKind, body: dict[str, Any]) -> Document:
    document = read_document(kind, body, document_id=OfferingId("o"), now=NOW, revision=1)
    references(kind, document.body)
    return document


@given(st.sampled_from(DocumentKind), bodies)
def test_any_document(kind: DocumentKind, body: dict[str, Any]) -> None:
    try:
        document = read(kind, {"name": "x"} | body)
    except Invalid:
        return
    assert (
        document.body.items()
        >= {key: value for key, value in body.items() if key not in ("@type", *SUPPLIED)}.items()
    )
    again = read(kind, dict(document.body))
    assert again == document


SUPPLIED = ("id", "href", "lifecycleStatus", "version", "lastUpdate", "isBundle", "isSellable")


@given(bodies)
def test_any_offering(body: dict[str, Any]) -> None:
    try:
        document = read(DocumentKind.OFFERING, {"name": "x"} | body)
        characteristics(document.body)
    except Invalid:
        return
    inline_prices(document.body)
    assert offering_of(document, ()).name == document.name


@given(st.sampled_from(["recurring", "oneTime", "usage", "allowance"]), bodies)
def test_any_price(price_type: str, body: dict[str, Any]) -> None:
    for more in ({}, {"priceType": price_type}, {"@type": "Allowance"}, {"@type": "UsagePrice"}):
        with suppress(Invalid):
            parse_price(body | more, price_id=PriceId("p"))
