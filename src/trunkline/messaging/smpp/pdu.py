"""The PDUs of SMPP 3.4 that a sending client needs, read and written strictly."""

import struct
from collections.abc import Mapping
from enum import IntEnum

import msgspec

from trunkline.kernel.errors import Invalid

HEADER = 16
LONGEST = 64 * 1024
_RESPONSE = 0x80000000


class Command(IntEnum):
    """SMPP 3.4, section 5.1.2.1."""

    GENERIC_NACK = 0x80000000
    SUBMIT_SM = 0x00000004
    SUBMIT_SM_RESP = 0x80000004
    DELIVER_SM = 0x00000005
    DELIVER_SM_RESP = 0x80000005
    UNBIND = 0x00000006
    UNBIND_RESP = 0x80000006
    BIND_TRANSCEIVER = 0x00000009
    BIND_TRANSCEIVER_RESP = 0x80000009
    ENQUIRE_LINK = 0x00000015
    ENQUIRE_LINK_RESP = 0x80000015
    ALERT_NOTIFICATION = 0x00000102


class Status(IntEnum):
    """SMPP 3.4, section 5.1.3, those that are told apart here."""

    OK = 0x00
    INVALID_COMMAND = 0x03
    ALREADY_BOUND = 0x05
    SYSTEM_ERROR = 0x08
    INVALID_SOURCE = 0x0A
    INVALID_DESTINATION = 0x0B
    BIND_FAILED = 0x0D
    INVALID_PASSWORD = 0x0E
    INVALID_SYSTEM_ID = 0x0F
    QUEUE_FULL = 0x14
    THROTTLED = 0x58
    TEMPORARY = 0x64


class Tag(IntEnum):
    """SMPP 3.4, section 5.3.2."""

    RECEIPTED_MESSAGE_ID = 0x001E
    USER_MESSAGE_REFERENCE = 0x0204
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class Malformed(Invalid):
    """What came is no PDU: the connection can't be trusted any further."""

    code = "malformedPdu"


class Pdu(msgspec.Struct, frozen=True):
    """`command` and `status` as they came: unknown ones too."""

    command: int
    status: int
    sequence: int
    body: bytes = b""

    @property
    def is_response(self) -> bool:
        return bool(self.command & _RESPONSE)

    def encoded(self) -> bytes:
        return (
            struct.pack(">IIII", HEADER + len(self.body), self.command, self.status, self.sequence)
            + self.body
        )


class Address(msgspec.Struct, frozen=True):
    """SMPP 3.4, sections 5.2.5 to 5.2.7."""

    ton: int
    npi: int
    digits: str

    @classmethod
    def of(cls, text: str) -> "Address":
        """International with a plus, alphanumeric with letters, else left to the centre."""
        if text.startswith("+"):
            return cls(1, 1, text[1:])
        if text.isdigit():
            return cls(0, 1, text)
        return cls(5, 0, text[:11])

    def encoded(self) -> bytes:
        return bytes([self.ton, self.npi]) + _text(self.digits)

    def __str__(self) -> str:
        return f"+{self.digits}" if self.ton == 1 else self.digits


class Delivered(msgspec.Struct, frozen=True):
    """A deliver_sm: a receipt, or a message that somebody sent."""

    source: Address
    destination: Address
    esm_class: int
    coding: int
    text: bytes
    options: Mapping[int, bytes]

    @property
    def is_receipt(self) -> bool:
        """Section 5.2.12: bits 5 to 2 of esm_class tell the type."""
        return self.esm_class & 0x3C == 0x04


def length_of(header: bytes) -> int:
    """The whole PDU's length, of its first four octets. Raises `Malformed`."""
    (length,) = struct.unpack(">I", header)
    if not HEADER <= length <= LONGEST:
        raise Malformed(f"a PDU of {length} octets")
    return int(length)


def decode(raw: bytes) -> Pdu:
    """One whole PDU. Raises `Malformed`."""
    if len(raw) < HEADER or length_of(raw[:4]) != len(raw):
        raise Malformed("a PDU that is shorter or longer than it says")
    _, command, status, sequence = struct.unpack(">IIII", raw[:HEADER])
    return Pdu(command, status, sequence, raw[HEADER:])


def bind_transceiver(sequence: int, *, system_id: str, password: str, system_type: str) -> Pdu:
    body = _text(system_id) + _text(password) + _text(system_type) + bytes([0x34, 0, 0]) + _text("")
    return Pdu(Command.BIND_TRANSCEIVER, Status.OK, sequence, body)


def submit_sm(
    sequence: int,
    *,
    source: Address,
    destination: Address,
    coding: int,
    header: bytes,
    text: bytes,
    reference: int,
    receipt: bool,
) -> Pdu:
    """`header` is the user data header of a part; `reference` (0 to 65535) names the message to
    the centre, the same in each repetition."""
    short = header + text
    body = b"".join(
        (
            _text(""),  # service_type
            source.encoded(),
            destination.encoded(),
            bytes([0x40 if header else 0, 0, 0]),  # esm_class, protocol_id, priority_flag
            _text(""),  # schedule_delivery_time
            _text(""),  # validity_period
            bytes([1 if receipt else 0, 0, coding, 0, len(short)]),
            short,
            struct.pack(">HHH", Tag.USER_MESSAGE_REFERENCE, 2, reference),
        )
    )
    return Pdu(Command.SUBMIT_SM, Status.OK, sequence, body)


def message_id(response: Pdu) -> str:
    """What the centre named a message, in its submit_sm_resp; empty where it didn't. Raises
    `Malformed`."""
    name, _ = _take_text(response.body, 0)
    if len(name) > 65 or not name.isprintable():
        raise Malformed("a submit_sm_resp with no good name for the message")
    return name


def delivered(pdu: Pdu) -> Delivered:
    """What a deliver_sm says. Raises `Malformed`."""
    body = pdu.body
    _, at = _take_text(body, 0)
    source, at = _take_address(body, at)
    destination, at = _take_address(body, at)
    fixed, at = _take(body, at, 3)
    _, at = _take_text(body, at)
    _, at = _take_text(body, at)
    more, at = _take(body, at, 5)
    text, at = _take(body, at, more[4])
    options = _options(body, at)
    return Delivered(
        source=source,
        destination=destination,
        esm_class=fixed[0],
        coding=more[2],
        text=options.get(Tag.MESSAGE_PAYLOAD, text),
        options=options,
    )


def _options(body: bytes, at: int) -> dict[int, bytes]:
    found = {}
    while at < len(body):
        head, at = _take(body, at, 4)
        tag, length = struct.unpack(">HH", head)
        found[tag], at = _take(body, at, length)
    return found


def _text(value: str) -> bytes:
    return value.encode("ascii", "replace").replace(b"\0", b"?") + b"\0"


def _take(body: bytes, at: int, size: int) -> tuple[bytes, int]:
    if at + size > len(body):
        raise Malformed("a PDU ends within a field")
    return body[at : at + size], at + size


def _take_text(body: bytes, at: int) -> tuple[str, int]:
    end = body.find(b"\0", at)
    if end < 0:
        raise Malformed("a PDU ends within a text")
    return body[at:end].decode("latin-1"), end + 1


def _take_address(body: bytes, at: int) -> tuple[Address, int]:
    kind, at = _take(body, at, 2)
    digits, at = _take_text(body, at)
    return Address(kind[0], kind[1], digits), at
