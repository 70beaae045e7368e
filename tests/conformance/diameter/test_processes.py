"""Several charging processes serve on one port of one PostgreSQL database: each gateway is told of
its sessions by the process that has its connection, and one that is killed under load loses and
doubles nothing (RFC 6733, 2.1: a connection for each process)."""

import asyncio
import os
import re
import signal
import socket
import threading
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import MakeDatabase
from tests.effort import dice
from tests.unit.charging.builders import MB, compiled, imsi, opening
from tests.unit.diameter.builders import asked, ccr, cer, mscc, subscription, used
from tests.unit.diameter.wire import Wire, connected, granted_in, result_of, run
from trunkline.charging import ChargingAccountId, balance, operations, records, store
from trunkline.charging.journal import RecordKind
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.kernel.money import Money
from trunkline.platform.db import Database
from trunkline.supervisor import Supervisor

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgresql,
    pytest.mark.parametrize("engine", ["postgresql"], indirect=True),
]

PROCESSES = 2
GATEWAYS = ("pgw1", "pgw2")
SESSIONS, UPDATES, KILLS = 6, 30, 3
GONE = (ConnectionError, asyncio.IncompleteReadError)


class Operator:
    """Two accounts with ten cents each, ten megabytes; a third one is rich."""

    def __init__(self, charging: Database) -> None:
        self.charging = charging
        now = datetime.now(UTC)
        with charging.transaction() as tx:
            store.insert_tariff(tx, compiled(), now)
            for number, money in enumerate(("0.10", "0.10", "1000"), 1):
                operations.open_account(tx, opening(number, opened_at=now - timedelta(days=1)))
                self._pay(tx, number, money, "first")

    def _pay(self, tx, number: int, money: str, payment: str) -> None:
        operations.top_up(
            tx,
            ChargingAccountId(f"cac_{number}"),
            payment_id=f"{payment}{number}",
            amount=Money.of(money, "EUR"),
            now=datetime.now(UTC),
        )

    def top_up(self, number: int) -> None:
        with self.charging.transaction() as tx:
            self._pay(tx, number, "1", "more")


@contextmanager
def processes(books: Database, charging: Database) -> Iterator[tuple[Supervisor, int, int]]:
    """Two charging processes; their port, and the first's of the metrics."""
    port, metrics = ports_in_a_row(1), ports_in_a_row(PROCESSES)
    environment = {
        "TRUNKLINE_DATABASES_BOOKS": setting(books),
        "TRUNKLINE_DATABASES_CHARGING": setting(charging),
        "TRUNKLINE_CHARGING_PROCESSES": str(PROCESSES),
        "TRUNKLINE_CHARGING_PORT": str(port),
        "TRUNKLINE_CHARGING_METRICS_PORT": str(metrics),
        "TRUNKLINE_NCHF_PORT": "0",
        "TRUNKLINE_LOG_LEVEL": "error",
    }
    with Supervisor(environment) as supervisor:
        supervisor.start(["charging"])
        yield supervisor, port, metrics


