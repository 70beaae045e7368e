"""The charging process is killed at random moments under load; the gateway sends again what was
not answered, with the T flag (RFC 6733, 5.5.4), and nothing is lost or charged twice."""

import asyncio
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conformance.diameter.operator import Operator
from tests.conftest import MakeDatabase
from tests.unit.charging.builders import MB, imsi
from tests.unit.diameter.builders import asked, ccr, mscc, subscription, used
from tests.unit.diameter.wire import Wire, connected, result_of, run
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.platform.db import Database

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SESSIONS, UPDATES, KILLS = 8, 40, 2
SUBSCRIBER = subscription(d.END_USER_IMSI, imsi(1))
GONE = (ConnectionError, asyncio.IncompleteReadError)


class Gateway:
    """Eight sessions side by side, each with one request outstanding. `reported` is what was
    used by the requests that have been answered."""

    def __init__(self) -> None:
        self.numbers = dict.fromkeys(range(SESSIONS), 0)
        self.reported: dict[tuple[str, int], int] = {}
        self.answers = 0

    @property
    def done(self) -> bool:
        return not self.numbers

    async def talk(self, wire: Wire, process: subprocess.Popen[bytes], answers: int) -> None:
        """Goes on where it stopped; the process is killed after so many more answers, and what
        it had answered by then is still heard."""
        wire.send(*(self.request(session, again=True) for session in self.numbers))
        last = self.answers + answers
        while not self.done:
            answer = await wire.receive()
            assert result_of(answer) == d.SUCCESS
            session = codec.header_of(answer).hop_by_hop
            self.note(session)
            if self.answers == last:
                process.kill()
            if session in self.numbers:
                wire.send(self.request(session))

    def note(self, session: int) -> None:
        self.answers += 1
        number = self.numbers[session]
        if number:
            self.reported[f"pgw;{session}", number] = number * 1000 + session
        if number > UPDATES:
            del self.numbers[session]
        else:
            self.numbers[session] += 1

    def request(self, session: int, *, again: bool = False) -> bytes:
        number = self.numbers[session]
        kind = 1 if number == 0 else 3 if number > UPDATES else 2
        report = used(number * 1000 + session) if number else b""
        ask = b"" if kind == 3 else asked(MB)
        return ccr(
            kind,
            number,
            SUBSCRIBER,
            mscc(report, ask, group=1),
            session=f"pgw;{session}",
            hop=session,
            flags=d.REQUEST | d.PROXIABLE | (d.RETRANSMITTED if again else 0),
        )


@contextmanager
def charging_process(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The real one, once it says that it serves."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "trunkline.cli", "process", "charging"],
        env={**environment, "TRUNKLINE_READY_FD": str(writing)},
        cwd=ROOT,
        pass_fds=[writing],
        stdin=subprocess.PIPE,
    )
    os.close(writing)
    with process, os.fdopen(reading, "rb") as pipe:
        assert pipe.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.kill()


def setting(database: Database) -> str:
    """Its URL, without the driver's name."""
    url = database.url
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_killed_while_it_charges(make_database: MakeDatabase) -> None:
    books, charging = make_database("books"), make_database("charging")
    operator = Operator(charging, datetime.now(UTC))
    operator.open(("imsi", imsi(1)), money="100")
    port = free_port()
    environment = {
        **os.environ,
        "TRUNKLINE_DATABASES_BOOKS": setting(books),
        "TRUNKLINE_DATABASES_CHARGING": setting(charging),
        "TRUNKLINE_CHARGING_PORT": str(port),
        "TRUNKLINE_CHARGING_METRICS_PORT": "0",
        "TRUNKLINE_NCHF_PORT": "0",
        "TRUNKLINE_LOG_LEVEL": "error",
    }
    chance = random.Random(20261121)
    gateway = Gateway()
    lives = [chance.randint(20, 90) for _ in range(KILLS)]

    async def talk(process: subprocess.Popen[bytes], answers: int) -> None:
        try:
            async with connected(port) as wire:
                await gateway.talk(wire, process, answers)
        except GONE:
            assert not gateway.done

    for answers in [*lives, SESSIONS * UPDATES * 2]:
        with charging_process(environment) as process:
            run(lambda process=process, answers=answers: talk(process, answers))  # type: ignore[misc]

    assert gateway.done
    charged = {(each.session, each.number): each.units for each in operator.usage}
    assert len(operator.usage) == len(charged) == SESSIONS * (UPDATES + 1)
    assert charged == gateway.reported
    assert operator.balance.open_sessions == 0
    assert not operator.balance.reserved
    spent = sum(each.charge.micros for each in operator.usage)
    assert operator.balance.money.micros == 100_000_000 - spent
