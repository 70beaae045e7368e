from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.customers.builders import account_of, customer_of, operator, person
from trunkline.catalog import BrandId, OfferingId, UnknownBrand
from trunkline.customers import (
    AccountKind,
    AccountNotFound,
    AccountState,
    AgreementId,
    AgreementItem,
    AgreementNotFound,
    AgreementStatus,
    BillingAccountId,
    CustomerId,
    CustomerNotFound,
    CustomerStatus,
    Email,
    ExternalIdTaken,
    Individual,
    IndividualStatus,
    InvalidAccount,
    InvalidParty,
    NewCustomer,
    NewIndividual,
    NewOrganization,
    OrganizationStatus,
    PartyId,
    PartyNotFound,
    Phone,
    PostalAddress,
    accounts_of,
    accounts_of_customers,
    agreement,
    agreements_of,
    billing_account,
    billing_accounts,
    change_account_state,
    change_agreement,
    change_billing_account,
    change_customer,
    change_customer_status,
    change_party,
    change_party_status,
    count_customers,
    create_customer,
    create_customers,
    customer,
    customers,
    customers_by_external_id,
    customers_of_party,
    parties,
    party,
    register_parties,
    register_party,
    sign_agreement,
)
from trunkline.kernel.errors import Invalid
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId, UnknownLegalEntity
from trunkline.platform.db import Database

HOME = PostalAddress(
    street1="Domkloster 4", post_code="50667", city="Köln", country="DE", preferred=True
)


def test_a_person_is_read_back_as_registered(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        ada = person(
            tx,
            now,
            "Ada",
            "Lovelace",
            Email(address="ada@engine.org", preferred=True),
            Phone(number="+44 20 7946 0000"),
            HOME,
            birth_date=date(1815, 12, 10),
            gender="female",
            external_id="crm-1",
            extensions={"hobby": ["engines", {"since": 1833}]},
        )
    with books.read() as r:
        assert party(r, ada.id) == ada
        assert parties(r, [ada.id, PartyId("none")]) == {ada.id: ada}
    assert ada.contact_media[1] == Phone(number="+442079460000")


def test_attributes_have_their_limits(books: Database, now: datetime) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"a": ["\0"]}, r"a\[0\]: holds the character U\+0000"),
        ({"a": {"b": Decimal("1e301")}}, r"a\.b: is a number out of range"),
        ({"a": "x" * 100_001}, "larger than 100,000 bytes"),
    ]
    for extensions, reason in wrong:
        with pytest.raises(Invalid, match=reason), books.transaction() as tx:
            person(tx, now, "Ada", "Byron", extensions=extensions)
    with books.transaction() as tx:
        kept = {"largest": Decimal("1e300"), "smallest": Decimal("-1.5e-300")}
        ada = person(tx, now, "Ada", "Byron", extensions=kept)
    with books.read() as r:
        assert party(r, ada.id).extensions == kept


