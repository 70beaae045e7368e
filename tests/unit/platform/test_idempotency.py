"""The same request twice has one effect and one answer."""

from datetime import timedelta

import pytest

from tests.locks import both
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.idempotency import AGE, KeyReused, forget_old, once


class Counter:
    def __init__(self) -> None:
        self.runs = 0

    def __call__(self) -> bytes:
        self.runs += 1
        return b"answer %d" % self.runs


def ask(books: Database, key: str, request: bytes, run: Counter) -> bytes:
    with books.transaction() as tx:
        return once(tx, key, request, run)


def test_the_second_gets_the_firsts_answer(books: Database) -> None:
    run = Counter()
    assert ask(books, "k", b"order", run) == b"answer 1"
    assert ask(books, "k", b"order", run) == b"answer 1"
    assert ask(books, "other", b"order", run) == b"answer 2"
    assert run.runs == 2


def test_another_request_under_the_key_is_refused(books: Database) -> None:
    run = Counter()
    ask(books, "k", b"order", run)
    with pytest.raises(KeyReused):
        ask(books, "k", b"another order", run)
    assert run.runs == 1


def test_a_failed_request_leaves_its_key_free(books: Database) -> None:
    def fail() -> bytes:
        raise RuntimeError

    with pytest.raises(RuntimeError), books.transaction() as tx:
        once(tx, "k", b"order", fail)
    assert ask(books, "k", b"order", Counter()) == b"answer 1"


def test_keys_expire(books: Database, clock: DrivenClock) -> None:
    run = Counter()
    ask(books, "k", b"order", run)
    clock.advance(AGE + timedelta(seconds=1))
    assert ask(books, "k", b"another order", run) == b"answer 2"
    ask(books, "other", b"order", run)
    clock.advance(AGE + timedelta(seconds=1))
    with books.transaction() as tx:
        assert forget_old(tx, clock.now()) == 2
        assert forget_old(tx, clock.now()) == 0


def test_two_who_use_an_old_key_at_once(books: Database, clock: DrivenClock) -> None:
    run = Counter()
    ask(books, "k", b"order", run)
    clock.advance(AGE + timedelta(seconds=1))
    answers: list[bytes] = []

    def again(tx: Tx) -> None:
        answers.append(once(tx, "k", b"order", run))

    assert both(books, again, again) is None
    assert answers == [b"answer 2", b"answer 2"]
