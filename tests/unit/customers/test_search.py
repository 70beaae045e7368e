from datetime import datetime, timedelta

import pytest

from tests.cases import together
from tests.unit.customers.builders import Operator, account_of, customer_of, operator, person
from trunkline.customers import (
    Customer,
    Email,
    NewIndividual,
    NewOrganization,
    Phone,
    change_customer,
    change_party,
    create_customer,
    register_party,
    search_customers,
)
from trunkline.kernel.errors import Invalid
from trunkline.platform.db import Database

PEOPLE = [("Ada", "Lovelace"), ("Annabel", "Müller"), ("Anna", "Mueller"), ("Jean-Luc", "Ångström")]


@pytest.fixture
def seller(books: Database, now: datetime) -> Operator:
    with books.transaction() as tx:
        return operator(tx, now)


@pytest.fixture
def people(books: Database, now: datetime, seller: Operator) -> list[Customer]:
    with books.transaction() as tx:
        return [
            customer_of(
                tx,
                now + timedelta(seconds=number),
                seller,
                given,
                family,
                Email(address=f"{given.lower()}@example.org"),
                Phone(number=f"+4915112345{number}"),
            )
            for number, (given, family) in enumerate(PEOPLE)
        ]


def found(books: Database, text: str, limit: int = 20) -> list[str]:
    with books.read() as r:
        return [each.name for each in search_customers(r, text, limit=limit).customers]


@together(
    ("text", "names"),
    [
        ("ada", ["Ada Lovelace"]),
        ("LOVE", ["Ada Lovelace"]),
        ("ann", ["Anna Mueller", "Annabel Müller"]),
        ("ann mul", ["Annabel Müller"]),
        ("müll ANN", ["Annabel Müller"]),
        ("luc", ["Jean-Luc Ångström"]),
        ("angstrom", ["Jean-Luc Ångström"]),
        ("anna@exa", ["Anna Mueller"]),
        ("+49 151 123450", ["Ada Lovelace"]),
        ("0049 (151) 12345-1", ["Annabel Müller"]),
        ("49151123453", ["Jean-Luc Ångström"]),
        ("nobody", []),
        ("ada mueller", []),
        ("%", []),
        ("a_a", []),
        ("'; DROP TABLE party; --", []),
    ],
)
def test_a_prefix_of_what_is_known_finds(
    books: Database, people: list[Customer], text: str, names: list[str]
) -> None:
    assert found(books, text) == names


def test_ids_find(books: Database, now: datetime, people: list[Customer], seller: Operator) -> None:
    ada = people[0]
    with books.transaction() as tx:
        account = account_of(tx, now, seller, ada, external_id="OLD/7590-VHVEG".replace("/", "-"))
    for text in (ada.id, ada.party, account.id, "old-7590", account.id.upper()):
        assert found(books, text) == ["Ada Lovelace"]


def test_an_organization_is_found_by_either_name(
    books: Database, now: datetime, seller: Operator
) -> None:
    with books.transaction() as tx:
        firm = register_party(
            tx, NewOrganization(name="Engines Ltd", trading_name="Difference"), now=now
        )
        create_customer(tx, party=firm.id, brand=seller.brand, now=now)
    assert found(books, "diff") == found(books, "engines") == ["Engines Ltd"]


def test_nothing_typed_lists_the_latest_first(books: Database, people: list[Customer]) -> None:
    names = [each.name for each in reversed(people)]
    assert found(books, "") == names
    with books.read() as r:
        first = search_customers(r, limit=3)
        rest = search_customers(r, limit=3, after=first.next)
    assert [each.name for each in first.customers + rest.customers] == names
    assert rest.next is None


def test_pages_follow_each_other_without_gap_or_repetition(
    books: Database, people: list[Customer]
) -> None:
    seen: list[str] = []
    after: str | None = None
    for _ in range(10):
        with books.read() as r:
            page = search_customers(r, "a", limit=1, after=after)
        seen += [each.name for each in page.customers]
        after = page.next
        if after is None:
            break
    # Jean-Luc is found by his name's second half as it sorts without its ring.
    assert seen == ["Ada Lovelace", "Jean-Luc Ångström", "Anna Mueller", "Annabel Müller"]


def test_what_changes_is_found_anew(books: Database, now: datetime, people: list[Customer]) -> None:
    ada = people[0]
    with books.transaction() as tx:
        change_party(
            tx, party=ada.party, to=NewIndividual(given_name="Ada", family_name="King"), now=now
        )
    assert found(books, "king") == ["Ada Lovelace"]
    assert found(books, "+4915112345 0") == []
    with books.transaction() as tx:
        change_customer(tx, customer=ada.id, name="Countess", now=now)
    assert found(books, "countess") == found(books, "king") == ["Countess"]
    assert found(books, "lovelace") == []


def test_two_customers_of_one_party_are_both_found(
    books: Database, now: datetime, seller: Operator
) -> None:
    with books.transaction() as tx:
        ada = person(tx, now, "Ada", "Byron")
        for _ in range(2):
            create_customer(tx, party=ada.id, brand=seller.brand, now=now)
    assert len(found(books, "byron")) == 2


@pytest.mark.parametrize("limit", [0, 201])
def test_a_page_has_a_size(books: Database, limit: int) -> None:
    with pytest.raises(Invalid) as refused, books.read() as r:
        search_customers(r, "a", limit=limit)
    assert refused.value.path == "limit"


@together("after", ["?", "äö", "AAAA", "YQ", "AAo"])
def test_a_page_begins_where_one_ended(books: Database, after: str) -> None:
    with pytest.raises(Invalid) as refused, books.read() as r:
        search_customers(r, "a", after=after)
    assert refused.value.path == "after"
