"""What data abroad may cost, and counters with thresholds: without a database."""

import pytest

from tests.unit.charging.builders import (
    DAY,
    FIVE_GIGABYTES,
    MB,
    Phone,
    account,
    asks,
    compiled,
    plan,
    postpaid,
    request,
    tariffs,
)
from trunkline.charging import (
    ROAMING,
    Circumstances,
    CounterPolicy,
    FinalAction,
    FinalUnit,
    GrantPolicy,
    Kind,
    Result,
    RoamingPolicy,
    RoamingZone,
    Rules,
    Service,
    Threshold,
    UnitRequest,
)
from trunkline.charging.counters import count, counted
from trunkline.charging.policy.counting import crossed, statuses
from trunkline.charging.policy.roaming import arrived
from trunkline.charging.state import State, decode, encode

HOME = Circumstances(network="27201")
SPAIN = Circumstances(network="21407")
CONSENT = FinalUnit(FinalAction.REDIRECT, "https://go-on.example/")
LIMITED = Rules(roaming=RoamingPolicy(home=("272",), limit=1_000_000, last=CONSENT))
"""A euro, that is 100 MB."""


def abroad(state: State | None = None, rules: Rules = LIMITED) -> Phone:
    return Phone(state or postpaid(), policy=GrantPolicy(rules=rules))


def spent(phone: Phone) -> int:
    return counted(phone.state, ROAMING, phone.state.period)


def test_data_abroad_stops_at_its_limit_though_there_is_credit() -> None:
    phone = abroad()
    unit = phone.begin(asks(60 * MB), where=SPAIN).units[0]
    assert unit.granted == 50 * MB
    unit = phone.go_on(asks(60 * MB, used=50 * MB), where=SPAIN).units[0]
    assert unit.granted == 25 * MB
    unit = phone.go_on(asks(25 * MB, used=25 * MB)).units[0]
    unit = phone.go_on(asks(25 * MB, used=unit.granted)).units[0]
    while unit.result is Result.SUCCESS:
        unit = phone.go_on(asks(25 * MB, used=unit.granted)).units[0]
    assert (unit.result, unit.final, unit.last) == (Result.CREDIT_LIMIT, True, CONSENT)
    assert spent(phone) == 1_000_000


def test_two_sessions_abroad_share_the_limit() -> None:
    phone = abroad()
    first = phone.begin(asks(100 * MB), session="a", where=SPAIN).units[0].granted
    second = phone.begin(asks(100 * MB), session="b", where=SPAIN).units[0].granted
    assert (first, second) == (50 * MB, 25 * MB)


def test_at_home_nothing_counts_and_nothing_is_cut() -> None:
    phone = abroad()
    assert phone.begin(asks(500 * MB), where=HOME).units[0].granted == 500 * MB
    phone.end(asks(used=500 * MB))
    assert spent(phone) == 0
    assert phone.begin(asks(500 * MB), session="unknown").units[0].granted == 500 * MB


def test_calls_abroad_are_no_data() -> None:
    phone = abroad()
    voice = Service.VOICE
    phone.begin(asks(6000, group=None), where=SPAIN, service=voice, called="34")
    phone.end(asks(used=6000, group=None), service=voice)
    assert spent(phone) == 0


def test_what_a_call_abroad_has_reserved_leaves_data_its_limit() -> None:
    phone = abroad()
    phone.begin(asks(600, group=None), session="v", where=SPAIN, service=Service.VOICE, called="34")
    assert phone.state.held > 0
    assert phone.begin(asks(100 * MB), session="d", where=SPAIN).units[0].granted == 50 * MB


@pytest.mark.parametrize("order", [1, -1])
def test_an_event_of_several_services_counts_its_data_alone(order: int) -> None:
    phone = abroad()
    message = UnitRequest(7, used=1, service=Service.SMS)
    phone.send(request(Kind.EVENT, 0, *[asks(used=10 * MB), message][::order], where=SPAIN))
    assert spent(phone) == 100_000


def test_what_an_allowance_covers_abroad_costs_nothing() -> None:
    phone = Phone(
        postpaid(),
        tariffs(compiled(plan(FIVE_GIGABYTES))),
        GrantPolicy(rules=LIMITED),
    )
    phone.begin(asks(300 * MB), where=SPAIN)
    assert phone.go_on(asks(300 * MB, used=300 * MB)).units[0].granted == 300 * MB
    assert spent(phone) == 0


