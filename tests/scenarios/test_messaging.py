"""What customers are told, when, in which language, and what becomes of it."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from tests.locks import both
from tests.scenarios.messaging_operator import ADDRESS, NUMBER, Town
from tests.scenarios.ordering_shop import add, fill_shelf
from tests.unit.messaging.centre import OK, THROTTLED, TestCentre
from tests.unit.messaging.mail import TestMailServer
from trunkline import catalog, customers, messaging, ordering, payments
from trunkline.kernel.money import Money
from trunkline.messaging import (
    Accepted,
    ChannelName,
    Declaration,
    DispatchState,
    InvalidTemplate,
    Purpose,
    QuietHours,
    ReceiptState,
    Sender,
    SendMessage,
    SmtpChannel,
    VariableKind,
)
from trunkline.messaging.model import Receipt
from trunkline.messaging.sending import note_receipt
from trunkline.messaging.smpp.text import decoded
from trunkline.payments import PaymentMethodKind
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.relay import Relay


@pytest.fixture
def town(books: Database, relay: Relay, clock: DrivenClock) -> Town:
    return Town(books, relay, clock)


@pytest.fixture
def centre() -> Iterator[TestCentre]:
    with TestCentre() as running:
        yield running


@pytest.fixture
def sms(town: Town, centre: TestCentre) -> Iterator[Sender]:
    with town.sms(centre.settings()) as sender:
        yield sender


def until(clock: DrivenClock, text: str) -> None:
    clock.advance(datetime.fromisoformat(text) - clock.now())


def text_of(submitted: Any) -> str:
    return decoded(submitted.short_message, submitted.data_coding)


def test_a_completed_order_is_told_of_and_the_phone_has_it(
    town: Town, sms: Sender, centre: TestCentre
) -> None:
    """Ordered, delivered, told in German; the centre reports that the phone has it."""
    anna = town.person(name="Anna", language="de", address=None)
    with town.books.transaction() as tx:
        fill_shelf(tx, town.clock.now(), numbers=1)
        order = ordering.place_order(
            tx, customer=anna.customer, billing_account=anna.account, items=(add(),),
            now=town.clock.now(),
        )  # fmt: skip
    assert town.send_all(sms) == 1
    submitted = centre.next()
    assert submitted.destination_addr == NUMBER.removeprefix("+").encode()
    assert text_of(submitted).startswith("Willkommen bei skerry! Alles, was Sie bestellt haben")
    assert order.id in text_of(submitted)
    (message,) = town.told(anna)
    assert message["state"] == "inProgress"
    assert {each["name"]: each["value"] for each in message["characteristic"]} == {
        "purpose": "service", "template": "welcome", "language": "de", "order": order.id,
    }  # fmt: skip
    town.clock.advance(timedelta(seconds=4))
    assert centre.report("a1") == OK
    (message,) = town.told(anna)
    assert message["state"] == "completed"
    assert message["sendTimeComplete"] == "2026-11-02T09:00:04.000Z"


def test_a_payment_is_thanked_for_by_email(town: Town, clock: DrivenClock) -> None:
    maeve = town.person()
    with town.books.transaction() as tx:
        payments.receive_payment(
            tx, account=maeve.account, amount=Money.of("12.50", "EUR"),
            method=PaymentMethodKind.BANK_TRANSFER, reference="R1", now=clock.now(),
        )  # fmt: skip
    with TestMailServer() as server:
        channel = SmtpChannel(server.settings(), clock)
        assert town.send_all(town.sender(channel)) == 1
        channel.close()
        mail = server.next()
    assert (mail["To"], mail["Subject"]) == (ADDRESS, "Thank you for your payment")
    assert "we have received your payment of €12.50" in mail.get_content()
    assert mail["From"] == "skerry <hello@test-mobile.example>"
    assert town.told(maeve)[0]["state"] == "completed"


def test_without_a_channel_nothing_is_written(town: Town, clock: DrivenClock) -> None:
    maeve = town.person()
    with town.books.transaction() as tx:
        messaging.declare_channels(tx, [], clock.now())
        payments.receive_payment(
            tx, account=maeve.account, amount=Money.of("1", "EUR"),
            method=PaymentMethodKind.CASH, reference="R1", now=clock.now(),
        )  # fmt: skip
    town.relay.drain()
    assert town.told(maeve) == []


def test_who_has_no_address_is_not_told(town: Town) -> None:
    nobody = town.person(number=None, address=None)
    with town.books.transaction() as tx:
        messaging.notify(
            tx, SendMessage(template="payment.received", customer=nobody.customer,
                            variables={"amount": "1 EUR"}),
        )  # fmt: skip
    town.relay.drain()
    assert town.told(nobody) == []


def test_the_preferred_medium_comes_first(town: Town, books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        party = customers.register_party(
            tx,
            customers.NewIndividual(
                full_name="Maeve",
                contact_media=(
                    customers.Email(address=ADDRESS),
                    customers.Phone(number=NUMBER, preferred=True),
                ),
            ),
            now=now,
        ).id
        buyer = customers.create_customer(
            tx, party=party, brand=catalog.BrandId("brd_skerry"), now=now
        )
        said = messaging.notify_customer(
            tx, SendMessage(template="payment.received", customer=buyer.id,
                            variables={"amount": "1 EUR"}), now,
        )  # fmt: skip
    assert said is not None
    assert said["messageType"] == "SMS"


def test_nobody_is_woken_for_what_can_wait(town: Town, sms: Sender, centre: TestCentre) -> None:
    """Dublin in November keeps UTC: what is said at 22:30 is heard at 08:00; a code passes."""
    until(town.clock, "2026-11-02T22:30:00+00:00")
    person = town.person()
    waiting, code = town.say(person), town.say(person, content="123456", purpose="urgent")
    assert town.send_all(sms) == 1
    assert text_of(centre.next()) == "123456"
    assert town.state(code) == "inProgress"
    until(town.clock, "2026-11-03T07:59:59+00:00")
    assert town.send_all(sms) == 0
    assert town.state(waiting) == "initial"
    until(town.clock, "2026-11-03T08:00:00+00:00")
    assert town.send_all(sms) == 1
    assert text_of(centre.next()) == "Your SIM is on its way."


def test_what_a_template_said_is_put_off_and_said_otherwise(town: Town) -> None:
    """A notice that waits for the morning keeps what it is about, and is changed like any other."""
    maeve = town.person(name="Maeve")
    until(town.clock, "2026-11-02T23:00:00+00:00")
    now = town.clock.now()
    with town.books.transaction() as tx:
        command = SendMessage(
            template="topup.received", customer=maeve.customer, variables={"amount": "12.50 EUR"}
        )
        told = messaging.notify_customer(tx, command, now)
    assert told is not None
    later = told | {"scheduledSendTime": "2026-11-03T12:00:00Z"}
    with town.books.transaction() as tx:
        put_off = messaging.change_message(tx, told["id"], later, now)
    assert put_off["content"] == told["content"]
    french = [
        each if each["name"] != "language" else each | {"value": "fr"}
        for each in put_off["characteristic"]
    ]
    with town.books.transaction() as tx:
        changed = messaging.change_message(
            tx, told["id"], put_off | {"characteristic": french}, now
        )
    assert "12,50" in changed["content"]
    with town.books.transaction() as tx:
        own = messaging.change_message(tx, told["id"], changed | {"content": "Merci !"}, now)
    assert own["content"] == "Merci !"


def test_a_market_has_its_own_quiet_hours(town: Town, sms: Sender) -> None:
    with town.books.transaction() as tx:
        (market,) = catalog.markets(tx)
        messaging.set_quiet_hours(tx, market=market.id, quiet=QuietHours(time(9), time(10)))
        messaging.set_quiet_hours(tx, market=market.id, quiet=QuietHours(time(8), time(9, 30)))
    town.say(town.person())
    assert town.send_all(sms) == 0
    town.clock.advance(timedelta(minutes=30))
    assert town.send_all(sms) == 1


def test_marketing_needs_a_consent_in_force_on_that_channel(town: Town, sms: Sender) -> None:
    maeve, other = town.person(), town.person(name="Other", number="+353850000002")
    town.agree(maeve, "email")
    town.agree(other)
    refused, sent = town.say(maeve, purpose="marketing"), town.say(other, purpose="marketing")
    service, nobody = town.say(maeve), town.say(purpose="marketing")
    assert town.state(refused) == town.state(nobody) == "cancelled"
    assert town.dispatch(refused).reason == "no consent to marketing on this channel"
    assert town.send_all(sms) == 2
    assert town.state(sent) == town.state(service) == "inProgress"


def test_a_withdrawal_stops_what_waits(town: Town, sms: Sender) -> None:
    maeve, other = town.person(), town.person(name="Other", number="+353850000002")
    town.agree(maeve)
    town.agree(other)
    later = "2026-11-05T12:00:00Z"
    waiting = town.say(maeve, purpose="marketing", scheduledSendTime=later)
    ready, theirs = town.say(maeve, purpose="marketing"), town.say(other, purpose="marketing")
    town.relay.drain()
    assert town.dispatch(ready).state is DispatchState.READY
    town.refuse(maeve)
    # Even before the reaction has run, nothing is sent any more.
    assert sms.look() == 1
    assert (town.state(ready), town.state(theirs)) == ("cancelled", "inProgress")
    town.relay.drain()
    assert town.state(waiting) == "cancelled"


def test_stop_takes_the_consent_back(town: Town, sms: Sender, centre: TestCentre) -> None:
    maeve, other = town.person(), town.person(name="Other", number="+353850000012")
    town.agree(maeve)
    town.agree(other)
    sms.look()
    assert centre.say("What is this?") == OK
    with town.books.read() as r:
        assert len(customers.consent_history(r, maeve.party)) == 1
    assert centre.say("Stop!") == OK
    with town.books.read() as r:
        said = customers.consent_history(r, maeve.party)[-1]
        assert (said.granted, said.channel, said.how, said.by) == (
            False, "sms", "sms", maeve.party)  # fmt: skip
        assert customers.consents(r, other.party, town.clock.now())[0].granted


def test_a_busy_centre_is_waited_for_and_no_attempt_is_lost(
    town: Town, sms: Sender, centre: TestCentre
) -> None:
    message = town.say(tryTimes=0)
    centre.answer = lambda _: THROTTLED
    town.relay.drain()
    waits = []
    for _ in range(8):
        assert sms.look() == 1
        waits.append(sms.pause)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    centre.answer = lambda _: OK
    assert sms.look() == 1
    assert sms.pause == 0
    assert town.dispatch(message).attempts == 1


def test_a_centre_that_is_away_costs_nothing(town: Town, sms: Sender, centre: TestCentre) -> None:
    message = town.say()
    town.relay.drain()
    sms.look()
    centre.password = "changed"
    centre.hang_up()
    later = town.say()
    town.relay.drain()
    with town.sms(centre.settings()) as fresh, pytest.raises(messaging.ChannelAway):
        fresh.look()
    assert town.dispatch(later).attempts == 0
    centre.password = "secret"
    with town.sms(centre.settings()) as fresh:
        assert town.send_all(fresh) == 1
    assert town.state(message) == town.state(later) == "inProgress"


def test_what_could_not_be_sent_in_time_is_no_news(town: Town, sms: Sender) -> None:
    message = town.say()
    town.relay.drain()
    town.clock.advance(timedelta(hours=72))
    assert sms.look() == 1
    assert town.state(message) == "failed"
    assert town.dispatch(message).reason == "could not be sent in time"


def test_receipts_of_all_parts(town: Town, sms: Sender, centre: TestCentre) -> None:
    """Answered in hexadecimal, reported in decimal: 0xa1 is 161."""
    message = town.say(content="x" * 200)
    assert town.send_all(sms) == 1
    failed = town.say(content="y" * 200)
    assert town.send_all(sms) == 1
    centre.report("161")
    assert town.state(message) == "inProgress"
    centre.report("162", "ENROUTE")
    assert town.state(message) == "inProgress"
    centre.report("162")
    assert town.state(message) == "completed"
    centre.report("A3", "UNDELIV", "011")
    assert town.state(failed) == "failed"
    assert town.dispatch(failed).reason == "UNDELIV, error 11"
    centre.report("A4")
    assert town.state(failed) == "failed"


def test_a_receipt_may_overtake_its_answer(town: Town, sms: Sender, centre: TestCentre) -> None:
    sms.look()
    assert centre.report("a1") == OK
    message = town.say()
    assert town.send_all(sms) == 1
    assert town.state(message) == "completed"


@pytest.mark.parametrize("receipt_first", [True, False])
def test_a_receipt_and_its_answer_at_the_same_moment(town: Town, receipt_first: bool) -> None:
    message, now = town.say(), town.clock.now()
    town.relay.drain()
    with town.books.transaction() as tx:
        (begun,) = messaging.begin_sending(tx, channel=ChannelName.SMS, limit=1, now=now)

    def answer(tx: Tx) -> None:
        messaging.note_outcome(tx, dispatch=begun.id, outcome=Accepted(("a1",)), now=now)

    def report(tx: Tx) -> None:
        note_receipt(tx, Receipt("a1", ReceiptState.DELIVERED, "DELIVRD"), now)

    ends = (report, answer) if receipt_first else (answer, report)
    assert both(town.books, *ends) is None
    assert town.state(message) == "completed"


def test_a_receipt_that_never_comes(town: Town, sms: Sender) -> None:
    message = town.say()
    town.send_all(sms)
    town.clock.advance(timedelta(days=4))
    town.relay.drain()
    assert town.state(message) == "completed"
    assert "not reported" in str(town.dispatch(message).reason)


def test_what_was_under_way_in_a_crash_is_sent_once_more(
    town: Town, sms: Sender, centre: TestCentre
) -> None:
    message = town.say()
    for crash in range(2):
        town.relay.drain()
        with town.books.transaction() as tx:
            (begun,) = messaging.begin_sending(
                tx, channel=ChannelName.SMS, limit=10, now=town.clock.now()
            )
        assert begun.id == town.dispatch(message).id
        assert sms.recover() == 1
        assert town.state(message) == ("inProgress" if crash == 0 else "failed")
    assert "it may have arrived" in str(town.dispatch(message).reason)
    assert town.send_all(sms) == 0
    assert sms.recover() == 0


def test_only_one_sender_at_a_time(town: Town, sms: Sender) -> None:
    with (
        town.books.exclusive("messages by sms"),
        pytest.raises(Exception, match="already running"),
        town.books.exclusive("messages by sms"),
    ):
        pass


def test_a_template_of_the_operators_own(town: Town, clock: DrivenClock) -> None:
    """Versions are kept; each language has its own; a shipped wording gives way to a saved one."""
    maeve, anna = town.person(), town.person(name="Anna", language="de")
    declared = Declaration(
        key="storm.warning", purpose=Purpose.URGENT, channels=(ChannelName.SMS,),
        variables={"name": VariableKind.TEXT, "area": VariableKind.TEXT}, required=("area",),
    )  # fmt: skip
    with town.books.transaction() as tx:
        messaging.declare_template(tx, declared, now=clock.now())
        for text in ("Storm in {area}", "{name}: storm in {area}!"):
            messaging.save_template(
                tx, key="storm.warning", language="en", sms=text, now=clock.now()
            )
        saved = messaging.save_template(
            tx, key="storm.warning", language="de", sms="Sturm in {area}", now=clock.now()
        )
        messaging.save_template(
            tx, key="payment.received", language="en", sms="Got {amount}.", now=clock.now()
        )
        assert saved.version == 1
        for person in (maeve, anna):
            messaging.notify(
                tx, SendMessage(template="storm.warning", customer=person.customer,
                                variables={"area": "Galway"}),
            )  # fmt: skip
    town.relay.drain()
    assert town.told(maeve)[0]["content"] == "Maeve Doyle: storm in Galway!"
    assert town.told(anna)[0]["content"] == "Sturm in Galway"
    with town.books.read() as r:
        versions = messaging.template_versions(r, "storm.warning")
        assert [(each.language, each.version) for each in versions] == [
            ("de", 1), ("en", 1), ("en", 2)]  # fmt: skip
        assert messaging.wordings(r, "payment.received")["en"].sms == "Got {amount}."
    with town.books.transaction() as tx, pytest.raises(InvalidTemplate, match="is missing"):
        messaging.save_template(
            tx, key="storm.warning", language="fr", sms="Tempête", now=clock.now()
        )
    with town.books.transaction() as tx, pytest.raises(messaging.UnknownTemplate):
        messaging.save_template(tx, key="no.such", language="fr", sms="?", now=clock.now())
    with town.books.transaction() as tx, pytest.raises(InvalidTemplate, match="already"):
        messaging.declare_template(
            tx, Declaration(key="welcome", purpose=Purpose.SERVICE, channels=(ChannelName.SMS,),
                            variables={}), now=clock.now(),
        )  # fmt: skip
