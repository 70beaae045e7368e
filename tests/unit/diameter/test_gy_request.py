"""What a gateway sends, as charging reads it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.diameter.builders import (
    GATEWAY,
    IMSI,
    NUMBER,
    asked,
    by_direction,
    ccr,
    mscc,
    reason,
    request,
    subscription,
    used,
)
from trunkline.charging import (
    MOST_UNITS,
    NOT_REQUESTED,
    SERVER_DECIDES,
    Action,
    Kind,
    Service,
    UnitRequest,
)
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import Malformed
from trunkline.diameter.gy_form import MOST_SERVICES, MOST_SUBSCRIPTIONS
from trunkline.diameter.gy_request import Reading, read
from trunkline.diameter.services import Services
from trunkline.rating import service_code

RECEIVED = 1_795_290_000
SUBSCRIBER = subscription(d.END_USER_IMSI, IMSI)


def units(*parts: bytes, kind: int = 2, context: str = "32251@3gpp.org") -> tuple[UnitRequest, ...]:
    return read(ccr(kind, 1, SUBSCRIBER, *parts, context=context), RECEIVED).request.units


def refused(message: bytes) -> Malformed:
    with pytest.raises(Malformed) as caught:
        read(message, RECEIVED)
    return caught.value


def test_an_initial_request() -> None:
    reading = read(ccr(1, 0, SUBSCRIBER, mscc(asked(500), group=10, service=3)), RECEIVED)
    assert reading.by_service
    assert reading.request.session == "pgw.example;1;1"
    assert reading.request.kind is Kind.INITIAL
    assert reading.request.number == 0
    assert reading.request.identities == (("imsi", IMSI),)
    assert reading.request.service is Service.DATA
    assert reading.request.at == reading.request.received == RECEIVED
    assert reading.request.units == (UnitRequest(10, 3, requested=500),)


@pytest.mark.parametrize("flags", [0, d.RETRANSMITTED])
def test_whether_it_may_have_been_sent_before(flags: int) -> None:
    message = ccr(flags=d.REQUEST | d.PROXIABLE | flags)
    assert read(message, RECEIVED).request.again is bool(flags)


@pytest.mark.parametrize(
    ("context", "service"),
    [
        ("32251@3gpp.org", Service.DATA),
        ("8.32251@3gpp.org", Service.DATA),
        ("gw.240.01.15.32251@3GPP.org", Service.DATA),
        ("32260@3gpp.org", Service.VOICE),
        ("32275@3gpp.org", Service.VOICE),
        ("6.32274@3gpp.org", Service.SMS),
        ("6.32270@3gpp.org", Service.MMS),
        ("open5gs-smfd@open5gs.org", Service.DATA),
    ],
)
def test_the_service_is_the_contexts_suffix(context: str, service: Service) -> None:
    assert read(ccr(1, 0, SUBSCRIBER, context=context), RECEIVED).request.service is service


@pytest.mark.parametrize("context", ["132251@3gpp.org", "32251@example", "32299@3gpp.org", ""])
def test_an_unknown_context_can_not_be_rated(context: str) -> None:
    error = refused(ccr(1, 0, SUBSCRIBER, context=context))
    assert error.result_code == d.RATING_FAILED
    assert error.failed_avp == codec.text(d.SERVICE_CONTEXT_ID, context)


def test_the_imsi_is_preferred_in_any_order() -> None:
    both = [subscription(d.END_USER_E164, NUMBER), subscription(d.END_USER_IMSI, IMSI)]
    expected = (("imsi", IMSI), ("msisdn", NUMBER))
    assert read(ccr(1, 0, *both), RECEIVED).request.identities == expected
    assert read(ccr(1, 0, *reversed(both)), RECEIVED).request.identities == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (d.END_USER_E164, NUMBER),
        (d.END_USER_E164, "+" + NUMBER),
        (d.END_USER_SIP_URI, f"sip:+{NUMBER}@ims.example"),
        (d.END_USER_SIP_URI, f"tel:+{NUMBER};phone-context=example"),
    ],
)
def test_numbers_in_the_forms_gateways_send(kind: int, value: str) -> None:
    message = ccr(1, 0, subscription(kind, value))
    assert read(message, RECEIVED).request.identities == (("msisdn", NUMBER),)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (d.END_USER_PRIVATE, f"{IMSI}@ims.mnc070.mcc999.3gppnetwork.org"),
        (d.END_USER_SIP_URI, f"sip:{IMSI}@ims.mnc070.mcc999.3gppnetwork.org;user=phone"),
        (d.END_USER_NAI, f"0{IMSI}@nai.epc.mnc070.mcc999.3gppnetwork.org"),
        (d.END_USER_NAI, f"6{IMSI}@WLAN.mnc070.mcc999.3gppnetwork.org"),
    ],
)
def test_names_that_are_made_of_an_imsi(kind: int, value: str) -> None:
    message = ccr(1, 0, subscription(kind, value), subscription(d.END_USER_E164, NUMBER))
    assert read(message, RECEIVED).request.identities == (("imsi", IMSI), ("msisdn", NUMBER))


@pytest.mark.parametrize(
    ("kind", "value"),
    [(d.END_USER_IMSI, "99970000000000A"), (d.END_USER_E164, "alice"), (4, "x"), (9, NUMBER),
     (d.END_USER_IMSI, "9" * 16), (d.END_USER_E164, "٤٦٧٠"),
     (d.END_USER_NAI, f"{IMSI}@example.org"), (d.END_USER_PRIVATE, "alice@ims.example"),
     (d.END_USER_NAI, f"{IMSI}@ims.mnc070.mcc999.3gppnetwork.org.example")],
)  # fmt: skip
def test_what_names_nobody_is_no_identity(kind: int, value: str) -> None:
    assert read(ccr(1, 0, subscription(kind, value)), RECEIVED).request.identities == ()


def test_octets_by_direction_are_added() -> None:
    assert units(mscc(by_direction(4_996_096, 4_608), group=1))[0].used == 5_000_704


def test_a_total_counts_before_its_directions_unless_it_is_zero() -> None:
    directions = codec.u64(d.CC_INPUT_OCTETS, 30) + codec.u64(d.CC_OUTPUT_OCTETS, 40)
    assert units(mscc(used(50, directions)))[0].used == 50
    assert units(mscc(used(0, directions)))[0].used == 70


def test_all_reports_in_one_mscc_count() -> None:
    before_and_after_a_tariff_change = [used(100), used(20)]
    assert units(mscc(*before_and_after_a_tariff_change, asked()))[0].used == 120


def test_reporting_reason_in_the_mscc_or_in_the_report() -> None:
    exhausted, final = 3, d.REPORTING_REASON_FINAL
    assert units(mscc(used(1, reason(exhausted))))[0] == UnitRequest(used=1, reason=exhausted)
    assert units(mscc(used(1), reason(final)))[0] == UnitRequest(used=1, reason=final, final=True)


def test_a_quota_of_the_servers_choosing() -> None:
    assert units(mscc(asked()))[0].requested == SERVER_DECIDES
    assert units(mscc(used(1)))[0].requested == NOT_REQUESTED


def test_several_msccs_for_one_quota_are_one() -> None:
    reading = read(
        ccr(
            2,
            1,
            SUBSCRIBER,
            mscc(used(100), reason(d.REPORTING_REASON_FINAL), group=1),
            mscc(used(7), asked(50), group=2),
            mscc(asked(1000), group=1),
        ),
        RECEIVED,
    )
    assert reading.request.units == (
        UnitRequest(1, None, requested=1000, used=100, reason=d.REPORTING_REASON_FINAL),
        UnitRequest(2, None, requested=50, used=7),
    )
    assert "repeated quota" in reading.oddities


def test_an_instant_in_cc_time_is_no_duration() -> None:
    instant = codec.u32(d.CC_TIME, 1_795_290_831)
    reading = read(
        ccr(2, 1, SUBSCRIBER, mscc(used(None, instant)), context="32275@3gpp.org"), RECEIVED
    )
    assert reading.request.units[0].used == 0
    assert reading.oddities == ("CC-Time is an instant",)
    assert units(mscc(used(seconds=61)), context="32275@3gpp.org")[0].used == 61


def test_usage_in_another_services_units_is_told() -> None:
    reading = read(ccr(2, 1, SUBSCRIBER, mscc(used(seconds=60), used(seconds=9))), RECEIVED)
    assert reading.request.units[0].used == 0
    assert reading.oddities == ("units of another service",)


def test_credit_at_the_commands_own_level() -> None:
    reading = read(ccr(2, 1, SUBSCRIBER, asked(100), used(5), used(6)), RECEIVED)
    assert not reading.by_service
    assert reading.request.units == (UnitRequest(requested=100, used=11),)


def test_a_session_may_open_without_asking() -> None:
    assert read(ccr(1, 0, SUBSCRIBER), RECEIVED).request.units == ()


def money(digits: int, exponent: int, currency: int = 978) -> bytes:
    return codec.grouped(
        d.CC_MONEY,
        codec.grouped(
            d.UNIT_VALUE,
            codec.avp(d.VALUE_DIGITS, digits.to_bytes(8, "big", signed=True)),
            codec.avp(d.EXPONENT, exponent.to_bytes(4, "big", signed=True)),
        ),
        codec.u32(d.CURRENCY_CODE, currency),
    )


def event(*parts: bytes) -> Reading:
    message = ccr(4, 0, SUBSCRIBER, codec.u32(d.REQUESTED_ACTION, 0), *parts)
    return read(message, RECEIVED)


@pytest.mark.parametrize(
    ("digits", "exponent", "micros"),
    [(1250, -2, 12_500_000), (3, 0, 3_000_000), (2, 3, 2_000_000_000), (5_000_000, -12, 5),
     (0, -2_000_000_000, 0), (0, 2_000_000_000, 0)],
)  # fmt: skip
def test_an_event_in_money(digits: int, exponent: int, micros: int) -> None:
    reading = event(codec.grouped(d.REQUESTED_SERVICE_UNIT, money(digits, exponent)))
    assert reading.request.money == micros
    assert reading.request.units == ()


@pytest.mark.parametrize(("digits", "exponent"), [(1, -7), (1, 13), (2**62, 0), (1, -(2**31))])
def test_money_that_the_books_can_not_hold(digits: int, exponent: int) -> None:
    asked_for = codec.grouped(d.REQUESTED_SERVICE_UNIT, money(digits, exponent))
    error = refused(ccr(4, 0, SUBSCRIBER, codec.u32(d.REQUESTED_ACTION, 0), asked_for))
    assert error.result_code == d.INVALID_AVP_VALUE


def test_a_session_in_money() -> None:
    asked_for = codec.grouped(d.REQUESTED_SERVICE_UNIT, money(5, 0))
    spent = codec.grouped(d.USED_SERVICE_UNIT, money(25, -1))
    opening = read(ccr(1, 0, SUBSCRIBER, asked_for), RECEIVED).request
    assert (opening.units, opening.money, opening.spent) == ((), 5_000_000, 0)
    assert opening.currency == "EUR"
    report = read(ccr(2, 1, SUBSCRIBER, asked_for, spent, spent), RECEIVED).request
    assert (report.units, report.money, report.spent) == ((), 5_000_000, 5_000_000)
    last = read(ccr(3, 2, SUBSCRIBER, spent), RECEIVED).request
    assert (last.units, last.money, last.spent) == ((), 0, 2_500_000)


def test_money_without_its_currency_is_the_account_s() -> None:
    value = next(codec.avps(money(5, 0), 8)).encode()
    asked_for = codec.grouped(d.REQUESTED_SERVICE_UNIT, codec.grouped(d.CC_MONEY, value))
    assert read(ccr(1, 0, SUBSCRIBER, asked_for), RECEIVED).request.currency == ""


@pytest.mark.parametrize(
    "spent", [money(1, 0, 840), money(1, 0, 12), money(-1, 0), codec.grouped(d.CC_MONEY)]
)
def test_money_that_makes_no_sense(spent: bytes) -> None:
    asked_for = codec.grouped(d.REQUESTED_SERVICE_UNIT, money(5, 0))
    error = refused(ccr(2, 1, SUBSCRIBER, asked_for, codec.grouped(d.USED_SERVICE_UNIT, spent)))
    assert error.result_code in (d.INVALID_AVP_VALUE, d.MISSING_AVP)


def test_a_rating_group_is_not_asked_for_in_money() -> None:
    asked_for = mscc(codec.grouped(d.REQUESTED_SERVICE_UNIT, money(1, 0)))
    assert refused(ccr(1, 0, SUBSCRIBER, asked_for)).result_code == d.RATING_FAILED


def test_a_picture_is_counted_in_messages() -> None:
    specific = codec.u64(d.CC_SERVICE_SPECIFIC_UNITS, 2)
    asked_for = mscc(codec.grouped(d.REQUESTED_SERVICE_UNIT, specific), group=1)
    [unit] = units(asked_for, context="32270@3gpp.org")
    assert unit.requested == 2
    debit = codec.u32(d.REQUESTED_ACTION, 0)
    event = read(ccr(4, 0, SUBSCRIBER, debit, context="32270@3gpp.org"), RECEIVED)
    assert event.request.units == (UnitRequest(requested=1),)


def test_an_sms_event_is_one_message_unless_it_says_otherwise() -> None:
    message = ccr(4, 0, SUBSCRIBER, codec.u32(d.REQUESTED_ACTION, 3), context="6.32274@3gpp.org")
    reading = read(message, RECEIVED)
    assert reading.request.action is Action.PRICE_ENQUIRY
    assert reading.request.units[0].requested == 1


def test_a_service_of_the_operators_is_known_by_its_context() -> None:
    """Its units are service-specific, whatever octets stand beside them."""
    named = service_code("api-call")
    services = Services(
        {b"api@operator.example": named, b"fixed@operator.example": int(Service.DATA)}
    )

    def units(amount: int) -> bytes:
        return codec.u64(d.CC_SERVICE_SPECIFIC_UNITS, amount)

    parts = mscc(
        codec.grouped(d.REQUESTED_SERVICE_UNIT, units(5)),
        codec.grouped(d.USED_SERVICE_UNIT, units(3), codec.u64(d.CC_TOTAL_OCTETS, 999)),
        group=7,
        service=9,
    )
    message = ccr(2, 1, SUBSCRIBER, parts, context="api@operator.example")
    found = read(message, RECEIVED, services=services).request
    assert (found.service, found.units[0].requested, found.units[0].used) == (named, 5, 3)
    assert (found.units[0].rating_group, found.units[0].service_identifier) == (7, 9)
    fixed = ccr(2, 1, SUBSCRIBER, mscc(used(999)), context="fixed@operator.example")
    assert read(fixed, RECEIVED, services=services).request.units[0].used == 999
    with pytest.raises(Malformed, match="not charged here"):
        read(message, RECEIVED)


def test_the_called_party() -> None:
    def vendor(code: int, data: bytes) -> bytes:
        return codec.avp(code, data, d.VENDOR_3GPP)

    called = vendor(d.CALLED_PARTY_ADDRESS, b"tel:+390612345")
    ims = vendor(
        d.SERVICE_INFORMATION, vendor(d.IMS_INFORMATION, vendor(862, b"\0\0\0\1") + called)
    )
    reading = read(ccr(1, 0, SUBSCRIBER, ims, context="32260@3gpp.org"), RECEIVED)
    assert reading.request.called == "390612345"
    for told, known in (
        (b"urn:service:sos", "urn:service:sos"),
        (b"URN:service:sos.Police", "urn:service:sos.police"),
        (b"urn:service:", ""),
        (b"urn:service:sos." + b"x" * 100, ""),
        (b"sip:112@ims.example;user=phone", "112"),
    ):
        ims = vendor(d.IMS_INFORMATION, vendor(d.CALLED_PARTY_ADDRESS, told))
        message = ccr(
            1, 0, SUBSCRIBER, vendor(d.SERVICE_INFORMATION, ims), context="32260@3gpp.org"
        )
        assert read(message, RECEIVED).request.called == known

    recipient = vendor(d.RECIPIENT_ADDRESS, vendor(d.ADDRESS_DATA, b"46705551212"))
    sms = vendor(d.SMS_INFORMATION, vendor(d.RECIPIENT_INFO, recipient))
    reading = read(
        ccr(1, 0, SUBSCRIBER, vendor(d.SERVICE_INFORMATION, sms), context="32274@3gpp.org"),
        RECEIVED,
    )
    assert reading.request.called == "46705551212"
    mms = vendor(d.SERVICE_INFORMATION, vendor(d.MMS_INFORMATION, recipient))
    reading = read(ccr(1, 0, SUBSCRIBER, mms, context="32270@3gpp.org"), RECEIVED)
    assert reading.request.service is Service.MMS
    assert reading.request.called == "46705551212"


@pytest.mark.parametrize(
    ("role", "service", "called"),
    [
        (0, Service.VOICE, "46701740602"),
        (1, Service.VOICE_IN, ""),
        # Forwarded: a call of who forwards it.
        (2, Service.VOICE, "46701740602"),
    ],
)
def test_the_direction_of_a_call(role: int, service: Service, called: str) -> None:
    def vendor(code: int, data: bytes) -> bytes:
        return codec.avp(code, data, d.VENDOR_3GPP)

    address = vendor(d.CALLED_PARTY_ADDRESS, b"tel:+46701740602")
    ims = vendor(d.IMS_INFORMATION, vendor(d.ROLE_OF_NODE, role.to_bytes(4, "big")) + address)
    information = vendor(d.SERVICE_INFORMATION, ims)
    asked = codec.grouped(d.REQUESTED_SERVICE_UNIT, codec.u32(d.CC_TIME, 30))
    for context in ("32260@3gpp.org", "32275@3gpp.org"):
        message = ccr(1, 0, SUBSCRIBER, information, mscc(asked), context=context)
        found = read(message, RECEIVED).request
        assert (found.service, found.called) == (service, called)
        assert found.units[0].requested == 30
    game = Services({b"game@operator.example": 99})
    message = ccr(1, 0, SUBSCRIBER, information, context="game@operator.example")
    assert read(message, RECEIVED, services=game).request.service == 99
    cut = vendor(d.SERVICE_INFORMATION, vendor(d.IMS_INFORMATION, vendor(d.ROLE_OF_NODE, b"\0")))
    with pytest.raises(Malformed):
        read(ccr(1, 0, SUBSCRIBER, cut, context="32260@3gpp.org"), RECEIVED)


def test_who_calls_pays_for_a_call_whatever_role_is_told() -> None:
    def vendor(code: int, data: bytes) -> bytes:
        return codec.avp(code, data, d.VENDOR_3GPP)

    def service(caller: bytes) -> int:
        role = vendor(d.ROLE_OF_NODE, (1).to_bytes(4, "big"))
        parties = vendor(d.CALLING_PARTY_ADDRESS, caller) + vendor(
            d.CALLED_PARTY_ADDRESS, b"tel:+46701740602"
        )
        told = vendor(d.SERVICE_INFORMATION, vendor(d.IMS_INFORMATION, role + parties))
        message = ccr(
            1, 0, subscription(d.END_USER_E164, "46701740601"), told, context="32260@3gpp.org"
        )
        return read(message, RECEIVED).request.service

    assert service(b"tel:+46701740601") == Service.VOICE
    assert service(b"sip:+46701740601@ims.example;user=phone") == Service.VOICE
    assert service(b"tel:+46701740603") == Service.VOICE_IN
    assert service(b"sip:anonymous@anonymous.invalid") == Service.VOICE_IN


def test_event_time_counts_from_1900_and_again_from_2036() -> None:
    def at(seconds: int) -> int:
        stamp = codec.u32(d.EVENT_TIMESTAMP, seconds)
        return read(ccr(1, 0, SUBSCRIBER, stamp), RECEIVED, 2**32).request.at

    assert at(RECEIVED + 2_208_988_800) == RECEIVED
    assert at(0) == 2_085_978_496  # 2036-02-07T06:28:16Z (RFC 5905, 6)


def test_a_clock_that_is_off_is_not_believed() -> None:
    def reading(seconds: int) -> Reading:
        stamp = codec.u32(d.EVENT_TIMESTAMP, RECEIVED + seconds + 2_208_988_800)
        return read(ccr(1, 0, SUBSCRIBER, stamp), RECEIVED, 300)

    for near in (-300, 0, 300):
        assert reading(near).request.at == RECEIVED + near
        assert not reading(near).oddities
    for far in (-301, 301, 86_400 * 365):
        assert reading(far).request.at == RECEIVED
        assert reading(far).oddities == ("a clock that is off",)


def test_unused_avps_change_nothing() -> None:
    plain = read(ccr(1, 0, SUBSCRIBER), RECEIVED).request
    more = (
        codec.u32(d.MULTIPLE_SERVICES_INDICATOR, 0)
        + codec.u32(d.REQUESTED_ACTION, 0)
        + codec.avp(2055, b"\0\0\0\1", d.VENDOR_3GPP)
        + codec.text(d.ROUTE_RECORD, "dra.example")
        + codec.avp(9999, b"x", 2011, mandatory=False)
        + codec.avp(9999, b"x", mandatory=False)
    )
    assert read(ccr(1, 0, SUBSCRIBER, more), RECEIVED).request == plain


@pytest.mark.parametrize(
    ("extra", "result"),
    [
        (codec.avp(9999, b"x"), d.AVP_UNSUPPORTED),
        (codec.avp(9999, b"x", 2011), d.AVP_UNSUPPORTED),
        (mscc(codec.avp(9999, b"x")), d.AVP_UNSUPPORTED),
        (codec.u32(d.CC_REQUEST_NUMBER, 1), d.AVP_OCCURS_TOO_MANY_TIMES),
        (mscc() * (MOST_SERVICES + 1), d.AVP_OCCURS_TOO_MANY_TIMES),
        (SUBSCRIBER * MOST_SUBSCRIPTIONS, d.AVP_OCCURS_TOO_MANY_TIMES),
        (codec.avp(d.EVENT_TIMESTAMP, b"\0"), d.INVALID_AVP_LENGTH),
        (mscc(codec.avp(d.RATING_GROUP, b"\0\1")), d.INVALID_AVP_LENGTH),
        (mscc(codec.grouped(d.USED_SERVICE_UNIT, codec.u32(421, 5))), d.INVALID_AVP_LENGTH),
        (mscc(used(MOST_UNITS + 1)), d.INVALID_AVP_VALUE),
        (mscc(used(MOST_UNITS), used(1)), d.INVALID_AVP_VALUE),
        (mscc(used(MOST_UNITS)) + mscc(used(1)), d.INVALID_AVP_VALUE),
        (mscc(by_direction(MOST_UNITS, 1)), d.INVALID_AVP_VALUE),
        (mscc(used(2**64 - 1)), d.INVALID_AVP_VALUE),
    ],
)
def test_what_is_refused_is_shown(extra: bytes, result: int) -> None:
    error = refused(ccr(1, 0, SUBSCRIBER, extra))
    assert error.result_code == result
    assert error.failed_avp


@pytest.mark.parametrize("octets", [MOST_UNITS + 1, 2**63 - 1, 2**64 - 1])
def test_a_wish_is_for_as_much_as_there_is(octets: int) -> None:
    """But for an event's, which is all or nothing."""
    wish = mscc(asked(octets), group=1)
    [unit] = read(ccr(1, 0, SUBSCRIBER, wish), RECEIVED).request.units
    assert unit.requested == MOST_UNITS
    direct = codec.u32(d.REQUESTED_ACTION, 0)
    assert refused(ccr(4, 0, SUBSCRIBER, direct, wish)).result_code == d.INVALID_AVP_VALUE


