"""What a gateway is told: golden octets, and each of charging's results in its own place."""

import pytest

from tests.unit.diameter.builders import IMSI, asked, ccr, mscc, subscription
from trunkline.charging import (
    NOT_REQUESTED,
    ChargeAnswer,
    FinalAction,
    FinalUnit,
    Result,
    UnitAnswer,
)
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.diameter.answers import Identity, refusal
from trunkline.diameter.codec import Avp
from trunkline.diameter.gy_answer import RESULT_CODES, CreditAnswers, result_of
from trunkline.diameter.gy_request import Reading, read

US = Identity("ocs.example", "example")
SUBSCRIBER = subscription(d.END_USER_IMSI, IMSI)


def encoded(reading: Reading, told: ChargeAnswer) -> bytes:
    return CreditAnswers(US).encode(reading, told, result_of(reading, told))


def answer(message: bytes, result: Result, *units: UnitAnswer, **more: object) -> list[Avp]:
    octets = encoded(read(message, 0), ChargeAnswer(result, units, **more))  # type: ignore[arg-type]
    assert codec.header_of(octets).length == len(octets)
    assert octets[12:20] == message[12:20], "Hop-by-Hop and End-to-End come back"
    return list(codec.avps(octets))


def values(avps: list[Avp], code: int) -> list[bytes]:
    return [avp.data for avp in avps if avp.code == code]


def inside(data: bytes) -> dict[int, bytes]:
    return {avp.code: avp.data for avp in codec.avps(data, 0)}


def redirect(kind: int, to: str) -> bytes:
    return codec.grouped(
        d.REDIRECT_SERVER,
        codec.u32(d.REDIRECT_ADDRESS_TYPE, kind),
        codec.text(d.REDIRECT_SERVER_ADDRESS, to),
    )


def test_golden_answer() -> None:
    reading = read(ccr(1, 0, SUBSCRIBER, mscc(asked(5), group=7, service=9), session="s"), 0)
    unit = UnitAnswer(7, 9, Result.SUCCESS, 5_000_000, 3600, final=True)
    octets = encoded(reading, ChargeAnswer(Result.SUCCESS, (unit,)))
    assert octets.hex(" ", 4) == (
        "010000f0 40000110 00000004 00000007 00000008 "  # P, no R; both identifiers
        "00000107 40000009 73000000 "  # Session-Id "s" first
        "0000010c 4000000c 000007d1 "  # 2001
        "00000108 40000013 6f63732e 6578616d 706c6500 "
        "00000128 4000000f 6578616d 706c6500 "
        "00000102 4000000c 00000004 "
        "000001a0 4000000c 00000001 "
        "0000019f 4000000c 00000000 "
        "000001c8 40000064 "
        "000001af 40000018 000001a5 40000010 00000000 004c4b40 "  # granted 5,000,000
        "000001b7 4000000c 00000009 000001b0 4000000c 00000007 "
        "000001c0 4000000c 00000e10 "
        "0000010c 4000000c 000007d1 "
        "000001ae 40000014 000001c1 4000000c 00000000 "
        "000001a2 4000000c 00000001 "  # FAILOVER_SUPPORTED
        "000001ab 4000000c 00000000"  # TERMINATE, should no answer come
    )


def test_a_session_that_begins_is_told_what_to_do_without_an_answer() -> None:
    for kind, told in ((1, [(2).to_bytes(4, "big")]), (2, []), (3, [])):
        message = ccr(kind, 0 if kind == 1 else 1, SUBSCRIBER, mscc(asked(5), group=7))
        unit = UnitAnswer(7, None, Result.SUCCESS, 5, 60)
        octets = CreditAnswers(US, 2).encode(
            read(message, 0), ChargeAnswer(Result.SUCCESS, (unit,)), Result.SUCCESS
        )
        found = list(codec.avps(octets))
        assert values(found, d.CREDIT_CONTROL_FAILURE_HANDLING) == told
        assert values(found, d.CC_SESSION_FAILOVER) == [(1).to_bytes(4, "big")] * len(told)


