"""Sessions that are asked for and reported in money."""

import msgspec

from tests.unit.charging.builders import NOON, account, postpaid, request, tariffs
from trunkline.charging import (
    MOST_UNITS,
    ROAMING,
    ChargeAnswer,
    Circumstances,
    GrantPolicy,
    Kind,
    Pass,
    Passing,
    Result,
    RoamingPolicy,
    RoamingZone,
    Rules,
    Service,
)
from trunkline.charging.counters import counted
from trunkline.charging.grants import POLICY
from trunkline.charging.in_money import charge_in_money
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.state import State, Status

CENT = 10_000


class Asker:
    def __init__(
        self, state: State, policy: GrantPolicy = POLICY, where: Circumstances | None = None
    ) -> None:
        self.state = state
        self.policy = policy
        self.where = where
        self.journal: list[Record] = []
        self.number = -1

    def ask(self, kind: Kind, cents: int = 0, spent: int = 0, **more: int) -> ChargeAnswer:
        self.number = more.pop("number", self.number + 1)
        asked = request(kind, self.number, money=cents * CENT, where=self.where)
        asked.spent = spent * CENT
        prices = tariffs()
        return charge_in_money(self.state, asked, prices, NOON, self.journal, self.policy)


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


def test_a_request_that_was_overtaken_is_charged_once() -> None:
    asker = Asker(account("1"))
    asker.ask(Kind.INITIAL, 10)
    asker.ask(Kind.UPDATE, 10, 5, number=2)
    for _ in range(2):
        asker.ask(Kind.UPDATE, 10, 3, number=1)
        asker.ask(Kind.UPDATE, 10, 5, number=2)
    assert asker.state.money == 92 * CENT


def test_what_the_last_request_overtook_is_debited_once() -> None:
    asker = Asker(account("1"))
    asker.ask(Kind.INITIAL, 10)
    asker.ask(Kind.TERMINATE, 0, 5, number=2)
    assert asker.ask(Kind.UPDATE, 10, 3, number=1).cost == 3 * CENT
    asker.ask(Kind.UPDATE, 10, 3, number=1)
    assert (asker.state.money, asker.state.held, asker.state.sessions) == (92 * CENT, 0, [])


def test_no_report_makes_a_balance_that_is_past_reckoning() -> None:
    asker = Asker(postpaid())
    asker.ask(Kind.INITIAL, 10)
    spent = MOST_UNITS // CENT
    results = [asker.ask(Kind.UPDATE, 10, spent).result for _ in range(4)]
    assert results == [Result.SUCCESS, Result.SUCCESS, Result.INVALID, Result.INVALID]
    assert asker.state.money == -2 * spent * CENT
    assert asker.ask(Kind.TERMINATE, 0, 1, number=3).result is Result.SUCCESS


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
    refused = charge_in_money(asker.state, again, tariffs(), NOON, [])
    assert refused.result is Result.DENIED


def test_requests_that_make_no_sense() -> None:
    asker = Asker(account("1"))
    assert asker.ask(Kind.UPDATE, 10).result is Result.UNKNOWN_SESSION
    assert asker.ask(Kind.INITIAL, 10, -1).result is Result.INVALID
    called = request(Kind.INITIAL, 0, money=CENT, called="12x")
    assert charge_in_money(asker.state, called, tariffs(), NOON, []).result is Result.INVALID


SPAIN = Circumstances(network="21407")
LIMITED = Rules(
    passing=Passing.of(emergency=("112",)), roaming=RoamingPolicy(home=("272",), limit=100 * CENT)
)


def test_data_abroad_stops_at_its_limit() -> None:
    """A euro that abroad may cost, of ten."""
    asker = Asker(account("10"), GrantPolicy(rules=LIMITED), SPAIN)
    assert result(asker.ask(Kind.INITIAL, 60)) == (Result.SUCCESS, 60, False)
    assert result(asker.ask(Kind.UPDATE, 60, 60)) == (Result.SUCCESS, 40, True)
    assert asker.state.abroad == "214"
    assert result(asker.ask(Kind.UPDATE, 10, 40)) == (Result.CREDIT_LIMIT, 0, False)
    assert counted(asker.state, ROAMING, asker.state.period) == 100 * CENT
    asker.state.roams_on = asker.state.period
    assert result(asker.ask(Kind.UPDATE, 500)) == (Result.SUCCESS, 500, False)


def test_where_data_costs_what_it_costs_at_home_nothing_counts() -> None:
    zones = (RoamingZone("EU", ("214",), like_home=True),)
    roaming = RoamingPolicy(home=("272",), limit=100 * CENT, zones=zones)
    asker = Asker(account("10"), GrantPolicy(rules=Rules(roaming=roaming)), SPAIN)
    assert result(asker.ask(Kind.INITIAL, 500)) == (Result.SUCCESS, 500, False)
    asker.ask(Kind.TERMINATE, 0, 500)
    assert counted(asker.state, ROAMING, asker.state.period) == 0
    assert asker.state.abroad == "214"


def test_what_always_passes_costs_nothing_in_money_either() -> None:
    state, journal = account("0"), list[Record]()
    state.status = Status.BARRED
    policy = GrantPolicy(rules=LIMITED)
    for number, kind in enumerate((Kind.INITIAL, Kind.UPDATE, Kind.TERMINATE)):
        money = 0 if kind is Kind.TERMINATE else 50 * CENT
        asked = request(kind, number, money=money, service=Service.VOICE, called="112")
        asked.spent = 30 * CENT if number else 0
        answer = charge_in_money(state, asked, tariffs(), NOON, journal, policy)
        assert (answer.result, answer.money) == (Result.SUCCESS, money)
    assert (state.money, state.held) == (0, 0)
    assert [(each.kind, each.charge, each.label) for each in journal] == [
        (RecordKind.PASSED, 0, Pass.EMERGENCY)
    ] * 2
