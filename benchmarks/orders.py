"""Orders completed a second: placed one by one, then carried out to the last task.

Each is a mobile plan for a customer of his own: products, a number and a SIM, an account opened
in charging and its answer, the service, all on fsync'ing databases with all reactions in place.
One process does everything, so the figure is per core. An order that isn't completed in the
end, or a count that differs, and no figure is reported. BENCH_ORDERS (1,000) changes the size.
"""

import os
import time
from collections.abc import Callable

import sqlalchemy as sa

from benchmarks import shop
from benchmarks.harness import BUILD, Figures, benchmark
from benchmarks.places import fresh, postgresql
from trunkline import inventory, ordering
from trunkline.app import System
from trunkline.charging import store as charging_store
from trunkline.inventory import ResourceKind, ResourceState
from trunkline.ordering import Action, ItemRequest, OrderState

ORDERS = int(os.environ.get("BENCH_ORDERS", "1000"))
PLACE = BUILD / "bench"

_ACCOUNTS = sa.select(sa.func.count()).select_from(charging_store.accounts)


@benchmark("orders")
def on_sqlite() -> Figures:
    place = fresh(PLACE / "orders-sqlite")
    return _measure(lambda name: f"sqlite:///{place}/{name}.db", "")


@benchmark("orders.postgresql")
def on_postgresql() -> Figures:
    with postgresql(fresh(PLACE / "orders-postgresql")) as url:
        return _measure(url, ".postgresql")


def _measure(url: Callable[[str], str], suffix: str) -> Figures:
    with shop.opened(url) as system:
        buyers = shop.sign_up(system, ORDERS)
        shop.fill_shelf(system, ORDERS)
        relay = system.relay()
        relay.drain()
        items = (ItemRequest(action=Action.ADD, offering=shop.OFFERING),)
        began = time.perf_counter()
        for customer, account in buyers:
            with system.books.transaction() as tx:
                ordering.place_order(
                    tx,
                    customer=customer,
                    billing_account=account,
                    items=items,
                    now=system.clock.now(),
                )
        placed = time.perf_counter()
        relay.drain()
        ended = time.perf_counter()
        _agree(system)
    figures = {
        "orders.completed_per_s": ORDERS / (ended - began),
        "orders.placed_per_s": ORDERS / (placed - began),
        "orders.fulfilled_per_s": ORDERS / (ended - placed),
    }
    return {name + suffix: value for name, value in figures.items()}


def _agree(system: System) -> None:
    """Every order is completed, with a number, a SIM and an account of its own."""
    with system.books.read() as r:
        states = ordering.orders_by_state(r)
        stock = inventory.stock_levels(r)
    with system.charging.read() as r:
        accounts = r.execute(_ACCOUNTS).scalar_one()
    taken = {kind: stock.get((kind, ResourceState.ASSIGNED), 0) for kind in ResourceKind}
    if states != {OrderState.COMPLETED: ORDERS} or set(taken.values()) != {ORDERS}:
        raise RuntimeError(f"not all were completed: {states}, {taken}")
    if accounts != ORDERS:
        raise RuntimeError(f"{accounts} accounts in charging for {ORDERS} orders")
