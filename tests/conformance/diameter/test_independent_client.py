"""python-diameter, which shares no code with ours, as the gateway: its peer machine and codec."""

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from diameter.message import Message, constants
from diameter.message.avp.grouped import (
    CcMoney,
    MultipleServicesCreditControl,
    RequestedServiceUnit,
    SubscriptionId,
    UnitValue,
    UsedServiceUnit,
)
from diameter.message.commands import CreditControlRequest
from diameter.node import Node
from diameter.node.application import SimpleThreadingApplication

from tests.conformance.diameter.operator import ACCOUNT, SETTINGS, Operator
from tests.conftest import MakeDatabase
from tests.unit.charging.builders import imsi
from trunkline.charging import Attempt, Batcher, operations
from trunkline.diameter import dictionary as d
from trunkline.diameter import serve
from trunkline.kernel.money import Money
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database

MB = 1_000_000


@contextmanager
def served(
    attempt: Attempt, clock: DrivenClock, database: Database | None = None
) -> Iterator[tuple[int, "Stopper"]]:
    """The server on a thread of its own, as its process would have it: gives its port."""
    started = threading.Event()
    place: list[tuple[int, Stopper]] = []

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def ready(port: int) -> None:
            place.append((port, Stopper(loop, stop)))
            started.set()

        await serve(
            SETTINGS, Batcher(attempt, clock), clock, ready=ready, stop=stop, database=database
        )

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert started.wait(20)
    try:
        yield place[0]
    finally:
        place[0][1].stop()
        thread.join(20)
        assert not thread.is_alive()


class Stopper:
    def __init__(self, loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
        self._loop = loop
        self._event = event

    def stop(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)


class Gateway:
    """One node of python-diameter's with a credit-control application; `told` are the requests
    that it got."""

    def __init__(self, port: int) -> None:
        self.told: queue.Queue[Message] = queue.Queue()
        self.node = Node("pgw.localdomain", "localdomain", ip_addresses=["127.0.0.1"])
        self.node.wakeup_interval = 0
        peer = self.node.add_peer(
            f"aaa://ocs.localdomain:{port};transport=tcp",
            "localdomain",
            ip_addresses=["127.0.0.1"],
            is_persistent=True,
        )
        self.application = SimpleThreadingApplication(
            constants.APP_DIAMETER_CREDIT_CONTROL_APPLICATION,
            is_auth_application=True,
            request_handler=self._hear,
        )
        self.node.add_application(self.application, [peer])
        self.node.start()
        self.application.wait_for_ready(20)
        self.peer = peer
        self.session = self.node.session_generator.next_id()

    def _hear(self, application: SimpleThreadingApplication, request: Message) -> Message:
        self.told.put(request)
        return application.generate_answer(request, result_code=d.SUCCESS)

    def event(self, action: int, messages: int = 1) -> Message:
        """About text messages."""
        request = self._request(4, 0)
        request.session_id = self.node.session_generator.next_id()
        request.service_context_id = "32274@3gpp.org"
        request.requested_action = action
        request.requested_service_unit = RequestedServiceUnit(cc_service_specific_units=messages)
        return self.application.send_request(request, timeout=20)

    def ask(self, kind: int, number: int, *, used: int | None = None, ask: bool = True) -> Message:
        request = self._request(kind, number)
        service = MultipleServicesCreditControl(rating_group=32, service_identifier=7)
        if ask:
            service.requested_service_unit = RequestedServiceUnit(cc_total_octets=5 * MB)
        if used is not None:
            service.used_service_unit = [UsedServiceUnit(cc_total_octets=used)]
        request.multiple_services_credit_control = [service]
        return self.application.send_request(request, timeout=20)

    def ask_money(
        self, kind: int, number: int, cents: int = 0, *, spent: int = 0, currency: int = 978
    ) -> Message:
        """Without any MSCC."""

        def money(amount: int) -> CcMoney:
            value = UnitValue(value_digits=amount, exponent=-2)
            return CcMoney(unit_value=value, currency_code=currency)

        request = self._request(kind, number)
        if cents:
            request.requested_service_unit = RequestedServiceUnit(cc_money=money(cents))
        if spent:
            request.used_service_unit = [UsedServiceUnit(cc_money=money(spent))]
        return self.application.send_request(request, timeout=20)

    def _request(self, kind: int, number: int) -> CreditControlRequest:
        request = CreditControlRequest()
        request.session_id = self.session
        request.origin_host = self.node.origin_host.encode()
        request.origin_realm = self.node.realm_name.encode()
        request.destination_realm = b"localdomain"
        request.auth_application_id = d.CREDIT_CONTROL
        request.service_context_id = "8.32251@3gpp.org"
        request.cc_request_type = kind
        request.cc_request_number = number
        request.subscription_id = [
            SubscriptionId(subscription_id_type=1, subscription_id_data=imsi(1))
        ]
        return request

    def watchdog(self) -> bool:
        """Sends a DWR; whether it has been answered by the time that a later request was."""
        connection = self.peer.connection
        self.node.send_dwr(connection)
        asked = connection.is_waiting_for_dwa
        self.ask(1, 0)
        return bool(asked and not connection.is_waiting_for_dwa)


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
            gateway.node.stop(wait_timeout=10)
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
        assert gone.wait(20)
        gateway.node.stop(wait_timeout=10)


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
            gateway.node.stop(wait_timeout=10)
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
            gateway.node.stop(wait_timeout=10)
    assert str(operator.balance.money) == "0.11 EUR"


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
            again = gateway.told.get(timeout=20)
            assert again.header.command_code == d.RE_AUTH
            assert again.session_id == gateway.session
            assert again.re_auth_request_type == 0
            assert gateway.ask(2, 1, used=MB).result_code == d.SUCCESS
            with charging.transaction() as tx:
                operations.bar_account(tx, ACCOUNT, barred=True, now=clock.now())
            end = gateway.told.get(timeout=20)
            assert end.header.command_code == d.ABORT_SESSION
            assert end.session_id == gateway.session
            assert gateway.ask(3, 2, used=MB, ask=False).result_code == d.SUCCESS
        finally:
            gateway.node.stop(wait_timeout=10)
    assert operator.balance.open_sessions == 0
