"""What is legal though few gateways send it, from an independent client; after each story the
books of the account agree. Data costs a cent for each megabyte begun, a call five to connect and
ten for each minute begun, a message nine."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from diameter.message import Message
from diameter.message.avp.grouped import (
    CcMoney,
    ImsInformation,
    MmsInformation,
    MultipleServicesCreditControl,
    RecipientAddress,
    RecipientInfo,
    RequestedServiceUnit,
    ServiceInformation,
    SmsInformation,
    SubscriptionId,
    UnitValue,
    UsedServiceUnit,
)

from tests.conformance.diameter.independent import MB, Gateway, independent_gateway
from tests.conformance.diameter.operator import Operator
from tests.conftest import MakeDatabase
from tests.unit.charging.builders import PRICES, imsi, plan, rule
from trunkline.charging import RecordLine
from trunkline.diameter import dictionary as d
from trunkline.platform.clock import DrivenClock

INITIAL, UPDATE, TERMINATION, EVENT = 1, 2, 3, 4
DEBIT, REFUND, CHECK, PRICE = range(4)
VOICE, MMS, SMS = "32260@3gpp.org", "32270@3gpp.org", "32274@3gpp.org"
NUMBER = "46701740601"


class Account:
    """What became of it since the story began."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._usage = len(operator.usage)
        self._money = operator.balance.money.micros

    @property
    def usage(self) -> list[RecordLine]:
        return self._operator.usage[self._usage :]

    @property
    def charges(self) -> list[tuple[int, int]]:
        return self._operator.charges[self._usage :]

    @property
    def spent(self) -> int:
        return self._money - self._operator.balance.money.micros

    @property
    def reserved(self) -> int:
        return self._operator.balance.reserved.micros


Story = Callable[[Account, Gateway], None]
STORIES: list[Story] = []


def story(told: Story) -> Story:
    STORIES.append(told)
    return told


def test_stories(make_database: MakeDatabase, clock: DrivenClock) -> None:
    """One after another, over one connection and on one account: the client takes seconds to
    connect and to leave."""
    rules = (*PRICES, rule("mms", "0.20", 1))
    operator = Operator(make_database("charging"), clock.now(), None, plan(rules=rules))
    operator.open(("imsi", imsi(1)), ("msisdn", NUMBER), money="10")
    with independent_gateway(operator.attempt, clock) as gateway:
        for told in STORIES:
            gateway.session = gateway.node.session_generator.next_id()
            told(Account(operator), gateway)
            operator.check()


def mscc(group: int | None = None, **fields: Any) -> MultipleServicesCreditControl:
    return MultipleServicesCreditControl(rating_group=group, **fields)


def asked(octets: int | None = None, **amounts: int) -> RequestedServiceUnit:
    return RequestedServiceUnit(cc_total_octets=octets, **amounts)


def used(octets: int | None = None, **more: Any) -> UsedServiceUnit:
    return UsedServiceUnit(cc_total_octets=octets, **more)


def services(answer: Message) -> dict[int, tuple[int, int | None]]:
    """By rating group: the result, and the octets that were granted."""
    return {
        each.rating_group: (
            each.result_code,
            each.granted_service_unit and each.granted_service_unit.cc_total_octets,
        )
        for each in answer.multiple_services_credit_control
    }


def data(gateway: Gateway, kind: int, number: int, *groups: Any, **more: Any) -> Message:
    return gateway.send(kind, number, multiple_services_credit_control=list(groups), **more)


@story
def several_rating_groups_reported_in_many_ways(account: Account, gateway: Gateway) -> None:
    """1 and 2 MB of the first group (before and after a tariff change that is none), 1 of the
    second in octets and seconds together, none of the third, 5 of one that was never asked
    for: nine cents."""
    first = data(
        gateway,
        INITIAL,
        0,
        *[mscc(group, requested_service_unit=asked(group * MB)) for group in (1, 2, 3)],
        mscc(4, requested_service_unit=RequestedServiceUnit()),
        mscc(5),
    )
    assert services(first) == {
        1: (d.SUCCESS, MB),
        2: (d.SUCCESS, 2 * MB),
        3: (d.SUCCESS, 3 * MB),
        4: (d.SUCCESS, 50 * MB),
        5: (d.SUCCESS, None),
    }
    second = data(
        gateway,
        UPDATE,
        1,
        mscc(
            1,
            used_service_unit=[
                used(MB, tariff_change_usage=0),
                used(2 * MB, tariff_change_usage=1, reporting_reason=[3]),
            ],
        ),
        mscc(
            2,
            used_service_unit=[used(MB, cc_time=30, cc_input_octets=1, cc_output_octets=2)],
            requested_service_unit=asked(MB, cc_time=60),
            reporting_reason=3,
        ),
        mscc(3, used_service_unit=[used(0, reporting_reason=[4])]),
        mscc(9, used_service_unit=[used(5 * MB)]),
    )
    assert services(second)[2] == (d.SUCCESS, MB)
    assert {code for code, _ in services(second).values()} == {d.SUCCESS}
    assert account.spent == 90_000
    data(gateway, TERMINATION, 2, mscc(2, used_service_unit=[used(0)]), termination_cause=1)
    assert sorted(account.charges) == [(MB, 10_000), (3 * MB, 30_000), (5 * MB, 50_000)]


