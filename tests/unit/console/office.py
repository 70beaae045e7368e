"""An operator with a few customers, and visitors of its console that need no browser."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from falcon.testing import Result, TestClient

from tests.scenarios.ordering_shop import MOBILE, fill_shelf, open_shop
from trunkline import charging, customers, ordering
from trunkline.catalog import BrandId
from trunkline.charging import ChargingAccountId
from trunkline.console import Console, create_app
from trunkline.customers import AccountKind, Customer
from trunkline.inventory import products_of_customer
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.ordering import Action, ItemRequest, ProductOrder
from trunkline.platform import security
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.relay import Relay
from trunkline.platform.settings import ConsoleSettings

CSRF = "csrf-of-the-test"
HOSTILE = "<script>alert(1)</script>{{7*7}}"


class Office:
    """The console over real databases, and what happens behind it."""

    def __init__(
        self, books: Database, charging: Database, relay: Relay, clock: DrivenClock
    ) -> None:
        self.books, self.charging, self.relay, self.clock = books, charging, relay, clock
        self._sessions: set[str] = set()
        self.console = Console(
            books=books,
            charging=charging,
            clock=clock,
            operator="Skerry Mobile",
            zone=ZoneInfo("Europe/Dublin"),
            country="IE",
        )
        with books.transaction() as tx:
            open_shop(tx, clock.now())
            fill_shelf(tx, clock.now(), numbers=5)
        relay.drain()

    def customer(
        self, name: str = "Maeve Doyle", *, kind: AccountKind = AccountKind.PREPAID
    ) -> Customer:
        now = self.clock.now()
        with self.books.transaction() as tx:
            party = customers.register_party(tx, customers.NewIndividual(full_name=name), now=now)
            customer = customers.create_customer(
                tx, party=party.id, brand=BrandId("brd_skerry"), now=now
            )
            customers.create_billing_account(
                tx,
                customer=customer.id,
                name=name,
                legal_entity=LegalEntityId("ent_skerry"),
                currency="EUR",
                kind=kind,
                now=now,
            )
        return customer

    def subscriber(
        self, name: str = "Maeve Doyle", *, kind: AccountKind = AccountKind.PREPAID
    ) -> tuple[Customer, ChargingAccountId]:
        """A customer whose order was carried out."""
        customer = self.customer(name, kind=kind)
        self.order(customer)
        with self.books.read() as r:
            [product] = products_of_customer(r, customer.id)
        return customer, ChargingAccountId(product.id)

    def order(self, customer: Customer, wished: str | None = None) -> ProductOrder:
        traits = {"msisdn": wished} if wished else {}
        with self.books.transaction() as tx:
            [account] = customers.accounts_of(tx, customer.id)
            item = ItemRequest(action=Action.ADD, offering=MOBILE, characteristics=traits)
            placed = ordering.place_order(
                tx,
                customer=customer.id,
                billing_account=account.id,
                items=[item],
                now=self.clock.now(),
            )
        self.relay.drain()
        with self.books.read() as r:
            return ordering.order(r, placed.id)

    def money(self, account: ChargingAccountId) -> Money:
        self.relay.drain()
        with self.charging.read() as r:
            return charging.balance(r, account, self.clock.now()).money

    def visitor(
        self, *scopes: str, name: str = "admin", settings: ConsoleSettings | None = None
    ) -> "Visitor":
        """Somebody who is signed in with these scopes; nobody without any."""
        console = self.console
        if settings is not None:
            console = msgspec.structs.replace(console, settings=settings)
        client = TestClient(create_app(console))
        token = ""
        if scopes:
            token = f"token of {name} {scopes}"
            if token not in self._sessions:
                with self.books.transaction() as tx:
                    _open_session(tx, name, token, scopes, self.clock.now())
                self._sessions.add(token)
        return Visitor(client, token)


def _open_session(tx: Tx, name: str, token: str, scopes: tuple[str, ...], now: datetime) -> None:
    """As signing in does, without its costly hash."""
    user = {"name": name, "secret_hash": "", "scopes": list(scopes), "created_at": now}
    tx.execute(sa.insert(security.user), user)
    session = {
        "token_hash": hashlib.sha256(token.encode()).hexdigest(),
        "user": name,
        "csrf": CSRF,
        "created_at": now,
        "expires_at": now + timedelta(hours=12),
    }
    tx.execute(sa.insert(security.session), session)


class Visitor:
    """A browser of sorts: sends the session's cookie, and the token of its forms."""

    def __init__(self, client: TestClient, token: str) -> None:
        self.client = client
        self._headers = {"Cookie": f"trunkline_session={token}"} if token else {}

    def get(self, path: str, **headers: str) -> Result:
        return self.client.simulate_get(path, headers=self._headers | _dashed(headers))

    def post(self, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Result:
        return self.send(path, urlencode({"csrf": CSRF} | dict(fields or {})), **headers)

    def send(self, path: str, body: str | bytes, **headers: str) -> Result:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.client.simulate_post(
            path, body=body, headers=self._headers | kind | _dashed(headers)
        )


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[dict[str, str | None]] = []
        self.texts: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.scripts.append(dict(attrs))
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def text_of(result: Result) -> str:
    """The words of a page, in one line; it runs no code of its own."""
    page = _Page()
    page.feed(result.text)
    inline = [each for each in page.scripts if "src" not in each]
    assert all(each.get("type") == "application/json" for each in inline), inline
    assert page.handlers == []
    return re.sub(r"\s+", " ", " ".join(page.texts)).strip()
