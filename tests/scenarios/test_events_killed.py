"""A sender that is killed outright, again and again, loses nothing and keeps the order."""

import subprocess
import sys

import pytest

from tests.effort import dice
from tests.scenarios.events_town import Town, town
from trunkline.tmf.hub import queue

__all__ = ["town"]

WIDGETS, CHANGES = 30, 8


def start(town: Town) -> "subprocess.Popen[str]":
    url = town.books.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.scenarios.events_worker", url]
    worker = subprocess.Popen(
        [*command, town.clock.now().isoformat()], stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


@pytest.mark.slow
def test_killed_at_random_moments(town: Town) -> None:
    random = dice(688)
    server, picky = town.server(), town.server()
    town.listen(server.url)
    town.listen(picky.url)
    picky.answer = lambda _heard: random.choice([201, 201, 500, 503])
    ids = [town.make("0") for _ in range(WIDGETS)]
    for step in range(1, CHANGES):
        for ident in ids:
            town.rename(ident, str(step))
    for _ in range(6):
        worker = start(town)
        for _ in range(random.randint(1, 60)):
            if not server.reached.acquire(timeout=5):
                break
        worker.kill()
        worker.wait()
        assert worker.stdout is not None
        worker.stdout.close()
        town.clock.advance(queue.LEASE)
    picky.answer = lambda _heard: 201
    for _ in range(5):
        town.later(seconds=queue.DELAYS[2])
    assert town.waiting() == 0
    for each in (server, picky):
        for ident in ids:
            told = [int(one.resource["name"]) for one in each.taken if one.resource["id"] == ident]
            first = list(dict.fromkeys(told))
            assert first == list(range(CHANGES)), "all of it, and each for the first time in order"
            assert told == sorted(told), "one that comes again comes before what follows it"