def ports_in_a_row(count: int) -> int:
    """The first of so many that are free."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            first: int = probe.getsockname()[1]
            try:
                for number in range(1, count):
                    socket.create_server(("127.0.0.1", first + number)).close()
            except OSError:
                continue
        return first


def setting(database: Database) -> str:
    url = database.url
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)


def origin(gateway: str) -> bytes:
    return codec.text(d.ORIGIN_HOST, f"{gateway}.example") + codec.text(d.ORIGIN_REALM, "example")


def connections(metrics: int) -> list[int]:
    """How many gateways each process has, by its own metrics."""
    found = []
    for number in range(PROCESSES):
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics + number}/metrics") as answer:
            said = re.search(
                r"^trunkline_diameter_peers ([0-9.]+)$", answer.read().decode(), re.MULTILINE
            )
            assert said is not None
            found.append(int(float(said[1])))
    return found


async def exhaust(wire: Wire, gateway: str, subscriber: int) -> None:
    """All ten megabytes are granted, and told to be the last."""
    phone, granted = subscription(d.END_USER_IMSI, imsi(subscriber)), 0
    for number in range(5):
        unit = mscc(asked(10 * MB), *([used(granted)] if number else []), group=1)
        kind = 2 if number else 1
        session = f"{gateway};{subscriber}"
        answer = await wire.ask(
            ccr(kind, number, phone, unit, session=session, origin=origin(gateway))
        )
        assert result_of(answer) == d.SUCCESS
        granted = granted_in(answer)


@asynccontextmanager
async def elsewhere(port: int, first: bytes, metrics: int) -> AsyncIterator[Wire]:
    """A connection to the process that has none yet. It takes the next one, unless the machine
    has so much to do that the other is quicker."""
    while True:
        async with connected(port, first) as wire:
            if await asyncio.to_thread(connections, metrics) == [1, 1]:
                yield wire
                return


def session_of(message: bytes) -> str:
    return next(avp.text() for avp in codec.avps(message) if avp.code == d.SESSION_ID)


def test_each_gateway_is_told_by_the_process_that_has_its_connection(
    make_database: MakeDatabase,
) -> None:
    books, operator = make_database("books"), Operator(make_database("charging"))
    with processes(books, operator.charging) as (_, port, metrics):

        async def story() -> None:
            first, second = GATEWAYS
            async with (
                connected(port, cer(origin=origin(first))) as one,
                elsewhere(port, cer(origin=origin(second)), metrics) as other,
            ):
                await exhaust(one, first, 1)
                await exhaust(other, second, 2)
                for wire, gateway, number in ((other, second, 2), (one, first, 1)):
                    await asyncio.to_thread(operator.top_up, number)
                    told = await wire.receive()
                    assert codec.header_of(told).command == d.RE_AUTH
                    assert session_of(told) == f"{gateway};{number}"
                    wire.send(accepted(told))
                # Nobody was told anything else, nor twice: the next that comes is the answer.
                for wire, gateway, number in ((one, first, 1), (other, second, 2)):
                    phone = subscription(d.END_USER_IMSI, imsi(number))
                    again = ccr(
                        2,
                        9,
                        phone,
                        mscc(asked(MB), group=1),
                        session=f"{gateway};{number}",
                        origin=origin(gateway),
                    )
                    assert granted_in(await wire.ask(again)) == MB

        run(story)


def accepted(request: bytes) -> bytes:
    header = codec.header_of(request)
    return codec.message(
        header.command,
        header.application,
        header.hop_by_hop,
        header.end_to_end,
        next(codec.avps(request)).encode(),
        codec.u32(d.RESULT_CODE, d.SUCCESS),
        origin(GATEWAYS[0]),
        flags=0,
    )


class Gateway:
    """Six sessions of one subscriber side by side, each with one request outstanding. What was
    not answered when its connection broke it asks again over the next one. `reported` is its own
    books: the octets used by each request that was answered."""

    def __init__(self, name: str, answered: "asyncio.Event") -> None:
        self.name = name
        self.answers = 0
        self.reported: dict[tuple[str, int], int] = {}
        self._answered = answered
        self._numbers = dict.fromkeys(range(SESSIONS), 0)

    async def work(self, port: int) -> None:
        while self._numbers:
            try:
                async with connected(port, cer(origin=origin(self.name))) as wire:
                    await self._talk(wire)
            except GONE:
                continue

    async def _talk(self, wire: Wire) -> None:
        wire.send(*(self._request(session, d.RETRANSMITTED) for session in self._numbers))
        while self._numbers:
            answer = await wire.receive()
            session = codec.header_of(answer).hop_by_hop
            again = 0
            if result_of(answer) == d.TOO_BUSY:  # the other process has the account
                again = d.RETRANSMITTED
            else:
                assert result_of(answer) == d.SUCCESS
                self._note(session)
            if session in self._numbers:
                wire.send(self._request(session, again))

    def _note(self, session: int) -> None:
        self.answers += 1
        self._answered.set()
        number = self._numbers[session]
        if number:
            self.reported[f"{self.name};{session}", number] = number * 1000 + session
        if number > UPDATES:
            del self._numbers[session]
        else:
            self._numbers[session] += 1

    def _request(self, session: int, flags: int = 0) -> bytes:
        number = self._numbers[session]
        kind = 1 if number == 0 else 3 if number > UPDATES else 2
        report = used(number * 1000 + session) if number else b""
        return ccr(
            kind,
            number,
            subscription(d.END_USER_IMSI, imsi(3)),
            mscc(report, b"" if kind == 3 else asked(MB), group=1),
            session=f"{self.name};{session}",
            hop=session,
            flags=d.REQUEST | d.PROXIABLE | flags,
            origin=origin(self.name),
        )


def test_one_of_two_is_killed_under_load(make_database: MakeDatabase) -> None:
    """Both gateways charge the same account, through both processes, and one of these is killed
    again and again; the supervisor starts another."""
    books, operator = make_database("books"), Operator(make_database("charging"))
    chance = dice(20261123)
    reported: dict[tuple[str, int], int] = {}

    async def story(supervisor: Supervisor, port: int) -> None:
        answered = asyncio.Event()
        gateways = [Gateway(name, answered) for name in GATEWAYS]
        async with asyncio.TaskGroup() as work:
            for each in gateways:
                work.create_task(each.work(port))
            for _ in range(KILLS):
                until = sum(each.answers for each in gateways) + chance.randint(20, 80)
                while sum(each.answers for each in gateways) < until:
                    answered.clear()
                    await answered.wait()
                with suppress(ProcessLookupError):  # the last one killed may not be missed yet
                    os.kill(chance.choice(supervisor.pids("charging")), signal.SIGKILL)
        for each in gateways:
            reported.update(each.reported)

    with processes(books, operator.charging) as (supervisor, port, _):
        telling = threading.Thread(target=run, args=(lambda: story(supervisor, port),))

        def look() -> None:
            if not telling.is_alive():
                signal.raise_signal(signal.SIGTERM)

        telling.start()
        supervisor.run(on_tick=look)
        telling.join()

    account = ChargingAccountId("cac_3")
    with operator.charging.read() as r:
        usage = [
            each for each in records(r, account, limit=10_000) if each.kind is RecordKind.USAGE
        ]
        left = balance(r, account, datetime.now(UTC))
    charged = {(each.session, each.number): each.units for each in usage}
    assert len(usage) == len(charged) == len(GATEWAYS) * SESSIONS * (UPDATES + 1)
    assert charged == reported
    assert left.open_sessions == 0
    assert not left.reserved
    assert left.money.micros == 1_000_000_000 - sum(each.charge.micros for each in usage)