@story
def numbers_that_skip_go_back_and_come_again(account: Account, gateway: Gateway) -> None:
    """A gap is none of ours; what came before, or again, is charged nothing."""
    report = mscc(1, used_service_unit=[used(MB)], requested_service_unit=asked(MB))
    assert data(gateway, UPDATE, 3, report).result_code == d.UNKNOWN_SESSION_ID
    assert data(gateway, TERMINATION, 4, report).result_code == d.UNKNOWN_SESSION_ID
    gateway.session = gateway.node.session_generator.next_id()
    data(gateway, INITIAL, 0, mscc(1, requested_service_unit=asked(MB)))
    assert data(gateway, UPDATE, 17, report).cc_request_number == 17
    for number in (17, 5, 0):
        again = data(gateway, UPDATE, number, report)
        assert (again.result_code, again.cc_request_number) == (d.SUCCESS, number)
    last = mscc(1, used_service_unit=[used(7 * MB)])
    for _ in range(3):
        assert data(gateway, TERMINATION, 18, last).result_code == d.SUCCESS
    assert data(gateway, TERMINATION, 19, last).result_code == d.UNKNOWN_SESSION_ID
    assert account.charges == [(MB, 10_000), (7 * MB, 70_000)]
    assert [line.overrun for line in account.usage] == [0, 6 * MB]


@story
def without_multiple_services(account: Account, gateway: Gateway) -> None:
    """The units stand in the command itself, asked and granted (RFC 8506, 5.1.1)."""
    first = gateway.send(INITIAL, 0, requested_service_unit=asked(2 * MB))
    assert not first.multiple_services_credit_control
    assert first.granted_service_unit.cc_total_octets == 2 * MB
    assert first.validity_time == 3600
    second = gateway.send(
        UPDATE, 1, used_service_unit=[used(2 * MB)], requested_service_unit=asked()
    )
    assert second.granted_service_unit.cc_total_octets == 50 * MB
    last = gateway.send(TERMINATION, 2, used_service_unit=[used(MB), used(MB)])
    assert (last.result_code, last.granted_service_unit) == (d.SUCCESS, None)
    assert account.charges == [(2 * MB, 20_000)] * 2


@story
def a_session_that_uses_nothing(account: Account, gateway: Gateway) -> None:
    for number, report in enumerate(([], [mscc(1, used_service_unit=[used(0)])])):
        more = {"session_id": f"pgw.localdomain;nothing;{number}"}
        data(gateway, INITIAL, 0, mscc(1, requested_service_unit=asked(MB)), **more)
        assert account.reserved == 10_000
        assert data(gateway, TERMINATION, 1, *report, **more).result_code == d.SUCCESS
    assert account.charges == []


@story
def who_pays(_account: Account, gateway: Gateway) -> None:
    """By whichever name is known, in any order; 5030 where none is."""
    home = "mnc070.mcc999.3gppnetwork.org"
    forms = [
        ([(2, f"sip:+{NUMBER}@ims.example;user=phone")], d.SUCCESS),
        ([(2, f"tel:+{NUMBER}")], d.SUCCESS),
        ([(3, f"0{imsi(1)}@nai.epc.{home}")], d.SUCCESS),
        ([(4, f"{imsi(1)}@ims.{home}")], d.SUCCESS),
        ([(2, f"sip:{imsi(1)}@ims.{home}")], d.SUCCESS),
        ([(2, "sip:alice@ims.example"), (4, "alice@ims.example"), (0, NUMBER)], d.SUCCESS),
        ([(0, "4611111111"), (1, imsi(1))], d.SUCCESS),
        ([(1, imsi(2)), (0, NUMBER)], d.SUCCESS),
        ([(0, "4611111111"), (2, "sip:alice@ims.example")], d.USER_UNKNOWN),
        ([(0, "")], d.USER_UNKNOWN),
        ([], d.USER_UNKNOWN),
    ]
    for number, (names, expected) in enumerate(forms):
        who = [SubscriptionId(subscription_id_type=a, subscription_id_data=b) for a, b in names]
        more = {"session_id": f"pgw.localdomain;who;{number}", "subscription_id": who}
        service = mscc(1, requested_service_unit=asked(MB))
        assert data(gateway, INITIAL, 0, service, **more).result_code == expected, names
        assert data(gateway, TERMINATION, 1, **more).result_code == expected


