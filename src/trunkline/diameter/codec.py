"""Diameter's wire form (RFC 6733, 3 and 4): messages and AVPs to bytes and back.

Decoding is strict: whatever a length or a flag gets wrong raises `Malformed`, which carries
the Result-Code and the Failed-AVP that its sender is owed. Nothing here reads past the bytes
that it was given, and nothing recurses deeper than its caller asks.
"""

import struct
from collections.abc import Callable, Iterator

import msgspec

from trunkline.diameter import dictionary as d
from trunkline.kernel.errors import Invalid

HEADER = 20
LARGEST_MESSAGE = 65_536
"""Octets. Real credit-control requests have 400 to 4,000."""

_HEADER = struct.Struct(">IIIII")
_PAIR = struct.Struct(">II")
_U32_AVP = struct.Struct(">III")
_U64_AVP = struct.Struct(">IIQ")

Unpack = Callable[..., tuple[int, ...]]
u32_at: Unpack = struct.Struct(">I").unpack_from
u64_at: Unpack = struct.Struct(">Q").unpack_from
s32_at: Unpack = struct.Struct(">i").unpack_from
s64_at: Unpack = struct.Struct(">q").unpack_from
pair_at: Unpack = _PAIR.unpack_from


class Malformed(Invalid):
    """A message that can't be read. `result_code` is what its sender is answered (RFC 6733,
    7.1), `failed_avp` an encoded AVP for Failed-AVP (7.5), or nothing."""

    code = "diameterMalformed"

    def __init__(self, result_code: int, reason: str, failed_avp: bytes = b"") -> None:
        super().__init__(reason, resultCode=result_code)
        self.result_code = result_code
        self.failed_avp = failed_avp


class Header(msgspec.Struct, frozen=True, gc=False):
    """RFC 6733, 3. `length` is the whole message's, in octets."""

    length: int
    flags: int
    command: int
    application: int
    hop_by_hop: int
    end_to_end: int

    @property
    def is_request(self) -> bool:
        return self.flags & d.REQUEST != 0


class Avp(msgspec.Struct, frozen=True, gc=False):
    """One AVP, its data still as octets; `vendor` 0 is the IETF."""

    code: int
    data: bytes
    vendor: int = 0
    flags: int = d.MANDATORY

    def encode(self) -> bytes:
        flags = self.flags | d.VENDOR if self.vendor else self.flags & ~d.VENDOR
        return _frame(self.code, flags, self.vendor, self.data)

    def u32(self) -> int:
        """As Unsigned32 or Enumerated; `Malformed` (5014) at any other length."""
        if len(self.data) != 4:
            raise wrong_length(self.code, self.vendor, 4)
        return int.from_bytes(self.data, "big")

    def text(self) -> str:
        """As UTF8String or DiameterIdentity; `Malformed` (5004) where it isn't UTF-8."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            raise Malformed(
                d.INVALID_AVP_VALUE, f"AVP {self.code} is not UTF-8", self.encode()
            ) from None


def header_of(message: bytes) -> Header:
    """The header of a message of at least 20 octets; its version and length are the framer's
    to check."""
    length, command, application, hop, end = _HEADER.unpack_from(message)
    return Header(length & 0xFFFFFF, command >> 24, command & 0xFFFFFF, application, hop, end)


def avps(octets: bytes, start: int = HEADER, end: int | None = None) -> Iterator[Avp]:
    """The AVPs of a message, or, with `start` and `end`, those of a part of it. Raises
    `Malformed`: 5014 for a length that can't be, 3009 for vendor bits that can't."""
    last = len(octets) if end is None else end
    at = start
    while at < last:
        code, flags, vendor, begin, finish = avp_at(octets, at, last)
        yield Avp(code, octets[begin:finish], vendor, flags)
        at = (finish + 3) & ~3


def avp_at(octets: bytes, at: int, end: int) -> tuple[int, int, int, int, int]:
    """The AVP that begins at `at` and must end by `end`, as (code, flags, vendor, where its
    data begins, where it ends); the next one begins at the following multiple of four. The
    padding of the last AVP in a group may be missing: some gateways leave it out."""
    if at + 8 > end:
        rest = octets[at:end].ljust(8, b"\0")
        raise wrong_length(int.from_bytes(rest[:4], "big"), 0)
    code, word = pair_at(octets, at)
    finish = at + (word & 0xFFFFFF)
    if word < 0x80000000:
        if finish < at + 8 or finish > end:
            raise wrong_length(code, 0)
        return code, word >> 24, 0, at + 8, finish
    vendor = u32_at(octets, at + 8)[0] if at + 12 <= end else 0
    if finish < at + 12 or finish > end:
        raise wrong_length(code, vendor)
    if vendor == 0:
        raise Malformed(
            d.INVALID_AVP_BITS, f"AVP {code} has the vendor bit and vendor 0", octets[at:finish]
        )
    return code, word >> 24, vendor, at + 12, finish


def u32_in(octets: bytes, begin: int, end: int, code: int, vendor: int = 0) -> int:
    """An Unsigned32 or Enumerated whose data lies from `begin` to `end`; `Malformed` (5014) at
    any other length than four."""
    if end - begin != 4:
        raise wrong_length(code, vendor, 4)
    return u32_at(octets, begin)[0]


def wrong_length(code: int, vendor: int, length: int | None = None) -> Malformed:
    """5014, with the AVP's header and zeros of the least length that its type has."""
    return Malformed(
        d.INVALID_AVP_LENGTH, f"AVP {code} has an impossible length", blank(code, vendor, length)
    )


