"""python-diameter, which shares no code with ours, as the gateway: its peer machine and codec."""

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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

from tests.conformance.diameter.operator import SETTINGS
from tests.unit.charging.builders import imsi
from trunkline.charging import Attempt, Batcher
from trunkline.diameter import GySettings, serve
from trunkline.diameter import dictionary as d
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database

MB = 1_000_000


@contextmanager
def served(
    attempt: Attempt,
    clock: DrivenClock,
    database: Database | None = None,
    settings: GySettings = SETTINGS,
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
            settings, Batcher(attempt, clock), clock, ready=ready, stop=stop, database=database
        )

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert started.wait(60)
    try:
        yield place[0]
    finally:
        place[0][1].stop()
        thread.join(60)
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
        while not self._begun(port):
            pass
        self.application.wait_for_ready(20)
        self.session = self.node.session_generator.next_id()

    def _begun(self, port: int) -> bool:
        """False where the node's thread has read its socket before that was connected: then it
        has closed it, and the node's start fails."""
        self.node = Node("pgw.localdomain", "localdomain", ip_addresses=["127.0.0.1"])
        self.node.wakeup_interval = 0
        self.peer = self.node.add_peer(
            f"aaa://ocs.localdomain:{port};transport=tcp",
            "localdomain",
            ip_addresses=["127.0.0.1"],
            is_persistent=True,
        )
        self.peer.reconnect_wait = 1
        self.application = SimpleThreadingApplication(
            constants.APP_DIAMETER_CREDIT_CONTROL_APPLICATION,
            is_auth_application=True,
            request_handler=self._hear,
        )
        self.node.add_application(self.application, [self.peer])
        try:
            self.node.start()
        except OSError:
            self.node.stop(wait_timeout=1)
            return False
        return True

    def _hear(self, application: SimpleThreadingApplication, request: Message) -> Message:
        self.told.put(request)
        return application.generate_answer(request, result_code=d.SUCCESS)

    def send(self, kind: int, number: int, **fields: Any) -> Message:
        """A request with these of its attributes, by the library's names for them, set as they
        are here."""
        request = self._request(kind, number)
        for name, value in fields.items():
            setattr(request, name, value)
        return self.application.send_request(request, timeout=60)

    def event(self, action: int, messages: int = 1) -> Message:
        """About text messages."""
        request = self._request(4, 0)
        request.session_id = self.node.session_generator.next_id()
        request.service_context_id = "32274@3gpp.org"
        request.requested_action = action
        request.requested_service_unit = RequestedServiceUnit(cc_service_specific_units=messages)
        return self.application.send_request(request, timeout=60)

    def ask(self, kind: int, number: int, *, used: int | None = None, ask: bool = True) -> Message:
        request = self._request(kind, number)
        service = MultipleServicesCreditControl(rating_group=32, service_identifier=7)
        if ask:
            service.requested_service_unit = RequestedServiceUnit(cc_total_octets=5 * MB)
        if used is not None:
            service.used_service_unit = [UsedServiceUnit(cc_total_octets=used)]
        request.multiple_services_credit_control = [service]
        return self.application.send_request(request, timeout=60)

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
        return self.application.send_request(request, timeout=60)

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


@contextmanager
def independent_gateway(
    attempt: Attempt,
    clock: DrivenClock,
    database: Database | None = None,
    settings: GySettings = SETTINGS,
) -> Iterator[Gateway]:
    """Connected to a server of its own."""
    with served(attempt, clock, database, settings) as (port, _):
        found = Gateway(port)
        try:
            yield found
        finally:
            found.node.stop(wait_timeout=60)
