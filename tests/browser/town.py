"""An operator whose month was lived by the real demonstration, served by the real processes,
with a few guests whom browsers find interesting."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from trunkline import billing, charging, customers, inventory, ordering
from trunkline.app import System, open_system
from trunkline.app.founding import operator
from trunkline.charging import (
    SERVER_DECIDES,
    ChargeRequest,
    GroupCommit,
    Kind,
    Service,
    UnitRequest,
)
from trunkline.customers import AccountKind, Customer, Email
from trunkline.demo.chapters import FIRST_NUMBER, SPARE, external_id, plan_of
from trunkline.ordering import Action, ItemRequest, OrderId, OrderState
from trunkline.platform import security, settings
from trunkline.platform.db import Tx

SIGN_UPS = 40
HOSTILE = "<script>document.title='taken'</script> {{7*7}} \"Quote\" & O'Hara"
READER, READERS_SECRET = "reader", "only-looks-around"
PATIENCE = 60.0
"""Seconds that another process may take for what it does in milliseconds."""


class Town(msgspec.Struct, frozen=True):
    """Where the console is, who may sign in, and the databases behind it."""

    url: str
    user: str
    secret: str
    system: System
    hostile: Customer
    held: OrderId

    def customer(self, *, prepaid: bool) -> Customer:
        """The first who chose such a plan."""
        number = next(each for each in range(SIGN_UPS) if plan_of(each).prepaid is prepaid)
        with self.system.books.read() as r:
            known = customers.customers_by_external_id(r, [external_id(number)])
        return known[external_id(number)]

    def number_of(self, customer: Customer) -> str:
        with self.system.books.read() as r:
            (service, *_) = inventory.services_of_customers(r, [customer.id])
            return str(service.characteristics["msisdn"])

    def product_of(self, customer: Customer) -> inventory.Product:
        with self.system.books.read() as r:
            return inventory.products_of_customer(r, customer.id)[0]

    def balance_of(self, customer: Customer) -> charging.Balance:
        account = charging.ChargingAccountId(self.product_of(customer).id)
        with self.system.charging.read() as r:
            return charging.balance(r, account, self.system.clock.now())

    def invoice_of(self, customer: Customer) -> billing.Invoice:
        with self.system.books.read() as r:
            return billing.invoices_of_customer(r, customer.id)[0]

    def order_of(self, customer: Customer) -> ordering.ProductOrder:
        with self.system.books.read() as r:
            return ordering.orders_of(r, customer.id)[0]

    def attach_phones(self, now: datetime, count: int) -> None:
        """`count` phones register with the network and leave it again."""
        imsis = self._imsis()
        sessions = [(imsis[place % len(imsis)], place, 0) for place in range(count)]
        self._hold_sessions(now, sessions)

    def browse(self, now: datetime) -> None:
        """Phones with a postpaid plan use some of the running month's allowance."""
        used = [
            (imsi, place, 1_100_000_000 * (place % 5 + 3))
            for place, imsi in enumerate(self._imsis())
            if not plan_of(place).prepaid
        ]
        self._hold_sessions(now, used)

    def _imsis(self) -> list[str]:
        with self.system.books.read() as r:
            known = customers.customers_by_external_id(r, map(external_id, range(SIGN_UPS)))
            ids = [known[external_id(number)].id for number in range(SIGN_UPS)]
            services = inventory.services_of_customers(r, ids)
        by_customer = {each.customer: each.characteristics["imsi"] for each in services}
        return [by_customer[each] for each in ids]

    def _hold_sessions(self, now: datetime, sessions: Sequence[tuple[str, int, int]]) -> None:
        at = int(now.timestamp())
        requests = []
        for imsi, place, octets in sessions:
            for kind, unit in (
                (Kind.INITIAL, UnitRequest(rating_group=1, requested=SERVER_DECIDES)),
                (Kind.TERMINATE, UnitRequest(rating_group=1, used=octets, final=True)),
            ):
                requests.append(
                    ChargeRequest(
                        session=f"{now.isoformat()};{place}",
                        number=kind - Kind.INITIAL,
                        kind=kind,
                        identities=(("imsi", imsi),),
                        at=at,
                        received=at,
                        service=Service.DATA,
                        units=(unit,),
                    )
                )
        GroupCommit(self.system.charging).process(requests, now)


