"""What is said to people: messages, their way to each receiver, and when nothing is said."""

import re
from collections.abc import Collection
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from trunkline.customers import CustomerId, PartyId
from trunkline.kernel.errors import Conflict, Invalid, Unavailable
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle


class MessageId(Id):
    __slots__ = ()
    prefix = "msg"


class DispatchId(Id):
    __slots__ = ()
    prefix = "dsp"


class ChannelName(StrEnum):
    """The ways to people; consents are given for these names."""

    EMAIL = "email"
    SMS = "sms"
    APP = "app"


class Purpose(StrEnum):
    """`marketing` needs a consent in force. `urgent` (a code, a cut-off that the law wants told)
    also passes in the night."""

    SERVICE = "service"
    MARKETING = "marketing"
    URGENT = "urgent"


class MessageState(StrEnum):
    """TMF681 v4, CommunicationMessageStateType."""

    INITIAL = "initial"
    IN_PROGRESS = "inProgress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


MESSAGE_LIFECYCLE = Lifecycle(
    "the message",
    {
        MessageState.INITIAL: {
            MessageState.IN_PROGRESS,
            MessageState.COMPLETED,
            MessageState.CANCELLED,
            MessageState.FAILED,
        },
        MessageState.IN_PROGRESS: {
            MessageState.COMPLETED,
            MessageState.CANCELLED,
            MessageState.FAILED,
        },
        MessageState.COMPLETED: frozenset(),
        MessageState.CANCELLED: frozenset(),
        # Sent again.
        MessageState.FAILED: {MessageState.INITIAL},
    },
)


class DispatchState(StrEnum):
    """A message's way to one receiver. `sent` is what a centre has accepted and will report on."""

    HELD = "held"
    READY = "ready"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


DISPATCH_LIFECYCLE = Lifecycle(
    "the dispatch",
    {
        DispatchState.HELD: {
            DispatchState.READY,
            DispatchState.DELIVERED,
            DispatchState.FAILED,
            DispatchState.CANCELLED,
        },
        DispatchState.READY: {
            DispatchState.SENDING,
            DispatchState.FAILED,
            DispatchState.CANCELLED,
        },
        DispatchState.SENDING: {
            DispatchState.HELD,
            DispatchState.READY,
            DispatchState.SENT,
            DispatchState.DELIVERED,
            DispatchState.FAILED,
        },
        DispatchState.SENT: {DispatchState.DELIVERED, DispatchState.FAILED},
        DispatchState.DELIVERED: frozenset(),
        DispatchState.FAILED: {DispatchState.HELD},
        DispatchState.CANCELLED: frozenset(),
    },
)

BEGUN = frozenset(
    {
        DispatchState.SENDING,
        DispatchState.SENT,
        DispatchState.DELIVERED,
        DispatchState.FAILED,
    }
)
PENDING = frozenset({DispatchState.HELD, DispatchState.READY})
_UNFINISHED = PENDING | {DispatchState.SENDING, DispatchState.SENT}


class Dispatch(msgspec.Struct, frozen=True, kw_only=True):
    """`position` is the receiver's in the message. Of `tries` allowed, `attempts` were made;
    `doubts` of them ended without an answer. It is given up at `expires_at`."""

    id: DispatchId
    message: MessageId
    position: int
    channel: ChannelName
    address: str
    party: PartyId | None
    purpose: Purpose
    priority: int
    state: DispatchState
    due_at: datetime
    expires_at: datetime
    tries: int
    attempts: int = 0
    doubts: int = 0
    reason: str | None = None
    begun_at: datetime | None = None
    done_at: datetime | None = None
    read_at: datetime | None = None


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    mime_type: str
    content: bytes


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel is given to send. `id` is the same for every attempt."""

    id: DispatchId
    address: str
    text: str
    subject: str | None = None
    sender_name: str | None = None
    sender_email: str | None = None
    sender_phone: str | None = None
    marketing: bool = False
    attachments: tuple[Attachment, ...] = ()


class Accepted(msgspec.Struct, frozen=True):
    """The other side has it. `references` are its names of the parts, by which it will report;
    without any it reports nothing more."""

    references: tuple[str, ...] = ()


class Deferred(msgspec.Struct, frozen=True):
    """Not now: it is tried again."""

    reason: str


class Throttled(msgspec.Struct, frozen=True):
    """Too much at once: it is tried again, and counts for no attempt."""

    reason: str


class Rejected(msgspec.Struct, frozen=True):
    """Never: another attempt would end alike."""

    reason: str


class Unanswered(msgspec.Struct, frozen=True):
    """Given away, and nothing heard: it may have arrived."""

    reason: str


Outcome = Accepted | Deferred | Throttled | Rejected | Unanswered


class ReceiptState(StrEnum):
    """SMPP 3.4, section 5.2.28, as far as it matters here."""

    UNDERWAY = "underway"
    DELIVERED = "delivered"
    FAILED = "failed"


class Receipt(msgspec.Struct, frozen=True):
    """What a centre reports of a part that it had named `reference`."""

    reference: str
    state: ReceiptState
    reason: str


class QuietHours(msgspec.Struct, frozen=True):
    """From `starts` up to `ends` of the receiver's day (or night) nothing is said that can wait."""

    starts: time
    ends: time


DEFAULT_QUIET_HOURS = QuietHours(time(21), time(8))

VALIDITY = timedelta(hours=72)
"""What couldn't be sent for so long is no longer news."""

RECEIPT_PATIENCE = timedelta(days=4)
"""A centre that has accepted a message and reports nothing for so long won't."""

FARTHEST = timedelta(days=400)
"""Nothing is scheduled later than so."""