@pytest.mark.parametrize(("kind", "result"), [(0, 5004), (5, 5004), (4, 5005)])
def test_request_types(kind: int, result: int) -> None:
    assert refused(ccr(kind, 0, SUBSCRIBER)).result_code == result


@pytest.mark.parametrize(
    "missing",
    [d.SESSION_ID, d.ORIGIN_HOST, d.ORIGIN_REALM, d.SERVICE_CONTEXT_ID, d.CC_REQUEST_TYPE,
     d.CC_REQUEST_NUMBER, d.DESTINATION_REALM, d.AUTH_APPLICATION_ID],
)  # fmt: skip
def test_what_is_missing_is_named(missing: int) -> None:
    parts = [avp.encode() for avp in codec.avps(ccr()) if avp.code != missing]
    error = refused(request(d.CREDIT_CONTROL_COMMAND, d.CREDIT_CONTROL, *parts))
    assert error.result_code == d.MISSING_AVP
    assert int.from_bytes(error.failed_avp[:4], "big") == missing


def test_the_application_may_be_named_with_its_vendor() -> None:
    named = codec.grouped(
        d.VENDOR_SPECIFIC_APPLICATION_ID,
        codec.u32(d.VENDOR_ID, d.VENDOR_3GPP),
        codec.u32(d.AUTH_APPLICATION_ID, d.CREDIT_CONTROL),
    )
    parts = [avp.encode() for avp in codec.avps(ccr()) if avp.code != d.AUTH_APPLICATION_ID]
    message = request(d.CREDIT_CONTROL_COMMAND, d.CREDIT_CONTROL, *parts, named)
    assert read(message, RECEIVED).request == read(ccr(), RECEIVED).request


