"""The nine flows of RFC 8506, appendix A, walked with an independent client as the gateway: what
passes between a client and the credit-control server in each, and what it costs. Data costs a
cent for each megabyte begun, a call five to connect and ten for each minute begun, a message nine,
a game of chess 1.50."""

from diameter.message.avp.grouped import (
    CcMoney,
    MultipleServicesCreditControl,
    RequestedServiceUnit,
    UnitValue,
    UsedServiceUnit,
)

from tests.conformance.diameter.independent import MB, Gateway, independent_gateway
from tests.conformance.diameter.operator import Operator
from tests.conftest import MakeDatabase
from tests.unit.charging.builders import imsi
from trunkline.charging import FinalAction, FinalUnit, GrantPolicy, GrantSize
from trunkline.diameter import dictionary as d
from trunkline.platform.clock import DrivenClock

INITIAL, UPDATE, TERMINATION, EVENT = 1, 2, 3, 4
DEBIT, REFUND, CHECK, PRICE = range(4)
VOICE, SMS = "32260@3gpp.org", "32274@3gpp.org"
PORTAL = FinalUnit(FinalAction.REDIRECT, "https://top-up.example/")
POLICY = GrantPolicy(data=GrantSize(50 * MB, MB, 1000 * MB, 3600, last=PORTAL))


def octets(amount: int | None = None) -> RequestedServiceUnit:
    return RequestedServiceUnit(cc_total_octets=amount)


def used(amount: int) -> list[UsedServiceUnit]:
    return [UsedServiceUnit(cc_total_octets=amount)]


def test_appendix_a(make_database: MakeDatabase, clock: DrivenClock) -> None:
    """One after another on one account of 3.00: the client takes seconds to connect."""
    charging = make_database("charging")
    operator = Operator(charging, clock.now(), POLICY)
    operator.open(("imsi", imsi(1)), money="3")
    flows = [
        (flow_1_data, "2.94"),
        (flow_2_data_after_an_authorization, "2.93"),
        (flow_3_a_call, "2.68"),
        (flow_4_a_message, "2.59"),
        (flow_5_a_message_that_is_paid_when_it_arrived, "2.50"),
        (flow_6_the_price_of_a_call, "2.50"),
        (flow_7_a_game_that_fails, "2.50"),
        (flow_9_two_services, "2.44"),
    ]
    with independent_gateway(operator.attempt, clock, charging) as gateway:
        for flow, left in flows:
            gateway.session = gateway.node.session_generator.next_id()
            flow(gateway)
            assert str(operator.balance.money) == f"{left} EUR", flow.__name__
            operator.check()
        gateway.session = gateway.node.session_generator.next_id()
        flow_8_redirected_to_top_up(gateway, operator)
        operator.check()


def flow_1_data(gateway: Gateway) -> None:
    """A user logs on; the first quota is used up, another is asked for; the user logs off."""
    first = gateway.send(INITIAL, 0, requested_service_unit=octets(5 * MB))
    assert first.granted_service_unit.cc_total_octets == 5 * MB
    second = gateway.send(
        UPDATE, 1, used_service_unit=used(5 * MB), requested_service_unit=octets(5 * MB)
    )
    assert second.granted_service_unit.cc_total_octets == 5 * MB
    last = gateway.send(TERMINATION, 2, used_service_unit=used(MB), termination_cause=1)
    assert (last.result_code, last.granted_service_unit) == (d.SUCCESS, None)


def flow_2_data_after_an_authorization(gateway: Gateway) -> None:
    """The same, without an amount asked for: the server decides."""
    first = gateway.send(INITIAL, 0, requested_service_unit=octets())
    assert first.granted_service_unit.cc_total_octets == 50 * MB
    assert first.validity_time == 3600
    last = gateway.send(TERMINATION, 1, used_service_unit=used(1), termination_cause=4)
    assert last.result_code == d.SUCCESS


def flow_3_a_call(gateway: Gateway) -> None:
    """Credit is asked for with the invitation and the call ends before it is used."""
    minutes = RequestedServiceUnit(cc_time=180)
    first = gateway.send(INITIAL, 0, service_context_id=VOICE, requested_service_unit=minutes)
    assert first.granted_service_unit.cc_time == 180
    spoken = [UsedServiceUnit(cc_time=75)]
    last = gateway.send(TERMINATION, 1, service_context_id=VOICE, used_service_unit=spoken)
    assert last.result_code == d.SUCCESS


def flow_4_a_message(gateway: Gateway) -> None:
    """Debited before it is delivered."""
    sent = gateway.send(
        EVENT,
        0,
        service_context_id=SMS,
        requested_action=DEBIT,
        requested_service_unit=RequestedServiceUnit(cc_service_specific_units=1),
    )
    assert sent.result_code == d.SUCCESS
    assert sent.granted_service_unit.cc_service_specific_units == 1


