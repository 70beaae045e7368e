"""Whatever happens in whichever order, and wherever the process dies: no number has two
products, no order is lost, and nothing stays taken that nobody has."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.conftest import ALL_REACTIONS
from tests.effort import examples
from tests.scenarios.ordering_shop import (
    ADD_ON,
    FIRST_NUMBER,
    account_is_open,
    add,
    delete,
    fill_shelf,
    open_shop,
    sign_up,
)
from trunkline import inventory
from trunkline.catalog import brands
from trunkline.inventory import (
    ProductStatus,
    ResourceKind,
    ResourceState,
    ServiceState,
)
from trunkline.inventory.shelf import resource
from trunkline.kernel.errors import Conflict, Refused
from trunkline.ordering import (
    ItemRequest,
    NotOrderable,
    OrderId,
    OrderState,
    TaskState,
    UnknownReference,
    cancel_order,
    give_up_item,
    order,
    place_order,
    retry_task,
    tasks,
)
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.messages import Message, Reaction, Routes
from trunkline.platform.relay import Relay


class Killed(BaseException):
    """The process died."""


class Executioner:
    """Kills the process in the given number of reactions from now, after what it did and
    before it is committed."""

    def __init__(self) -> None:
        self.left: int | None = None

    def witness(self, run: Callable[[Tx, Any, Any], None]) -> Callable[[Tx, Any, Any], None]:
        def watched(tx: Tx, message: Message, now: Any) -> None:
            run(tx, message, now)
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise Killed

        return watched


executioner = Executioner()


@pytest.fixture
def routes() -> Routes:
    return Routes(
        Reaction(each.name, each.on, executioner.witness(each.run), each.database)
        for each in ALL_REACTIONS
    )


class Place(msgspec.Struct):
    quantity: int
    wished: int | None
    with_add_on: bool


class Deliver(msgspec.Struct):
    kill_after: int | None


class Touch(msgspec.Struct):
    """Does something to the nth order placed so far."""

    verb: str
    which: int


class Stock(msgspec.Struct):
    numbers: int
    sims: int


RESERVED = sa.select(resource.c.holder).where(resource.c.state == ResourceState.RESERVED.value)
SETTLED = {
    OrderState.COMPLETED,
    OrderState.CANCELLED,
    OrderState.FAILED,
    OrderState.PARTIAL,
    OrderState.HELD,
}

pauses = st.sampled_from([0, 1, 400, 60_000])
moves = st.one_of(
    st.builds(
        Place,
        quantity=st.integers(1, 3),
        wished=st.none() | st.integers(0, 5),
        with_add_on=st.booleans(),
    ),
    st.builds(Deliver, kill_after=st.none() | st.integers(0, 6)),
    st.builds(
        Touch,
        verb=st.sampled_from(["cancel", "retry", "give up", "delete"]),
        which=st.integers(0, 5),
    ),
    st.builds(Stock, numbers=st.integers(0, 2), sims=st.integers(0, 2)),
)


class World:
    """One operator, and what was done with it."""

    def __init__(self, books: Database, charging: Database, relay: Relay, clock: DrivenClock):
        self.books, self.charging, self.relay, self.clock = books, charging, relay, clock
        self.placed: list[OrderId] = []
        self.made = 0
        # Examples share the databases: each has a customer of its own, and the stock that
        # earlier ones left.
        clock.advance(timedelta(minutes=1))
        with books.transaction() as tx:
            if not brands(tx):
                open_shop(tx, clock.now())
            self.stocked = sum(inventory.stock_levels(tx).values())
            self.customer, self.account = sign_up(tx, clock.now())

    def do(self, move: Place | Deliver | Touch | Stock) -> None:
        match move:
            case Place():
                self.place(move)
            case Deliver(kill_after=left):
                executioner.left = left
                try:
                    self.relay.drain()
                except Killed:
                    pass
                finally:
                    executioner.left = None
            case Stock(numbers=numbers, sims=sims):
                with self.books.transaction() as tx:
                    fill_shelf(tx, self.clock.now(), numbers=numbers, sims=sims, first=self.stocked)
                self.stocked += numbers + sims
            case Touch() if self.placed:
                which = self.placed[move.which % len(self.placed)]
                try:
                    with self.books.transaction() as tx:
                        self.touch(tx, move.verb, which)
                except (Conflict, Refused):
                    pass
            case Touch():
                pass

    def place(self, move: Place) -> None:
        wish: dict[str, str] = {}
        if move.wished is not None:
            wish = {"msisdn": str(int(FIRST_NUMBER) + move.wished)}
        items = [add(quantity=1 if wish else move.quantity, characteristics=wish)]
        if move.with_add_on:
            items.append(add(ADD_ON))
        self.made += 1
        try:
            with self.books.transaction() as tx:
                self.placed.append(self.order(tx, items))
        except (NotOrderable, UnknownReference):
            assert wish

    def order(self, tx: Tx, items: list[ItemRequest]) -> OrderId:
        return place_order(
            tx,
            customer=self.customer,
            billing_account=self.account,
            items=items,
            external_id=f"web-{self.made}",
            now=self.clock.now(),
        ).id

    def touch(self, tx: Tx, verb: str, which: OrderId) -> None:
        now = self.clock.now()
        if verb == "cancel":
            cancel_order(tx, order=which, now=now)
        elif verb == "retry":
            for task in tasks(tx, which):
                if task.state is TaskState.FAILED:
                    retry_task(tx, order=which, task=task.position, now=now)
                    break
        elif verb == "give up":
            give_up_item(tx, order=which, item="1", reason="no more", now=now)
        else:
            products = order(tx, which).items[0].products
            self.made += 1
            self.placed.append(self.order(tx, [delete(products[0])]))

    def settle(self) -> None:
        """Lets everything go as far as it can, what has to be tried again too."""
        for _ in range(3):
            self.relay.drain()
            self.clock.advance(timedelta(minutes=1))

    def check(self) -> None:
        with self.books.read() as r:
            orders = [order(r, each) for each in self.placed]
            products = inventory.products_of(r, self.account)
            services = inventory.services_of(r, [each.id for each in products])
            resources = inventory.resources_of(r, [each.id for each in products])
            reserved = r.execute(RESERVED).all()
            levels = inventory.stock_levels(r)
        assert {each.state for each in orders} <= SETTLED
        self.seen = {f"{o.state} {o.items[0].action}" for o in orders}

        numbers = {
            each.product: each.value
            for each in resources
            if each.kind is ResourceKind.NUMBER and each.state is ResourceState.ASSIGNED
        }
        in_service = {
            each.product: each.characteristics["msisdn"]
            for each in services
            if each.state is ServiceState.ACTIVE
        }
        assert numbers == in_service
        assert len(set(numbers.values())) == len(numbers)
        active = {each.id for each in products if each.status is ProductStatus.ACTIVE}
        assert active == in_service.keys() | {
            each.id for each in products if each.id in active and each.offering == ADD_ON
        }
        for product in products:
            assert account_is_open(self.charging, product.id) == (product.id in in_service)
        for each in orders:
            if each.state is OrderState.COMPLETED:
                assert all(p.start_date for p in products if p.order == each.id)
            if each.state is OrderState.CANCELLED:
                statuses = {p.status for p in products if p.order == each.id}
                assert statuses <= {ProductStatus.CANCELLED}
        # What is reserved is held by a product of an order that waits for a person.
        with self.books.read() as r:
            for row in reserved:
                waiting = inventory.product(r, row.holder)
                assert waiting.status is ProductStatus.PENDING_ACTIVE
                assert order(r, OrderId(str(waiting.order))).state is OrderState.HELD
        assert sum(levels.values()) == self.stocked


@settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=st.lists(st.tuples(pauses, moves), min_size=15, max_size=40))
def test_no_interleaving_and_no_crash_loses_or_doubles_anything(
    books: Database,
    charging: Database,
    relay: Relay,
    clock: DrivenClock,
    plan: list[tuple[int, Place | Deliver | Touch | Stock]],
) -> None:
    world = World(books, charging, relay, clock)
    for pause, move in plan:
        clock.advance(timedelta(milliseconds=pause))
        world.do(move)
    world.settle()
    world.check()
    for state in world.seen:
        event(state)
