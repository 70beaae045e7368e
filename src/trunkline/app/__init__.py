"""The composition root: settings in, a running system out. The only wiring.

`System` holds the two databases, bound to the reactions of all domains. `founding` creates
the operator in empty databases; `processes` are what the supervisor keeps alive.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from trunkline import migration, network, payments, usage, vouchers
from trunkline.app.events import announcer, dispatcher
from trunkline.app.keys import voucher_keys, voucher_rules
from trunkline.app.policy import grant_policy
from trunkline.billing.reactions import REACTIONS as BILLING
from trunkline.charging import keep_policy, post_earnings
from trunkline.charging.reactions import REACTIONS as CHARGING
from trunkline.customers.reactions import REACTIONS as CUSTOMERS
from trunkline.inventory.reactions import REACTIONS as INVENTORY
from trunkline.ledger.reactions import REACTIONS as LEDGER
from trunkline.messaging.reactions import REACTIONS as MESSAGING
from trunkline.migration.reactions import REACTIONS as MIGRATION
from trunkline.network.reactions import REACTIONS as NETWORK
from trunkline.ordering.reactions import REACTIONS as ORDERING
from trunkline.payments.reactions import REACTIONS as PAYMENTS
from trunkline.platform import audit, idempotency, schema, tokens
from trunkline.platform.clock import Clock, SystemClock
from trunkline.platform.db import Database, books_metadata, charging_metadata
from trunkline.platform.messages import DatabaseName, Routes
from trunkline.platform.relay import Relay
from trunkline.platform.settings import Settings
from trunkline.receivables.reactions import REACTIONS as RECEIVABLES
from trunkline.tmf import hub
from trunkline.usage.reactions import REACTIONS as USAGE
from trunkline.vouchers.reactions import REACTIONS as VOUCHERS

STORES = (migration, audit, idempotency, hub, tokens)
"""Packages without reactions that have tables: importing them fills the metadata, as importing
the reactions of all others does."""

METADATA = {"books": books_metadata, "charging": charging_metadata}
"""The tables of each database, all of them."""

SQLITE = "sqlite:///"

REACTIONS = (
    *LEDGER,
    *CUSTOMERS,
    *MESSAGING,
    *NETWORK,
    *INVENTORY,
    *CHARGING,
    *USAGE,
    *PAYMENTS,
    *VOUCHERS,
    *RECEIVABLES,
    *BILLING,
    *ORDERING,
    *MIGRATION,
)


class System(msgspec.Struct, frozen=True):
    """An operator's databases and what reacts to what in them."""

    settings: Settings
    books: Database
    charging: Database
    routes: Routes
    clock: Clock

    def relay(self) -> Relay:
        """A relay over both outboxes."""
        return Relay({"books": self.books, "charging": self.charging}, self.routes, self.clock)

    def dispatcher(self) -> hub.Dispatcher:
        """What sends events to those who listen."""
        return dispatcher(self.books, self.clock, self.settings.hub)

    def courier(self) -> network.Courier | None:
        """Who carries instructions to the network; None where there is none."""
        known = self.settings.network
        if known.adapter == "none":
            return None
        element = network.Tmf640Element(known.url, token=known.token, timeout=known.timeout_seconds)
        return network.Courier(self.books, element, self.clock)

    def collector(self) -> payments.Collector | None:
        """Who brings what is to be collected to the payment gateway; None where there is none."""
        known = self.settings.payments
        if known.gateway == "none":
            return None
        gateway = payments.HttpGateway(known.url, token=known.token, timeout=known.timeout_seconds)
        return payments.Collector(self.books, gateway, self.clock)

    def settle(self, now: datetime | None = None) -> None:
        """For those without a jobs process: tells the ledger what the network's requests
        earned, and runs all deliveries that are due at `now` (the clock's, by default)."""
        with self.charging.transaction() as tx:
            post_earnings(tx, now or self.clock.now())
        self.relay().drain(now)
        if courier := self.courier():
            while courier.drain(now):
                self.relay().drain(now)

    def close(self) -> None:
        self.books.close()
        self.charging.close()


def open_system(settings: Settings, clock: Clock | None = None, *, yields: bool = False) -> System:
    """The system that `settings` describe. The databases must have been upgraded. With `yields`
    it is one whom nobody waits for, and others write first."""
    clock = clock or SystemClock()
    connected = settings.network.adapter != "none"
    routes = Routes(
        (
            *REACTIONS,
            *(network.CONNECTED if connected else ()),
            *(usage.EXPOSURE if settings.policy.bar_exhausted else ()),
        )
    )
    urls = settings.databases
    books = Database(urls.books, metadata=books_metadata, routes=routes, clock=clock, yields=yields)
    charging = Database(
        urls.charging, metadata=charging_metadata, routes=routes, clock=clock, yields=yields
    )
    keep_policy(charging, grant_policy(settings))
    books.announce = announcer(books, charging, clock)
    elsewhere = msgspec.structs.asdict(settings.mastered_elsewhere)
    books.elsewhere = frozenset(kind for kind, is_so in elsewhere.items() if is_so)
    vouchers.keep_keys(books, voucher_keys(settings.vouchers), voucher_rules(settings.vouchers))
    return System(settings, books, charging, routes, clock)


def is_empty(settings: Settings) -> bool:
    """Whether neither database holds anything yet."""
    return all(not _exists(url) or schema.revision(url) is None for _, url in _databases(settings))


def check_databases(settings: Settings) -> None:
    """Raises `WrongSchema` where a database is not at this version's revision."""
    for which, url in _databases(settings):
        schema.check(url, which)


def _databases(settings: Settings) -> list[tuple[DatabaseName, str]]:
    return [("books", settings.databases.books), ("charging", settings.databases.charging)]


def _exists(url: str) -> bool:
    return not url.startswith(SQLITE) or Path(url.removeprefix(SQLITE)).exists()


def upgrade_databases(settings: Settings, say: Callable[[str], None] = lambda _: None) -> None:
    """Bring both databases to this version's schema, creating SQLite's files where needed."""
    for which, url in _databases(settings):
        schema.upgrade(url, which)
        say(f"{which}: {schema.head(which)}")
