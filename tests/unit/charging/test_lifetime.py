"""The life of an account, its fee and its thresholds, without a database."""

import itertools
from datetime import UTC, datetime

import msgspec
import pytest

from tests.unit.charging.builders import (
    DAY,
    FIVE_GIGABYTES,
    GB,
    MB,
    NOON,
    PRICES,
    Phone,
    account,
    asks,
    compiled,
    plan,
    rule,
    tariffs,
)
from trunkline.charging import Result, Status
from trunkline.charging.due import due
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.lifetime import (
    FOLLOWING,
    activate,
    extend,
    move,
    next_change,
    resting,
    set_barred,
    settle,
    word,
)
from trunkline.charging.renewal import forfeit, forfeits, renew, taken
from trunkline.charging.sessions import give_up_sessions
from trunkline.charging.state import State, decode, encode
from trunkline.charging.terms import Life, Renewal, Terms, Watch
from trunkline.charging.watching import crossed
from trunkline.kernel.lifecycle import IllegalTransition


def living(money: str = "10", **terms: object) -> State:
    state = account(money)
    state.terms = Terms(**terms)  # type: ignore[arg-type]
    return state


def test_the_table_names_every_status_and_terminated_is_final() -> None:
    assert FOLLOWING.keys() == set(Status)
    assert FOLLOWING[Status.CLOSED] == frozenset()
    for status, to in itertools.product(Status, Status):
        state = account()
        state.status = status
        if to is status or to in FOLLOWING[status]:
            move(state, to)
            assert state.status == to
        else:
            with pytest.raises(IllegalTransition, match=word(status)):
                move(state, to)


def test_validity_then_grace_then_nothing() -> None:
    life = Life(first_days=30, top_up_days=90, grace_days=10)
    state = living(life=life)
    assert resting(life, NOON) is Status.PRE_ACTIVE
    activate(state, NOON)
    assert (state.status, next_change(state)) == (Status.ACTIVE, NOON + 30 * DAY)
    settle(state, NOON + 30 * DAY - 1)
    assert state.status == Status.ACTIVE
    settle(state, NOON + 30 * DAY)
    assert (state.status, next_change(state)) == (Status.ONE_WAY, NOON + 40 * DAY)
    settle(state, NOON + 40 * DAY)
    assert (state.status, next_change(state)) == (Status.EXPIRED, 0)
    extend(state, NOON + 50 * DAY, None)
    assert (state.status, life.valid_until) == (Status.ACTIVE, NOON + 140 * DAY)
    extend(state, NOON + 51 * DAY, 5)
    assert life.valid_until == NOON + 140 * DAY, "a top-up never shortens"
    extend(state, NOON + 51 * DAY, 0)
    assert life.valid_until == 0, "money without a validity has none"


def test_a_top_up_without_days_begins_anew_only_what_is_over() -> None:
    life = Life(first_days=30)
    state = living(life=life)
    extend(state, NOON, None)
    extend(state, NOON + 10 * DAY, None)
    assert life.valid_until == NOON + 30 * DAY
    extend(state, NOON + 40 * DAY, None)
    assert (state.status, life.valid_until) == (Status.ACTIVE, NOON + 70 * DAY)


def test_who_is_unbarred_is_what_validity_says() -> None:
    state = living(life=Life(first_days=1, grace_days=1))
    state.status = Status.PRE_ACTIVE
    set_barred(state, barred=True, now=NOON)
    assert word(state.status) == "barred"
    set_barred(state, barred=False, now=NOON)
    assert word(state.status) == "preActive"
    activate(state, NOON)
    set_barred(state, barred=True, now=NOON)
    settle(state, NOON + 10 * DAY)
    assert word(state.status) == "barred"
    set_barred(state, barred=False, now=NOON + 10 * DAY)
    assert word(state.status) == "expired"


def test_one_way_grants_only_what_is_free() -> None:
    free = plan(
        FIVE_GIGABYTES,
        rules=(rule("data", "0", MB, group=7), *PRICES),
    )
    phone = Phone(account("10"), tariffs(compiled(free)))
    phone.state.status = Status.ONE_WAY
    answer = phone.begin(asks(10 * MB, group=1), asks(10 * MB, group=7))
    assert [unit.result for unit in answer.units] == [Result.CREDIT_LIMIT, Result.SUCCESS]
    assert answer.units[1].granted == 10 * MB
    assert not phone.state.holds_anything()
    phone.end(asks(used=10 * MB, group=7))
    assert phone.state.money == 10_000_000


def test_nothing_begins_once_expired() -> None:
    phone = Phone(account("10"))
    phone.state.status = Status.EXPIRED
    assert phone.begin(asks(MB)).result is Result.DENIED


def test_a_fee_brings_the_months_allowances_once() -> None:
    prices = tariffs(compiled(plan(FIVE_GIGABYTES)))
    phone = Phone(living("25", renewal=Renewal(10_000_000, "Prepaid M")), prices)
    renew(phone.state, NOON, phone.journal)
    renew(phone.state, NOON + DAY, phone.journal)
    assert phone.state.money == 15_000_000
    assert [(r.kind, r.charge, r.session) for r in phone.journal] == [
        (RecordKind.FEE, 10_000_000, "Prepaid M")
    ]
    assert taken((phone.state, r) for r in phone.journal) == {
        (RecordKind.FEE, "le_1", "EUR"): 10_000_000
    }
    phone.begin(asks(100 * MB))
    assert phone.remaining() == [5 * GB]


