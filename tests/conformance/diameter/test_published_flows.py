"""The nine flows of RFC 8506, appendix A, in its order, walked with an independent client: what
passes between a client and the credit-control server in each, and what it costs. Data costs a
cent for each megabyte begun, a call five to connect and ten for each minute begun, a picture 25,
a point in a game one. (The AAA server of flows I and VIII hands on what passes: it is not here.)"""

import msgspec
from diameter.message.avp.grouped import (
    ImsInformation,
    MultipleServicesCreditControl,
    RequestedServiceUnit,
    ServiceInformation,
    ServiceParameterInfo,
    UsedServiceUnit,
)

from tests.conformance.diameter.independent import MB, Gateway, independent_gateway
from tests.conformance.diameter.operator import SETTINGS, Operator
from tests.conftest import MakeDatabase
from tests.unit.charging.builders import PRICES, plan, rule
from trunkline.charging import FinalAction, FinalUnit, GrantPolicy, GrantSize, Service
from trunkline.diameter import Services
from trunkline.diameter import dictionary as d
from trunkline.platform.clock import DrivenClock
from trunkline.rating import service_code

INITIAL, UPDATE, TERMINATION, EVENT = 1, 2, 3, 4
DEBIT, REFUND, CHECK, PRICE = range(4)
VOICE, MMS, GAME = "32260@3gpp.org", "32270@3gpp.org", "bonus@games.example"
PORTAL = FinalUnit(FinalAction.REDIRECT, "https://top-up.example/")
TELLER = FinalUnit(FinalAction.REDIRECT, "sip:top-up@ims.example")
POLICY = GrantPolicy(
    data=GrantSize(50 * MB, MB, 1000 * MB, 3600, last=PORTAL),
    voice=GrantSize(300, 60, 3600, 600, last=TELLER),
)
IN_TIME, ACCESS = 1, 100
"""A rating group that is sold by the time, and the service of being on line."""


def octets(amount: int | None = None) -> RequestedServiceUnit:
    return RequestedServiceUnit(cc_total_octets=amount)


def seconds(amount: int) -> RequestedServiceUnit:
    return RequestedServiceUnit(cc_time=amount)


def used(amount: int) -> list[UsedServiceUnit]:
    return [UsedServiceUnit(cc_total_octets=amount)]


def spoken(amount: int) -> list[UsedServiceUnit]:
    return [UsedServiceUnit(cc_time=amount)]


def test_appendix_a(make_database: MakeDatabase, clock: DrivenClock) -> None:
    """One after another on one account of 3.00: the client takes seconds to connect."""
    charging = make_database("charging")
    rules = (*PRICES, rule("mms", "0.25", 1), rule("game", "0.01", 1))
    operator = Operator(charging, clock.now(), POLICY, plan(rules=rules))
    operator.open(("imsi", "999700000000001"), money="3")
    services = Services({GAME.encode(): service_code("game")}, {IN_TIME: int(Service.VOICE)})
    settings = msgspec.structs.replace(SETTINGS, services=services)
    flows = [
        (flow_1_network_access, "2.94"),
        (flow_2_a_call, "2.39"),
        (flow_3_a_picture_that_its_sender_pays, "2.14"),
        (flow_4_a_picture_that_its_receiver_pays, "2.14"),
        (flow_5_the_price_of_a_call, "2.14"),
        (flow_6_a_bonus, "2.44"),
        (flow_9_several_services, "2.00"),
    ]
    with independent_gateway(operator.attempt, clock, charging, settings) as gateway:
        for flow, left in flows:
            gateway.session = gateway.node.session_generator.next_id()
            flow(gateway)
            assert str(operator.balance.money) == f"{left} EUR", flow.__name__
            operator.check()
        for last in (flow_7_a_call_that_tops_up, flow_8_limited_access_until_a_top_up):
            gateway.session = gateway.node.session_generator.next_id()
            last(gateway, operator)
            operator.check()


def flow_1_network_access(gateway: Gateway) -> None:
    """A user logs on; the first quota is used up, another is asked for; the user logs off."""
    first = gateway.send(INITIAL, 0, requested_service_unit=octets(5 * MB))
    assert first.granted_service_unit.cc_total_octets == 5 * MB
    second = gateway.send(
        UPDATE, 1, used_service_unit=used(5 * MB), requested_service_unit=octets(5 * MB)
    )
    assert second.granted_service_unit.cc_total_octets == 5 * MB
    last = gateway.send(TERMINATION, 2, used_service_unit=used(MB), termination_cause=1)
    assert (last.result_code, last.granted_service_unit) == (d.SUCCESS, None)