def test_a_refund_tells_what_comes_back() -> None:
    avps = answer(event(1), Result.SUCCESS, cost=-120_000, currency="EUR")
    (cost,) = values(avps, d.COST_INFORMATION)
    value = inside(inside(cost)[d.UNIT_VALUE])
    assert value[d.VALUE_DIGITS] == (120_000).to_bytes(8, "big")


@pytest.mark.parametrize("result", Result)
def test_every_result_has_its_code(result: Result) -> None:
    avps = answer(ccr(), result)
    assert values(avps, d.RESULT_CODE) == [RESULT_CODES[result].to_bytes(4, "big")]
    assert bool(values(avps, d.FAILED_AVP)) == (result in (Result.INVALID, Result.RATING_FAILED))


def test_a_services_code_is_its_own() -> None:
    message = ccr(2, 1, SUBSCRIBER, mscc(asked(), group=1), mscc(asked(), group=2))
    avps = answer(
        message,
        Result.SUCCESS,
        UnitAnswer(1, None, Result.SUCCESS, 100, 60),
        UnitAnswer(2, None, Result.CREDIT_LIMIT),
    )
    assert values(avps, d.RESULT_CODE) == [d.SUCCESS.to_bytes(4, "big")]
    first, second = map(inside, values(avps, d.MULTIPLE_SERVICES_CREDIT_CONTROL))
    assert first[d.RESULT_CODE] == d.SUCCESS.to_bytes(4, "big")
    assert second[d.RESULT_CODE] == d.CREDIT_LIMIT_REACHED.to_bytes(4, "big")
    assert second[d.RATING_GROUP] == (2).to_bytes(4, "big")
    assert d.GRANTED_SERVICE_UNIT not in second
    assert d.SERVICE_IDENTIFIER not in first


@pytest.mark.parametrize(
    ("indicator", "results", "told"),
    [
        (0, (Result.CREDIT_LIMIT,), d.CREDIT_LIMIT_REACHED),
        (0, (Result.CREDIT_LIMIT, Result.SUCCESS), d.SUCCESS),
        (1, (Result.CREDIT_LIMIT,), d.SUCCESS),
    ],
)
def test_a_gateway_that_knows_no_services_is_told_of_the_only_one(
    indicator: int, results: tuple[Result, ...], told: int
) -> None:
    """Multiple-Services-Indicator 0: an Open5GS SMF looks into no MSCC for a Result-Code, and
    would let traffic pass that nobody pays."""
    known = codec.u32(d.MULTIPLE_SERVICES_INDICATOR, indicator)
    message = ccr(2, 1, SUBSCRIBER, known, mscc(asked(), group=1), mscc(asked(), group=2))
    units = [UnitAnswer(group, None, result) for group, result in enumerate(results)]
    avps = answer(message, Result.SUCCESS, *units)
    assert values(avps, d.RESULT_CODE) == [told.to_bytes(4, "big")]
    services = map(inside, values(avps, d.MULTIPLE_SERVICES_CREDIT_CONTROL))
    assert [int.from_bytes(each[d.RESULT_CODE], "big") for each in services] == [
        RESULT_CODES[each] for each in results
    ]


def test_who_is_redirected_is_not_refused() -> None:
    message = ccr(1, 0, SUBSCRIBER, codec.u32(d.MULTIPLE_SERVICES_INDICATOR, 0), mscc(asked()))
    last = FinalUnit(FinalAction.REDIRECT, "https://top-up.example")
    unit = UnitAnswer(None, None, Result.CREDIT_LIMIT, validity=60, final=True, last=last)
    avps = answer(message, Result.SUCCESS, unit)
    assert values(avps, d.RESULT_CODE) == [d.SUCCESS.to_bytes(4, "big")]