@story
def clocks_that_are_off(account: Account, gateway: Gateway) -> None:
    """Whatever the gateway's clock says, usage lies near the time it came."""
    clocks = [datetime(1970, 1, 2), datetime(2030, 1, 1), datetime(2036, 2, 8)]  # noqa: DTZ001
    for number, stamp in enumerate(clocks):
        more = {"session_id": f"pgw.localdomain;clock;{number}", "event_timestamp": stamp}
        data(gateway, INITIAL, 0, mscc(1, requested_service_unit=asked(MB)), **more)
        data(gateway, TERMINATION, 1, mscc(1, used_service_unit=[used(MB)]), **more)
    assert account.charges == [(MB, 10_000)] * 3
    assert {each.period for each in account.usage} == {account.usage[0].period}


@story
def amounts_that_no_network_delivers(account: Account, gateway: Gateway) -> None:
    """A wish for them gets what there is. Reported: 5004 with what is wrong, and the session goes
    on as it was."""
    for number, wish in enumerate((2**63, 2**64 - 1)):
        more = {"session_id": f"pgw.localdomain;wish;{number}"}
        first = data(gateway, INITIAL, 0, mscc(1, requested_service_unit=asked(wish)), **more)
        [service] = first.multiple_services_credit_control
        assert 0 < service.granted_service_unit.cc_total_octets < 2**63
        data(gateway, TERMINATION, 1, **more)
    data(gateway, INITIAL, 0, mscc(1, requested_service_unit=asked(MB)))
    for service in (
        mscc(1, used_service_unit=[used(2**63)]),
        mscc(1, used_service_unit=[used(2**60), used(2**60)]),
    ):
        refused = data(gateway, UPDATE, 1, service)
        assert refused.result_code == d.INVALID_AVP_VALUE
        assert refused.failed_avp
    assert account.reserved == 10_000
    data(gateway, TERMINATION, 1, mscc(1, used_service_unit=[used(MB)]))
    assert account.charges == [(MB, 10_000)]


@story
def a_call_over_ims(account: Account, gateway: Gateway) -> None:
    """Sixty seconds and then thirteen: two minutes begun, and the connection."""
    call = {
        "service_context_id": VOICE,
        "service_information": ServiceInformation(
            ims_information=ImsInformation(
                node_functionality=6,
                role_of_node=0,
                calling_party_address=[f"sip:+{NUMBER}@ims.example"],
                called_party_address="tel:+46701740602",
                ims_charging_identifier="icid",
            )
        ),
        "subscription_id": [
            SubscriptionId(subscription_id_type=0, subscription_id_data=NUMBER),
            SubscriptionId(
                subscription_id_type=2, subscription_id_data=f"sip:+{NUMBER}@ims.example"
            ),
        ],
    }
    minute = RequestedServiceUnit(cc_time=60)
    first = data(gateway, INITIAL, 0, mscc(100, requested_service_unit=minute), **call)
    [service] = first.multiple_services_credit_control
    assert service.granted_service_unit.cc_time == 60
    report = UsedServiceUnit(cc_time=60)
    more = mscc(100, requested_service_unit=minute, used_service_unit=[report])
    data(gateway, UPDATE, 1, more, **call)
    report = UsedServiceUnit(cc_time=13)
    data(gateway, TERMINATION, 2, mscc(100, used_service_unit=[report]), **call)
    assert account.charges == [(60, 150_000), (13, 100_000)]


@story
def calls_that_are_received_and_forwarded(account: Account, gateway: Gateway) -> None:
    """Nobody has priced what is received; who forwards a call makes one (TS 32.299, 7.2)."""
    minute = RequestedServiceUnit(cc_time=60)
    report = mscc(100, used_service_unit=[UsedServiceUnit(cc_time=60)])
    for role, called, charges in (
        (1, NUMBER, []),
        (2, "46701740602", [(60, 150_000)]),
    ):
        ims = ImsInformation(
            node_functionality=0,
            role_of_node=role,
            calling_party_address=["tel:+46701740603"],
            called_party_address=f"tel:+{called}",
        )
        call = {
            "service_context_id": VOICE,
            "service_information": ServiceInformation(ims_information=ims),
            "session_id": f"scscf;{role}",
        }
        first = data(gateway, INITIAL, 0, mscc(100, requested_service_unit=minute), **call)
        [service] = first.multiple_services_credit_control
        assert service.granted_service_unit.cc_time == 60
        assert bool(account.reserved) is bool(charges)
        # The last request need not say again which way the call went.
        del call["service_information"]
        assert data(gateway, TERMINATION, 1, report, **call).result_code == d.SUCCESS
        assert account.charges == charges


