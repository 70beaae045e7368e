"""Data abroad past its limit, told of by files: charged up to the limit exactly, the rest waived.
Without a database."""

import pytest

from tests.unit.charging.builders import (
    DAY,
    FIVE_GIGABYTES,
    MB,
    NOON,
    PRICES,
    account,
    compiled,
    hybrid,
    plan,
    postpaid,
    request,
    tariffs,
)
from trunkline.charging import ROAMING, Circumstances, Kind, Result, RoamingPolicy, Rules
from trunkline.charging.counters import counted
from trunkline.charging.hybrid import carry, past_the_end
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.model import UnitRequest
from trunkline.charging.months import month_at
from trunkline.charging.oneoff import charge_usage
from trunkline.charging.policy.roaming import RoamingZone, consent, consented
from trunkline.charging.policy.waiving import WAIVED, Evidence
from trunkline.charging.state import State, decode, encode
from trunkline.charging.tariffs import Tariffs
from trunkline.rating import CounterSource, Measure, PlanSource

SPAIN = Circumstances(network="21407")
HOME = Circumstances(network="27201")
CENT = 10_000
LIMITED = RoamingPolicy(home=("272",), limit=100 * CENT)
"""A euro, that is 100 MB."""
NOVEMBER = month_at(NOON, 1, "UTC")


class Files:
    """What files tell of one account, in the order of their arrival."""

    def __init__(
        self, state: State, policy: RoamingPolicy = LIMITED, known: Tariffs | None = None
    ) -> None:
        self.state = state
        self.rules = Rules(roaming=policy)
        self.tariffs = known or tariffs()
        self.journal: list[Record] = []

    def tell(
        self, megabytes: int, at: int = NOON, where: Circumstances | None = SPAIN
    ) -> tuple[int, int]:
        """What was charged, and what was waived, in cents."""
        told = request(Kind.EVENT, 0, UnitRequest(used=megabytes * MB), at=at, where=where)
        first = len(self.journal)
        result = charge_usage(self.state, told, self.tariffs, self.journal, self.rules)
        assert result is Result.SUCCESS
        carry(self.state, self.journal, first)
        new = self.journal[first:]
        charged = sum(each.charge for each in new if each.kind == RecordKind.USAGE)
        waived = sum(each.units for each in new if each.kind == RecordKind.WAIVED)
        self.check()
        return charged // CENT, waived // CENT

    def check(self) -> None:
        """The journal leads from balance to balance, in its numbers' order."""
        assert [each.seq for each in self.journal] == list(range(1, len(self.journal) + 1))
        for before, each in zip(self.journal, self.journal[1:], strict=False):
            assert each.balance == before.balance - each.charge
        assert not self.journal or self.journal[-1].balance == self.state.money


def test_the_record_that_crosses_the_limit_is_charged_up_to_it() -> None:
    phone = Files(account("10"))
    assert phone.tell(70) == (70, 0)
    assert phone.tell(50) == (30, 20)
    assert phone.tell(5) == (0, 5)
    assert phone.state.money == 9_000_000
    assert counted(phone.state, ROAMING, NOVEMBER) == 100 * CENT
    assert counted(phone.state, WAIVED, NOVEMBER) == 25 * CENT
    waived, usage = phone.journal[1:3]
    assert (waived.kind, waived.charge, waived.label) == (RecordKind.WAIVED, 0, 0)
    assert waived.slice == list(Evidence(price=50 * CENT, left=30 * CENT, limit=100 * CENT))
    assert (usage.kind, usage.units) == (RecordKind.USAGE, 50 * MB)


def test_elsewhere_it_is_charged_where_the_operator_says_so() -> None:
    charging = RoamingPolicy(home=("272",), limit=100 * CENT, waives=False)
    assert Files(account("10"), charging).tell(150) == (150, 0)