def test_without_services_the_grant_stands_in_the_command() -> None:
    message = ccr(1, 0, SUBSCRIBER, asked(seconds=60), context="32275@3gpp.org")
    avps = answer(message, Result.SUCCESS, UnitAnswer(None, None, Result.SUCCESS, 60, 30))
    assert not values(avps, d.MULTIPLE_SERVICES_CREDIT_CONTROL)
    (granted,) = values(avps, d.GRANTED_SERVICE_UNIT)
    assert inside(granted) == {d.CC_TIME: (60).to_bytes(4, "big")}
    refused = answer(message, Result.SUCCESS, UnitAnswer(None, None, Result.CREDIT_LIMIT))
    assert values(refused, d.RESULT_CODE) == [d.CREDIT_LIMIT_REACHED.to_bytes(4, "big")]


def event(action: int) -> bytes:
    return ccr(4, 0, SUBSCRIBER, codec.u32(d.REQUESTED_ACTION, action), context="32274@3gpp.org")


def test_a_price() -> None:
    avps = answer(event(3), Result.SUCCESS, cost=120_000, currency="EUR")
    (cost,) = values(avps, d.COST_INFORMATION)
    assert inside(cost)[d.CURRENCY_CODE] == (978).to_bytes(4, "big")
    value = inside(inside(cost)[d.UNIT_VALUE])
    assert int.from_bytes(value[d.VALUE_DIGITS], "big", signed=True) == 120_000
    assert int.from_bytes(value[d.EXPONENT], "big", signed=True) == -6


@pytest.mark.parametrize(("enough", "value"), [(True, 0), (False, 1)])
def test_a_balance_check(enough: bool, value: int) -> None:
    avps = answer(event(2), Result.SUCCESS, enough=enough)
    assert values(avps, d.CHECK_BALANCE_RESULT) == [value.to_bytes(4, "big")]


def test_what_agents_wrote_comes_back_in_order() -> None:
    proxies = [
        codec.grouped(
            d.PROXY_INFO,
            codec.text(d.PROXY_HOST, host),
            codec.avp(d.PROXY_STATE, host.encode()),
        )
        for host in ("dra2.example", "dra1.example")
    ]
    message = ccr(1, 0, SUBSCRIBER, *proxies)
    assert [avp.encode() for avp in answer(message, Result.SUCCESS)[-2:]] == proxies
    too_busy = refusal(US, message, d.TOO_BUSY, "too busy")
    assert too_busy[4] == d.PROXIABLE | d.ERROR
    assert [avp.encode() for avp in codec.avps(too_busy)][-2:] == proxies
    assert next(codec.avps(too_busy)).code == d.SESSION_ID


def test_a_permanent_failure_has_no_error_bit_and_what_failed() -> None:
    failed = codec.blank(d.CC_REQUEST_NUMBER)
    octets = refusal(US, ccr(2, 5), d.MISSING_AVP, "no", failed)
    assert octets[4] == d.PROXIABLE
    avps = list(codec.avps(octets))
    assert values(avps, d.FAILED_AVP) == [failed]
    assert values(avps, d.CC_REQUEST_NUMBER) == [(5).to_bytes(4, "big")]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (None, codec.u32(d.FINAL_UNIT_ACTION, 0)),
        (FinalUnit(), codec.u32(d.FINAL_UNIT_ACTION, 0)),
        (
            FinalUnit(FinalAction.REDIRECT, "https://top.up/"),
            codec.u32(d.FINAL_UNIT_ACTION, 1) + redirect(2, "https://top.up/"),
        ),
        (
            FinalUnit(FinalAction.REDIRECT, "192.0.2.1"),
            codec.u32(d.FINAL_UNIT_ACTION, 1) + redirect(0, "192.0.2.1"),
        ),
        (
            FinalUnit(FinalAction.REDIRECT, "2001:DB8::1"),
            codec.u32(d.FINAL_UNIT_ACTION, 1) + redirect(1, "2001:db8::1"),
        ),
        (
            FinalUnit(FinalAction.REDIRECT, "sip:care@example"),
            codec.u32(d.FINAL_UNIT_ACTION, 1) + redirect(3, "sip:care@example"),
        ),
        (
            FinalUnit(FinalAction.RESTRICT, "", ("permit out ip from 192.0.2.1 to any", "portal")),
            codec.u32(d.FINAL_UNIT_ACTION, 2)
            + codec.text(d.RESTRICTION_FILTER_RULE, "permit out ip from 192.0.2.1 to any")
            + codec.text(d.FILTER_ID, "portal"),
        ),
    ],
)
@pytest.mark.parametrize("granted", [5, NOT_REQUESTED])
def test_what_follows_the_last_unit(last: FinalUnit | None, expected: bytes, granted: int) -> None:
    unit = UnitAnswer(1, None, Result.SUCCESS, granted, 60, final=True, last=last)
    avps = answer(ccr(), Result.SUCCESS, unit)
    [service] = map(inside, values(avps, d.MULTIPLE_SERVICES_CREDIT_CONTROL))
    assert service[d.FINAL_UNIT_INDICATION] == expected
    assert (d.GRANTED_SERVICE_UNIT in service) == (granted == 5)


