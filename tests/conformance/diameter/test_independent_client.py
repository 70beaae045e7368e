"""python-diameter, which shares no code with ours, as the gateway: its peer machine and codec."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from diameter.message import Message, constants
from diameter.message.avp.grouped import (
    MultipleServicesCreditControl,
    RequestedServiceUnit,
    SubscriptionId,
    UsedServiceUnit,
)
from diameter.message.commands import CreditControlRequest
from diameter.node import Node
from diameter.node.application import SimpleThreadingApplication

from tests.conformance.diameter.operator import SETTINGS, Operator
from tests.conftest import MakeDatabase
from tests.unit.charging.builders import imsi
from trunkline.charging import Attempt, Batcher
from trunkline.diameter import dictionary as d
from trunkline.diameter import serve
from trunkline.platform.clock import DrivenClock

MB = 1_000_000


@contextmanager
def served(attempt: Attempt, clock: DrivenClock) -> Iterator[tuple[int, "Stopper"]]:
    """The server on a thread of its own, as its process would have it: gives its port."""
    started = threading.Event()
    place: list[tuple[int, Stopper]] = []

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def ready(port: int) -> None:
            place.append((port, Stopper(loop, stop)))
            started.set()

        await serve(SETTINGS, Batcher(attempt, clock), clock, ready=ready, stop=stop)

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
    """One node of python-diameter's with a credit-control application."""

    def __init__(self, port: int) -> None:
        self.node = Node("pgw.localdomain", "localdomain", ip_addresses=["127.0.0.1"])
        self.node.wakeup_interval = 0
        peer = self.node.add_peer(
            f"aaa://ocs.localdomain:{port};transport=tcp",
            "localdomain",
            ip_addresses=["127.0.0.1"],
            is_persistent=True,
        )
        self.application = SimpleThreadingApplication(
            constants.APP_DIAMETER_CREDIT_CONTROL_APPLICATION, is_auth_application=True
        )
        self.node.add_application(self.application, [peer])
        self.node.start()
        self.application.wait_for_ready(20)
        self.peer = peer
        self.session = self.node.session_generator.next_id()

    def ask(self, kind: int, number: int, *, used: int | None = None, ask: bool = True) -> Message:
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
        service = MultipleServicesCreditControl(rating_group=32, service_identifier=7)
        if ask:
            service.requested_service_unit = RequestedServiceUnit(cc_total_octets=5 * MB)
        if used is not None:
            service.used_service_unit = [UsedServiceUnit(cc_total_octets=used)]
        request.multiple_services_credit_control = [service]
        return self.application.send_request(request, timeout=20)

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
