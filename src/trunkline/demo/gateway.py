"""A packet gateway of the demonstration: it asks charging over a real Diameter Gy connection.

It behaves as a PGW or SMF does: capabilities exchange, then for each data session an INITIAL,
an UPDATE whenever its quota is used up, and a TERMINATION (RFC 8506; TS 32.299).
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, cast

from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.kernel.errors import Unavailable
from trunkline.kernel.time import to_micros

HOST, REALM = "pgw1.demo", "demo"
RATING_GROUP = 1
_NTP_OFFSET = 2_208_988_800
"""Diameter's Time counts seconds from 1900 (RFC 6733, 4.3.1)."""

INITIAL, UPDATE, TERMINATION = 1, 2, 3


class Attachment(NamedTuple):
    """One data session to come: who, when, and how many bytes they would use."""

    session: str
    imsi: str
    msisdn: str
    start: datetime
    octets: int


class Outcome(NamedTuple):
    """What became of the sessions: requests sent, octets used, sessions cut short."""

    requests: int
    octets: int
    refused: int


class GatewayError(Unavailable):
    code = "gatewayError"


class Gateway(asyncio.Protocol):
    """One Diameter connection. Requests may be outstanding side by side; each answer finds
    its request by Hop-by-Hop."""

    def __init__(self) -> None:
        self._framer = codec.Framer()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._hop = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        for message in self._framer.feed(data):
            header = codec.header_of(message)
            if header.is_request:
                self._answer_request(header)
            elif waiting := self._waiting.pop(header.hop_by_hop, None):
                waiting.set_result(message)

    def connection_lost(self, _exc: Exception | None) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(GatewayError("charging closed the connection"))
        self._waiting.clear()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    async def exchange_capabilities(self) -> None:
        answer = await self._ask(
            d.CAPABILITIES_EXCHANGE,
            d.BASE,
            codec.avp(d.HOST_IP_ADDRESS, b"\0\1\x7f\0\0\1"),
            codec.u32(d.VENDOR_ID, 0),
            codec.text(d.PRODUCT_NAME, "Trunkline demonstration gateway", mandatory=False),
            codec.u32(d.AUTH_APPLICATION_ID, d.CREDIT_CONTROL),
        )
        if result_code(answer) != d.SUCCESS:
            raise GatewayError(f"capabilities exchange refused: {result_code(answer)}")

    async def run_session(self, attachment: Attachment) -> Outcome:
        """From INITIAL to TERMINATION: uses what is granted until all octets are through or
        no more is."""
        number, used = 0, 0
        answer = await self._credit_control(attachment, INITIAL, number, report=0, ask=True)
        granted = granted_octets(answer)
        while granted:
            step = min(granted, attachment.octets - used)
            used += step
            if used == attachment.octets:
                break
            number += 1
            answer = await self._credit_control(attachment, UPDATE, number, step, ask=True)
            granted, step = granted_octets(answer), 0
        if result_code(answer) != d.SUCCESS:
            return Outcome(number + 1, used, 1)
        number += 1
        last = step if granted else 0
        await self._credit_control(attachment, TERMINATION, number, last, ask=False)
        return Outcome(number + 1, used, int(used < attachment.octets))

    async def _credit_control(
        self, attachment: Attachment, kind: int, number: int, report: int, *, ask: bool
    ) -> bytes:
        seconds = to_micros(attachment.start) // 1_000_000 + _NTP_OFFSET
        quota = [codec.u32(d.RATING_GROUP, RATING_GROUP)]
        if ask:
            quota.append(codec.grouped(d.REQUESTED_SERVICE_UNIT))
        if report:
            quota.append(codec.grouped(d.USED_SERVICE_UNIT, codec.u64(d.CC_TOTAL_OCTETS, report)))
        return await self._ask(
            d.CREDIT_CONTROL_COMMAND,
            d.CREDIT_CONTROL,
            codec.text(d.DESTINATION_REALM, "trunkline"),
            codec.u32(d.AUTH_APPLICATION_ID, d.CREDIT_CONTROL),
            codec.text(d.SERVICE_CONTEXT_ID, "32251@3gpp.org"),
            codec.u32(d.CC_REQUEST_TYPE, kind),
            codec.u32(d.CC_REQUEST_NUMBER, number),
            codec.u32(d.EVENT_TIMESTAMP, seconds),
            _subscription(d.END_USER_IMSI, attachment.imsi),
            _subscription(0, attachment.msisdn),
            codec.u32(d.MULTIPLE_SERVICES_INDICATOR, 1),
            codec.grouped(d.MULTIPLE_SERVICES_CREDIT_CONTROL, *quota),
            session=attachment.session,
        )

    async def _ask(
        self, command: int, application: int, *avps: bytes, session: str | None = None
    ) -> bytes:
        if self._transport is None or self._transport.is_closing():
            raise GatewayError("not connected to charging")
        self._hop += 1
        head = [codec.text(d.SESSION_ID, session)] if session else []
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[self._hop] = waiting
        self._transport.write(
            codec.message(
                command,
                application,
                self._hop,
                self._hop,
                *head,
                codec.text(d.ORIGIN_HOST, HOST),
                codec.text(d.ORIGIN_REALM, REALM),
                *avps,
                flags=d.REQUEST | (d.PROXIABLE if session else 0),
            )
        )
        return await asyncio.wait_for(waiting, timeout=30)

    def _answer_request(self, header: codec.Header) -> None:
        """A watchdog or a disconnection of the server's: success, in kind."""
        assert self._transport is not None
        self._transport.write(
            codec.message(
                header.command,
                header.application,
                header.hop_by_hop,
                header.end_to_end,
                codec.u32(d.RESULT_CODE, d.SUCCESS),
                codec.text(d.ORIGIN_HOST, HOST),
                codec.text(d.ORIGIN_REALM, REALM),
                flags=0,
            )
        )


