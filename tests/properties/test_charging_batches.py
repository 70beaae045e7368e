"""A batch is only a way to commit: it answers and leaves what its requests would one by one."""

import itertools
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import NOW, MakeDatabase
from tests.effort import examples
from tests.unit.charging.builders import FIVE_GIGABYTES, MB, asks, compiled, opening, plan, request
from trunkline.charging import (
    ChargeRequest,
    ChargingAccountId,
    GroupCommit,
    Kind,
    balance,
    records,
    store,
)
from trunkline.charging.operations import open_account, top_up
from trunkline.kernel.money import Money
from trunkline.platform.db import Database

AT = int(NOW.timestamp())
PHONES = 3


@pytest.fixture
def charging(make_database: MakeDatabase) -> Database:
    database = make_database("charging")
    with database.transaction() as tx:
        store.insert_tariff(tx, compiled(plan(FIVE_GIGABYTES, id_="rich"), plan()), NOW)
    return database


@pytest.fixture
def serial() -> Iterator[int]:
    return itertools.count(1)


class Fleet:
    """Some phones with a little money, opened anew for each example."""

    def __init__(self, database: Database, serial: Iterator[int]) -> None:
        self.database = database
        self.phones = [next(serial) for _ in range(PHONES)]
        with database.transaction() as tx:
            for phone in self.phones:
                open_account(tx, opening(phone))
                top_up(
                    tx,
                    ChargingAccountId(f"cac_{phone}"),
                    payment_id=f"p{phone}",
                    amount=Money.of("0.5", "EUR"),
                    now=NOW,
                )

    def requests(self, history: Sequence[tuple[int, int]]) -> list[ChargeRequest]:
        sent = []
        numbers = [-1] * PHONES
        for which, used in history:
            numbers[which] += 1
            kind = Kind.UPDATE if numbers[which] else Kind.INITIAL
            unit = asks(10 * MB, used=used * MB if numbers[which] else 0)
            sent.append(
                request(
                    kind,
                    numbers[which],
                    unit,
                    session=f"s{self.phones[which]}",
                    subscriber=self.phones[which],
                    at=AT,
                )
            )
        return sent

    def result(self) -> list[object]:
        """All that is stored of each phone, without its own names."""
        found: list[object] = []
        with self.database.read() as r:
            for phone in self.phones:
                account = ChargingAccountId(f"cac_{phone}")
                seen = balance(r, account, NOW)
                found.append((seen.money, seen.reserved, seen.open_sessions))
                found += [
                    (each.seq, each.kind, each.units, each.charge, each.balance, each.overrun)
                    for each in records(r, account)
                ]
        return found


histories = st.lists(
    st.tuples(st.integers(0, PHONES - 1), st.integers(0, 15)), min_size=1, max_size=20
)


@given(history=histories)
@settings(
    max_examples=examples(20),
)
def test_a_batch_is_its_requests_one_by_one(
    charging: Database, serial: Iterator[int], history: list[tuple[int, int]]
) -> None:
    network = GroupCommit(charging)
    together, alone = Fleet(charging, serial), Fleet(charging, serial)
    at_once = network.process(together.requests(history), NOW)
    each = [network.process([one], NOW)[0] for one in alone.requests(history)]
    assert at_once == each
    assert together.result() == alone.result()
    before = together.result()
    assert network.process(together.requests(history)[-1:], NOW) == at_once[-1:]
    assert together.result() == before