def flow_2_a_call(gateway: Gateway) -> None:
    """Credit is asked for with the INVITE, more when it is used up, and the BYE ends it."""
    called = ImsInformation(node_functionality=6, called_party_address="tel:+46701740602")
    sip = {
        "service_context_id": VOICE,
        "service_information": ServiceInformation(ims_information=called),
    }
    first = gateway.send(INITIAL, 0, requested_service_unit=seconds(180), **sip)
    assert first.granted_service_unit.cc_time == 180
    second = gateway.send(
        UPDATE, 1, used_service_unit=spoken(180), requested_service_unit=seconds(180), **sip
    )
    assert second.granted_service_unit.cc_time == 180
    last = gateway.send(TERMINATION, 2, used_service_unit=spoken(75), **sip)
    assert (last.result_code, last.granted_service_unit) == (d.SUCCESS, None)


def flow_3_a_picture_that_its_sender_pays(gateway: Gateway) -> None:
    """As soon as it is stored."""
    sent = gateway.send(
        EVENT,
        0,
        service_context_id=MMS,
        requested_action=DEBIT,
        requested_service_unit=RequestedServiceUnit(cc_service_specific_units=1),
    )
    assert sent.result_code == d.SUCCESS
    assert sent.granted_service_unit.cc_service_specific_units == 1


def flow_4_a_picture_that_its_receiver_pays(gateway: Gateway) -> None:
    """The balance is checked when it comes, the debit precedes its transfer; that fails, and what
    was debited is given back."""
    about = {
        "service_context_id": MMS,
        "requested_service_unit": RequestedServiceUnit(cc_service_specific_units=1),
    }
    checked = gateway.send(EVENT, 0, requested_action=CHECK, **about)
    assert (checked.result_code, checked.check_balance_result) == (d.SUCCESS, 0)
    gateway.session = gateway.node.session_generator.next_id()
    fetched = gateway.send(EVENT, 0, requested_action=DEBIT, **about)
    assert fetched.granted_service_unit.cc_service_specific_units == 1
    gateway.session = gateway.node.session_generator.next_id()
    assert gateway.send(EVENT, 0, requested_action=REFUND, **about).result_code == d.SUCCESS


def flow_5_the_price_of_a_call(gateway: Gateway) -> None:
    """Advice of charge: an enquiry, and no more."""
    answer = gateway.send(
        EVENT,
        0,
        service_context_id=VOICE,
        requested_action=PRICE,
        requested_service_unit=seconds(60),
    )
    assert answer.cost_information.unit_value.value_digits == 150_000
    assert answer.cost_information.unit_value.exponent == -6


def flow_6_a_bonus(gateway: Gateway) -> None:
    """Thirty points that a player has won, rated by the server: it tells what was credited."""
    answer = gateway.send(
        EVENT,
        0,
        service_context_id=GAME,
        requested_action=REFUND,
        requested_service_unit=RequestedServiceUnit(cc_service_specific_units=30),
        service_parameter_info=[
            ServiceParameterInfo(service_parameter_type=1, service_parameter_value=b"Tetris Bonus")
        ],
    )
    assert answer.result_code == d.SUCCESS
    assert answer.cost_information.unit_value.value_digits == 300_000
    assert answer.cost_information.currency_code == 978


def flow_7_a_call_that_tops_up(gateway: Gateway, operator: Operator) -> None:
    """Grants of ten minutes until nothing more is left than the last, which comes with the
    SIP URI of the top-up server; then there is no quota, but a time for the caller to top up, after
    which the controller asks of its own accord."""
    call = {"service_context_id": VOICE}
    answer = gateway.send(INITIAL, 0, requested_service_unit=seconds(600), **call)
    number = 0
    while not answer.final_unit_indication:
        number += 1
        answer = gateway.send(
            UPDATE,
            number,
            used_service_unit=spoken(answer.granted_service_unit.cc_time),
            requested_service_unit=seconds(600),
            **call,
        )
    final = answer.final_unit_indication
    assert final.final_unit_action == FinalAction.REDIRECT
    assert final.redirect_server.redirect_address_type == 3
    assert final.redirect_server.redirect_server_address == "sip:top-up@ims.example"
    empty = gateway.send(
        UPDATE,
        number + 1,
        used_service_unit=spoken(answer.granted_service_unit.cc_time),
        requested_service_unit=seconds(600),
        **call,
    )
    assert (empty.granted_service_unit, empty.validity_time) == (None, 600)
    operator.top_up("1")
    again = gateway.told.get(timeout=60)
    assert (again.header.command_code, again.session_id) == (d.RE_AUTH, gateway.session)
    more = gateway.send(UPDATE, number + 2, requested_service_unit=seconds(60), **call)
    assert more.result_code == d.SUCCESS
    assert more.granted_service_unit.cc_time == 60
    gateway.send(TERMINATION, number + 3, used_service_unit=spoken(60), **call)


