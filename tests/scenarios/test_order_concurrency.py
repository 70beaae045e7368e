"""Several shops and several relays at work on one stock at the same time."""

import contextlib
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from tests.scenarios.ordering_shop import (
    ADD_ON,
    account_is_open,
    add,
    delete,
    fill_shelf,
    open_shop,
    sign_up,
)
from trunkline import customers, inventory
from trunkline.customers import ERASED, CustomerStatus, change_customer_status
from trunkline.ordering import (
    NotOrderable,
    OrderId,
    OrderState,
    StillServed,
    erase_personal_data,
    orders_by_state,
    orders_of,
    place_order,
)
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay


def at_once(*works: Callable[[], None]) -> None:
    """Runs them in threads; the first failure is raised here."""
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_shops_and_relays_share_a_stock_without_giving_anything_twice(
    books: Database, charging: Database, routes: Routes, clock: DrivenClock, now: datetime
) -> None:
    shops, each_places, in_stock = 3, 12, 30
    with books.transaction() as tx:
        open_shop(tx, now)
        fill_shelf(tx, now, numbers=in_stock)
        buyers = [sign_up(tx, now) for _ in range(shops)]

    def shop(which: int) -> Callable[[], None]:
        def sell() -> None:
            customer, account = buyers[which]
            for _ in range(each_places):
                with books.transaction() as tx:
                    place_order(
                        tx, customer=customer, billing_account=account, items=[add()], now=now
                    )

        return sell

    def deliver() -> None:
        relay = Relay({"books": books, "charging": charging}, routes, clock, jitter=lambda: 0.0)
        for _ in range(6):
            relay.drain()

    at_once(*(shop(which) for which in range(shops)), deliver, deliver)
    for _ in range(5):
        deliver()
        clock.advance(timedelta(minutes=1))

    with books.read() as r:
        assert orders_by_state(r) == {
            OrderState.COMPLETED: in_stock,
            OrderState.HELD: shops * each_places - in_stock,
        }
        products = [p.id for _, account in buyers for p in inventory.products_of(r, account)]
        services = inventory.services_of(r, products)
    assert len({each.characteristics["msisdn"] for each in services}) == in_stock
    assert len({each.characteristics["imsi"] for each in services}) == in_stock
    assert sum(account_is_open(charging, each) for each in products) == in_stock


def test_two_shops_send_the_same_order_at_once_and_it_is_one(
    books: Database, now: datetime
) -> None:
    with books.transaction() as tx:
        open_shop(tx, now)
        customer, account = sign_up(tx, now)
    placed: list[OrderId] = []

    def send() -> None:
        for number in range(8):
            with books.transaction() as tx:
                order = place_order(
                    tx,
                    customer=customer,
                    billing_account=account,
                    items=[add()],
                    external_id=f"web-{number}",
                    now=now,
                )
            placed.append(order.id)

    at_once(send, send, send)
    assert len(placed) == 24
    assert len(set(placed)) == 8
    with books.read() as r:
        assert len(orders_of(r, customer)) == 8
        assert len(inventory.products_of_customer(r, customer)) == 8


def test_two_orders_that_end_one_product_are_told_of_each_other(
    books: Database, relay: Relay, now: datetime
) -> None:
    products = 4
    with books.transaction() as tx:
        open_shop(tx, now)
        customer, account = sign_up(tx, now)
        placed = place_order(
            tx, customer=customer, billing_account=account,
            items=[add(ADD_ON, quantity=products)], now=now,
        )  # fmt: skip
    relay.drain()
    refusals: list[NotOrderable] = []
    gate = threading.Barrier(2)

    def end() -> None:
        for product in placed.items[0].products:
            gate.wait()
            try:
                with books.transaction() as tx:
                    place_order(
                        tx, customer=customer, billing_account=account,
                        items=[delete(product)], now=now,
                    )  # fmt: skip
            except NotOrderable as refused:
                refusals.append(refused)

    at_once(end, end)
    assert len(refusals) == products
    relay.drain()
    with books.read() as r:
        assert orders_by_state(r) == {OrderState.COMPLETED: 1 + products}


def test_nobody_is_closed_and_forgotten_under_an_order_that_is_just_being_placed(
    books: Database, now: datetime
) -> None:
    with books.transaction() as tx:
        open_shop(tx, now)
        buyers = [sign_up(tx, now) for _ in range(8)]
    gate = threading.Barrier(2)

    def order_all() -> None:
        for customer, account in buyers:
            gate.wait()
            with contextlib.suppress(NotOrderable), books.transaction() as tx:
                place_order(
                    tx, customer=customer, billing_account=account, items=[add(ADD_ON)], now=now
                )

    def forget_all() -> None:
        for customer, _ in buyers:
            gate.wait()
            with books.transaction() as tx:
                closed = change_customer_status(
                    tx, customer=customer, to=CustomerStatus.CLOSED, now=now
                )
            with contextlib.suppress(StillServed), books.transaction() as tx:
                erase_personal_data(tx, party=closed.party, now=now)

    at_once(order_all, forget_all)
    with books.read() as r:
        for customer, _ in buyers:
            forgotten = customers.customer(r, customer).name == ERASED
            assert forgotten is not bool(orders_of(r, customer))