DEFAULT_RETRIES = 5
MOST_RETRIES = 20
DEFAULT_PRIORITY = 5
LOWEST_PRIORITY = 9

DELAYS = (30, 120, 600, 1800, 3600, 10800)
"""Seconds before each further attempt; the last holds for all that follow."""


class InvalidMessage(Invalid):
    code = "invalidMessage"


class NoAddress(Invalid):
    """The receiver can't be reached by this channel."""

    code = "noAddress"


class MessageBegun(Conflict):
    """It is under way, or was: what it says and to whom stays."""

    code = "messageBegun"


class ChannelAway(Unavailable):
    """The other side can't be reached now."""

    code = "channelAway"


def message_state(dispatches: Collection[Dispatch]) -> MessageState:
    """What a message is, by its dispatches: completed where all that weren't cancelled arrived,
    failed where one of them didn't."""
    states = {each.state for each in dispatches}
    if states & _UNFINISHED:
        begun = states & BEGUN or any(each.attempts for each in dispatches)
        return MessageState.IN_PROGRESS if begun else MessageState.INITIAL
    if DispatchState.FAILED in states:
        return MessageState.FAILED
    if DispatchState.DELIVERED in states:
        return MessageState.COMPLETED
    return MessageState.CANCELLED


def next_attempt(attempts: int, now: datetime) -> datetime:
    """When to try again after `attempts` attempts."""
    return now + timedelta(seconds=DELAYS[min(attempts, len(DELAYS)) - 1])


def audible_from(moment: datetime, quiet: QuietHours | None, tz: ZoneInfo) -> datetime:
    """The first instant, not before `moment`, that isn't in the quiet hours of `tz`."""
    if quiet is None or quiet.starts == quiet.ends:
        return moment
    local = moment.astimezone(tz)
    clock = local.time()
    overnight = quiet.starts > quiet.ends
    is_quiet = (
        clock >= quiet.starts or clock < quiet.ends
        if overnight
        else quiet.starts <= clock < quiet.ends
    )
    if not is_quiet:
        return moment
    day = local.date() + timedelta(days=1 if overnight and clock >= quiet.starts else 0)
    return datetime.combine(day, quiet.ends, tzinfo=tz).astimezone(moment.tzinfo)


_CHANNEL_WORDS = {
    ChannelName.SMS: ("sms", "text", "shortmessage"),
    ChannelName.EMAIL: ("mail",),
    ChannelName.APP: ("app", "push", "inbox"),
}


def channel_of(message_type: str, *, path: str = "messageType") -> ChannelName:
    """The channel that a message's type names (TMF681: "SMS, Email, Mobile app push
    notification"). Raises `InvalidMessage`."""
    word = "".join(each for each in message_type.lower() if each.isalnum())
    for channel, words in _CHANNEL_WORDS.items():
        if any(each in word for each in words):
            return channel
    raise InvalidMessage(
        f"{message_type[:40]!r} is not among SMS, Email, Mobile app push notification", path=path
    )


def priority_of(text: str | None, *, path: str = "priority") -> int:
    """A small number means a higher priority (TMF681); 5 where there is none. Raises
    `InvalidMessage`."""
    if text is None:
        return DEFAULT_PRIORITY
    word = text.strip().lower()
    if word in _PRIORITY_WORDS:
        return _PRIORITY_WORDS[word]
    if not re.fullmatch(r"[0-9]{1,6}", word):
        raise InvalidMessage("is a number, the smaller the more urgent", path=path)
    return min(int(word), LOWEST_PRIORITY)


_PRIORITY_WORDS = {"urgent": 0, "highest": 0, "high": 1, "medium": 5, "normal": 5, "low": 9}

_WORD = r"[^@\s.<>,;:\"\\()\[\]]+"
_EMAIL = re.compile(rf"{_WORD}(\.{_WORD})*@{_WORD}(\.{_WORD})+")
_NUMBER = re.compile(r"\+?[0-9]{3,15}")


def address_of(channel: ChannelName, text: str, *, path: str) -> str:
    """An address as the channel takes it. A number needs no plus: national ones and short codes
    are the centre's to understand. Raises `NoAddress`."""
    if channel is ChannelName.EMAIL:
        plain = _plain_email(text)
        if plain is None:
            raise NoAddress(f"{text[:60]!r} is not an email address", path=path)
        return plain
    if channel is ChannelName.SMS:
        digits = re.sub(r"[\s().-]", "", text)
        if not _NUMBER.fullmatch(digits):
            raise NoAddress(f"{text[:40]!r} is not a phone number", path=path)
        return digits
    return text


def _plain_email(text: str) -> str | None:
    """As every mail server takes it: a domain of other letters in its own spelling (RFC 5891).
    None for what is no address, or one whose name isn't ASCII."""
    if len(text) > 254 or not text.isprintable() or not _EMAIL.fullmatch(text):
        return None
    name, _, domain = text.rpartition("@")
    try:
        plain = f"{name}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return None
    return plain if plain.isascii() and len(plain) <= 254 else None


class SavedTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """A version of what a template says in one language; version 0 is shipped."""

    key: str
    language: str
    version: int
    subject: str | None = None
    text: str | None = None
    sms: str | None = None
    saved_at: datetime | None = None


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom messages reach: the customer they are, where they are one, what languages
    they are told things in, and the clock they live by."""

    party: PartyId | None
    customer: CustomerId | None
    name: str | None
    languages: tuple[str, ...]
    zone: ZoneInfo
    quiet: QuietHours | None
    email: tuple[str, ...] = ()
    phone: tuple[str, ...] = ()
    preferred: ChannelName | None = None
    brand: str = ""
