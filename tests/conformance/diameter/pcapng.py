"""Just enough of pcapng to get TCP streams out of a capture: Ethernet, IPv4, no options needed.

The format is draft-ietf-opsawg-pcapng; blocks other than Enhanced Packets are passed over.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CAPTURES = Path(__file__).parents[4] / "shared" / "captures"

_ENHANCED_PACKET = 6
_TCP = 6


class Flow(NamedTuple):
    """One direction of a TCP connection."""

    source: str
    source_port: int
    target: str
    target_port: int


def packets(octets: bytes) -> Iterator[bytes]:
    """The frames, in the order of their capture."""
    order = "<" if octets[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
    at = 0
    while at < len(octets):
        kind, length = struct.unpack_from(f"{order}II", octets, at)
        if kind == _ENHANCED_PACKET:
            (captured,) = struct.unpack_from(f"{order}I", octets, at + 20)
            yield octets[at + 28 : at + 28 + captured]
        at += length


def streams(octets: bytes) -> dict[Flow, bytes]:
    """What each side of each connection sent, from the first octet that was captured on:
    segments in the order of their sequence numbers, repeated ones once."""
    segments: dict[Flow, dict[int, bytes]] = {}
    for frame in packets(octets):
        ip = frame[14:]
        if frame[12:14] != b"\x08\x00" or ip[9] != _TCP:
            continue
        (total,) = struct.unpack_from(">H", ip, 2)
        tcp = ip[(ip[0] & 15) * 4 : total]
        source_port, target_port, sequence = struct.unpack_from(">HHI", tcp)
        payload = tcp[(tcp[12] >> 4) * 4 :]
        if payload:
            flow = Flow(_dotted(ip[12:16]), source_port, _dotted(ip[16:20]), target_port)
            segments.setdefault(flow, {})[sequence] = payload
    return {flow: _assembled(parts) for flow, parts in segments.items()}


def _dotted(address: bytes) -> str:
    return ".".join(map(str, address))


def _assembled(parts: dict[int, bytes]) -> bytes:
    stream = b""
    first = min(parts)
    for sequence, payload in sorted(parts.items()):
        gap = sequence - first - len(stream)
        assert gap <= 0, "the capture lacks a segment"
        stream += payload[-gap:] if gap else payload
    return stream