def missing(code: int, vendor: int = 0) -> Malformed:
    """5005, with an example of the AVP that is missing (RFC 6733, 7.5)."""
    return Malformed(d.MISSING_AVP, f"AVP {code} is missing", blank(code, vendor))


def blank(code: int, vendor: int = 0, length: int | None = None) -> bytes:
    """An AVP of zeros, as short as its type allows."""
    size = d.FIXED_LENGTHS.get(code, 0) if length is None else length
    return avp(code, bytes(size), vendor)


_UNTIL_1900 = 2_208_988_800
"""Seconds from 1900, where Time begins to count (RFC 6733, 4.3.1), to 1970."""


def to_time(epoch: int) -> int:
    """The Time of an instant, in seconds since 1970."""
    return epoch + _UNTIL_1900 & 0xFFFFFFFF


def from_time(seconds: int) -> int:
    """Time counts from 1900, and from 2036 once its top bit is clear."""
    return seconds - _UNTIL_1900 + (0 if seconds & 0x80000000 else 1 << 32)


def _frame(code: int, flags: int, vendor: int, data: bytes) -> bytes:
    size = len(data)
    if vendor:
        head = struct.pack(">III", code, flags << 24 | size + 12, vendor)
    else:
        head = _PAIR.pack(code, flags << 24 | size + 8)
    return head + data + bytes(-size % 4)


def avp(code: int, data: bytes, vendor: int = 0, *, mandatory: bool = True) -> bytes:
    """An AVP of these octets."""
    flags = (d.MANDATORY if mandatory else 0) | (d.VENDOR if vendor else 0)
    return _frame(code, flags, vendor, data)


def u32(code: int, value: int) -> bytes:
    """An Unsigned32 or Enumerated, mandatory."""
    return _U32_AVP.pack(code, 0x4000000C, value)


def u64(code: int, value: int) -> bytes:
    """An Unsigned64, mandatory."""
    return _U64_AVP.pack(code, 0x40000010, value)


def text(code: int, value: str, *, mandatory: bool = True) -> bytes:
    """A UTF8String or a DiameterIdentity."""
    return avp(code, value.encode(), mandatory=mandatory)


def grouped(code: int, *parts: bytes) -> bytes:
    """A Grouped AVP of already encoded ones, mandatory."""
    data = b"".join(parts)
    return _PAIR.pack(code, 0x40000000 | len(data) + 8) + data


def message(
    command: int, application: int, hop_by_hop: int, end_to_end: int, *parts: bytes, flags: int
) -> bytes:
    """A whole message of already encoded AVPs."""
    body = b"".join(parts)
    return (
        _HEADER.pack(
            0x01000000 | len(body) + HEADER,
            flags << 24 | command,
            application,
            hop_by_hop,
            end_to_end,
        )
        + body
    )


class Framer:
    """Cuts a connection's octets into messages.

    `feed` returns the whole messages that have arrived. What can't be a message is put on
    `rejected` with its header's 20 octets; one past `largest` is skipped without being kept,
    and the connection goes on. Where the stream can't be followed any further (another
    version, a length under 20), `lost` becomes true and all that follows is dropped.
    """

    def __init__(self, largest: int = LARGEST_MESSAGE) -> None:
        self._largest = largest
        self._kept = bytearray()
        self._needed = 4
        self._skipping = 0
        self.lost = False
        self.rejected: list[tuple[bytes, Malformed]] = []

    def feed(self, data: bytes) -> list[bytes]:
        if self._kept:
            self._kept += data
            if len(self._kept) < self._needed:
                return []
            data = bytes(self._kept)
            self._kept.clear()
        messages: list[bytes] = []
        at = 0
        size = len(data)
        while at < size and not self.lost:
            if self._skipping:
                step = min(self._skipping, size - at)
                self._skipping -= step
                at += step
                continue
            if size - at < 4:
                self._keep(data, at, 4)
                break
            word = u32_at(data, at)[0]
            length = word & 0xFFFFFF
            if word >> 24 == 1 and HEADER <= length <= self._largest and not length & 3:
                if at + length > size:
                    self._keep(data, at, length)
                    break
                messages.append(data[at : at + length])
                at += length
            elif size - at < HEADER:
                self._keep(data, at, HEADER)
                break
            else:
                self._reject(data[at : at + HEADER])
        return messages

    def _keep(self, data: bytes, at: int, needed: int) -> None:
        self._kept += data[at:]
        self._needed = needed

    def _reject(self, head: bytes) -> None:
        version, length = head[0], int.from_bytes(head[1:4], "big")
        if version != 1:
            error = Malformed(d.UNSUPPORTED_VERSION, f"version {version} is not Diameter's")
        else:
            error = Malformed(d.INVALID_MESSAGE_LENGTH, f"a message of {length} octets")
        self.lost = version != 1 or length < HEADER
        self._skipping = length
        self.rejected.append((head, error))
