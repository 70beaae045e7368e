"""The REST edge over fresh databases, with an operator in them."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tests.conformance.tmf import tally
from tests.conformance.tmf.announced import Recorder
from tests.conformance.tmf.client import Client
from trunkline import catalog, ledger, tax
from trunkline.app.events import announcer
from trunkline.platform import security
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.rest import all_apis, create_app
from trunkline.vouchers import VoucherKeys, keep_keys

MakeClient = Callable[..., Client]


def pytest_sessionfinish() -> None:
    tally.write()


@pytest.fixture
def app(books: Database, charging: Database, clock: DrivenClock) -> Any:
    keep_keys(books, lambda: VoucherKeys.of(["5e" * 32]))
    books.announce = Recorder(announcer(books, charging, clock), all_apis(books, charging, clock))
    return create_app(books=books, charging=charging, clock=clock)


@pytest.fixture
def operator(books: Database, clock: DrivenClock) -> None:
    """A legal entity that sells under one brand, in euro."""
    now = clock.now()
    with books.transaction() as tx:
        ledger.create_legal_entity(
            tx, name="Test Mobile Ltd", country="IE", currency="EUR", tax_number="IE1", now=now
        )
        regime = tax.declare_regime(tx, code="IE")
        tax.set_rate(
            tx, regime=regime.code, category=catalog.STANDARD_TAX, name="VAT",
            millionths=230_000, valid_from=date(2020, 1, 1),
        )  # fmt: skip
        market = catalog.create_market(
            tx, name="Ireland", currency="EUR", time_zone="Europe/Dublin", country="IE",
            tax_regime="IE", now=now,
        )  # fmt: skip
        catalog.create_brand(tx, name="Test Mobile", market=market.id, now=now)


@pytest.fixture
def make_client(app: Any, books: Database, clock: DrivenClock) -> MakeClient:
    """`make_client("tmf620:read")`: a client whose key has these scopes."""

    def make(*scopes: str, on: Any = app) -> Client:
        with books.transaction() as tx:
            key = security.create_api_key(tx, name="test", scopes=scopes, now=clock.now())
        recorder = books.announce if isinstance(books.announce, Recorder) else None
        return Client(on, key.secret, recorder)

    return make


@pytest.fixture
def api(make_client: MakeClient, operator: None) -> Client:
    """A client that may do everything, at an operator that is ready to sell."""
    return make_client("*")
