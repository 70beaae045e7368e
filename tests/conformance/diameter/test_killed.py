"""The charging process, or its PostgreSQL, is killed at random moments under load; the gateway
sends again what was not answered, with the T flag (RFC 6733, 5.5.4), and nothing is lost or
charged twice."""

import asyncio
from collections.abc import Callable

import pytest

from tests.conftest import MakeDatabase
from tests.effort import dice
from tests.killed import assert_charged_once, charging_process, funded, on_postgresql
from tests.served import free_port
from tests.unit.charging.builders import MB, imsi
from tests.unit.diameter.builders import asked, ccr, mscc, subscription, used
from tests.unit.diameter.wire import Wire, connected, result_of, run
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d

pytestmark = pytest.mark.slow

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

    async def talk(self, wire: Wire, kill: Callable[[], object], answers: int) -> None:
        """Goes on where it stopped; `kill` is called after so many more answers, and what had
        been answered by then is still heard."""
        wire.send(*(self.request(session, again=True) for session in self.numbers))
        last = self.answers + answers
        while not self.done:
            answer = await wire.receive()
            session = codec.header_of(answer).hop_by_hop
            if result_of(answer) == d.TOO_BUSY:  # as long as it may wait, the database was away
                wire.send(self.request(session, again=True))
                continue
            assert result_of(answer) == d.SUCCESS
            self.note(session)
            if self.answers == last:
                kill()
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


def test_killed_while_it_charges(make_database: MakeDatabase) -> None:
    books, charging = make_database("books"), make_database("charging")
    operator = funded(charging)
    port = free_port()
    chance = dice(20261121)
    gateway = Gateway()

    async def talk(kill: Callable[[], object], answers: int) -> None:
        try:
            async with connected(port) as wire:
                await gateway.talk(wire, kill, answers)
        except GONE:
            assert not gateway.done

    for answers in [*(chance.randint(20, 90) for _ in range(KILLS)), SESSIONS * UPDATES * 2]:
        with charging_process(books, charging, charging_port=port) as process:
            run(lambda kill=process.kill, answers=answers: talk(kill, answers))  # type: ignore[misc]

    assert gateway.done
    assert_charged_once(operator, gateway.reported)


@pytest.mark.postgresql
def test_postgresql_killed_while_it_charges() -> None:
    """The charging process lives on, and answers what waited once its database is back."""
    answers = dice(20261122).randint(50, 200)
    gateway = Gateway()
    port = free_port()
    with on_postgresql() as found:

        async def talk() -> None:
            async with connected(port) as wire:
                await gateway.talk(wire, found.server.kill_and_start, answers)

        with charging_process(found.books, found.charging, charging_port=port):
            run(talk)
        assert gateway.done
        found.assert_charged_once(gateway.reported)
