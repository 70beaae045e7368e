"""Customers who can be told things, and the senders that tell them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from tests.scenarios.ordering_shop import open_shop
from trunkline import catalog, customers, ledger, messaging
from trunkline.customers import (
    AccountKind,
    BillingAccountId,
    ContactMedium,
    CustomerId,
    Email,
    PartyId,
    Phone,
)
from trunkline.messaging import Channel, ChannelName, Dispatch, Ear, Sender, SmppChannel
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.relay import Relay

NUMBER = "+353850000001"
ADDRESS = "maeve@example.ie"


class Person:
    """A customer with an account, a number and an address."""

    def __init__(
        self,
        tx: Tx,
        now: datetime,
        *,
        name: str = "Maeve",
        number: str | None = NUMBER,
        address: str | None = ADDRESS,
        language: str | None = None,
    ) -> None:
        media: list[ContactMedium] = [
            *([] if address is None else [Email(address=address)]),
            *([] if number is None else [Phone(number=number)]),
        ]
        known = {} if language is None else {"language": language}
        self.party: PartyId = customers.register_party(
            tx,
            customers.NewIndividual(
                given_name=name, family_name="Doyle", contact_media=tuple(media), extensions=known
            ),
            now=now,
        ).id
        self.customer: CustomerId = customers.create_customer(
            tx, party=self.party, brand=catalog.BrandId("brd_skerry"), now=now
        ).id
        self.account: BillingAccountId = customers.create_billing_account(
            tx, customer=self.customer, name="Main",
            legal_entity=ledger.LegalEntityId("ent_skerry"), currency="EUR",
            kind=AccountKind.POSTPAID, now=now,
        ).id  # fmt: skip


class Town:
    """An operator that tells its customers things, its clock in a test's hand."""

    def __init__(self, books: Database, relay: Relay, clock: DrivenClock) -> None:
        self.books, self.relay, self.clock = books, relay, clock
        with books.transaction() as tx:
            open_shop(tx, clock.now())
            messaging.declare_channels(tx, [ChannelName.SMS, ChannelName.EMAIL], clock.now())

    def person(self, **rest: Any) -> Person:
        with self.books.transaction() as tx:
            return Person(tx, self.clock.now(), **rest)

    def say(self, person: Person | None = None, **rest: Any) -> str:
        """A message to a person by SMS, unless told otherwise; returns its id."""
        receiver: dict[str, Any] = {"phoneNumber": NUMBER}
        if person is not None:
            receiver = {"party": {"id": str(person.customer), "@referredType": "Customer"}}
        body = {"content": "Your SIM is on its way.", "messageType": "SMS",
                "sender": {"name": "Skerry"}, "receiver": [receiver], **rest}  # fmt: skip
        purpose = body.pop("purpose", None)
        if purpose is not None:
            body["characteristic"] = [{"name": "purpose", "value": purpose}]
        with self.books.transaction() as tx:
            return str(messaging.say(tx, body, self.clock.now())["id"])

    def told(self, person: Person) -> list[dict[str, Any]]:
        """The messages to a person, the oldest first."""
        with self.books.read() as r:
            ids = [
                row.id
                for row in r.execute(messaging.MESSAGES.select())
                if row.party_id == person.customer
            ]
            return messaging.messages(r, sorted(ids))

    def dispatch(self, message: str) -> Dispatch:
        with self.books.read() as r:
            return messaging.dispatches_of(r, message)[0]

    def state(self, message: str) -> str:
        with self.books.read() as r:
            (body,) = messaging.messages(r, [message])
        return str(body["state"])

    def sender(self, channel: Channel) -> Sender:
        return Sender(self.books, self.clock, channel)

    def send_all(self, sender: Sender) -> int:
        """All that is due."""
        self.relay.drain()
        sent = 0
        while found := sender.look():
            sent += found
            self.relay.drain()
        return sent

    @contextmanager
    def sms(self, settings: messaging.Centre) -> Iterator[Sender]:
        """A sender by SMPP, which hears what comes back."""
        ear = Ear(self.books, self.clock)
        channel = SmppChannel(settings, ear.receipt, ear.message)
        try:
            yield self.sender(channel)
        finally:
            channel.close()

    def agree(self, person: Person, channel: str = "sms") -> None:
        with self.books.transaction() as tx:
            customers.give_consent(
                tx, party=person.party, purpose=customers.MARKETING, channel=channel,
                by=person.party, how="console", now=self.clock.now(),
            )  # fmt: skip

    def refuse(self, person: Person, channel: str = "sms") -> None:
        with self.books.transaction() as tx:
            customers.withdraw_consent(
                tx, party=person.party, purpose=customers.MARKETING, channel=channel,
                by=person.party, how="console", now=self.clock.now(),
            )  # fmt: skip
