"""A catalogue whose prices reach charging, and what usage then costs, on real databases."""

from datetime import datetime
from typing import Any

from tests.unit.catalog.builders import offering_body, save_offering, save_price
from tests.unit.charging.builders import opening
from trunkline.charging import ChargeUsage, ChargingAccountId, Service, UsageEvent, records, store
from trunkline.customers import AccountKind
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

Offer = tuple[str, tuple[dict[str, Any], ...]]


def offering(id_: str, *prices: dict[str, Any]) -> Offer:
    return id_, prices


class Shop:
    def __init__(
        self, books: Database, charging: Database, relay: Relay, clock: DrivenClock
    ) -> None:
        self.books, self.charging, self.relay, self.clock = books, charging, relay, clock

    def offer(self, *offers: Offer) -> None:
        now = self.clock.now()
        with self.books.transaction() as tx:
            for id_, prices in offers:
                for price in prices:
                    save_price(tx, price, now)
                save_offering(tx, offering_body(id_, *(each["id"] for each in prices)), now)
        self.relay.drain()

    def versions(self) -> int:
        with self.charging.read() as r:
            return len(store.tariff_versions(r))

    def open(self, plan: str, kind: AccountKind = AccountKind.POSTPAID) -> None:
        with self.books.transaction() as tx:
            tx.emit(opening(1, plan=plan, kind=kind, opened_at=self.clock.now()))
        self.relay.drain()

    def call(self, called: str, seconds: int, at: datetime | None = None) -> int:
        """Micros that it was charged."""
        return self.tell(Service.VOICE, seconds, at, called)

    def tell(
        self, service: Service, units: int, at: datetime | None = None, called: str = ""
    ) -> int:
        """What a usage record was charged, in micros."""
        instant = at or self.clock.now()
        event = UsageEvent(
            id=f"{service}{called}{units}{instant}",
            identities=(("msisdn", "46700000001"),),
            service=service,
            at=instant,
            units=units,
            called=called,
        )
        with self.books.transaction() as tx:
            tx.emit(ChargeUsage(batch_id=event.id, events=(event,)))
        self.relay.drain()
        with self.charging.read() as r:
            found = records(r, ChargingAccountId("cac_1"), limit=1000)
        return sum(each.charge.micros for each in found if each.session == event.id)