@pytest.mark.parametrize(
    ("context", "threshold"),
    [
        ("32251@3gpp.org", d.VOLUME_QUOTA_THRESHOLD),
        ("32275@3gpp.org", d.TIME_QUOTA_THRESHOLD),
        ("32274@3gpp.org", d.UNIT_QUOTA_THRESHOLD),
    ],
)
def test_thresholds_holding_time_and_tariff_change(context: str, threshold: int) -> None:
    unit = UnitAnswer(
        1, None, Result.SUCCESS, 100, 60, holding=30, threshold=20, tariff_change=1_800_000_000
    )
    avps = answer(ccr(context=context), Result.SUCCESS, unit)
    [service] = values(avps, d.MULTIPLE_SERVICES_CREDIT_CONTROL)
    parts = {part.code: part for part in codec.avps(service, 0)}
    assert parts[threshold].u32() == 20
    assert parts[d.QUOTA_HOLDING_TIME].u32() == 30
    assert {parts[threshold].vendor, parts[d.QUOTA_HOLDING_TIME].vendor} == {d.VENDOR_3GPP}
    granted = inside(parts[d.GRANTED_SERVICE_UNIT].data)
    assert int.from_bytes(granted[d.TARIFF_TIME_CHANGE], "big") == 1_800_000_000 + 2_208_988_800
    refused = UnitAnswer(1, None, Result.CREDIT_LIMIT, holding=30, threshold=20)
    [service] = values(
        answer(ccr(context=context), Result.SUCCESS, refused), d.MULTIPLE_SERVICES_CREDIT_CONTROL
    )
    assert not {threshold, d.QUOTA_HOLDING_TIME} & inside(service).keys()


def test_granted_money() -> None:
    unit = UnitAnswer(None, None, Result.SUCCESS, NOT_REQUESTED, 60, final=True)
    avps = answer(ccr(1, 0, SUBSCRIBER), Result.SUCCESS, unit, money=2_500_000, currency="EUR")
    [granted] = map(inside, values(avps, d.GRANTED_SERVICE_UNIT))
    amount = inside(granted[d.CC_MONEY])
    assert amount[d.CURRENCY_CODE] == (978).to_bytes(4, "big")
    assert inside(amount[d.UNIT_VALUE])[d.VALUE_DIGITS] == (2_500_000).to_bytes(8, "big")
    assert values(avps, d.VALIDITY_TIME) == [(60).to_bytes(4, "big")]
    assert values(avps, d.FINAL_UNIT_INDICATION)
    unit = UnitAnswer(None, None, Result.CREDIT_LIMIT)
    avps = answer(ccr(1, 0, SUBSCRIBER), Result.SUCCESS, unit, currency="EUR")
    assert values(avps, d.RESULT_CODE) == [d.CREDIT_LIMIT_REACHED.to_bytes(4, "big")]
