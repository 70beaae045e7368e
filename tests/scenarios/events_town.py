"""Widgets whose life is announced, listeners that are real servers, and a dispatcher."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from tests.listener import ListenerServer
from tests.unit.tmf import widgets
from trunkline.platform.changes import Change
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.security import Principal
from trunkline.tmf import hub

ANYWHERE = hub.CallbackRule(allow_private=True)
OWNER = Principal("tests", frozenset({"tmf000:read"}))
AREA = "tmf000"


class Town:
    """`now` is the driven clock's; `later` moves it."""

    def __init__(self, books: Database, clock: DrivenClock) -> None:
        self.books = books
        self.clock = clock
        widgets.create_tables(books)
        books.announce = hub.Announcer([widgets.API])
        self.dispatcher = self.new_dispatcher()
        self.servers: list[ListenerServer] = []

    def new_dispatcher(self, **limits: float) -> hub.Dispatcher:
        return hub.Dispatcher(
            self.books, self.clock, ANYWHERE, **{"connect": 10.0, "total": 20.0, **limits}
        )

    def server(self, tls: ssl.SSLContext | None = None) -> ListenerServer:
        self.servers.append(ListenerServer(tls=tls))
        return self.servers[-1]

    def listen(
        self, callback: str, query: str | None = None, secret: str | None = None
    ) -> hub.ListenerId:
        with self.books.transaction() as tx:
            return hub.register(
                tx, area=AREA, callback=callback, query=query, secret=secret, owner=OWNER,
                now=self.clock.now(),
            )  # fmt: skip

    def make(self, name: str = "one") -> str:
        with self.books.transaction() as tx:
            new = widgets.make(tx, widgets.NewWidget(name=name), self.clock.now())
            tx.changed("Widget", new, Change.CREATED)
        return new

    def rename(self, ident: str, name: str) -> None:
        with self.books.transaction() as tx:
            widgets.rename(tx, ident, widgets.Renaming(name=name), self.clock.now())
            tx.changed("Widget", ident, Change.ATTRIBUTES)

    def scrap(self, ident: str) -> None:
        with self.books.transaction() as tx:
            asked = widgets.Scrapping(state="scrapped")
            widgets.scrap(tx, ident, asked, self.clock.now())
            tx.changed("Widget", ident, Change.STATE)

    def later(self, **time: float) -> int:
        self.clock.advance(timedelta(**time))
        return self.dispatcher.drain()

    def parked(self) -> list[hub.ParkedDelivery]:
        with self.books.read() as r:
            return list(hub.parked(r))

    def listener(self, ident: str) -> hub.Listener:
        with self.books.read() as r:
            (found,) = hub.find_listeners(r, [ident])
        return found

    def waiting(self) -> int:
        with self.books.read() as r:
            return int(r.driver.execute("SELECT count(*) FROM hub_delivery").fetchone()[0])


@pytest.fixture
def town(books: Database, clock: DrivenClock) -> Iterator[Town]:
    made = Town(books, clock)
    yield made
    for each in made.servers:
        each.close()


@contextmanager
def failing(server: ListenerServer, wanted: Callable[[Any], bool], status: int) -> Iterator[None]:
    """Answers `status` where `wanted(heard)`."""
    server.answer = lambda heard: status if wanted(heard) else 201
    yield
    server.answer = lambda _heard: 201
