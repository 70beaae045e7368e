from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa

from tests.unit.catalog.builders import (
    german_market,
    northstar,
    offering_body,
    one_time,
    recurring,
    save_offering,
    save_price,
    voice_usage,
)
from trunkline.catalog import (
    DocumentExists,
    DocumentInUse,
    DocumentKind,
    DocumentNotFound,
    InvalidDocument,
    LifecycleStatus,
    NameTaken,
    OfferingId,
    RateSheetRejected,
    UnknownBrand,
    UnknownMarket,
    UnknownRateSheet,
    UnknownReference,
    ZoneContradiction,
    brand,
    brands,
    change_document,
    create_brand,
    create_document,
    delete_document,
    document,
    import_rate_sheet,
    market,
    market_of_brand,
    markets,
    offering,
    offering_ids,
    offerings,
    patch_document,
    rate_sheet,
    save_document,
)
from trunkline.catalog.events import PricesChanged
from trunkline.catalog.model import MarketId
from trunkline.kernel.errors import Invalid
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.kernel.money import CurrencyMismatch, Money
from trunkline.platform.changes import Change, Changed
from trunkline.platform.db import Database, Tx
from trunkline.platform.messages import Message, Reaction, Routes
from trunkline.platform.relay import Relay

PRICE, OFFERING = DocumentKind.PRICE, DocumentKind.OFFERING
SHEET = [
    "Target Pattern Name,Prefix,Per minute charge,Connection charge,Charge period\n",
    "Austria,+43,0.02,0.01,1\n",
    "Poland,+48,0.03,0.01,60\n",
]
RATES = Path(__file__).parents[4] / "shared" / "data" / "voice-rate-sheet.csv"


class Heard:
    """What reactions were told, by topic."""

    messages: ClassVar[list[Message]] = []

    @classmethod
    def hear(cls, tx: Tx, message: Message, now: datetime) -> None:
        cls.messages.append(message)


@pytest.fixture
def routes() -> Routes:
    Heard.messages.clear()
    return Routes([Reaction("test.prices_changed", PricesChanged, Heard.hear, "books")])


def repriced(relay: Relay) -> list[OfferingId]:
    """The offerings that PricesChanged named since the last call."""
    relay.drain()
    named = [each.offering for each in Heard.messages if isinstance(each, PricesChanged)]
    Heard.messages.clear()
    return named


def test_an_offering_is_read_back_whole_and_typed(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        own = northstar(tx, now)
        save_price(tx, recurring("fee", 19.9), now)
        save_price(tx, one_time(), now)
        body = offering_body("mobile-m", "fee", "activation", brand=own.id, box={"a": [1.5, None]})
        save_offering(tx, body, now)
    with books.read() as r:
        assert document(r, OFFERING, "mobile-m").body["box"] == {"a": [1.5, None]}
        typed = offering(r, OfferingId("mobile-m"))
        assert [price.amount for price in typed.recurring_prices] == [Money.of("19.9", "EUR")]
        assert [price.amount for price in typed.one_time_prices] == [Money.of(10, "EUR")]
        assert (typed.brand, typed.status) == (own.id, LifecycleStatus.LAUNCHED)
        assert offerings(r, [OfferingId("mobile-m"), OfferingId("none")]) == {"mobile-m": typed}
        assert offerings(r, []) == {}
        assert offering_ids(r) == offering_ids(r, LifecycleStatus.LAUNCHED) == ["mobile-m"]
        assert offering_ids(r, LifecycleStatus.RETIRED) == []
        with pytest.raises(DocumentNotFound):
            offering(r, OfferingId("none"))


def test_a_price_in_the_offering_itself_becomes_a_document(books: Database, now: datetime) -> None:
    inline = {key: value for key, value in recurring().items() if key != "id"}
    with books.transaction() as tx:
        saved = save_offering(tx, offering_body() | {"productOfferingPrice": [inline]}, now)
    (reference,) = saved.body["productOfferingPrice"]
    assert reference["id"].startswith("pop_")
    with books.read() as r:
        assert document(r, PRICE, reference["id"]).body["price"] == inline["price"]


def test_a_bad_price_in_the_offering_is_named_by_its_place(books: Database, now: datetime) -> None:
    inline = {"name": "Fee", "priceType": "recurring", "price": {"unit": "EUR", "value": "x"}}
    body = offering_body() | {"productOfferingPrice": [inline]}
    with pytest.raises(Invalid) as refused, books.transaction() as tx:
        save_offering(tx, body, now)
    assert refused.value.path == "productOfferingPrice[0].price.value"


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"productOfferingPrice": [{"id": "none"}]}, "productOfferingPrice[0].id"),
        ({"productSpecification": {"id": "none"}}, "productSpecification.id"),
        ({"brand": "none"}, "brand"),
        ({"bundledProductOffering": [{"id": "none"}]}, "bundledProductOffering[0].id"),
    ],
)
def test_a_reference_to_nothing_is_refused(
    books: Database, now: datetime, more: dict[str, Any], path: str
) -> None:
    with pytest.raises(UnknownReference) as refused, books.transaction() as tx:
        save_offering(tx, offering_body() | more, now)
    assert refused.value.path == path
    with books.read() as r:
        assert offering_ids(r) == []


