"""The loop between edges and commit: told once the disk has it, and not a batch too far ahead."""

import asyncio
import threading
from collections.abc import Sequence
from datetime import datetime

import pytest

from trunkline.charging import (
    Batcher,
    Batching,
    ChargeAnswer,
    ChargeRequest,
    Kind,
    Result,
    Service,
    Unanswered,
    batching,
)
from trunkline.platform.clock import SystemClock
from trunkline.platform.db import DatabaseUnavailable

_SUCCESS = ChargeAnswer(Result.SUCCESS)


@pytest.fixture(autouse=True)
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """However quick it is today."""
    monkeypatch.setattr(batching, "_QUICK", 0.0)


def request(number: int) -> ChargeRequest:
    return ChargeRequest("s", number, Kind.UPDATE, (("imsi", "1"),), 0, 0, Service.DATA)


class Asking:
    """An edge that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.refused: list[int] = []
        self.changed = asyncio.Event()

    def answered(self, answers: Sequence[tuple[int, ChargeAnswer]], seconds: list[float]) -> None:
        assert len(answers) == len(seconds)
        self.told += [asked for asked, _ in answers]
        self.changed.set()

    def unanswered(self, asked: int, why: Unanswered) -> None:
        assert why is Unanswered.HELD
        self.refused.append(asked)
        self.changed.set()


class Disk:
    """Takes what was committed when it is let, after as many failures as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.batches: list[int] = []
        self.writes = 0
        self.free = threading.Semaphore(0)
        self._failures = failures

    def attempt(self, requests: Sequence[ChargeRequest], _now: datetime) -> list[ChargeAnswer]:
        self.batches.append(len(requests))
        return [_SUCCESS] * len(requests)

    def persist(self) -> None:
        assert self.free.acquire(timeout=60)
        self.writes += 1
        if self.writes <= self._failures:
            raise DatabaseUnavailable("charging: no space left on device")


async def loop_turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_the_next_batch_is_charged_while_the_disk_takes_the_last_and_no_more() -> None:
    async def story() -> None:
        disk, edge = Disk(), Asking()
        batcher = Batcher(disk.attempt, SystemClock(), Batching(batch=4), persist=disk.persist)
        for number in range(20):
            batcher.ask(edge, number, request(number))
        await loop_turns()
        assert (disk.batches, edge.told) == ([4, 4], [])
        disk.free.release()
        await asyncio.wait_for(edge.changed.wait(), 60)
        await loop_turns()
        assert (disk.batches, edge.told) == ([4, 4, 4], [0, 1, 2, 3])
        idle = asyncio.create_task(batcher.drained())
        await loop_turns()
        assert not idle.done()
        for _ in range(4):
            disk.free.release()
        await asyncio.wait_for(idle, 60)
        assert (edge.told, disk.writes) == (list(range(20)), 5)

    asyncio.run(story())


def test_one_alone_waits_for_the_disk_on_the_spot() -> None:
    async def story() -> None:
        disk, edge = Disk(), Asking()
        batcher = Batcher(disk.attempt, SystemClock(), persist=disk.persist)
        disk.free.release()
        batcher.ask(edge, 1, request(1))
        await asyncio.sleep(0)
        assert (edge.told, disk.writes) == ([1], 1)
        await asyncio.wait_for(batcher.drained(), 60)

    asyncio.run(story())


def test_a_disk_that_proved_quick_is_waited_for_on_the_spot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        disk, edge = Disk(), Asking()
        batcher = Batcher(disk.attempt, SystemClock(), Batching(batch=4), persist=disk.persist)
        for _ in range(6):
            disk.free.release()
        batcher.ask(edge, 0, request(0))
        await asyncio.wait_for(batcher.drained(), 60)
        monkeypatch.setattr(batching, "_QUICK", 3600.0)
        for number in range(1, 9):
            batcher.ask(edge, number, request(number))
        await asyncio.sleep(0)
        assert (edge.told, disk.batches) == ([0, 1, 2, 3, 4], [1, 4])
        await asyncio.wait_for(batcher.drained(), 60)
        assert (edge.told, disk.writes) == (list(range(9)), 3)

    asyncio.run(story())


def test_a_disk_that_fails_is_asked_again_and_nobody_is_told_before() -> None:
    async def story(count: int) -> None:
        disk, edge = Disk(failures=3), Asking()
        batcher = Batcher(disk.attempt, SystemClock(), persist=disk.persist)
        for number in range(count):
            batcher.ask(edge, number, request(number))
        for _ in range(4):
            assert edge.told == []
            disk.free.release()
        await asyncio.wait_for(batcher.drained(), 60)
        assert (edge.told, disk.writes, disk.batches) == (list(range(count)), 4, [count])

    asyncio.run(story(1))
    asyncio.run(story(10))


def test_who_waits_too_long_for_the_disk_is_told_to_come_back() -> None:
    async def story() -> None:
        disk, edge = Disk(failures=2), Asking()
        batcher = Batcher(disk.attempt, SystemClock(), Batching(patience=0), persist=disk.persist)
        for number in range(10):
            batcher.ask(edge, number, request(number))
        for _ in range(3):
            disk.free.release()
        await asyncio.wait_for(batcher.drained(), 60)
        assert (edge.told, sorted(edge.refused)) == ([], list(range(10)))

    asyncio.run(story())


def test_without_a_disk_to_wait_for_answers_are_told_at_once() -> None:
    async def story() -> None:
        disk, edge = Disk(), Asking()
        batcher = Batcher(disk.attempt, SystemClock(), Batching(batch=4))
        for number in range(10):
            batcher.ask(edge, number, request(number))
        await asyncio.wait_for(batcher.drained(), 60)
        assert (edge.told, disk.batches) == (list(range(10)), [4, 4, 2])

    asyncio.run(story())
