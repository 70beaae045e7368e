"""What is known of a person is told, and forgotten without a hole in the books."""

from datetime import timedelta

import msgspec
import pytest

from tests.scenarios.messaging_operator import ADDRESS, NUMBER, Person, Town
from trunkline import customers, messaging, payments
from trunkline.customers import CustomerStatus, PartyNotFound, StillACustomer
from trunkline.kernel.money import Money
from trunkline.ledger import trial_balance
from trunkline.messaging import ChannelName, DispatchState
from trunkline.messaging.model import Deferred, Outcome, Throttled, Unanswered
from trunkline.messaging.sending import begin_sending, note_outcome
from trunkline.payments import PaymentMethodKind
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay


@pytest.fixture
def town(books: Database, relay: Relay, clock: DrivenClock) -> Town:
    return Town(books, relay, clock)


def text(town: Town, person: Person) -> str:
    with town.books.read() as r:
        found = messaging.export_personal_data(r, person.party)
    return msgspec.json.encode(found).decode()


def profile(town: Town, person: Person) -> None:
    with town.books.transaction() as tx:
        now = town.clock.now()
        customers.seed_privacy(tx, now)
        spec = tx.execute(customers.PRIVACY_SPECIFICATION.table.select()).one().id
        customers.agree_profile(
            tx,
            {
                "agreedByParty": {"id": str(person.party), "@referredType": "Individual",
                                  "name": "Maeve Doyle"},
                "partyPrivacyProfileSpecification": {"id": spec},
                "partyPrivacyProfileCharacteristic": [{"name": "sms", "value": "allowed"}],
            },
            now,
        )  # fmt: skip


def close(town: Town, person: Person) -> None:
    with town.books.transaction() as tx:
        customers.change_customer_status(
            tx, customer=person.customer, to=CustomerStatus.CLOSED, now=town.clock.now()
        )


def erase(town: Town, person: Person) -> None:
    with town.books.transaction() as tx:
        messaging.erase_personal_data(tx, party=person.party, now=town.clock.now())


def test_everything_is_told(town: Town) -> None:
    maeve, other = town.person(), town.person(name="Other", number="+353850000009")
    profile(town, maeve)
    town.say(maeve, content="For Maeve")
    town.say(other, content="For the other")
    with town.books.read() as r:
        found = messaging.export_personal_data(r, maeve.party)
    assert found["party"]["name"] == "Maeve Doyle"
    assert [each["id"] for each in found["customers"]] == [maeve.customer]
    assert [each["id"] for each in found["billingAccounts"]] == [maeve.account]
    assert [(each["channel"], each["granted"]) for each in found["consents"]] == [("sms", True)]
    assert len(found["partyPrivacyProfiles"]) == 1
    assert [each["content"] for each in found["messages"]] == ["For Maeve"]
    told = text(town, maeve)
    assert NUMBER in told
    assert ADDRESS in told
    with town.books.read() as r, pytest.raises(PartyNotFound):
        messaging.export_personal_data(r, customers.PartyId("pty_none"))


def test_who_is_a_customer_is_not_forgotten(town: Town) -> None:
    maeve = town.person()
    with pytest.raises(StillACustomer):
        erase(town, maeve)
    assert "Maeve" in text(town, maeve)


def test_forgotten_and_the_books_are_whole(town: Town, clock: DrivenClock) -> None:
    maeve = town.person()
    other = town.person(name="Orla", number="+353850000009", address=None)
    profile(town, maeve)
    with town.books.transaction() as tx:
        payments.receive_payment(
            tx, account=maeve.account, amount=Money.of("12.50", "EUR"),
            method=PaymentMethodKind.CASH, reference="R1", now=clock.now(),
        )  # fmt: skip
    town.relay.drain()
    later = town.say(maeve, content="Secret", scheduledSendTime="2026-11-09T12:00:00Z")
    shared = town.say(
        content="To both",
        receiver=[{"phoneNumber": NUMBER, "name": "Maeve Doyle",
                   "party": {"id": str(maeve.customer), "@referredType": "Customer"}},
                  {"phoneNumber": "+353850000009", "name": "Orla Doyle"}],
    )  # fmt: skip
    close(town, maeve)
    with town.books.read() as r:
        before = trial_balance(r)
    erase(town, maeve)
    erase(town, maeve)
    told = text(town, maeve)
    for gone in ("Maeve", NUMBER, ADDRESS, "Secret", "12.50"):
        assert gone not in told, gone
    assert town.dispatch(later).state is DispatchState.CANCELLED
    with town.books.read() as r:
        assert trial_balance(r) == before
        (kept,) = messaging.messages(r, [shared])
        assert kept["content"] == "To both"
        assert kept["receiver"][1]["phoneNumber"] == "+353850000009"
        assert customers.billing_account(r, maeve.account).customer == maeve.customer
        assert customers.search_customers(r, "maeve").customers == ()
        assert len(customers.consent_history(r, maeve.party)) == 1
        (profile_left,) = customers.personal_data(r, maeve.party)["partyPrivacyProfiles"]
        assert profile_left["agreedByParty"] == {
            "id": maeve.party, "@referredType": "Individual", "name": "erased"}  # fmt: skip
    assert "Orla" in text(town, other)


@pytest.mark.parametrize("outcome", [Throttled("busy"), Deferred("later"), Unanswered("lost")])
def test_what_was_on_its_way_to_somebody_forgotten_is_not_tried_again(
    town: Town, outcome: Outcome
) -> None:
    maeve = town.person()
    message = town.say(maeve)
    town.relay.drain()
    with town.books.transaction() as tx:
        (going,) = begin_sending(tx, channel=ChannelName.SMS, limit=9, now=town.clock.now())
    assert going.address == NUMBER
    close(town, maeve)
    erase(town, maeve)
    with town.books.transaction() as tx:
        note_outcome(tx, dispatch=going.id, outcome=outcome, now=town.clock.now())
    town.clock.advance(timedelta(hours=1))
    town.relay.drain()
    with town.books.transaction() as tx:
        assert begin_sending(tx, channel=ChannelName.SMS, limit=9, now=town.clock.now()) == []
    assert town.dispatch(message).state is DispatchState.CANCELLED
    assert town.dispatch(message).reason == "the receiver was erased"