def test_an_organization_is_read_back_as_registered(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        engines = register_party(
            tx,
            NewOrganization(
                name="Engines Ltd", trading_name="Engines", organization_type="company"
            ),
            now=now,
        )
    with books.read() as r:
        assert party(r, engines.id) == engines


def test_many_are_registered_or_none(books: Database, now: datetime) -> None:
    good = NewIndividual(given_name="Ada", external_id="a")
    with books.transaction() as tx:
        both = register_parties(tx, [good, NewOrganization(name="Engines")], now=now)
        assert register_parties(tx, [], now=now) == []
    assert [each.name for each in both] == ["Ada", "Engines"]
    for bad, path in [
        (NewIndividual(given_name="Eve", external_id="a"), "[1].externalId"),
        (NewIndividual(), "[1].familyName"),
        (NewIndividual(given_name="Eve", external_id="b"), "[1].externalId"),
        (NewIndividual(given_name="Eve", external_id="b c"), "[1].externalId"),
        (NewIndividual(given_name="Eve", external_id="\0"), "[1].externalId"),
        (NewIndividual(full_name="Eve", given_name=" " * 200 + "E"), "[1].givenName"),
        (NewIndividual(given_name="Eve", birth_date=date(2999, 1, 1)), "[1].birthDate"),
    ]:
        new = NewIndividual(given_name="Eva", external_id="b")
        with pytest.raises((Invalid, ExternalIdTaken)) as refused, books.transaction() as tx:
            register_parties(tx, [new, bad], now=now)
        assert refused.value.path == path


def test_a_party_changes_and_stays_who_it_is(books: Database, now: datetime) -> None:
    later = now + timedelta(days=1)
    with books.transaction() as tx:
        ada = person(tx, now, "Ada", "Byron")
        same = change_party(
            tx, party=ada.id, to=NewIndividual(given_name="Ada", family_name="Byron"), now=later
        )
        changed = change_party(
            tx, party=ada.id, to=NewIndividual(given_name="Ada", family_name="King"), now=later
        )
        with pytest.raises(InvalidParty):
            change_party(tx, party=ada.id, to=NewOrganization(name="King"), now=later)
        with pytest.raises(PartyNotFound):
            change_party(tx, party=PartyId("none"), to=NewIndividual(), now=later)
    assert same == ada
    assert (changed.name, changed.created_at, changed.updated_at) == ("Ada King", now, later)
    with books.read() as r:
        assert party(r, ada.id) == changed


def test_the_lifecycles_of_parties(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        ada = person(tx, now, "Ada", "Byron")
        firm = register_party(tx, NewOrganization(name="Engines"), now=now)
        change_party_status(tx, party=ada.id, to=IndividualStatus.DECEASED, now=now)
        change_party_status(tx, party=firm.id, to=OrganizationStatus.CLOSED, now=now)
        with pytest.raises(IllegalTransition):
            change_party_status(tx, party=ada.id, to=IndividualStatus.VALIDATED, now=now)
    with books.read() as r:
        assert party(r, ada.id).status is IndividualStatus.DECEASED


def test_a_customer_is_a_party_of_a_brand(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        seller = operator(tx, now)
        ada = person(tx, now, "Ada", "Lovelace")
        created = create_customer(
            tx,
            party=ada.id,
            brand=seller.brand,
            external_id="crm-1",
            characteristics={"segment": "gold"},
            now=now,
        )
    assert (created.name, created.status) == ("Ada Lovelace", CustomerStatus.ACTIVE)
    with books.read() as r:
        assert customer(r, created.id) == created
        assert customers(r, [created.id]) == {created.id: created}
        assert customers_by_external_id(r, ["crm-1", "crm-2"]) == {"crm-1": created}
        assert customers_of_party(r, ada.id) == [created]
        assert count_customers(r) == 1
        with pytest.raises(CustomerNotFound):
            customer(r, CustomerId("none"))
        with pytest.raises(PartyNotFound):
            party(r, PartyId("none"))


def test_a_customer_needs_a_party_and_a_brand_that_exist(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        seller = operator(tx, now)
        ada = person(tx, now, "Ada", "Lovelace")
    new = NewCustomer(party=ada.id, brand=seller.brand)
    stranger = NewCustomer(party=PartyId("none"), brand=seller.brand)
    with pytest.raises(PartyNotFound) as refused, books.transaction() as tx:
        create_customers(tx, [new, stranger], now=now)
    assert refused.value.path == "[1].engagedParty.id"
    with pytest.raises(UnknownBrand), books.transaction() as tx:
        create_customer(tx, party=ada.id, brand=BrandId("none"), now=now)
    with books.read() as r:
        assert count_customers(r) == 0


def test_a_customer_changes(books: Database, now: datetime) -> None:
    later = now + timedelta(days=1)
    with books.transaction() as tx:
        ada = customer_of(tx, now, operator(tx, now), "Ada", "Lovelace")
        assert change_customer(tx, customer=ada.id, name=ada.name, now=later) == ada
        changed = change_customer(
            tx, customer=ada.id, name="A. L.", characteristics={"a": 1}, now=later
        )
        change_customer_status(
            tx, customer=ada.id, to=CustomerStatus.SUSPENDED, reason="unpaid", now=later
        )
        with pytest.raises(IllegalTransition):
            change_customer_status(tx, customer=ada.id, to=CustomerStatus.PROSPECTIVE, now=later)
        with pytest.raises(InvalidParty):
            change_customer(tx, customer=ada.id, name="", now=later)
    assert (changed.name, changed.updated_at) == ("A. L.", later)
    with books.read() as r:
        found = customer(r, ada.id)
    assert (found.status, found.status_reason) == (CustomerStatus.SUSPENDED, "unpaid")
    assert found.characteristics == {"a": 1}


def test_a_billing_account_is_in_one_currency_of_one_legal_entity(
    books: Database, now: datetime
) -> None:
    with books.transaction() as tx:
        seller = operator(tx, now)
        ada = customer_of(tx, now, seller, "Ada", "Lovelace")
        eva = customer_of(tx, now, seller, "Eva", "Lovelace")
        first = account_of(tx, now, seller, ada, external_id="x-1", description="home")
        second = account_of(tx, now, seller, ada, kind=AccountKind.PREPAID, cycle_day=31)
    with books.read() as r:
        assert billing_account(r, first.id) == first
        assert billing_accounts(r, [second.id]) == {second.id: second}
        assert {each.id for each in accounts_of(r, ada.id)} == {first.id, second.id}
        by_customer = accounts_of_customers(r, [ada.id, eva.id])
        with pytest.raises(AccountNotFound):
            billing_account(r, BillingAccountId("none"))
    assert [len(each) for each in by_customer.values()] == [2, 0]


def test_a_bad_billing_account_is_refused(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        seller = operator(tx, now)
        ada = customer_of(tx, now, seller, "Ada", "Lovelace")
    wrong: list[tuple[type[Invalid], dict[str, Any]]] = [
        (InvalidAccount, {"cycle_day": 0}),
        (Invalid, {"currency": "euro"}),
        (InvalidAccount, {"description": "x" * 401}),
    ]
    for error, more in wrong:
        with pytest.raises(error), books.transaction() as tx:
            account_of(tx, now, seller, ada, **more)
    with pytest.raises(UnknownLegalEntity), books.transaction() as tx:
        account_of(tx, now, seller._replace(entity=LegalEntityId("none")), ada)
    with books.read() as r:
        assert accounts_of(r, ada.id) == []


def test_a_billing_account_changes(books: Database, now: datetime) -> None:
    later = now + timedelta(days=1)
    with books.transaction() as tx:
        seller = operator(tx, now)
        account = account_of(tx, now, seller, customer_of(tx, now, seller, "Ada", "Lovelace"))
        assert change_billing_account(tx, account=account.id, now=later) == account
        change_billing_account(
            tx, account=account.id, name="Home", payment_terms_days=30, now=later
        )
        closed = change_account_state(tx, account=account.id, to=AccountState.CLOSED, now=later)
        with pytest.raises(IllegalTransition):
            change_account_state(tx, account=account.id, to=AccountState.ACTIVE, now=later)
    assert (closed.name, closed.payment_terms_days) == ("Home", 30)
    with books.read() as r:
        assert billing_account(r, account.id) == closed


def test_an_agreement_is_signed_and_terminated(books: Database, now: datetime) -> None:
    later = now + timedelta(days=1)
    item = AgreementItem(
        name="Own price",
        offering=OfferingId("fibre"),
        recurring_alteration=Money.of("-4.25", "EUR"),
    )
    with books.transaction() as tx:
        seller = operator(tx, now)
        ada = customer_of(tx, now, seller, "Ada", "Lovelace")
        signed = sign_agreement(
            tx, customer=ada.id, name="Own", items=(item,), starts=now, external_id="x", now=now
        )
    with books.read() as r:
        assert agreement(r, signed.id) == signed
        assert agreements_of(r, ada.id) == [signed]
        with pytest.raises(AgreementNotFound):
            agreement(r, AgreementId("none"))
    with books.transaction() as tx:
        change_agreement(
            tx,
            agreement=signed.id,
            changing=lambda body: {**body, "status": "terminated"},
            now=later,
        )
        ended = agreement(tx, signed.id)
        with pytest.raises(IllegalTransition):
            change_agreement(
                tx,
                agreement=signed.id,
                changing=lambda body: {**body, "status": "active"},
                now=later,
            )
    assert (ended.status, ended.ends) == (AgreementStatus.TERMINATED, later)
    with pytest.raises(CustomerNotFound), books.transaction() as tx:
        sign_agreement(
            tx, customer=CustomerId("none"), name="x", items=(item,), starts=now, now=now
        )


def test_an_individual_is_the_type_that_comes_back(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        ada = person(tx, now, "Ada", "Byron")
    with books.read() as r:
        assert isinstance(party(r, ada.id), Individual)