def test_an_offering_on_sale_has_prices_that_can_be_reckoned_with(
    books: Database, now: datetime
) -> None:
    with books.transaction() as tx:
        save_price(tx, {"id": "off", "name": "Discount", "priceType": "discount"}, now)
        save_offering(
            tx,
            offering_body("o", "off", lifecycleStatus="Active") | {"lifecycleStatus": "In test"},
            now,
        )
    with pytest.raises(InvalidDocument) as refused, books.transaction() as tx:
        patch_document(
            tx, kind=OFFERING, document_id="o", patch={"lifecycleStatus": "Active"}, now=now
        )
    assert refused.value.path == "productOfferingPrice[0].id"


def test_an_offering_has_prices_in_one_currency(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        save_price(tx, recurring("a"), now)
        save_price(tx, recurring("b") | {"price": {"unit": "USD", "value": 1}}, now)
    with pytest.raises(InvalidDocument, match="EUR and USD"), books.transaction() as tx:
        save_offering(tx, offering_body("o", "a", "b"), now)


def test_the_same_again_changes_nothing(books: Database, now: datetime, relay: Relay) -> None:
    with books.transaction() as tx:
        save_price(tx, recurring("fee", 19.9), now)
        first = save_offering(tx, offering_body("o", "fee"), now)
    assert repriced(relay) == ["o"]
    with books.transaction() as tx:
        save_price(tx, recurring("fee", 19.9), now + timedelta(hours=1))
        again = save_offering(tx, offering_body("o", "fee"), now + timedelta(hours=1))
    assert again == first
    assert repriced(relay) == []


def test_creating_what_is_there_is_refused(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        create_document(tx, kind=PRICE, body=recurring(), now=now)
    with pytest.raises(DocumentExists), books.transaction() as tx:
        create_document(tx, kind=PRICE, body=recurring(), now=now)


def test_a_patch_changes_what_it_names_and_tells(
    books: Database, now: datetime, relay: Relay
) -> None:
    with books.transaction() as tx:
        save_price(tx, recurring("fee", "19.90", note="x"), now)
        save_offering(tx, offering_body("o", "fee"), now)
    repriced(relay)
    later = now + timedelta(hours=1)
    with books.transaction() as tx:
        changed = patch_document(
            tx,
            kind=PRICE,
            document_id="fee",
            patch={"price": {"value": 24.9}, "note": None},
            now=later,
        )
    assert (changed.revision, changed.last_update) == (2, later)
    assert "note" not in changed.body
    assert repriced(relay) == ["o"]
    with books.read() as r:
        assert document(r, PRICE, "fee") == changed
        typed = offering(r, OfferingId("o"))
    assert typed.recurring_prices[0].amount == Money.of("24.9", "EUR")


@pytest.mark.parametrize(
    ("patch", "path"),
    [
        ({"id": "other"}, "id"),
        ({"name": None}, "name"),
        ({"price": {"value": "much"}}, "price.value"),
        ({"lifecycleStatus": "Gone"}, "lifecycleStatus"),
    ],
)
def test_a_bad_patch_changes_nothing(
    books: Database, now: datetime, patch: dict[str, Any], path: str
) -> None:
    with books.transaction() as tx:
        before = save_price(tx, recurring(), now)
    with pytest.raises(Invalid) as refused, books.transaction() as tx:
        patch_document(tx, kind=PRICE, document_id="fee", patch=patch, now=now)
    assert refused.value.path == path
    with books.read() as r:
        assert document(r, PRICE, "fee") == before


def test_what_is_not_there_or_no_object_can_not_be_changed(books: Database, now: datetime) -> None:
    with pytest.raises(DocumentNotFound), books.transaction() as tx:
        patch_document(tx, kind=PRICE, document_id="none", patch={}, now=now)
    with books.transaction() as tx:
        save_price(tx, recurring(), now)
    with pytest.raises(InvalidDocument), books.transaction() as tx:
        change_document(tx, kind=PRICE, document_id="fee", change=lambda body: [body], now=now)


def test_the_lifecycle_is_kept(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        save_offering(tx, offering_body("o"), now)
    with books.transaction() as tx:
        retired = patch_document(
            tx, kind=OFFERING, document_id="o", patch={"lifecycleStatus": "retired"}, now=now
        )
        assert list(tx.changes) == [Changed("ProductOffering", "o", Change.STATE)]
    assert retired.lifecycle_status is LifecycleStatus.RETIRED
    with pytest.raises(IllegalTransition), books.transaction() as tx:
        patch_document(
            tx, kind=OFFERING, document_id="o", patch={"lifecycleStatus": "In study"}, now=now
        )


def test_what_is_used_can_not_be_deleted(books: Database, now: datetime, relay: Relay) -> None:
    with books.transaction() as tx:
        save_price(tx, recurring("fee"), now)
        save_offering(tx, offering_body("o", "fee"), now)
    repriced(relay)
    with pytest.raises(DocumentInUse, match="productOffering o"), books.transaction() as tx:
        delete_document(tx, kind=PRICE, document_id="fee")
    with pytest.raises(DocumentInUse, match="Launched"), books.transaction() as tx:
        delete_document(tx, kind=OFFERING, document_id="o")
    with books.transaction() as tx:
        for status in ("Retired", "Obsolete"):
            patch_document(
                tx, kind=OFFERING, document_id="o", patch={"lifecycleStatus": status}, now=now
            )
        delete_document(tx, kind=OFFERING, document_id="o")
        delete_document(tx, kind=PRICE, document_id="fee")
        with pytest.raises(DocumentNotFound):
            delete_document(tx, kind=PRICE, document_id="fee")
    assert repriced(relay)[-1] == OfferingId("o")


def test_categories_may_name_each_other(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        save_document(tx, kind=DocumentKind.CATEGORY, body={"id": "a", "name": "A"}, now=now)
        save_document(
            tx,
            kind=DocumentKind.CATEGORY,
            body={"id": "b", "name": "B", "parentId": "a"},
            now=now,
        )
        patch_document(
            tx,
            kind=DocumentKind.CATEGORY,
            document_id="a",
            patch={"subCategory": [{"id": "b"}]},
            now=now,
        )
        with pytest.raises(DocumentInUse):
            delete_document(tx, kind=DocumentKind.CATEGORY, document_id="b")


def test_a_sheet_is_replaced_as_a_whole(books: Database, now: datetime, relay: Relay) -> None:
    with books.transaction() as tx:
        first = import_rate_sheet(tx, sheet="world", lines=SHEET, currency="EUR", now=now)
        save_price(tx, voice_usage("calls", rateSheet="world"), now)
        save_offering(tx, offering_body("o", "calls"), now)
    repriced(relay)
    assert (first.entries, first.changed) == (2, True)
    with books.transaction() as tx:
        again = import_rate_sheet(tx, sheet="world", lines=SHEET, currency="EUR", now=now)
    assert (again.entries, again.changed) == (2, False)
    assert repriced(relay) == []
    with books.transaction() as tx:
        import_rate_sheet(tx, sheet="world", lines=SHEET[:2], currency="EUR", now=now)
    assert repriced(relay) == ["o"]
    with books.read() as r:
        sheet = rate_sheet(r, "world")
    assert (sheet.revision, [entry.prefix for entry in sheet.entries]) == (2, ["43"])


def test_a_bad_line_leaves_the_sheet_as_it_was(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        import_rate_sheet(tx, sheet="world", lines=SHEET, currency="EUR", now=now)
    with pytest.raises(RateSheetRejected, match="line 4"), books.transaction() as tx:
        import_rate_sheet(
            tx, sheet="world", lines=[*SHEET[:3], "x,+1,?,1,1\n"], currency="EUR", now=now
        )
    with books.read() as r:
        assert len(rate_sheet(r, "world").entries) == 2


def test_a_price_names_a_sheet_that_is_there(books: Database, now: datetime) -> None:
    with pytest.raises(UnknownReference) as refused, books.transaction() as tx:
        save_price(tx, voice_usage(rateSheet="world"), now)
    assert refused.value.path == "rateSheet"
    with pytest.raises(UnknownRateSheet), books.read() as r:
        rate_sheet(r, "world")


def test_a_sheet_and_its_prices_are_in_one_currency(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        import_rate_sheet(tx, sheet="world", lines=SHEET, currency="USD", now=now)
    with pytest.raises(InvalidDocument) as refused, books.transaction() as tx:
        save_price(tx, voice_usage(rateSheet="world"), now)
    assert refused.value.path == "price.unit"
    with pytest.raises(CurrencyMismatch), books.transaction() as tx:
        import_rate_sheet(tx, sheet="world", lines=SHEET, currency="EUR", now=now)


@pytest.mark.parametrize("patch", [{"price": {"unit": "USD"}}, {"priceType": "discount"}])
def test_a_price_stays_right_for_the_offerings_that_have_it(
    books: Database, now: datetime, patch: dict[str, Any]
) -> None:
    with books.transaction() as tx:
        save_price(tx, recurring("a"), now)
        save_price(tx, recurring("b"), now)
        save_offering(tx, offering_body("o", "a", "b"), now)
    with pytest.raises(InvalidDocument, match="productOffering o"), books.transaction() as tx:
        patch_document(tx, kind=PRICE, document_id="b", patch=patch, now=now)


@pytest.mark.parametrize(
    ("note", "path"),
    [(["a", {"b": "\0"}], "note[1].b"), ({"\0": 1}, "note"), (Decimal("1e500000"), "note")],
)
def test_what_an_engine_can_not_keep_is_refused(
    books: Database, now: datetime, note: Any, path: str
) -> None:
    with pytest.raises(Invalid) as refused, books.transaction() as tx:
        save_price(tx, recurring(note=note), now)
    assert refused.value.path == path


def test_an_offering_prices_a_usage_once(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        for price_id, group in (("a", None), ("b", 7), ("c", 7)):
            save_price(tx, voice_usage(price_id, ratingGroup=group), now)
        save_offering(tx, offering_body("o", "a", "b"), now)
    with pytest.raises(InvalidDocument) as refused, books.transaction() as tx:
        save_offering(tx, offering_body("o", "a", "b", "c"), now)
    assert refused.value.path == "productOfferingPrice[2].id"


def test_the_real_sheet_comes_in_whole(books: Database, now: datetime) -> None:
    if not RATES.exists():
        pytest.skip("../shared/data is not beside this checkout")
    with books.transaction() as tx, RATES.open("rb") as lines:
        done = import_rate_sheet(tx, sheet="world", lines=lines, currency="EUR", now=now)
    assert done.entries == 4743
    with books.read() as r:
        entries = {entry.prefix: entry for entry in rate_sheet(r, "world").entries}
    assert entries["9377"].price_per_minute == Money.of("0.273", "EUR")
    assert entries["35534606"].connection_charge == Money.of(1200, "EUR")


def test_a_brand_sells_in_its_market(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        own = northstar(tx, now)
    with books.read() as r:
        assert brand(r, own.id) == own
        assert brands(r) == [own]
        (there,) = markets(r)
        assert market_of_brand(r, own.id) == market(r, own.market) == there
        assert there.languages == ("de", "en")
        with pytest.raises(UnknownBrand):
            market_of_brand(r, type(own.id)("none"))


def test_names_of_brands_and_markets_are_taken_once(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        own = northstar(tx, now)
        with pytest.raises(NameTaken):
            german_market(tx, now)
        with pytest.raises(NameTaken):
            create_brand(tx, name="Northstar", market=own.market, now=now)
        with pytest.raises(UnknownMarket):
            create_brand(tx, name="Other", market=MarketId("none"), now=now)


def test_the_database_itself_refuses_a_reference_to_nothing(books: Database) -> None:
    statement = sa.text(
        "INSERT INTO catalog_reference VALUES ('productOffering', 'o', 'p', 'productOffering', 'x')"
    )
    with pytest.raises(sa.exc.IntegrityError), books.transaction() as tx:
        tx.execute(statement)


def test_an_event_carries_the_document_with_its_own_digits(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        save_document(
            tx, kind=PRICE, body=recurring("fee", 19.9, lifecycleStatus="Active"), now=now
        )
        launched = patch_document(
            tx, kind=PRICE, document_id="fee", patch={"lifecycleStatus": "Launched"}, now=now
        )
    assert launched.body["price"] == {"unit": "EUR", "value": Decimal("19.9")}


EU = {"name": "EU", "networks": ["208", "262"]}
LESS = {"name": "EU", "networks": ["208"]}


def test_a_zone_is_not_two_things_at_once(books: Database, now: datetime) -> None:
    def refused(path: str, save: Callable[[Tx], object]) -> None:
        with pytest.raises(ZoneContradiction) as fault, books.transaction() as tx:
            save(tx)
        assert fault.value.path == path
        assert "other networks in price eu" in str(fault.value)

    with books.transaction() as tx:
        save_price(tx, voice_usage("eu", zone=EU), now)
        # Nobody sells by it yet: what it says binds none.
        save_price(tx, voice_usage("draft", zone=LESS), now)
        save_offering(tx, offering_body("one", "eu"), now)
        # By its name alone, or of the same networks in another order.
        save_price(tx, voice_usage("named", zone="EU"), now)
        save_price(tx, voice_usage("same", zone=EU | {"networks": ["262", "208"]}), now)
        # Of another time.
        patch = {"validFor": {"startDateTime": "2026-01-01T00:00:00Z"}}
        patch_document(tx, kind=DocumentKind.PRICE, document_id="eu", patch=patch, now=now)
        ended = {"endDateTime": "2026-01-01T00:00:00Z"}
        save_price(tx, voice_usage("past", zone=LESS, validFor=ended), now)
        save_offering(tx, offering_body("two", "named", lifecycleStatus="In design"), now)
    refused("zone.networks", lambda tx: save_price(tx, voice_usage("new", zone=LESS), now))
    refused(
        "productOfferingPrice[1].id",
        lambda tx: save_offering(tx, offering_body("three", "named", "draft"), now),
    )
    with books.transaction() as tx:
        # The only one that says so may say it otherwise.
        save_price(tx, voice_usage("eu", zone=LESS), now)
