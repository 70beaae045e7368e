"""The charging process, or its PostgreSQL, is killed at random moments while an SMF charges over
h2c; what was not answered is sent again (TS 32.290, 5.4), and nothing is lost or charged twice."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from tests.conformance.nchf.network import Answer, Smf, run, usage
from tests.conftest import MakeDatabase
from tests.effort import dice
from tests.killed import assert_charged_once, charging_process, funded, on_postgresql
from tests.served import free_port
from tests.unit.charging.builders import MB, imsi
from trunkline.platform.clock import SystemClock

pytestmark = pytest.mark.slow

SESSIONS, UPDATES, KILLS = 8, 40, 2
SUPI = f"imsi-{imsi(1)}"


class Load:
    """Eight sessions side by side, each with one request outstanding. `reported` is what was
    used by the requests that have been answered."""

    def __init__(self) -> None:
        self.sequences = dict.fromkeys(range(SESSIONS), 0)
        self.refs: dict[int, str] = {}
        self.reported: dict[tuple[str, int], int] = {}
        self.answers = 0

    @property
    def done(self) -> bool:
        return not self.sequences

    async def talk(self, port: int, kill: Callable[[], object], answers: int) -> None:
        """Goes on where it stopped; `kill` is called after so many more answers, and what had
        been answered by then is still heard."""
        last = self.answers + answers
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, http1=False, http2=True, timeout=60) as client:
            smf = Smf(client, SystemClock())

            async def go_on(session: int) -> None:
                while session in self.sequences:
                    try:
                        answer = await self.ask(smf, session)
                    except httpx.TransportError:
                        return
                    if answer.status == 503:
                        continue  # it waited as long as it may: the database is away
                    self.note(session, answer)
                    if self.answers == last:
                        kill()

            async with asyncio.TaskGroup() as sessions:
                for session in tuple(self.sequences):
                    sessions.create_task(go_on(session))

    async def ask(self, smf: Smf, session: int) -> Answer:
        sequence = self.sequences[session]
        octets = sequence * 1000 + session
        if not sequence:
            return await smf.create(
                0, usage(1, asks=MB), subscriberIdentifier=SUPI, chargingId=session
            )
        ref = self.refs[session]
        if sequence > UPDATES:
            return await smf.release(ref, sequence, usage(1, used=octets))
        return await smf.update(ref, sequence, usage(1, asks=MB, used=octets))

    def note(self, session: int, answer: Answer) -> None:
        self.answers += 1
        sequence = self.sequences[session]
        if sequence:
            assert answer.status == (204 if sequence > UPDATES else 200)
            self.reported[self.refs[session], sequence] = sequence * 1000 + session
        else:
            assert answer.status == 201
            self.refs[session] = answer.ref
        if sequence > UPDATES:
            del self.sequences[session]
        else:
            self.sequences[session] += 1


def test_killed_while_it_charges(make_database: MakeDatabase) -> None:
    books, charging = make_database("books"), make_database("charging")
    operator = funded(charging)
    chance = dice(20261123)
    port = free_port()
    load = Load()
    for answers in [*(chance.randint(20, 90) for _ in range(KILLS)), SESSIONS * UPDATES * 2]:
        assert not load.done
        with charging_process(books, charging, nchf_port=port) as process:
            run(lambda kill=process.kill, answers=answers: load.talk(port, kill, answers))  # type: ignore[misc]
    assert load.done
    assert_charged_once(operator, load.reported)


@pytest.mark.postgresql
def test_postgresql_killed_while_it_charges() -> None:
    """The charging process lives on, and answers what waited once its database is back."""
    answers = dice(20261124).randint(50, 200)
    load = Load()
    port = free_port()
    with on_postgresql() as found:
        with charging_process(found.books, found.charging, nchf_port=port):
            run(lambda: load.talk(port, found.server.kill_and_start, answers))
        assert load.done
        found.assert_charged_once(load.reported)
