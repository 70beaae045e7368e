"""The three kinds of process that the supervisor keeps alive, and what each runs.

Each opens the databases anew, says that it is ready once it serves, and ends on SIGTERM after
finishing what it has begun.
"""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from types import FrameType

import prometheus_client
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server as Granian

from trunkline import network, ordering, payments, vouchers
from trunkline.app import System, open_system, tickets
from trunkline.app.events import callback_rule
from trunkline.app.files import Transfers
from trunkline.app.gateways import run_edges
from trunkline.app.messages import senders
from trunkline.charging import (
    forget_emergencies,
    forget_traffic,
    post_earnings,
    release_lost_sessions,
    subscriptions,
)
from trunkline.platform import idempotency, listening
from trunkline.platform.loops import keep_at
from trunkline.platform.settings import HttpSettings, Settings
from trunkline.platform.telemetry import REGISTRY
from trunkline.rating import compiled
from trunkline.tmf import hub

LOOK_EVERY = 2.0
"""Seconds."""
WORKER_PATIENCE = 5
"""Seconds for which an edge worker may finish what it has begun."""
_LISTENS_SOON = 0.005
NICE = 5
"""By how much the jobs process leaves the processor to those who are waited for."""
RELEASE_EVERY = timedelta(seconds=30)
"""What time does to charging accounts that nobody touches: a look at those that are due."""
ANALYZE_EVERY = timedelta(minutes=10)
FORGET_EVERY = timedelta(hours=1)
BALANCES_EVERY = timedelta(minutes=5)
"""Those that an automatic top-up watches, beside what charging tells of them."""
TRAFFIC_KEPT = timedelta(days=8)


def _check_free(setting: str, host: str, port: int) -> None:
    """Raises `CannotListen`. Granian would share a port with others of its kind."""
    listening.bind(host, port, setting).close()


def run_edge(settings: Settings, ready: Callable[[], None]) -> None:
    """HTTP: the APIs and the console, `workers` processes with one thread each."""
    _check_free("http", settings.http.host, settings.http.port)
    loaded, telling = os.pipe()

    def load() -> Callable[..., Iterable[bytes]]:
        # In a worker: what it starts wouldn't outlive the fork.
        from trunkline.app import edge

        application = edge.create_from_environment()
        os.write(telling, b".")
        return application

    server = Granian(
        "trunkline.app.edge",
        address=settings.http.host,
        port=settings.http.port,
        interface=Interfaces.WSGI,
        workers=settings.http.workers,
        blocking_threads=1,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        # A worker that is told to end while it begins doesn't hear it.
        workers_kill_timeout=WORKER_PATIENCE,
    )
    threading.Thread(
        target=_when_listening, args=(settings.http, loaded, ready), name="readiness", daemon=True
    ).start()
    server.serve(target_loader=load, wrap_loader=False)


def _when_listening(http: HttpSettings, loaded: int, ready: Callable[[], None]) -> None:
    """A worker listens a moment after it has told that it is `loaded`: the first connection that
    is taken tells that. (A port that the system chose isn't known here.) Until all have told
    so nothing is done that holds locks: Granian forks meanwhile."""
    told = 0
    while told < http.workers:
        told += len(os.read(loaded, http.workers))
    while http.port:
        with contextlib.suppress(OSError):
            socket.create_connection((http.host, http.port), timeout=1).close()
            break
        time.sleep(_LISTENS_SOON)
    ready()


def run_charging(settings: Settings, ready: Callable[[], None]) -> None:
    """Gy and Nchf: one thread that reads, commits and answers. It listens on what the supervisor
    handed down, or by itself."""
    known = settings.charging
    _check_free("charging.metrics_port", known.host, known.metrics_port)
    sockets = listening.inherited() or listening.of_charging(settings)
    system = open_system(settings)
    compiled.load()
    with _serving_metrics(known.host, known.metrics_port):
        run_edges(system, sockets, ready)
    system.close()