@pytest.mark.parametrize("session", ["", "a\nb", "x" * 513])
def test_session_ids_that_can_not_be_kept(session: str) -> None:
    assert refused(ccr(session=session)).result_code == d.INVALID_AVP_VALUE


def test_the_gateway_is_not_in_the_charge() -> None:
    """But for whom to tell about the session."""
    assert GATEWAY in ccr()
    request = read(ccr(session="s;1"), RECEIVED).request
    assert request.notify == "gy:pgw.example;example"
    assert "pgw" not in str(msgspec.structs.replace(request, notify=""))


def test_usage_after_a_tariff_change_is_told_apart() -> None:
    before = codec.u32(d.TARIFF_CHANGE_USAGE, 0)
    after = codec.u32(d.TARIFF_CHANGE_USAGE, d.AFTER_TARIFF_CHANGE)
    [unit] = units(mscc(used(70, before), used(30, after), asked(5), group=1))
    assert (unit.used, unit.after_change) == (100, 30)
    [unit] = units(used(70, before), used(30, after))
    assert (unit.used, unit.after_change) == (100, 30)
    [unit] = units(mscc(used(70, after), group=1), mscc(used(30, after), group=1))
    assert (unit.used, unit.after_change) == (100, 100)


@pytest.mark.parametrize("host", ["", "x" * 256, "pgw example", "pgw;example", "pgẅ.example"])
def test_a_gateway_without_a_name_is_refused(host: str) -> None:
    parts = [
        codec.text(d.ORIGIN_HOST, host) if avp.code == d.ORIGIN_HOST else avp.encode()
        for avp in codec.avps(ccr())
    ]
    error = refused(request(d.CREDIT_CONTROL_COMMAND, d.CREDIT_CONTROL, *parts))
    assert error.result_code == d.INVALID_AVP_VALUE


