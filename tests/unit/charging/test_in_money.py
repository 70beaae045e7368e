"""Sessions that are asked for and reported in money."""

import msgspec

from tests.unit.charging.builders import NOON, account, postpaid, request, tariffs
from trunkline.charging import ChargeAnswer, Kind, Result
from trunkline.charging.in_money import charge_in_money
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.state import State, Status

CENT = 10_000


class Asker:
    def __init__(self, state: State) -> None:
        self.state = state
        self.journal: list[Record] = []
        self.number = -1

    def ask(self, kind: Kind, cents: int = 0, spent: int = 0, **more: int) -> ChargeAnswer:
        self.number = more.pop("number", self.number + 1)
        asked = request(kind, self.number, money=cents * CENT)
        asked.spent = spent * CENT
        prices = tariffs()
        return charge_in_money(self.state, asked, prices, NOON, self.journal, 60)


def result(answer: ChargeAnswer) -> tuple[Result, int, bool]:
    [unit] = answer.units
    return unit.result, answer.money // CENT, unit.final


def test_reserve_report_release() -> None:
    asker = Asker(account("1"))
    assert result(asker.ask(Kind.INITIAL, 60)) == (Result.SUCCESS, 60, False)
    assert asker.state.held == 60 * CENT
    assert result(asker.ask(Kind.UPDATE, 60, 50)) == (Result.SUCCESS, 50, True)
    assert (asker.state.money, asker.state.held) == (50 * CENT, 50 * CENT)
    assert asker.state.sessions[0].quotas[0].waits
    assert asker.ask(Kind.TERMINATE, 0, 20).result is Result.SUCCESS
    assert (asker.state.money, asker.state.held) == (30 * CENT, 0)
    assert [each.charge for each in asker.journal] == [50 * CENT, 20 * CENT]
    assert {each.kind for each in asker.journal} == {RecordKind.USAGE}
    assert not asker.state.sessions


def test_a_repetition_changes_nothing() -> None:
    asker = Asker(account("1"))
    asker.ask(Kind.INITIAL, 60)
    first = asker.ask(Kind.UPDATE, 10, 50)
    before = msgspec.msgpack.encode(asker.state)
    assert asker.ask(Kind.UPDATE, 10, 50, number=1) == first
    assert msgspec.msgpack.encode(asker.state) == before
    last = asker.ask(Kind.TERMINATE, 0, 5)
    assert asker.ask(Kind.TERMINATE, 0, 5, number=2) == last
    assert asker.state.money == 45 * CENT


def test_nothing_is_left() -> None:
    asker = Asker(account("0.05"))
    assert result(asker.ask(Kind.INITIAL, 10)) == (Result.SUCCESS, 5, True)
    assert result(asker.ask(Kind.UPDATE, 10, 7)) == (Result.CREDIT_LIMIT, 0, False)
    assert asker.state.money == -2 * CENT, "what was used beyond the grant is owed all the same"


def test_a_credit_limit_bounds_it() -> None:
    asker = Asker(postpaid("0.50"))
    assert result(asker.ask(Kind.INITIAL, 80)) == (Result.SUCCESS, 50, True)


def test_who_is_barred_gets_nothing() -> None:
    asker = Asker(account("1"))
    asker.ask(Kind.INITIAL, 10)
    asker.state.status = Status.BARRED
    assert result(asker.ask(Kind.UPDATE, 10, 10)) == (Result.DENIED, 0, False)
    again = request(Kind.INITIAL, 0, session="s2", money=CENT)
    refused = charge_in_money(asker.state, again, tariffs(), NOON, [], 60)
    assert refused.result is Result.DENIED


def test_requests_that_make_no_sense() -> None:
    asker = Asker(account("1"))
    assert asker.ask(Kind.UPDATE, 10).result is Result.UNKNOWN_SESSION
    assert asker.ask(Kind.INITIAL, 10, -1).result is Result.INVALID
    called = request(Kind.INITIAL, 0, money=CENT, called="12x")
    assert charge_in_money(asker.state, called, tariffs(), NOON, [], 60).result is Result.INVALID