@contextmanager
def lived(folder: Path) -> Iterator[Town]:
    """The month, and the town for as long as it is looked at."""
    port, gy, metrics = free_ports(3)
    own = {
        "TRUNKLINE_DATABASES_BOOKS": f"sqlite:///{folder}/var/demo/books.db",
        "TRUNKLINE_DATABASES_CHARGING": f"sqlite:///{folder}/var/demo/charging.db",
        "TRUNKLINE_HTTP_PORT": str(port),
        "TRUNKLINE_CHARGING_PORT": str(gy),
        "TRUNKLINE_CHARGING_METRICS_PORT": str(metrics),
        "TRUNKLINE_NCHF_PORT": "0",
        "TRUNKLINE_VOUCHERS_KEY_FILE": f"{folder}/var/vouchers.key",
    }
    others = {name: value for name, value in os.environ.items() if "TRUNKLINE" not in name}
    command = [sys.executable, "-m", "trunkline.cli", "demo", "--customers", str(SIGN_UPS)]
    with subprocess.Popen(
        command, cwd=folder, env=others | own, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            _await_serving(process)
            diary = json.loads((folder / "var/demo/diary.json").read_text())
            system = open_system(settings.load(environment=own))
            try:
                yield _with_guests(system, f"http://127.0.0.1:{port}", diary["administrator"])
            finally:
                system.close()
        finally:
            process.terminate()
            process.wait(PATIENCE)


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def _await_serving(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "Ctrl-C" in line:
            return
    raise AssertionError("the demonstration ended early:\n" + "".join(said))


def wait_until(condition: Callable[[], bool]) -> None:
    """Until another process has done its part."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)


def _with_guests(system: System, url: str, secret: str) -> Town:
    """A name that is markup, an order that is held, somebody who may only look, a day of phones
    that come and go, and the beginning of the next month."""
    now = system.clock.now()
    with system.books.transaction() as tx:
        security.create_user(
            tx, name=READER, secret=READERS_SECRET, scopes=["console:read", "tmf629:read"], now=now
        )
        hostile = _sign_up(tx, HOSTILE, now)
        # Both wish for the same number: the second is held.
        _, held = [_order(tx, hostile, now) for _ in range(2)]
    town = Town(url, security.ADMINISTRATOR, secret, system, hostile, held)
    for hour in range(24):
        # Few at night, most in the evening.
        then = now - timedelta(hours=hour)
        town.attach_phones(then, 40 + 30 * min(abs(then.hour - 3), 24 - abs(then.hour - 3)))
    town.browse(now)
    wait_until(lambda: _state(system, held) is OrderState.HELD)
    return town


def _sign_up(tx: Tx, name: str, now: datetime) -> Customer:
    seller = operator(tx)
    party = customers.register_party(
        tx,
        customers.NewIndividual(
            full_name=name, contact_media=(Email(address="o.hara@mail.example"),)
        ),
        now=now,
    )
    customer = customers.create_customer(tx, party=party.id, brand=seller.brand.id, now=now)
    customers.create_billing_account(
        tx,
        customer=customer.id,
        name=name,
        legal_entity=seller.entity.id,
        currency="EUR",
        kind=AccountKind.POSTPAID,
        now=now,
    )
    return customer


def _order(tx: Tx, customer: Customer, now: datetime) -> OrderId:
    last = str(FIRST_NUMBER + SIGN_UPS + SPARE - 1)
    [account] = customers.accounts_of(tx, customer.id)
    item = ItemRequest(
        action=Action.ADD, offering=plan_of(0).offering, characteristics={"msisdn": last}
    )
    return ordering.place_order(
        tx, customer=customer.id, billing_account=account.id, items=[item], now=now
    ).id


def _state(system: System, order: OrderId) -> OrderState:
    with system.books.read() as r:
        return ordering.order(r, order).state