@story
def messages_and_pictures(account: Account, gateway: Gateway) -> None:
    """A text reserved and sent; a text and two pictures paid at once; the number called stands
    in the service's own information."""
    sms = SmsInformation(
        recipient_info=[
            RecipientInfo(recipient_address=[RecipientAddress(address_data="46701740602")])
        ]
    )
    text = {
        "service_context_id": SMS,
        "service_information": ServiceInformation(sms_information=sms),
    }
    one = RequestedServiceUnit(cc_service_specific_units=1)
    first = data(gateway, INITIAL, 0, mscc(5, requested_service_unit=one), **text)
    [service] = first.multiple_services_credit_control
    assert service.granted_service_unit.cc_service_specific_units == 1
    sent = UsedServiceUnit(cc_service_specific_units=1)
    data(gateway, TERMINATION, 1, mscc(5, used_service_unit=[sent]), **text)
    at_once = {"requested_action": DEBIT, "session_id": "mmsc;1"}
    assert gateway.send(EVENT, 0, **text, **at_once).result_code == d.SUCCESS
    mms = MmsInformation(recipient_address=[RecipientAddress(address_data="46701740602")])
    pictures = gateway.send(
        EVENT,
        0,
        service_context_id=MMS,
        service_information=ServiceInformation(mms_information=mms),
        requested_service_unit=RequestedServiceUnit(cc_service_specific_units=2),
        requested_action=DEBIT,
        session_id="mmsc;2",
    )
    assert pictures.granted_service_unit.cc_service_specific_units == 2
    assert account.charges == [(1, 90_000), (1, 90_000), (2, 400_000)]


@story
def every_action_in_every_form(account: Account, gateway: Gateway) -> None:
    """In units of the command, in units of two services, in money: an enquiry and a check
    change nothing; what is debited comes back when it is refunded."""
    euro = CcMoney(unit_value=UnitValue(value_digits=150, exponent=-2), currency_code=978)
    two = RequestedServiceUnit(cc_service_specific_units=2)
    forms: list[tuple[dict[str, Any], int]] = [
        ({"service_context_id": SMS}, 90_000),
        ({"service_context_id": SMS, "requested_service_unit": two}, 180_000),
        (
            {
                "service_context_id": SMS,
                "multiple_services_credit_control": [
                    mscc(5, requested_service_unit=two),
                    mscc(6, requested_service_unit=RequestedServiceUnit()),
                ],
            },
            270_000,
        ),
        ({"requested_service_unit": RequestedServiceUnit(cc_money=euro)}, 1_500_000),
        (
            {
                "service_context_id": VOICE,
                "requested_service_unit": RequestedServiceUnit(cc_time=60),
            },
            150_000,
        ),
    ]
    for number, (form, price) in enumerate(forms):
        before = account.spent
        for action, after in (
            (PRICE, before),
            (CHECK, before),
            (DEBIT, before + price),
            (REFUND, before),
        ):
            session = f"as;{number};{action}"
            answer = gateway.send(EVENT, 0, requested_action=action, session_id=session, **form)
            assert answer.result_code == d.SUCCESS
            assert answer.cost_information.unit_value.value_digits == price
            assert answer.check_balance_result == (0 if action == CHECK else None)
            assert account.spent == after


@story
def events_that_are_refused_leave_nothing(account: Account, gateway: Gateway) -> None:
    refused = gateway.send(EVENT, 0, service_context_id=SMS)
    assert (refused.result_code, bool(refused.failed_avp)) == (d.MISSING_AVP, True)
    refused = gateway.send(EVENT, 0, service_context_id=SMS, requested_action=7)
    assert refused.result_code == d.INVALID_AVP_VALUE
    many = RequestedServiceUnit(cc_service_specific_units=1000)
    refused = gateway.send(
        EVENT, 0, service_context_id=SMS, requested_action=DEBIT, requested_service_unit=many
    )
    assert refused.result_code == d.CREDIT_LIMIT_REACHED
    refused = gateway.send(EVENT, 0, service_context_id="32299@3gpp.org", requested_action=DEBIT)
    assert refused.result_code == d.RATING_FAILED
    assert account.charges == []