@contextlib.contextmanager
def _serving_metrics(host: str, port: int) -> Iterator[None]:
    server, thread = prometheus_client.start_http_server(port, host, REGISTRY)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run_jobs(settings: Settings, ready: Callable[[], None]) -> None:
    """The relay of both outboxes, and what is due by the clock."""
    os.nice(NICE)
    system = open_system(settings, yields=True)
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    tickets.declare(system)
    dispatcher = system.dispatcher()
    courier = system.courier()
    collector = system.collector()
    transfers = Transfers(system.books, system.clock, callback_rule(settings.hub))
    threads = [
        threading.Thread(target=_keep_house, args=(system, stop), name="housekeeping"),
        threading.Thread(target=_send_events, args=(dispatcher, stop), name="events"),
        threading.Thread(target=transfers.run, args=(stop,), name="catalogue jobs"),
        *(threading.Thread(target=each.run, args=(stop,)) for each in senders(system)),
        *([threading.Thread(target=courier.run, args=(stop,))] if courier else ()),
        *([threading.Thread(target=collector.run, args=(stop,))] if collector else ()),
    ]
    for thread in threads:
        thread.start()
    try:
        ready()
        system.relay().run(stop, _Woken(dispatcher.wake))
    finally:
        stop.set()
        dispatcher.wake()
        for thread in threads:
            thread.join()
        system.close()


def _send_events(dispatcher: hub.Dispatcher, stop: threading.Event) -> None:
    """Should it fail, the process ends with it, and the supervisor starts another."""
    try:
        dispatcher.run(stop)
    finally:
        stop.set()


class _Woken(threading.Event):
    """What a commit sets: it wakes the relay, and another."""

    def __init__(self, also: Callable[[], None]) -> None:
        super().__init__()
        self._also = also

    def set(self) -> None:
        super().set()
        self._also()


def _keep_house(system: System, stop: threading.Event) -> None:
    """The ledger is told what the network's requests earned; SQLite's logs are folded into their
    files, so that nobody who serves waits for it; what need not be remembered is forgotten."""
    begun = system.clock.now()
    due = dict.fromkeys(_CHORES, begun)

    def look() -> float:
        now = system.clock.now()
        with system.charging.transaction() as tx:
            post_earnings(tx, now)
        system.charging.checkpoint()
        system.books.checkpoint()
        for chore, every in _CHORES.items():
            if now >= due[chore]:
                chore(system, now)
                due[chore] = now + every
        return LOOK_EVERY

    if not stop.wait(LOOK_EVERY):
        keep_at(look, stop, name="housekeeping")


def _analyze(system: System, _now: datetime) -> None:
    system.books.analyze()


def _release(system: System, now: datetime) -> None:
    release_lost_sessions(system.charging, now)


def _forget(system: System, now: datetime) -> None:
    with system.charging.transaction() as tx:
        forget_traffic(tx, older_than=TRAFFIC_KEPT, now=now)
        forget_emergencies(tx, now)
        subscriptions.forget_expired(tx, now)
    forgotten = 1
    while forgotten:
        with system.books.transaction() as tx:
            forgotten = idempotency.forget_old(tx, now)
    ordering.forget_carts(system.books, now)
    network.forget_instructions(system.books, now)
    known = system.settings.hub
    keep = timedelta(days=known.topic_days)
    hub.prune(system.books, now, keep=keep, most=known.topic_events)


def _expire_vouchers(system: System, now: datetime) -> None:
    vouchers.expire(system.books, now)
    vouchers.forget_tries(system.books, now)


def _look_at_balances(system: System, now: datetime) -> None:
    payments.look_at_balances(system.books, system.charging, now)


_CHORES = {
    _analyze: ANALYZE_EVERY,
    _release: RELEASE_EVERY,
    _forget: FORGET_EVERY,
    _expire_vouchers: FORGET_EVERY,
    _look_at_balances: BALANCES_EVERY,
}