def flow_8_limited_access_until_a_top_up(gateway: Gateway, operator: Operator) -> None:
    """The account is empty at log-on: no quota, but the way to a portal and a time to top up there;
    then the gateway is told to ask again, and access is granted."""
    gateway.session, before = gateway.node.session_generator.next_id(), gateway.session
    gateway.send(INITIAL, 0, requested_service_unit=octets(1000 * MB))
    left = int(operator.balance.money.micros // 10_000) * MB
    gateway.send(TERMINATION, 1, used_service_unit=used(left))
    assert not operator.balance.money
    gateway.session = before

    quota = MultipleServicesCreditControl(rating_group=5, requested_service_unit=octets(5 * MB))
    first = gateway.send(INITIAL, 0, multiple_services_credit_control=[quota])
    [service] = first.multiple_services_credit_control
    assert (first.result_code, service.result_code) == (d.SUCCESS, d.CREDIT_LIMIT_REACHED)
    assert (service.granted_service_unit, service.validity_time) == (None, 3600)
    final = service.final_unit_indication
    assert final.final_unit_action == FinalAction.REDIRECT
    assert final.redirect_server.redirect_address_type == 2
    assert final.redirect_server.redirect_server_address == "https://top-up.example/"
    operator.top_up("1", "pay_3")
    again = gateway.told.get(timeout=60)
    assert (again.header.command_code, again.session_id) == (d.RE_AUTH, gateway.session)
    more = gateway.send(UPDATE, 1, multiple_services_credit_control=[quota])
    [service] = more.multiple_services_credit_control
    assert service.granted_service_unit.cc_total_octets == 5 * MB
    assert service.final_unit_indication is None
    quota.requested_service_unit, quota.used_service_unit = None, used(5 * MB)
    gateway.send(TERMINATION, 2, multiple_services_credit_control=[quota])
    assert str(operator.balance.money) == "0.95 EUR"


def flow_9_several_services(gateway: Gateway) -> None:
    """Access is asked for by its Service-Identifier alone and answered in an MSCC; then come a
    rating group that is sold by the time, and two more services, which are reported by direction.
    Credit pools (G-S-U-Pool-Reference) are the server's to use, and aren't."""

    def services(*found: MultipleServicesCreditControl) -> dict[str, object]:
        return {"multiple_services_credit_control": [*found]}

    def named(
        service: int, group: int | None = None, **fields: object
    ) -> MultipleServicesCreditControl:
        return MultipleServicesCreditControl(
            rating_group=group, service_identifier=[service], **fields
        )

    def both_ways(amount: int) -> list[UsedServiceUnit]:
        half = amount // 2
        return [UsedServiceUnit(cc_input_octets=amount - half, cc_output_octets=half)]

    nothing = RequestedServiceUnit()
    logged_on = gateway.send(INITIAL, 0, service_identifier=ACCESS, multiple_services_indicator=1)
    [access] = logged_on.multiple_services_credit_control
    assert (access.service_identifier, access.rating_group) == ([ACCESS], None)
    assert access.granted_service_unit.cc_total_octets == 50 * MB
    assert access.validity_time == 3600

    timed = gateway.send(UPDATE, 1, **services(named(1, IN_TIME, requested_service_unit=nothing)))
    [first] = timed.multiple_services_credit_control
    assert first.rating_group == IN_TIME
    assert first.granted_service_unit.cc_time == 300

    more = gateway.send(
        UPDATE,
        2,
        **services(
            named(3, 2, requested_service_unit=nothing),
            named(4, 3, requested_service_unit=nothing),
        ),
    )
    assert [
        (each.service_identifier, each.rating_group, each.result_code)
        for each in more.multiple_services_credit_control
    ] == [([3], 2, d.SUCCESS), ([4], 3, d.SUCCESS)]

    expired = gateway.send(
        UPDATE,
        3,
        **services(
            named(ACCESS, used_service_unit=both_ways(4 * MB), requested_service_unit=nothing)
        ),
    )
    [access] = expired.multiple_services_credit_control
    assert access.service_identifier == [ACCESS]
    assert access.granted_service_unit.cc_total_octets > 0

    gateway.send(
        UPDATE,
        4,
        **services(
            named(3, 2, used_service_unit=both_ways(3 * MB), requested_service_unit=nothing),
            named(4, 3, used_service_unit=both_ways(2 * MB)),
        ),
    )
    last = gateway.send(
        TERMINATION,
        5,
        **services(
            named(ACCESS, used_service_unit=both_ways(5 * MB)),
            named(1, IN_TIME, used_service_unit=spoken(60)),
            named(2, IN_TIME, used_service_unit=spoken(30)),
        ),
    )
    assert [each.result_code for each in last.multiple_services_credit_control] == [d.SUCCESS] * 3