def test_without_the_fee_allowances_wait_for_money() -> None:
    prices = tariffs(compiled(plan(FIVE_GIGABYTES)))
    phone = Phone(living("4", renewal=Renewal(10_000_000)), prices)
    renew(phone.state, NOON, phone.journal)
    assert phone.state.terms is not None
    assert phone.state.terms.renewal is not None
    assert phone.state.terms.renewal.missed == phone.state.period
    phone.begin(asks(10 * MB))
    phone.end(asks(used=10 * MB))
    assert phone.remaining() == []
    assert phone.state.money == 3_900_000, "used at the price without allowances"
    phone.state.money += 10_000_000
    renew(phone.state, NOON + DAY, phone.journal)
    phone.begin(asks(10 * MB), session="s2")
    assert phone.remaining() == [5 * GB]
    assert phone.state.money == 3_900_000


def test_next_months_fee_is_another() -> None:
    journal: list[Record] = []
    state = living("25", renewal=Renewal(10_000_000))
    for at in (NOON, NOON + 30 * DAY, NOON + 60 * DAY):
        renew(state, at, journal)
    assert state.money == 5_000_000
    assert state.terms is not None
    assert state.terms.renewal is not None
    assert state.terms.renewal.missed == state.period


@pytest.mark.parametrize(
    ("day", "first", "cents"),
    [
        # Of 10.00: November has thirty days, 21 of them from the 10th on.
        (datetime(2026, 11, 10, tzinfo=UTC), "actual", 700),
        (datetime(2026, 11, 10, tzinfo=UTC), "", 1000),
        (datetime(2026, 11, 1, tzinfo=UTC), "actual", 1000),
        # A month of thirty, leap or not: what February lacks falls to its last day.
        (datetime(2027, 2, 15, 23, 59, tzinfo=UTC), "actual", 500),
        (datetime(2027, 2, 15, 23, 59, tzinfo=UTC), "thirty", 533),
        (datetime(2026, 12, 31, 8, tzinfo=UTC), "thirty", 33),
    ],
)
def test_of_the_first_month_a_part_is_taken(day: datetime, first: str, cents: int) -> None:
    """From the day on which the account began; then all, and the part is what low means."""
    state = living(f"{cents / 100:.2f}", renewal=Renewal(10_000_000, first=first))
    state.opened = int(day.timestamp())
    journal: list[Record] = []
    state.money -= 1
    renew(state, state.opened + 3600, journal)
    assert not journal
    state.money += 1
    renew(state, state.opened + 7200, journal)
    assert ([each.charge for each in journal], state.money) == ([cents * 10_000], 0)
    state.money = 10_000_000
    renew(state, state.opened + 32 * DAY, journal)
    assert journal[-1].charge == 10_000_000


def test_a_first_month_that_was_missed_makes_no_other_cheaper() -> None:
    state = living("1", renewal=Renewal(10_000_000, first="actual"))
    state.opened = NOON + 7 * DAY
    journal: list[Record] = []
    renew(state, NOON + 7 * DAY, journal)
    state.money = 10_000_000
    renew(state, NOON + 30 * DAY, journal)
    assert [each.charge for each in journal] == [10_000_000]


def test_who_begins_later_pays_from_then_on() -> None:
    """A pre-active account's first month is that of its first use, in its own time zone."""
    state = living("10", life=Life(), renewal=Renewal(10_000_000, first="actual"))
    state.time_zone = "Asia/Tokyo"
    journal: list[Record] = []
    activate(state, int(datetime(2026, 11, 15, 15, tzinfo=UTC).timestamp()))
    renew(state, int(datetime(2026, 11, 15, 15, tzinfo=UTC).timestamp()), journal)
    assert [each.charge for each in journal] == [5_000_000]


def test_a_threshold_is_told_once_for_each_time_it_is_crossed() -> None:
    state = living("10", watch=Watch([5_000_000, 2_000_000]))
    seen = []
    for micros in (10, 6, 4, 4, 1, 3, 1, 9, 1):
        state.money = micros * 1_000_000
        seen.append(crossed(state))
    assert seen == [
        None,
        None,
        5_000_000,
        None,
        2_000_000,
        None,
        2_000_000,
        None,
        2_000_000,
    ]


def test_a_state_from_before_terms_still_decodes() -> None:
    fields = msgspec.msgpack.decode(encode(account("3")))
    old = decode(msgspec.msgpack.encode(fields[: fields.index("plan") + 17]))
    assert old.terms is None
    assert old.money == 3_000_000
    whole = living(life=Life(), watch=Watch([1]), renewal=Renewal(1))
    assert decode(encode(whole)) == whole


def test_grace_over_takes_what_is_left_once() -> None:
    """Ten euros, one of them in use; what people credit later stays."""
    phone = Phone(living(life=Life(first_days=1, grace_days=1)))
    activate(phone.state, NOON)
    phone.begin(asks(100 * MB))
    held = phone.state.held
    assert held > 0
    late = NOON + 2 * DAY
    settle(phone.state, late)
    assert forfeits(phone.state, late) == phone.state.money - held
    forfeit(phone.state, late, phone.journal)
    assert phone.state.money == held
    assert due(phone.state) > 1, "the rest once its session is given up"
    phone.now = late
    give_up_sessions(phone.state, late + DAY)
    assert due(phone.state) == 1
    forfeit(phone.state, late, phone.journal)
    expired = [each for each in phone.journal if each.kind == RecordKind.EXPIRED]
    assert sum(each.charge for each in expired) == 10_000_000
    assert phone.state.money == due(phone.state) == 0
    phone.state.money = 5_000_000
    forfeit(phone.state, late, phone.journal)
    assert phone.state.money == 5_000_000