def _subscription(kind: int, value: str) -> bytes:
    return codec.grouped(
        d.SUBSCRIPTION_ID,
        codec.u32(d.SUBSCRIPTION_ID_TYPE, kind),
        codec.text(d.SUBSCRIPTION_ID_DATA, value),
    )


def result_code(answer: bytes) -> int:
    """The command's Result-Code."""
    return next(avp.u32() for avp in codec.avps(answer) if avp.code == d.RESULT_CODE)


def granted_octets(answer: bytes) -> int:
    """The octets that the answer's one rating group grants; 0 where it grants none."""
    granted = _find(
        codec.avps(answer),
        d.MULTIPLE_SERVICES_CREDIT_CONTROL,
        d.GRANTED_SERVICE_UNIT,
        d.CC_TOTAL_OCTETS,
    )
    return 0 if granted is None else int.from_bytes(granted, "big")


def _find(avps: Iterable[codec.Avp], code: int, *inner: int) -> bytes | None:
    """What the AVP with this code holds; with `inner` ones, the AVP within it."""
    for avp in avps:
        if avp.code == code:
            found = _find(codec.avps(avp.data, 0), *inner) if inner else avp.data
            if found is not None:
                return found
    return None


async def run_sessions(
    host: str, port: int, attachments: Iterable[Attachment], *, at_once: int = 32
) -> Outcome:
    """All of `attachments` over one connection, `at_once` side by side."""
    loop = asyncio.get_running_loop()
    _, gateway = await loop.create_connection(Gateway, host, port)
    try:
        await gateway.exchange_capabilities()
        queue = iter(attachments)

        async def phone() -> list[Outcome]:
            return [await gateway.run_session(attachment) for attachment in queue]

        done = await asyncio.gather(*(phone() for _ in range(at_once)))
    finally:
        gateway.close()
    outcomes = [outcome for each in done for outcome in each]
    return Outcome(
        sum(each.requests for each in outcomes),
        sum(each.octets for each in outcomes),
        sum(each.refused for each in outcomes),
    )
