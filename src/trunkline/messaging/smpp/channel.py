"""Short messages through a message centre."""

import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

import structlog

from trunkline.messaging.model import (
    Accepted,
    ChannelAway,
    ChannelName,
    Deferred,
    DispatchId,
    Outcome,
    Outgoing,
    Receipt,
    Rejected,
    Throttled,
    Unanswered,
)
from trunkline.messaging.smpp import pdu
from trunkline.messaging.smpp.pdu import Address, Delivered, Malformed, Pdu, Status
from trunkline.messaging.smpp.receipts import receipt_of
from trunkline.messaging.smpp.session import Centre, Session
from trunkline.messaging.smpp.text import decoded, headed, segments

log = structlog.get_logger(__name__)

_BUSY = (Status.THROTTLED, Status.QUEUE_FULL)
_LATER = (Status.SYSTEM_ERROR, Status.TEMPORARY)

OnReceipt = Callable[[Receipt], bool]
OnMessage = Callable[[str, str], bool]
"""Take what came; False where it couldn't be kept, so that the centre sends it again."""


class SmppChannel:
    """Sends by SMPP 3.4. `on_receipt(receipt)` is told what the centre reports, `on_message(from,
    text)` what people send."""

    name = ChannelName.SMS
    listens = True

    def __init__(self, centre: Centre, on_receipt: OnReceipt, on_message: OnMessage) -> None:
        self._centre = centre
        self._on_receipt = on_receipt
        self._on_message = on_message
        self._session: Session | None = None
        self.batch = centre.window

    def open(self) -> None:
        """Raises `ChannelAway`."""
        if self._session is None or not self._session.is_open:
            self.close()
            self._session = Session(self._centre, self._deliver)

    def send(self, batch: Sequence[Outgoing]) -> Iterator[tuple[DispatchId, Outcome]]:
        """Submits them, at most a window of parts at a time; each outcome comes as soon as the
        centre has answered for all parts of a message."""
        assert self._session is not None
        under_way: deque[tuple[Outgoing, list[Future[Pdu]]]] = deque()
        parts = 0
        for each in batch:
            futures: list[Future[Pdu]] = []
            for make in self._parts(each):
                while parts >= self._centre.window and under_way:
                    first, answers = under_way.popleft()
                    yield first.id, self._outcome(answers)
                    parts -= len(answers)
                futures.append(self._session.request(make))
                parts += 1
            under_way.append((each, futures))
        for each, futures in under_way:
            yield each.id, self._outcome(futures)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _parts(self, message: Outgoing) -> list[Callable[[int], Pdu]]:
        name = zlib.crc32(message.id.encode())
        source = Address.of(message.sender_phone or self._centre.source)
        destination = Address.of(message.address)

        def part(header: bytes, coding: int, text: bytes) -> Callable[[int], Pdu]:
            return lambda sequence: pdu.submit_sm(
                sequence,
                source=source,
                destination=destination,
                coding=coding,
                header=header,
                text=text,
                reference=name & 0xFFFF,
                receipt=self._centre.receipts,
            )

        parts = headed(segments(message.text), name >> 24)
        return [part(header, each.coding, each.octets) for header, each in parts]

    def _outcome(self, answers: Sequence["Future[Pdu]"]) -> Outcome:
        """Of all parts: the first that wasn't taken decides. Parts that were taken then come
        again under the same reference, and phones know them."""
        references = []
        for answer in answers:
            try:
                response = answer.result(self._centre.timeout)
            except TimeoutError:
                return Unanswered("the centre didn't answer in time")
            except ChannelAway as error:
                return Unanswered(str(error))
            refused = _refusal(response)
            if refused is not None:
                return refused
            try:
                references.append(pdu.message_id(response))
            except Malformed as error:
                return Unanswered(str(error))
        reported = self._centre.receipts and all(references)
        return Accepted(tuple(references) if reported else ())

    def _deliver(self, said: Delivered) -> bool:
        if said.is_receipt:
            return self._on_receipt(receipt_of(said))
        return self._on_message(str(said.source), decoded(said.text, said.coding))


def _refusal(response: Pdu) -> Outcome | None:
    status = response.status
    if status == Status.OK:
        return None
    if status in _BUSY:
        return Throttled(f"the centre is busy (0x{status:08x})")
    if status in _LATER:
        return Deferred(f"the centre can't now (0x{status:08x})")
    return Rejected(f"the centre refused it (0x{status:08x})")
