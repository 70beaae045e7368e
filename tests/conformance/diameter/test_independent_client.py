"""All of a gateway's flows with an independent client: python-diameter."""

import threading

import pytest
from diameter.message import Message
from diameter.message.avp.grouped import (
    MmsInformation,
    RecipientAddress,
    RequestedServiceUnit,
    ServiceInformation,
)

from tests.conformance.diameter.independent import MB, Gateway, independent_gateway, served
from tests.conformance.diameter.operator import ACCOUNT, Operator
from tests.conftest import MakeDatabase
from tests.unit.charging.builders import PRICES, imsi, plan, rule
from trunkline.charging import operations
from trunkline.diameter import dictionary as d
from trunkline.kernel.money import Money
from trunkline.platform.clock import DrivenClock


@pytest.fixture
def operator(make_database: MakeDatabase, clock: DrivenClock) -> Operator:
    return Operator(make_database("charging"), clock.now())


def test_a_session_and_the_peers_life(operator: Operator, clock: DrivenClock) -> None:
    """1.00, a cent for each megabyte: 5 and 4 used, 91 cents stay."""
    operator.open(("imsi", imsi(1)), money="1")
    with served(operator.attempt, clock) as (port, _):
        gateway = Gateway(port)
        try:
            initial = gateway.ask(1, 0)
            assert initial.result_code == d.SUCCESS
            assert initial.session_id == gateway.session
            [service] = initial.multiple_services_credit_control
            assert (service.rating_group, service.service_identifier) == (32, [7])
            assert service.result_code == d.SUCCESS
            assert service.granted_service_unit.cc_total_octets == 5 * MB
            assert service.validity_time == 3600

            update = gateway.ask(2, 1, used=5 * MB)
            assert update.cc_request_type == 2
            assert update.cc_request_number == 1
            assert gateway.watchdog()

            last = gateway.ask(3, 2, used=4 * MB, ask=False)
            assert last.result_code == d.SUCCESS
            [service] = last.multiple_services_credit_control
            assert service.granted_service_unit is None
        finally:
            gateway.node.stop(wait_timeout=60)
        assert not gateway.node.connections, "our DPA let it go"
    assert str(operator.balance.money) == "0.91 EUR"
    assert operator.balance.open_sessions == 0


def test_the_server_takes_leave(operator: Operator, clock: DrivenClock) -> None:
    with served(operator.attempt, clock) as (port, stopper):
        gateway = Gateway(port)
        assert gateway.ask(1, 0).result_code == d.USER_UNKNOWN
        gone = threading.Event()
        remove = gateway.node.remove_peer_connection

        def removed(*arguments: object, **more: object) -> None:
            remove(*arguments, **more)
            gone.set()

        gateway.node.remove_peer_connection = removed
        gateway.peer.persistent = False
        stopper.stop()
        assert gone.wait(60)
        gateway.node.stop(wait_timeout=60)


def test_a_session_in_money(operator: Operator, clock: DrivenClock) -> None:
    """2.00; 1.50 asked for, 1.20 spent, 80 cents are the last; nobody else's currency."""
    operator.open(("imsi", imsi(1)), money="2")
    with served(operator.attempt, clock) as (port, _):
        gateway = Gateway(port)
        try:
            first = gateway.ask_money(1, 0, 150)
            assert first.granted_service_unit.cc_money.unit_value.value_digits == 1_500_000
            assert first.granted_service_unit.cc_money.currency_code == 978
            assert first.validity_time == 3600
            second = gateway.ask_money(2, 1, 150, spent=120)
            assert second.granted_service_unit.cc_money.unit_value.value_digits == 800_000
            assert second.final_unit_indication.final_unit_action == 0
            assert gateway.ask_money(3, 2, spent=80).result_code == d.SUCCESS
            gateway.session = gateway.node.session_generator.next_id()
            assert gateway.ask_money(1, 0, 1).result_code == d.CREDIT_LIMIT_REACHED
            gateway.session = gateway.node.session_generator.next_id()
            dollars = gateway.ask_money(1, 0, 1, currency=840)
            assert dollars.result_code == d.INVALID_AVP_VALUE
        finally:
            gateway.node.stop(wait_timeout=60)
    assert not operator.balance.money