WHOLE = ccr(
    2,
    1,
    SUBSCRIBER,
    mscc(used(5, reason(3)), asked(5), group=1, service=2),
    codec.avp(873, codec.avp(876, codec.avp(832, b"tel:+46", 10415), 10415), 10415),
    context="32260@3gpp.org",
)


@given(st.integers(20, len(WHOLE) - 1), st.binary(min_size=1, max_size=4))
def test_damaged_requests_are_read_or_refused(place: int, damage: bytes) -> None:
    message = (WHOLE[:place] + damage + WHOLE[place + len(damage) :])[: len(WHOLE)]
    found = outcome(message)
    if isinstance(found, Malformed):
        assert found.result_code in range(3000, 6000)
    else:
        assert all(0 <= unit.used <= MOST_UNITS for unit in found.request.units)


@given(st.integers(20, len(WHOLE)))
def test_cut_requests_are_read_or_refused(length: int) -> None:
    found = outcome(WHOLE[: length & ~3])
    if isinstance(found, Malformed):
        assert found.result_code in (d.MISSING_AVP, d.INVALID_AVP_LENGTH)


def outcome(message: bytes) -> Reading | Malformed:
    try:
        return read(message, RECEIVED)
    except Malformed as error:
        return error


def test_rating_groups_may_have_services_of_their_own() -> None:
    """In a data session: calls of an API in units of their own, a fixed line in seconds."""
    api = service_code("api-call")
    services = Services(groups={500: api, 600: int(Service.VOICE), 700: int(Service.DATA)})
    told = codec.grouped(
        d.USED_SERVICE_UNIT,
        codec.u32(d.CC_TIME, 60),
        codec.u64(d.CC_TOTAL_OCTETS, 1000),
        codec.u64(d.CC_SERVICE_SPECIFIC_UNITS, 3),
    )
    parts = [mscc(told, group=group) for group in (1, 500, 600, 700)]
    message = ccr(2, 1, SUBSCRIBER, *parts, mscc(told))
    units = read(message, RECEIVED, services=services).request.units
    assert [(unit.rating_group, unit.service, unit.used) for unit in units] == [
        (1, -1, 1000),
        (500, api, 3),
        (600, Service.VOICE, 60),
        (700, -1, 1000),
        (None, -1, 1000),
    ]