def test_what_has_no_limit_is_charged() -> None:
    """At home, in zones like home, and where the limit is none."""
    like_home = RoamingPolicy(("272",), 100 * CENT, zones=(RoamingZone("EU", ("214",), True),))
    assert Files(account("10")).tell(150, where=HOME) == (150, 0)
    assert Files(account("10"), like_home).tell(150) == (150, 0)
    assert Files(account("10"), RoamingPolicy(("272",), 0)).tell(150) == (150, 0)
    unknown = RoamingPolicy(("272",), 100 * CENT, unknown_is_home=False)
    assert Files(account("10"), unknown).tell(150, where=None) == (100, 50)


def test_what_an_allowance_covers_counts_for_nothing() -> None:
    phone = Files(postpaid(), known=tariffs(compiled(plan(FIVE_GIGABYTES))))
    assert phone.tell(4900) == (0, 0)
    assert phone.tell(300) == (100, 100)


def test_each_month_has_its_limit_in_whichever_order_it_is_told_of() -> None:
    phone = Files(postpaid())
    assert phone.tell(150) == (100, 50)
    assert phone.tell(150, NOON + 30 * DAY) == (100, 50)
    assert phone.tell(10) == (0, 10)


def test_of_a_month_that_nobody_knows_any_more_nothing_is_charged() -> None:
    phone = Files(postpaid())
    phone.tell(1, NOON + 70 * DAY)
    assert phone.tell(1) == (0, 1)


def test_consent_holds_for_what_was_used_meanwhile() -> None:
    """From 13:00 to 15:00 o'clock, whenever the file comes."""
    phone, hour = Files(postpaid()), 3600
    assert phone.tell(100) == (100, 0)
    assert consent(phone.state, NOVEMBER, NOON + hour, given=True)
    assert not consent(phone.state, NOVEMBER, NOON + hour, given=True)
    assert phone.tell(7, NOON + hour - 1) == (0, 7)
    assert phone.tell(7, NOON + hour) == (7, 0)
    assert consent(phone.state, NOVEMBER, NOON + 3 * hour, given=False)
    assert phone.tell(7, NOON + 3 * hour - 1) == (7, 0)
    assert phone.tell(7, NOON + 3 * hour) == (0, 7)
    december = NOON + 30 * DAY
    assert consent(phone.state, NOVEMBER + 1, december, given=True)
    assert phone.tell(7, NOON + 2 * hour) == (7, 0)
    assert phone.tell(7, NOON + 4 * hour) == (0, 7)
    assert phone.tell(150, december) == (150, 0)


def test_consent_of_before_its_time_was_kept_holds_for_its_month() -> None:
    state = decode(encode(postpaid()))
    assert state.consents == ()
    state.roams_on = NOVEMBER
    assert consented(state, NOON, NOVEMBER)
    assert not consented(state, NOON + 30 * DAY, NOVEMBER + 1)
    assert consent(state, NOVEMBER, NOON, given=False)
    assert consented(state, NOON - 1, NOVEMBER)
    assert not consented(state, NOON, NOVEMBER)


@pytest.mark.parametrize(("money", "on_bill"), [("0.40", 60), ("2", 0)])
def test_nothing_waived_goes_onto_a_hybrid_accounts_bill(money: str, on_bill: int) -> None:
    phone = Files(hybrid(money, "5"))
    assert phone.tell(150) == (100, 50)
    billed = -sum(each.charge for each in phone.journal if each.kind == RecordKind.ON_BILL)
    assert billed == on_bill * CENT
    assert past_the_end(phone.state) < 0


def test_counters_of_money_count_what_is_charged() -> None:
    counters = (CounterSource("spent", Measure.MONEY), CounterSource("data", Measure.UNITS, "data"))
    source = PlanSource(id="plan", currency="EUR", rules=PRICES, counters=counters)
    phone = Files(postpaid(), known=tariffs(compiled(source)))
    assert phone.tell(150) == (100, 50)
    assert counted(phone.state, "spent", NOVEMBER) == 100 * CENT
    assert counted(phone.state, "data", NOVEMBER) == 150 * MB
