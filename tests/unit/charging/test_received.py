"""Calls and messages that the subscriber receives: free, unless a price names them."""

from datetime import UTC, datetime
from typing import Any

from tests.unit.charging.builders import (
    HUNDRED_MINUTES,
    NOON,
    OPENED,
    PRICES,
    Phone,
    account,
    asks,
    compiled,
    request,
    rule,
    tariffs,
)
from trunkline.charging import (
    Action,
    ChargeAnswer,
    Circumstances,
    Kind,
    Pass,
    Result,
    Service,
    UnitRequest,
)
from trunkline.charging.journal import RecordKind
from trunkline.charging.oneoff import charge_usage
from trunkline.charging.state import Status
from trunkline.rating import Filters, PlanSource, TariffSource, UsageRule, Zone, compile_tariff

HOME = Circumstances(network="27201")
EGYPT = Circumstances(network="60201")
ROAMING = UsageRule(
    "voice-in", rule("voice-in", "0.06", 60).rate, where=Filters(zone="rest of the world")
)
PLAN = PlanSource("plan", "EUR", (*PRICES, ROAMING), (HUNDRED_MINUTES,))
ZONES = (Zone("rest of the world", ("602",)),)
ABROAD = compile_tariff(TariffSource((PLAN,), zones=ZONES), version=1, effective_from=OPENED)
RINGS: dict[str, Any] = {"service": Service.VOICE_IN}


def roamer(money: str = "1") -> Phone:
    return Phone(account(money), tariffs(ABROAD))


def noted(phone: Phone) -> list[tuple[RecordKind, int, int]]:
    """(kind, units, micros) of each record of use."""
    return [
        (RecordKind(each.kind), each.units, each.charge)
        for each in phone.journal
        if each.kind in (RecordKind.USAGE, RecordKind.PASSED, RecordKind.UNRATED)
    ]


def granted(answer: ChargeAnswer) -> tuple[Result, int]:
    [unit] = answer.units
    return unit.result, unit.granted


def test_without_a_price_it_is_free_whatever_is_left() -> None:
    for phone in (Phone(account("0")), roamer("0")):
        answer = phone.begin(asks(60, group=None), where=HOME, **RINGS)
        assert granted(answer) == (Result.SUCCESS, 60)
        assert not answer.units[0].final
        assert granted(phone.go_on(asks(60, used=60, group=None), **RINGS))[1] == 60
        phone.end(asks(used=12, group=None), **RINGS)
        passed = [(RecordKind.PASSED, 60, 0), (RecordKind.PASSED, 12, 0)]
        assert noted(phone) == passed
        labels = {each.label for each in phone.journal if each.kind == RecordKind.PASSED}
        assert labels == {Pass.RECEIVED}
        assert (phone.state.money, phone.state.held) == (0, 0)


def test_it_takes_nothing_from_what_is_for_calls_that_are_made() -> None:
    phone = roamer()
    phone.begin(asks(600, group=None), where=HOME, **RINGS)
    phone.end(asks(used=600, group=None), **RINGS)
    assert phone.remaining() == [6000]


def test_a_price_holds_where_it_says() -> None:
    """A call that goes over the border: each part where it was heard of."""
    phone = roamer()
    phone.begin(asks(60, group=None), where=HOME, **RINGS)
    phone.now += 30
    phone.go_on(asks(60, used=30, group=None), where=EGYPT, **RINGS)
    assert phone.state.held == 60_000
    phone.now += 40
    phone.go_on(asks(60, used=40, group=None), where=HOME, **RINGS)
    phone.now += 50
    phone.end(asks(used=50, group=None), **RINGS)
    assert noted(phone) == [
        (RecordKind.PASSED, 30, 0),
        (RecordKind.USAGE, 40, 40_000),
        (RecordKind.PASSED, 50, 0),
    ]
    assert (phone.state.money, phone.state.held) == (960_000, 0)


def test_what_has_a_price_needs_credit() -> None:
    phone = roamer("0")
    answer = phone.begin(asks(60, group=None), where=EGYPT, **RINGS)
    assert answer.units[0].result is Result.CREDIT_LIMIT


def test_an_account_that_may_only_be_called_is() -> None:
    phone = roamer("5")
    phone.state.status = Status.ONE_WAY
    answer = phone.begin(asks(60, group=None), where=HOME, **RINGS)
    assert granted(answer) == (Result.SUCCESS, 60)
    dear = phone.begin(asks(60, group=None), session="b", where=EGYPT, **RINGS)
    assert dear.units[0].result is Result.CREDIT_LIMIT
    made = phone.begin(asks(60, group=None), session="c", service=Service.VOICE, called="46")
    assert made.units[0].result is Result.CREDIT_LIMIT
    phone.state.status = Status.BARRED
    assert phone.begin(asks(60, group=None), session="d", **RINGS).result is Result.DENIED


def test_a_free_grant_ends_where_a_price_may_begin() -> None:
    change = NOON + 100
    priced = compiled(
        PlanSource("plan", "EUR", (*PRICES, rule("voice-in", "0.60", 60))),
        version=2,
        start=datetime.fromtimestamp(change, UTC),
    )
    phone = Phone(account("1"), tariffs(compiled(), priced))
    [unit] = phone.begin(asks(300, group=None), **RINGS).units
    assert (unit.granted, unit.validity) == (300, 100)
    phone.now = change
    phone.go_on(asks(60, used=100, group=None), **RINGS)
    phone.now += 10
    phone.end(asks(used=10, group=None), **RINGS)
    assert noted(phone) == [(RecordKind.PASSED, 100, 0), (RecordKind.USAGE, 10, 100_000)]

    # Told of later, in one record: each part as its time has it.
    late = Phone(account("1"), phone.tariffs)
    message = request(Kind.EVENT, 0, UnitRequest(used=110), at=NOON, service=Service.VOICE_IN)
    assert charge_usage(late.state, message, late.tariffs, late.journal) is Result.SUCCESS
    assert noted(late) == noted(phone)


def test_messages_that_are_received() -> None:
    phone = Phone(account("0"))
    one = UnitRequest(requested=1)
    message = request(Kind.EVENT, 0, one, session="m1", service=Service.SMS_IN)
    answer = phone.send(message)
    assert (granted(answer), answer.cost) == ((Result.SUCCESS, 1), 0)
    assert phone.send(message) == answer
    assert noted(phone) == [(RecordKind.PASSED, 1, 0)]
    phone.state.status = Status.ONE_WAY
    again = request(Kind.EVENT, 0, one, session="m2", service=Service.SMS_IN)
    assert granted(phone.send(again)) == (Result.SUCCESS, 1)
    sent = request(Kind.EVENT, 0, one, session="m3", service=Service.SMS, called="46")
    assert phone.send(sent).result is Result.DENIED


def test_what_it_would_cost() -> None:
    ask = UnitRequest(requested=60)
    for where, cost in ((HOME, 0), (EGYPT, 60_000)):
        message = request(
            Kind.EVENT, 0, ask, action=Action.PRICE_ENQUIRY, where=where, service=Service.VOICE_IN
        )
        assert roamer().send(message).cost == cost