def flow_5_a_message_that_is_paid_when_it_arrived(gateway: Gateway) -> None:
    """The balance is checked before, the debit follows the delivery."""
    one = RequestedServiceUnit(cc_service_specific_units=1)
    about = {"service_context_id": SMS, "requested_service_unit": one}
    checked = gateway.send(EVENT, 0, requested_action=CHECK, **about)
    assert (checked.result_code, checked.check_balance_result) == (d.SUCCESS, 0)
    gateway.session = gateway.node.session_generator.next_id()
    assert gateway.send(EVENT, 0, requested_action=DEBIT, **about).result_code == d.SUCCESS


def flow_6_the_price_of_a_call(gateway: Gateway) -> None:
    """Advice of charge: an enquiry, and no more."""
    answer = gateway.send(
        EVENT,
        0,
        service_context_id=VOICE,
        requested_action=PRICE,
        requested_service_unit=RequestedServiceUnit(cc_time=60),
    )
    assert answer.cost_information.unit_value.value_digits == 150_000
    assert answer.cost_information.unit_value.exponent == -6


def flow_7_a_game_that_fails(gateway: Gateway) -> None:
    """Paid, and given back."""
    price = CcMoney(unit_value=UnitValue(value_digits=150, exponent=-2), currency_code=978)
    about = {"requested_service_unit": RequestedServiceUnit(cc_money=price)}
    for action, cost in ((DEBIT, 1_500_000), (REFUND, -1_500_000)):
        gateway.session = gateway.node.session_generator.next_id()
        answer = gateway.send(EVENT, 0, requested_action=action, **about)
        assert answer.result_code == d.SUCCESS
        assert answer.cost_information.unit_value.value_digits == cost


def flow_8_redirected_to_top_up(gateway: Gateway, operator: Operator) -> None:
    """What is left is granted with the way to a portal; the user tops up there, the gateway is
    told to ask again, and the service goes on."""
    quota = MultipleServicesCreditControl(rating_group=1, requested_service_unit=octets(500 * MB))
    number, answer = 0, gateway.send(INITIAL, 0, multiple_services_credit_control=[quota])
    while not (service := answer.multiple_services_credit_control[0]).final_unit_indication:
        number += 1
        quota.used_service_unit = used(service.granted_service_unit.cc_total_octets)
        answer = gateway.send(UPDATE, number, multiple_services_credit_control=[quota])
    final = service.final_unit_indication
    assert final.final_unit_action == FinalAction.REDIRECT
    assert final.redirect_server.redirect_address_type == 2
    assert final.redirect_server.redirect_server_address == "https://top-up.example/"

    quota.used_service_unit = used(service.granted_service_unit.cc_total_octets)
    quota.reporting_reason = 3
    empty = gateway.send(UPDATE, number + 1, multiple_services_credit_control=[quota])
    [service] = empty.multiple_services_credit_control
    assert (empty.result_code, service.result_code) == (d.SUCCESS, d.CREDIT_LIMIT_REACHED)
    assert service.granted_service_unit is None
    assert service.final_unit_indication.final_unit_action == FinalAction.REDIRECT
    assert service.validity_time == 3600
    assert not operator.balance.money

    operator.top_up("1")
    again = gateway.told.get(timeout=20)
    assert (again.header.command_code, again.session_id) == (d.RE_AUTH, gateway.session)
    quota.used_service_unit, quota.requested_service_unit = [], octets(5 * MB)
    more = gateway.send(UPDATE, number + 2, multiple_services_credit_control=[quota])
    [service] = more.multiple_services_credit_control
    assert service.granted_service_unit.cc_total_octets == 5 * MB
    assert service.final_unit_indication is None
    quota.requested_service_unit, quota.used_service_unit = None, used(5 * MB)
    gateway.send(TERMINATION, number + 3, multiple_services_credit_control=[quota])
    assert str(operator.balance.money) == "0.95 EUR"


def flow_9_two_services(gateway: Gateway) -> None:
    """One begins with the session, the other while it lasts; both end with it."""

    def services(*found: MultipleServicesCreditControl) -> dict[str, object]:
        return {"multiple_services_indicator": 1, "multiple_services_credit_control": [*found]}

    def named(number: int, **fields: object) -> MultipleServicesCreditControl:
        return MultipleServicesCreditControl(
            rating_group=number, service_identifier=[number], **fields
        )

    first = gateway.send(INITIAL, 0, **services(named(1, requested_service_unit=octets(2 * MB))))
    [service] = first.multiple_services_credit_control
    assert (service.rating_group, service.service_identifier) == (1, [1])
    assert service.granted_service_unit.cc_total_octets == 2 * MB
    second = gateway.send(UPDATE, 1, **services(named(2, requested_service_unit=octets(3 * MB))))
    assert [each.rating_group for each in second.multiple_services_credit_control] == [2]
    third = gateway.send(
        UPDATE,
        2,
        **services(
            named(1, used_service_unit=used(2 * MB), requested_service_unit=octets(MB)),
        ),
    )
    assert third.multiple_services_credit_control[0].granted_service_unit.cc_total_octets == MB
    last = gateway.send(
        TERMINATION,
        3,
        **services(named(1, used_service_unit=used(MB)), named(2, used_service_unit=used(3 * MB))),
    )
    assert [each.result_code for each in last.multiple_services_credit_control] == [d.SUCCESS] * 2
