"""What announcing costs, and how many events are sent a second.

Orders are placed one by one in one process, each an fsync'ed commit: without an announcer, with
one and nobody who listens, and with one listener. The figures are the medians, in milliseconds.
Then the events are sent to that listener, a server on this machine that answers at once; each
must arrive, once. BENCH_EVENTS (600) changes the number of orders of each kind.
"""

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks import shop
from benchmarks.harness import BUILD, Figures, benchmark
from benchmarks.places import fresh, postgresql
from trunkline import ordering
from trunkline.app import System
from trunkline.ordering import Action, ItemRequest
from trunkline.platform.security import Principal
from trunkline.tmf import hub

ORDERS = int(os.environ.get("BENCH_EVENTS", "600"))
PLACE = BUILD / "bench"
ANYWHERE = hub.CallbackRule(allow_private=True)


@benchmark("events")
def on_sqlite() -> Figures:
    place = fresh(PLACE / "events-sqlite")
    return _measure(lambda name: f"sqlite:///{place}/{name}.db", "")


@benchmark("events.postgresql")
def on_postgresql() -> Figures:
    with postgresql(fresh(PLACE / "events-postgresql")) as url:
        return _measure(url, ".postgresql")


def _measure(url: Callable[[str], str], suffix: str) -> Figures:
    with shop.opened(url) as system, _listening() as (port, heard):
        buyers = shop.sign_up(system, 4 * ORDERS)
        announce = system.books.announce
        _place(system, buyers[:ORDERS])  # all that is loaded once
        system.books.announce = None
        silent = _place(system, buyers[ORDERS : 2 * ORDERS])
        system.books.announce = announce
        unheard = _place(system, buyers[2 * ORDERS : 3 * ORDERS])
        with system.books.transaction() as tx:
            hub.register(
                tx, area="tmf622", callback=f"http://127.0.0.1:{port}", query=None,
                owner=Principal("bench", frozenset("*")), now=system.clock.now(),
            )  # fmt: skip
        told = _place(system, buyers[3 * ORDERS :])
        began = time.perf_counter()
        sent = hub.Dispatcher(system.books, system.clock, ANYWHERE).drain()
        took = time.perf_counter() - began
        if not sent == len(heard) == ORDERS:
            raise RuntimeError(f"{ORDERS} were placed, {sent} sent, {len(heard)} heard")
    figures = {
        "events.order_unannounced_ms": silent,
        "events.order_unheard_ms": unheard,
        "events.order_heard_ms": told,
        "events.sent_per_s": sent / took,
    }
    return {name + suffix: value for name, value in figures.items()}


def _place(system: System, buyers: Sequence[shop.Buyer]) -> float:
    items = (ItemRequest(action=Action.ADD, offering=shop.OFFERING),)
    times = []
    for customer, account in buyers:
        began = time.perf_counter()
        with system.books.transaction() as tx:
            now = system.clock.now()
            ordering.place_order(
                tx, customer=customer, billing_account=account, items=items, now=now
            )
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


@contextmanager
def _listening() -> Iterator[tuple[int, list[str]]]:
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            heard.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