def test_who_consented_goes_on_until_the_month_ends() -> None:
    phone = abroad()
    phone.begin(asks(200 * MB), where=SPAIN)
    phone.end(asks(used=200 * MB))
    assert phone.begin(asks(MB), session="b", where=SPAIN).units[0].result is Result.CREDIT_LIMIT
    phone.state.roams_on = phone.state.period
    assert phone.go_on(asks(MB), session="b").units[0].granted == MB
    phone.end(session="b")
    phone.now += 31 * DAY
    assert phone.begin(asks(600 * MB), session="c", where=SPAIN).units[0].granted == 50 * MB


def test_crossing_the_border_counts_what_was_used_before_at_home() -> None:
    phone = abroad()
    phone.begin(asks(10 * MB), where=HOME)
    phone.go_on(asks(10 * MB, used=10 * MB), where=SPAIN)
    assert spent(phone) == 0
    assert phone.state.abroad == "214"
    phone.go_on(asks(10 * MB, used=10 * MB), where=HOME)
    assert (spent(phone), phone.state.abroad) == (100_000, "")


def test_a_session_that_tells_nothing_new_moves_nobody() -> None:
    """A call at home, while a data session that began abroad goes on without telling where."""
    phone = abroad()
    phone.begin(asks(10 * MB), where=SPAIN)
    phone.begin(asks(60), session="s2", service=Service.VOICE, called="467", where=HOME)
    assert phone.state.abroad == ""
    phone.go_on(asks(10 * MB, used=10 * MB))
    assert (spent(phone), phone.state.abroad) == (100_000, "")


def test_what_is_not_told_again_is_as_it_was() -> None:
    """An update that names the access point and no network is from abroad all the same."""
    phone = abroad()
    phone.begin(asks(10 * MB), where=SPAIN)
    phone.go_on(asks(10 * MB, used=10 * MB), where=Circumstances(dnn="internet", qos=9))
    phone.go_on(asks(10 * MB, used=10 * MB))
    assert spent(phone) == 200_000
    assert phone.state.sessions[0].where == Circumstances("internet", "", 9, "21407")


def test_no_limit_counts_all_the_same() -> None:
    phone = abroad(rules=Rules(roaming=RoamingPolicy(home=("272",), limit=0)))
    assert phone.begin(asks(500 * MB), where=SPAIN).units[0].granted == 500 * MB
    phone.end(asks(used=500 * MB))
    assert spent(phone) == 5_000_000


def test_each_currency_has_its_own_limit() -> None:
    roaming = RoamingPolicy(home=("272",), limit=1_000_000, limits={"EUR": 2_000_000})
    phone = abroad(rules=Rules(roaming=roaming))
    assert phone.begin(asks(500 * MB), where=SPAIN).units[0].granted == 100 * MB
    assert roaming.counter("EUR").limit == 2_000_000
    assert roaming.counter("USD").limit == 1_000_000


def test_zones_like_home_have_no_limit_and_the_rest_of_the_world_has() -> None:
    zones = (RoamingZone("Union", ("214", "262"), like_home=True), RoamingZone("Far", ("310",)))
    phone = abroad(rules=Rules(roaming=RoamingPolicy(("272",), 1_000_000, zones=zones)))
    assert phone.begin(asks(500 * MB), where=SPAIN).units[0].granted == 500 * MB
    phone.end(asks(used=500 * MB))
    assert (spent(phone), phone.state.abroad) == (0, "214")
    for session, network in (("far", "310260"), ("world", "25001")):
        there = Circumstances(network=network)
        assert phone.begin(asks(500 * MB), session=session, where=there).units[0].granted <= 50 * MB
        phone.end(asks(used=10 * MB), session=session)
    assert (spent(phone), phone.state.abroad) == (200_000, "250,310,214")


def test_calls_and_messages_tell_where_somebody_is_where_the_network_tells_it() -> None:
    """Without a serving network they are at home, as their prices are."""
    phone = abroad()
    phone.begin(asks(60, group=None), where=SPAIN, service=Service.VOICE, called="34")
    assert phone.state.abroad == "214"
    phone.end(asks(used=60, group=None), service=Service.VOICE)
    phone.begin(asks(60, group=None), session="v", service=Service.VOICE, called="34")
    assert phone.state.abroad == "214"
    sms = request(Kind.EVENT, 0, session="e", service=Service.SMS, called="34", where=HOME)
    phone.send(sms)
    assert phone.state.abroad == ""
    assert spent(phone) == 0


