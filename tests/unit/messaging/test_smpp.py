"""SMPP sessions with a real centre on loopback."""

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.unit.messaging.centre import (
    INVALID_DESTINATION,
    OK,
    PATIENCE,
    SYSTEM_ERROR,
    THROTTLED,
    TestCentre,
)
from trunkline.messaging import (
    Accepted,
    ChannelAway,
    Deferred,
    DispatchId,
    Outgoing,
    Receipt,
    ReceiptState,
    Rejected,
    SmppChannel,
    Throttled,
    Unanswered,
)


def outgoing(text: str = "Your SIM is on its way.", number: int = 1) -> Outgoing:
    return Outgoing(id=DispatchId(f"dsp_{number}"), address="+353850000001", text=text)


class Open:
    """A channel to a centre, and what it heard."""

    def __init__(self, centre: TestCentre, **settings: object) -> None:
        self.receipts: list[Receipt] = []
        self.messages: list[tuple[str, str]] = []
        self.keeps = True
        self.channel = SmppChannel(centre.settings(**settings), self._receipt, self._message)
        self.channel.open()

    def _receipt(self, receipt: Receipt) -> bool:
        self.receipts.append(receipt)
        return self.keeps

    def _message(self, number: str, text: str) -> bool:
        self.messages.append((number, text))
        return self.keeps


OpenTo = Callable[..., Open]


@pytest.fixture
def open_to() -> Iterator[OpenTo]:
    opened: list[Open] = []

    def make(centre: TestCentre, **settings: object) -> Open:
        opened.append(Open(centre, **settings))
        return opened[-1]

    yield make
    for each in opened:
        each.channel.close()


@pytest.fixture
def centre() -> Iterator[TestCentre]:
    with TestCentre() as running:
        yield running


def test_a_message_is_accepted(centre: TestCentre, open_to: OpenTo) -> None:
    channel = open_to(centre).channel
    assert list(channel.send([outgoing()])) == [("dsp_1", Accepted(("a1",)))]
    submitted = centre.next()
    assert submitted.short_message == b"Your SIM is on its way."
    assert (submitted.source_addr, submitted.destination_addr) == (b"TestMobile", b"353850000001")
    channel.close()
    assert centre.unbound.wait(PATIENCE)


def test_a_repetition_is_recognisable(centre: TestCentre, open_to: OpenTo) -> None:
    channel = open_to(centre).channel
    long = "Your SIM is on its way. " * 10
    for _ in range(2):
        list(channel.send([outgoing(long), outgoing("Other", number=2)]))
    first, second, other, *repeated = [centre.next() for _ in range(6)]
    for one, same in zip((first, second, other), repeated, strict=True):
        assert one.user_message_reference == same.user_message_reference
        assert one.short_message == same.short_message
    assert first.short_message[:6] == b"\x05\x00\x03" + first.short_message[3:4] + b"\x02\x01"
    assert second.short_message[3] == first.short_message[3]
    assert other.user_message_reference != first.user_message_reference
    text = first.short_message[6:] + second.short_message[6:]
    assert text.decode() == long


def test_each_part_has_its_name(centre: TestCentre, open_to: OpenTo) -> None:
    (outcome,) = open_to(centre).channel.send([outgoing("x" * 400)])
    assert outcome == ("dsp_1", Accepted(("a1", "a2", "a3")))


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(THROTTLED, Throttled), (0x14, Throttled), (SYSTEM_ERROR, Deferred), (0x64, Deferred),
     (INVALID_DESTINATION, Rejected), (0x45, Rejected)],
)  # fmt: skip
def test_what_the_centre_refuses(open_to: OpenTo, status: int, outcome: type) -> None:
    with TestCentre(lambda _: status) as centre:
        ((_, said),) = open_to(centre).channel.send([outgoing()])
        assert isinstance(said, outcome)
        assert f"0x{status:08x}" in getattr(said, "reason", "")


def test_the_window_is_kept(open_to: OpenTo) -> None:
    gate = threading.Semaphore(0)
    taken = threading.Semaphore(0)

    def slow(_: object) -> int:
        taken.release()
        gate.acquire()
        return OK

    with TestCentre(slow) as centre:
        channel = open_to(centre, window=3).channel
        batch = [outgoing(number=number) for number in range(10)]
        found: list[object] = []
        sending = threading.Thread(target=lambda: found.extend(channel.send(batch)))
        sending.start()
        assert taken.acquire(timeout=PATIENCE)
        for _ in batch:
            gate.release()
        sending.join(PATIENCE)
        assert [each[0] for each in found] == [each.id for each in batch]  # type: ignore[index]
        assert centre.largest_window <= 3


def test_no_answer(open_to: OpenTo) -> None:
    with TestCentre(lambda _: None) as centre:
        channel = open_to(centre, timeout=1.0).channel
        ((_, said),) = channel.send([outgoing()])
        assert isinstance(said, Unanswered)


def test_the_centre_hangs_up(centre: TestCentre, open_to: OpenTo) -> None:
    def hang_up(_: object) -> None:
        centre.hang_up()

    centre.answer = hang_up
    opened = open_to(centre)
    said = [each for _, each in opened.channel.send([outgoing(), outgoing(number=2)])]
    assert all(isinstance(each, Unanswered) for each in said)
    centre.answer = lambda _: OK
    opened.channel.open()
    ((_, again),) = opened.channel.send([outgoing()])
    assert isinstance(again, Accepted)


def test_receipts_and_messages_come_in(centre: TestCentre, open_to: OpenTo) -> None:
    opened = open_to(centre)
    assert centre.report("a1") == OK
    assert centre.say("STOP please") == OK
    assert opened.receipts == [Receipt("a1", ReceiptState.DELIVERED, "DELIVRD")]
    assert opened.messages == [("+353850000001", "STOP please")]
    opened.keeps = False
    assert centre.report("a2") == 0x64


def test_what_cannot_be_read_is_not_sent_again(centre: TestCentre, open_to: OpenTo) -> None:
    opened = open_to(centre)
    assert centre.deliver(esm_class=4, short_message=b"nothing") == OK
    assert opened.receipts == []


def test_the_link_is_asked_for(centre: TestCentre, open_to: OpenTo) -> None:
    open_to(centre, enquire=0.05)
    assert centre.enquired.wait(PATIENCE)


def test_the_centre_asks_for_the_link(centre: TestCentre, open_to: OpenTo) -> None:
    opened = open_to(centre)
    centre.send("enquire_link")
    assert list(opened.channel.send([outgoing()])) == [("dsp_1", Accepted(("a1",)))]


def test_garbage_ends_the_session(centre: TestCentre, open_to: OpenTo) -> None:
    opened = open_to(centre)
    centre.raw(b"\0\0\0\x02garbage")
    said = [each for _, each in opened.channel.send([outgoing()])]
    opened.channel.open()
    again = [each for _, each in opened.channel.send([outgoing()])]
    assert isinstance(said[0], Unanswered | Accepted)
    assert isinstance(again[0], Accepted)


def test_who_is_not_let_in(centre: TestCentre, open_to: OpenTo) -> None:
    with pytest.raises(ChannelAway, match="0x0000000e"):
        open_to(centre, password="wrong")


def test_nobody_there(open_to: OpenTo) -> None:
    with TestCentre() as centre:
        port = centre.port
    with pytest.raises(ChannelAway, match=str(port)):
        open_to(centre, port=port)
