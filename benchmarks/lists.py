"""Pages of a million products: the first and the ten-thousandth of a list filtered by status.

The real edge, asked over HTTP by one client. 95 of 100 products are active, so that the filter
leaves nearly all. Page 10,000 of 10 items lies near the beginning, of 50 in the middle, which is
the farthest from both ends, of 95 at the end. `first_ms` is the first answer that anybody gets,
for which all matches are counted; `after_write_ms` one that comes straight after a write, which
has them counted again; the others are medians of 20 in a database at rest. On PostgreSQL a
vacuum has run, as it does by itself after such a load.
BENCH_LISTS_PRODUCTS (1,000,000) changes the size.
"""

import http.client
import os
import statistics
import time
from collections.abc import Callable

from benchmarks import edge, shop
from benchmarks.harness import BUILD, Figures, benchmark
from benchmarks.places import fresh, postgresql
from trunkline.app import System
from trunkline.inventory import Product, ProductId, ProductStatus, store

PRODUCTS = int(os.environ.get("BENCH_LISTS_PRODUCTS", "1000000"))
PLACE = BUILD / "bench"
CHUNK = 10_000
TIMES = 20

_LIST = "/tmf-api/productInventory/v4/product?status=active"


@benchmark("lists")
def on_sqlite() -> Figures:
    place = fresh(PLACE / "lists-sqlite")
    return _measure(lambda name: f"sqlite:///{place}/{name}.db", "")


@benchmark("lists.postgresql")
def on_postgresql() -> Figures:
    with postgresql(fresh(PLACE / "lists-postgresql")) as url:
        return _measure(url, ".postgresql")


def _measure(url: Callable[[str], str], suffix: str) -> Figures:
    with shop.opened(url) as system:
        _fill(system)
        known = edge.credentials(system).removesuffix("\r\n").partition(": ")
        with edge.running(url) as port:
            client = _Client(port, {known[0]: known[2]})
            client.get("/healthz")
            figures = {"lists.first_ms": client.get(_page(1, 50))}
            for name, page, limit in (
                ("page_1", 1, 50),
                ("page_10000_of_10", 10_000, 10),
                ("page_10000_of_50", 10_000, 50),
                ("page_10000_of_95", 10_000, 95),
            ):
                took = [client.get(_page(page, limit)) for _ in range(TIMES)]
                figures[f"lists.{name}_ms"] = statistics.median(took)
            figures["lists.after_write_ms"] = statistics.median(
                _after_write(system, client) for _ in range(TIMES)
            )
    return {name + suffix: value for name, value in figures.items()}


def _page(page: int, limit: int) -> str:
    last = max(PRODUCTS * 95 // 100 - limit, 0)
    return f"{_LIST}&limit={limit}&offset={min((page - 1) * limit, last)}"


def _after_write(system: System, client: "_Client") -> float:
    shop.sign_up(system, 1)
    return client.get(_page(10_000, 50))


class _Client:
    """One connection that is kept open; to two workers it may speak by turns."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._headers = headers

    def get(self, path: str) -> float:
        """Milliseconds to the whole answer."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        answer.read()
        took = time.perf_counter() - began
        if answer.status not in (200, 206):
            raise RuntimeError(f"{path}: {answer.status}")
        if path != "/healthz" and int(answer.headers["X-Total-Count"]) != PRODUCTS * 95 // 100:
            raise RuntimeError(f"{path}: {answer.headers['X-Total-Count']} match")
        return 1000 * took


def _fill(system: System) -> None:
    """A million products of a thousand customers."""
    now = system.clock.now()
    buyers = shop.sign_up(system, 1000)
    for first in range(0, PRODUCTS, CHUNK):
        with system.books.transaction() as tx:
            store.insert_products(
                tx,
                [
                    Product(
                        id=tx.new_id(ProductId, now),
                        name="Mobile M",
                        offering=shop.OFFERING,
                        offering_name="Mobile M",
                        customer=buyers[number % len(buyers)][0],
                        billing_account=buyers[number % len(buyers)][1],
                        status=ProductStatus.ACTIVE if number % 20 else ProductStatus.TERMINATED,
                        created_at=now,
                        start_date=now,
                        order_date=now,
                        prices=(),
                    )
                    for number in range(first, min(first + CHUNK, PRODUCTS))
                ],
            )
    system.books.analyze()  # as the jobs process does
    if system.books.dialect == "postgresql":
        with system.books.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("VACUUM ANALYZE product")
