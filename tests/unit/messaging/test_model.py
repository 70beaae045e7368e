"""States, quiet hours, addresses, priorities."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from trunkline.messaging import (
    ChannelName,
    Dispatch,
    DispatchId,
    DispatchState,
    InvalidMessage,
    MessageId,
    MessageState,
    NoAddress,
    Purpose,
    QuietHours,
)
from trunkline.messaging.model import (
    address_of,
    audible_from,
    channel_of,
    message_state,
    next_attempt,
    priority_of,
)

S = DispatchState
DUBLIN, NIGHT = ZoneInfo("Europe/Dublin"), QuietHours(time(21), time(8))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def dispatch(state: DispatchState, attempts: int = 0) -> Dispatch:
    return Dispatch(
        id=DispatchId("dsp_1"), message=MessageId("msg_1"), position=0, channel=ChannelName.SMS,
        address="+353", party=None, purpose=Purpose.SERVICE, priority=5, state=state,
        due_at=at("2026-11-02T09:00"), expires_at=at("2026-11-05T09:00"), tries=3,
        attempts=attempts,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ([S.HELD], MessageState.INITIAL),
        ([S.HELD, S.READY], MessageState.INITIAL),
        ([S.HELD, S.CANCELLED], MessageState.INITIAL),
        ([S.SENDING], MessageState.IN_PROGRESS),
        ([S.SENT], MessageState.IN_PROGRESS),
        ([S.HELD, S.DELIVERED], MessageState.IN_PROGRESS),
        ([S.HELD, S.FAILED], MessageState.IN_PROGRESS),
        ([S.DELIVERED, S.DELIVERED], MessageState.COMPLETED),
        ([S.DELIVERED, S.CANCELLED], MessageState.COMPLETED),
        ([S.DELIVERED, S.FAILED], MessageState.FAILED),
        ([S.CANCELLED, S.FAILED], MessageState.FAILED),
        ([S.CANCELLED], MessageState.CANCELLED),
    ],
)
def test_a_message_is_what_its_dispatches_are(
    states: list[DispatchState], message: MessageState
) -> None:
    assert message_state([dispatch(each) for each in states]) == message


def test_one_that_waits_for_another_attempt_is_under_way() -> None:
    assert message_state([dispatch(S.HELD, attempts=1)]) is MessageState.IN_PROGRESS


@pytest.mark.parametrize(
    ("moment", "heard"),
    [
        # Summer: Dublin is an hour ahead of UTC.
        ("2026-07-01T12:00", "2026-07-01T12:00"),
        ("2026-07-01T19:59", "2026-07-01T19:59"),
        ("2026-07-01T20:00", "2026-07-02T07:00"),
        ("2026-07-01T23:30", "2026-07-02T07:00"),
        ("2026-07-02T06:59", "2026-07-02T07:00"),
        ("2026-07-02T07:00", "2026-07-02T07:00"),
        # Winter.
        ("2026-12-31T21:00", "2027-01-01T08:00"),
        # The nights on which the clocks change.
        ("2026-03-28T22:00", "2026-03-29T07:00"),
        ("2026-10-24T22:00", "2026-10-25T08:00"),
    ],
)
def test_the_night_is_waited_for(moment: str, heard: str) -> None:
    assert audible_from(at(moment), NIGHT, DUBLIN) == at(heard)


@pytest.mark.parametrize(
    ("moment", "heard"),
    [
        ("2026-12-01T11:59", "2026-12-01T11:59"),
        ("2026-12-01T12:00", "2026-12-01T14:00"),
        ("2026-12-01T13:59", "2026-12-01T14:00"),
        ("2026-12-01T14:00", "2026-12-01T14:00"),
    ],
)
def test_a_quiet_noon(moment: str, heard: str) -> None:
    assert audible_from(at(moment), QuietHours(time(12), time(14)), DUBLIN) == at(heard)


def test_no_quiet_hours() -> None:
    midnight = at("2026-12-01T00:00")
    assert audible_from(midnight, None, DUBLIN) == midnight
    assert audible_from(midnight, QuietHours(time(0), time(0)), DUBLIN) == midnight


def test_delays_grow() -> None:
    now = at("2026-11-02T09:00")
    waits = [(next_attempt(n, now) - now).total_seconds() for n in range(1, 9)]
    assert waits == [30, 120, 600, 1800, 3600, 10800, 10800, 10800]


@pytest.mark.parametrize(
    ("said", "channel"),
    [("SMS", "sms"), ("sms text", "sms"), ("Email", "email"), ("E-Mail", "email"),
     ("Mobile app push notification", "app"), ("inApp", "app")],
)  # fmt: skip
def test_channels_by_their_words(said: str, channel: str) -> None:
    assert channel_of(said) == channel


def test_a_word_for_no_channel() -> None:
    with pytest.raises(InvalidMessage):
        channel_of("pigeon")


@pytest.mark.parametrize(
    ("said", "number"),
    [(None, 5), ("0", 0), ("1", 1), ("9", 9), ("12", 9), ("High", 1), ("urgent", 0), ("low", 9)],
)
def test_priorities(said: str | None, number: int) -> None:
    assert priority_of(said) == number


@pytest.mark.parametrize("said", ["", "-1", "1.5", "soon", "\uff19", "1" * 10])
def test_no_priority(said: str) -> None:
    with pytest.raises(InvalidMessage):
        priority_of(said)


@pytest.mark.parametrize(
    ("channel", "said", "address"),
    [
        (ChannelName.SMS, "+353 (85) 000-0001", "+353850000001"),
        (ChannelName.SMS, "50123", "50123"),
        (ChannelName.EMAIL, "o'neill+x@mail.example.ie", "o'neill+x@mail.example.ie"),
    ],
)
def test_addresses(channel: ChannelName, said: str, address: str) -> None:
    assert address_of(channel, said, path="receiver") == address


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        (ChannelName.SMS, "+"),
        (ChannelName.SMS, "12"),
        (ChannelName.SMS, "+3538500000011111"),
        (ChannelName.SMS, "\uff11\uff12\uff13\uff14"),
        (ChannelName.EMAIL, "maeve"),
        (ChannelName.EMAIL, "maeve@example"),
        (ChannelName.EMAIL, "a@b.ie, c@d.ie"),
        (ChannelName.EMAIL, "a@b.ie\r\nBcc: c@d.ie"),
        (ChannelName.EMAIL, "<a@b.ie>"),
        (ChannelName.EMAIL, f"{'a' * 250}@b.ie"),
    ],
)
def test_no_addresses(channel: ChannelName, said: str) -> None:
    with pytest.raises(NoAddress):
        address_of(channel, said, path="receiver")
