from datetime import UTC, datetime

import pytest

from trunkline.customers import (
    AgreementItem,
    ContactMedium,
    CustomerId,
    Email,
    InvalidAccount,
    InvalidAgreement,
    InvalidParty,
    NewAgreement,
    NewIndividual,
    NewOrganization,
    Phone,
    PostalAddress,
)
from trunkline.customers.agreements.model import check_agreement
from trunkline.customers.model import (
    check_medium,
    check_terms,
    display_name,
)
from trunkline.customers.searching import asked_words, folded
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Money

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("new", "name"),
    [
        (NewIndividual(given_name="Ada", family_name="Lovelace"), "Ada Lovelace"),
        (NewIndividual(family_name="Lovelace"), "Lovelace"),
        (NewIndividual(full_name="A. Lovelace", given_name="Ada"), "A. Lovelace"),
        (NewOrganization(name=" Engines Ltd "), "Engines Ltd"),
    ],
)
def test_how_a_party_is_called(new: NewIndividual | NewOrganization, name: str) -> None:
    assert display_name(new) == name


@pytest.mark.parametrize(
    ("new", "path"),
    [
        (NewIndividual(), "familyName"),
        (NewIndividual(given_name="A\nB"), "familyName"),
        (NewIndividual(full_name=" "), "fullName"),
        (NewOrganization(name="x" * 201), "name"),
    ],
)
def test_a_party_without_a_proper_name(new: NewIndividual | NewOrganization, path: str) -> None:
    with pytest.raises(InvalidParty) as refused:
        display_name(new, path="[3]")
    assert refused.value.path == f"[3].{path}"


def test_a_phone_number_is_kept_without_its_spacing() -> None:
    medium = check_medium(Phone(number="+49 (151) 123-45 67", preferred=True), path="p")
    assert medium == Phone(number="+491511234567", preferred=True)


@pytest.mark.parametrize(
    ("medium", "path"),
    [
        (Email(address="ada"), "p"),
        (Email(address="ada@home"), "p"),
        (Email(address="a da@home.org"), "p"),
        (Email(address="ada@home.org\n"), "p"),
        (Email(address="a" * 250 + "@home.org"), "p"),
        (Phone(number="0151 1234567"), "p"),
        (Phone(number="+1"), "p"),
        (Phone(number="+49151x"), "p"),
        (Phone(number="+\u0661234567"), "p"),
        (PostalAddress(street1="x", city="Köln", country="Germany"), "p.country"),
        (PostalAddress(street1="", city="Köln", country="DE"), "p.street1"),
        (PostalAddress(street1="x", city="\0", country="DE"), "p.city"),
        (PostalAddress(street1="x", city="y", post_code="\0", country="DE"), "p.post_code"),
    ],
)
def test_what_reaches_nobody_is_refused(medium: ContactMedium, path: str) -> None:
    with pytest.raises(InvalidParty) as refused:
        check_medium(medium, path="p")
    assert refused.value.path == path


@pytest.mark.parametrize(("day", "terms"), [(0, 14), (32, 14), (1, -1), (1, 366)])
def test_terms_out_of_range_are_refused(day: int, terms: int) -> None:
    with pytest.raises(InvalidAccount):
        check_terms(day, terms)


def test_an_agreement_has_items_and_a_period() -> None:
    item = AgreementItem(name="x", offering="o", recurring_alteration=Money.of(-1, "EUR"))  # type: ignore[arg-type]
    customer = CustomerId("c")
    check_agreement(NewAgreement(customer=customer, name="n", items=(item,), starts=NOW))
    with pytest.raises(InvalidAgreement):
        check_agreement(NewAgreement(customer=customer, name="n", items=(), starts=NOW))
    with pytest.raises(InvalidAgreement):
        check_agreement(
            NewAgreement(customer=customer, name="n", items=(item,), starts=NOW, ends=NOW)
        )
    with pytest.raises(Invalid):
        check_agreement(NewAgreement(customer=customer, name="", items=(item,), starts=NOW))


def test_folding_forgets_case_and_accents() -> None:
    assert folded("MÜLLER") == folded("müller") == "muller"
    assert folded("Straße") == "strasse"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  ", []),
        ("Ada Lovelace", ["lovelace", "ada"]),
        ("+49 (151) 12-34", ["491511234"]),
        ("0049 151", ["49151"]),
        ("7590", ["7590"]),
        ("7590-VHVEG", ["7590-vhveg"]),
        ("+", ["+"]),
        ("a b c d e f", ["a", "b", "c", "d"]),
    ],
)
def test_what_is_asked_for(text: str, words: list[str]) -> None:
    assert asked_words(text) == words
