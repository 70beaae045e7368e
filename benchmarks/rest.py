"""REST requests answered a second: one resource read, an order placed.

The real edge process with its two workers, driven by `rest_load` over 32 kept-open connections
from a process of its own. Reads are of customers and the product offering, by id; orders are
of a customer of their own, each durable before its answer, and must all be in the books in the
end. The p50 and p99 are those of 32 requests at a time, which wait for two workers.
BENCH_REST_SECONDS (5) and BENCH_REST_ORDERS (1,500) change the size.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import shop
from benchmarks.harness import BUILD, ROOT, Figures, benchmark
from benchmarks.places import fresh, postgresql
from trunkline import ordering
from trunkline.app import System
from trunkline.ordering import OrderState
from trunkline.platform import security
from trunkline.supervisor import Supervisor

SECONDS = float(os.environ.get("BENCH_REST_SECONDS", "5"))
ORDERS = int(os.environ.get("BENCH_REST_ORDERS", "1500"))
PLACE = BUILD / "bench"

_CUSTOMERS = "/tmf-api/customerManagement/v4/customer"
_OFFERINGS = "/tmf-api/productCatalogManagement/v4/productOffering"
_ORDERS = "/tmf-api/productOrderingManagement/v4/productOrder"

Request = tuple[str, str, str, str]


@benchmark("rest")
def on_sqlite() -> Figures:
    place = fresh(PLACE / "rest-sqlite")
    return _measure(lambda name: f"sqlite:///{place}/{name}.db", "")


@benchmark("rest.postgresql")
def on_postgresql() -> Figures:
    with postgresql(fresh(PLACE / "rest-postgresql")) as url:
        return _measure(url, ".postgresql")


def _measure(url: Callable[[str], str], suffix: str) -> Figures:
    with shop.opened(url) as system:
        buyers = shop.sign_up(system, ORDERS)
        known = _credentials(system)
        reads = [
            ("GET", path, known, "")
            for customer, _ in buyers
            for path in (f"{_CUSTOMERS}/{customer}", f"{_OFFERINGS}/{shop.OFFERING}")
        ]
        orders = [("POST", _ORDERS, known, json.dumps(_order(each))) for each in buyers]
        port = _free_port()
        environment = {
            "TRUNKLINE_DATABASES_BOOKS": url("books"),
            "TRUNKLINE_DATABASES_CHARGING": url("charging"),
            "TRUNKLINE_HTTP_PORT": str(port),
            "TRUNKLINE_LOG_LEVEL": "error",
        }
        with Supervisor(environment) as supervisor:
            supervisor.start(("edge",))
            _await_answer(port)
            _drive(port, reads, "--seconds", "1")
            got = _drive(port, reads, "--seconds", str(SECONDS))
            posted = _drive(port, orders, "--once")
        _agree(system)
    figures = {
        "rest.get_per_s": got["requests_per_s"],
        "rest.get_p50_ms": got["p50_ms"],
        "rest.get_p99_ms": got["p99_ms"],
        "rest.post_order_per_s": posted["requests_per_s"],
        "rest.post_order_p50_ms": posted["p50_ms"],
        "rest.post_order_p99_ms": posted["p99_ms"],
    }
    return {name + suffix: value for name, value in figures.items()}


def _credentials(system: System) -> str:
    with system.books.transaction() as tx:
        key = security.create_api_key(tx, name="bench", scopes=("*",), now=system.clock.now())
    return f"Authorization: Bearer {key.secret}\r\n"


def _order(buyer: shop.Buyer) -> dict[str, Any]:
    customer, account = buyer
    offering = {"id": shop.OFFERING}
    return {
        "billingAccount": {"id": account},
        "relatedParty": [{"id": customer, "role": "customer", "@referredType": "Customer"}],
        "productOrderItem": [{"id": "1", "action": "add", "productOffering": offering}],
    }


def _await_answer(port: int) -> None:
    """Returns once a worker listens: the edge says that it is ready before that."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _drive(port: int, requests: Sequence[Request], *options: str) -> dict[str, Any]:
    """Runs the generator to its end."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "benchmarks.rest_load", "127.0.0.1", str(port), *options],
        cwd=ROOT,
        input="\n".join(map(json.dumps, requests)).encode(),
        stdout=subprocess.PIPE,
        check=False,
        timeout=SECONDS + 300,
    )
    found: dict[str, Any] = json.loads(done.stdout or b"{}")
    if done.returncode:
        raise RuntimeError(f"the load generator failed: {found}")
    return found


def _agree(system: System) -> None:
    """Every order that was answered is in the books, once."""
    with system.books.read() as r:
        states = ordering.orders_by_state(r)
    if states != {OrderState.ACKNOWLEDGED: ORDERS}:
        raise RuntimeError(f"{ORDERS} orders were answered, the books have {states}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