def test_events(operator: Operator, clock: DrivenClock) -> None:
    """0.20, nine cents a message: an enquiry, a check, two debits, one of them back; no third."""
    operator.open(("imsi", imsi(1)), money="0.20")
    with served(operator.attempt, clock) as (port, _):
        gateway = Gateway(port)
        try:
            price = gateway.event(3, 2)
            assert price.result_code == d.SUCCESS
            assert price.cost_information.unit_value.value_digits == 180_000
            assert price.cost_information.unit_value.exponent == -6
            assert price.cost_information.currency_code == 978
            assert gateway.event(2, 2).check_balance_result == 0
            assert gateway.event(2, 3).check_balance_result == 1
            debit = gateway.event(0, 2)
            assert debit.result_code == d.SUCCESS
            assert debit.granted_service_unit.cc_service_specific_units == 2
            assert gateway.event(0).result_code == d.CREDIT_LIMIT_REACHED
            refund = gateway.event(1)
            assert refund.result_code == d.SUCCESS
        finally:
            gateway.node.stop(wait_timeout=60)
    assert str(operator.balance.money) == "0.11 EUR"


def test_a_picture_message(make_database: MakeDatabase, clock: DrivenClock) -> None:
    """0.40, 25 cents a picture: one goes, the second doesn't."""
    rules = (*PRICES, rule("mms", "0.25", 1))
    operator = Operator(make_database("charging"), clock.now(), None, plan(rules=rules))
    operator.open(("imsi", imsi(1)), money="0.40")
    to = RecipientAddress(address_type=1, address_data="46700000000")
    with independent_gateway(operator.attempt, clock) as gateway:

        def picture() -> Message:
            return gateway.send(
                4,
                0,
                session_id=gateway.node.session_generator.next_id(),
                service_context_id="8.32270@3gpp.org",
                requested_action=0,
                requested_service_unit=RequestedServiceUnit(cc_service_specific_units=1),
                service_information=ServiceInformation(
                    mms_information=MmsInformation(recipient_address=[to])
                ),
            )

        sent = picture()
        assert sent.result_code == d.SUCCESS
        assert sent.granted_service_unit.cc_service_specific_units == 1
        assert picture().result_code == d.CREDIT_LIMIT_REACHED
    assert str(operator.balance.money) == "0.15 EUR"


def test_the_gateway_is_told(
    make_database: MakeDatabase, operator: Operator, clock: DrivenClock
) -> None:
    """After a top-up to ask again, after a barring to end: its answers are understood."""
    charging = make_database("charging")
    operator.open(("imsi", imsi(1)), money="0.01")
    with served(operator.attempt, clock, charging) as (port, _):
        gateway = Gateway(port)
        try:
            first = gateway.ask(1, 0)
            [service] = first.multiple_services_credit_control
            assert service.final_unit_indication.final_unit_action == 0
            with charging.transaction() as tx:
                operations.top_up(
                    tx,
                    ACCOUNT,
                    payment_id="pay_2",
                    amount=Money.of("1", "EUR"),
                    now=clock.now(),
                )
            again = gateway.told.get(timeout=60)
            assert again.header.command_code == d.RE_AUTH
            assert again.session_id == gateway.session
            assert again.re_auth_request_type == 0
            assert gateway.ask(2, 1, used=MB).result_code == d.SUCCESS
            with charging.transaction() as tx:
                operations.bar_account(tx, ACCOUNT, barred=True, now=clock.now())
            end = gateway.told.get(timeout=60)
            assert end.header.command_code == d.ABORT_SESSION
            assert end.session_id == gateway.session
            assert gateway.ask(3, 2, used=MB, ask=False).result_code == d.SUCCESS
        finally:
            gateway.node.stop(wait_timeout=60)
    assert operator.balance.open_sessions == 0
