from datetime import datetime

import msgspec
import pytest
import sqlalchemy as sa

from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import LARGEST, Money
from trunkline.ledger import (
    CASH,
    CUSTOMER_CREDITS,
    PREPAID,
    Entry,
    InvoicePrefixTaken,
    LegalEntityId,
    Posting,
    UnknownLegalEntity,
    balance,
    create_legal_entity,
    entries_of,
    legal_entities,
    legal_entity,
    post,
    post_many,
    trial_balance,
)
from trunkline.ledger.events import PostEntry
from trunkline.platform.db import Database, Tx
from trunkline.platform.relay import Relay

EUR = "EUR"


def acme(tx: Tx, now: datetime) -> LegalEntityId:
    return create_legal_entity(
        tx,
        name="Acme Mobile GmbH",
        country="DE",
        currency=EUR,
        tax_number="DE123456789",
        address=("Hafenstraße 1", "20457 Hamburg"),
        now=now,
    )


def payment(entity: LegalEntityId, reference: str, amount: str, at: datetime) -> Entry:
    money = Money.of(amount, EUR)
    return Entry(
        entity=entity,
        kind="payment",
        reference=reference,
        postings=(Posting(CASH, money), Posting(CUSTOMER_CREDITS, -money)),
        description="",
        booked_at=at,
    )


def test_an_entity_is_kept_as_it_was_given(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        entity_id = acme(tx, now)
    with books.read() as r:
        entity = legal_entity(r, entity_id)
        assert entity.address == ("Hafenstraße 1", "20457 Hamburg")
        assert entity.invoice_prefix == "ACM"
        assert legal_entities(r) == [entity]


def test_two_entities_do_not_share_a_prefix(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        acme(tx, now)
    with pytest.raises(InvoicePrefixTaken), books.transaction() as tx:
        acme(tx, now)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": " "}, "name"),
        ({"country": "Germany"}, "country"),
        ({"currency": "euro"}, "currency"),
        ({"invoice_prefix": "A B"}, "invoicePrefix"),
    ],
)
def test_what_is_no_entity(
    books: Database, now: datetime, change: dict[str, str], path: str
) -> None:
    values = {"name": "Acme", "country": "DE", "currency": EUR, "tax_number": ""} | change
    with pytest.raises(Invalid) as caught, books.transaction() as tx:
        create_legal_entity(tx, now=now, **values)  # type: ignore[arg-type]
    assert caught.value.path == path


def test_an_entry_stands_once(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        entity = acme(tx, now)
        assert post(tx, payment(entity, "p1", "10", now), now)
        assert not post(tx, payment(entity, "p1", "10", now), now)
        twice = [payment(entity, reference, "5", now) for reference in ("p1", "p2", "p2")]
        assert post_many(tx, twice, now) == 1
    with books.read() as r:
        assert balance(r, CASH, EUR) == Money.of("15", EUR)
        assert len(entries_of(r, "p1")) == 1


def test_the_trial_balance(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        entity = acme(tx, now)
        post(tx, payment(entity, "p1", "10", now), now)
        post(tx, payment(entity, "p2", "-4", now), now)
    with books.read() as r:
        rows = trial_balance(r, entity)
    assert [(row.account, str(row.debit), str(row.credit), str(row.amount)) for row in rows] == [
        (CASH, "10.00 EUR", "4.00 EUR", "6.00 EUR"),
        (CUSTOMER_CREDITS, "4.00 EUR", "10.00 EUR", "-6.00 EUR"),
    ]


def test_sums_may_be_more_than_one_amount_can(books: Database, now: datetime) -> None:
    """The years of an operator who counts in dong."""
    most = str(Money(LARGEST, EUR).to_decimal())
    with books.transaction() as tx:
        entity = acme(tx, now)
        for number in range(3):
            post(tx, payment(entity, f"p{number}", most, now), now)
        post(tx, payment(entity, "p3", "-0.000001", now), now)
    with books.read() as r:
        cash, credits_ = trial_balance(r, entity)
        assert (cash.debit.micros, cash.credit.micros) == (3 * LARGEST, 1)
        assert (credits_.debit.micros, credits_.credit.micros) == (1, 3 * LARGEST)
        assert balance(r, CASH, EUR).micros == 3 * LARGEST - 1


def test_postings_that_are_too_much_together_are_refused(books: Database, now: datetime) -> None:
    most = Money(LARGEST, EUR)
    with books.transaction() as tx:
        entity = acme(tx, now)
        entry = msgspec.structs.replace(
            payment(entity, "p1", "1", now),
            postings=(
                Posting(CASH, most),
                Posting(CASH, most),
                Posting(CUSTOMER_CREDITS, -most),
                Posting(PREPAID, -most),
            ),
        )
        with pytest.raises(Invalid, match="more than the books can hold"):
            post(tx, entry, now)


def test_an_entry_is_read_back_as_it_was_posted(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        entity = acme(tx, now)
        entry = payment(entity, "p1", "10", now)
        post(tx, entry, now)
        assert entries_of(tx, "p1") == [entry]


@pytest.mark.parametrize("table", ["journal_entry", "posting"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET legal_entity_id = 'x'"])
def test_the_journal_can_not_be_altered(
    books: Database, now: datetime, table: str, change: str
) -> None:
    with books.transaction() as tx:
        post(tx, payment(acme(tx, now), "p1", "10", now), now)
    with pytest.raises(sa.exc.DBAPIError, match="is immutable"), books.transaction() as tx:
        tx.execute(sa.text(change.format(table)))


def test_charging_posts_across_databases(
    books: Database, charging: Database, relay: Relay, now: datetime
) -> None:
    with books.transaction() as tx:
        entity = acme(tx, now)
    money = Money.of("2.50", EUR)
    entry = Entry(
        entity=entity,
        kind="usage",
        reference="batch-1",
        postings=(Posting(PREPAID, money), Posting("4200", -money)),
        description="",
        booked_at=now,
    )
    for _ in range(2):
        with charging.transaction() as tx:
            tx.emit(PostEntry(entry=entry))
    relay.drain()
    with books.read() as r:
        assert entries_of(r, "batch-1") == [entry]


def test_an_unknown_entity(books: Database) -> None:
    with books.read() as r, pytest.raises(UnknownLegalEntity):
        legal_entity(r, LegalEntityId("le_none"))