def test_data_of_no_known_network_is_at_home_only_where_the_operator_says_so() -> None:
    """As abroad it counts like the rest of the world; once a network is told, that is believed."""
    roaming = RoamingPolicy(home=("272",), limit=1_000_000, unknown_is_home=False)
    phone = abroad(rules=Rules(roaming=roaming))
    assert phone.begin(asks(500 * MB)).units[0].granted == 50 * MB
    phone.end(asks(used=20 * MB))
    assert (spent(phone), phone.state.abroad) == (200_000, "")
    assert phone.begin(asks(500 * MB), session="h", where=HOME).units[0].granted == 500 * MB
    assert phone.go_on(asks(MB, used=300 * MB), session="h").units[0].granted == MB
    assert spent(phone) == 200_000


def test_each_country_of_a_trip_is_arrived_at_once() -> None:
    """To Spain, over the border and back: no second welcome. Home, and to Spain anew: another."""
    phone = abroad()
    told: list[bool] = []
    for network in ("21407", "20801", "21401", "20810", "27201", "21407"):
        before = phone.state.abroad
        message = request(
            Kind.EVENT,
            len(told),
            session=f"{len(told)}",
            service=Service.SMS,
            called="34",
            where=Circumstances(network=network),
        )
        phone.send(message)
        told.append(arrived(before, phone.state.abroad))
    assert told == [True, True, False, False, False, True]
    assert phone.state.abroad == "214"


FAIR = CounterPolicy("fair", 1000, (Threshold(80, "nearly"), Threshold(100, "over")))


def test_each_threshold_is_told_once() -> None:
    state = account()
    found = []
    for amount in (799, 1, 0, 150, 100, 500):
        count(state, "fair", 683, amount)
        found += [(each.previous, each.status, each.percent) for each in crossed(state, (FAIR,))]
    assert found == [("normal", "nearly", 80), ("nearly", "over", 100)]
    assert decode(encode(state)) == state


def test_two_thresholds_at_once_are_one_message() -> None:
    state = account()
    count(state, "fair", 683, 5000)
    assert [each.status for each in crossed(state, (FAIR,))] == ["over"]


def test_another_month_tells_anew() -> None:
    state = account()
    for month in (683, 684):
        count(state, "fair", month, 900)
        assert [each.status for each in crossed(state, (FAIR,))] == ["nearly"]


def test_a_plan_of_its_own_goes_first() -> None:
    own = CounterPolicy("fair", 10, (Threshold(100, "slow"),), plan="plan")
    state = account()
    count(state, "fair", 683, 10)
    assert [each.status for each in crossed(state, (FAIR, own))] == ["slow"]


def test_several_counters_each_have_their_status_and_a_new_plan_its_own_limits() -> None:
    """Units and money beside each other. What was counted goes on under the plan that follows; its
    own, larger limit is nearly reached, not passed."""
    money = CounterPolicy("spent", 5_000_000, (Threshold(100, "capped"),))
    large = CounterPolicy(
        "fair", 1100, (Threshold(80, "nearly"), Threshold(100, "over")), plan="large"
    )
    known = (FAIR, money, large)
    phone = Phone(account())
    phone.begin(asks(MB))
    state = phone.state
    count(state, "fair", state.period, 1000)
    count(state, "spent", state.period, 4_999_999)
    assert [(each.counter, each.status) for each in crossed(state, known)] == [("fair", "over")]
    count(state, "spent", state.period, 1)
    assert [(each.counter, each.status) for each in crossed(state, known)] == [("spent", "capped")]
    state.plan = "large"
    found = {each.counter: each for each in statuses(state, known, phone.now)}
    assert (found["fair"].status, found["fair"].percent, found["fair"].limit) == (
        "nearly",
        90,
        1100,
    )
    assert (found["spent"].status, found["spent"].amount) == ("capped", 5_000_000)


@pytest.mark.parametrize(
    ("amount", "status", "pending"), [(0, "normal", 0), (800, "nearly", 1), (1000, "over", 1)]
)
def test_the_status_now_and_the_one_to_come(amount: int, status: str, pending: int) -> None:
    phone = Phone(account())
    phone.begin(asks(MB))
    state = phone.state
    if amount:
        count(state, "fair", state.period, amount)
    [found] = statuses(state, (FAIR,), phone.now)
    assert (found.counter, found.status, found.amount) == ("fair", status, amount)
    assert found.pending == ((("normal", state.ends),) if pending else ())
