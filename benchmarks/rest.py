"""REST requests answered a second: one resource read, a list, an order placed, a change.

The real edge process with its two workers, driven by `rest_load` over kept-open connections, 32
or 8, from a process of its own. Reads are of customers and the product offering, by id; lists
are of one customer's accounts, among those of all; orders are of a customer of their own, each
durable before its answer, and must all be in the books in the end; a change gives a customer
another name. The p50 and p99 are those of so many requests at a time, which wait for two
workers. `post_order_with_jobs` is the same while the jobs process fulfils what was ordered.
BENCH_REST_SECONDS (5) and BENCH_REST_ORDERS (1,500) change the size.
"""

import json
import os
from collections.abc import Callable
from typing import Any

from benchmarks import edge, shop
from benchmarks.harness import BUILD, Figures, benchmark
from benchmarks.places import fresh, postgresql
from trunkline import ordering
from trunkline.app import System

SECONDS = float(os.environ.get("BENCH_REST_SECONDS", "5"))
ORDERS = int(os.environ.get("BENCH_REST_ORDERS", "1500"))
PLACE = BUILD / "bench"

_CUSTOMERS = "/tmf-api/customerManagement/v4/customer"
_ACCOUNTS = "/tmf-api/accountManagement/v4/billingAccount"
_OFFERINGS = "/tmf-api/productCatalogManagement/v4/productOffering"
_ORDERS = "/tmf-api/productOrderingManagement/v4/productOrder"


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
        buyers = shop.sign_up(system, 3 * ORDERS)
        shop.fill_shelf(system, 3 * ORDERS)
        system.books.analyze()  # as the jobs process does
        known = edge.credentials(system)
        gets = [
            ("GET", path, known, "")
            for customer, _ in buyers
            for path in (f"{_CUSTOMERS}/{customer}", f"{_OFFERINGS}/{shop.OFFERING}")
        ]
        lists = [
            ("GET", f"{_ACCOUNTS}?relatedParty.id={customer}&state=active&limit=10", known, "")
            for customer, _ in buyers
        ]
        patches = [
            (
                "PATCH",
                f"{_CUSTOMERS}/{customer}",
                known,
                json.dumps({"name": f"Customer {number}a"}),
            )
            for number, (customer, _) in enumerate(buyers[:ORDERS])
        ]
        orders = [("POST", _ORDERS, known, json.dumps(_order(each))) for each in buyers]
        lasting = ("--seconds", str(SECONDS))
        found: dict[str, dict[str, float]] = {}
        with edge.running(url) as port:
            edge.drive(port, gets, "--seconds", "1")
            found["get"] = edge.drive(port, gets, *lasting)
            found["list"] = edge.drive(port, lists, *lasting)
            found["post_order"] = edge.drive(port, orders[:ORDERS], "--once")
            found["post_order_8"] = edge.drive(
                port, orders[ORDERS : 2 * ORDERS], "--once", "--connections", "8"
            )
            found["patch"] = edge.drive(port, patches, "--once")
        with edge.running(url, "jobs") as port:
            found["post_order_with_jobs"] = edge.drive(port, orders[2 * ORDERS :], "--once")
        _agree(system)
    return {
        f"rest.{name}_{figure}{suffix}": measured[key]
        for name, measured in found.items()
        for figure, key in (("per_s", "requests_per_s"), ("p50_ms", "p50_ms"), ("p99_ms", "p99_ms"))
    }


def _order(buyer: shop.Buyer) -> dict[str, Any]:
    customer, account = buyer
    offering = {"id": shop.OFFERING}
    return {
        "billingAccount": {"id": account},
        "relatedParty": [{"id": customer, "role": "customer", "@referredType": "Customer"}],
        "productOrderItem": [{"id": "1", "action": "add", "productOffering": offering}],
    }


def _agree(system: System) -> None:
    """Every order that was answered is in the books, once."""
    with system.books.read() as r:
        kept = sum(ordering.orders_by_state(r).values())
    if kept != 3 * ORDERS:
        raise RuntimeError(f"{3 * ORDERS} orders were answered, the books have {kept}")
