"""Text as short messages carry it: the GSM 7-bit alphabet, else UCS-2, in one part or several.

3GPP TS 23.038, section 6.2.1 (the default alphabet and its extension), TS 23.040, section
9.2.3.24.1 (concatenated short messages).
"""

import msgspec

GSM = 0
UCS2 = 8
"""SMPP 3.4, section 5.2.19: data_coding."""

MOST_SEGMENTS = 10

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
_ESCAPE = 0x1B
_GSM: dict[str, bytes] = {
    char: bytes([code]) for code, char in enumerate(_BASIC) if code != _ESCAPE
} | {char: bytes([_ESCAPE, code]) for char, code in _EXTENSION.items()}

_PLAIN = str.maketrans(
    {
        "\u00a0": " ", "\u202f": " ", "\u2009": " ",
        "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"',
        "\u2013": "-", "\u2014": "-", "\u2026": "...", "\r": None,
    }
)  # fmt: skip
"""Typography that a phone shows as well without, and that would double a message's parts."""

_ALONE = {GSM: 160, UCS2: 140}
_TOGETHER = {GSM: 153, UCS2: 134}


class Segment(msgspec.Struct, frozen=True):
    """One short message: `octets` as they are submitted, without the header."""

    coding: int
    octets: bytes


def segments(text: str) -> list[Segment]:
    """The text in as few short messages as it takes. Neither an escaped character nor a
    surrogate pair is torn apart."""
    plain = text.translate(_PLAIN)
    pieces = [_GSM.get(char) for char in plain]
    coding, units = GSM, [each for each in pieces if each is not None]
    if len(units) < len(pieces):
        coding, units = UCS2, [_ucs2(char) for char in text.replace("\r", "")]
    whole = b"".join(units)
    if len(whole) <= _ALONE[coding]:
        return [Segment(coding, whole)]
    found, part = [], b""
    for unit in units:
        if len(part) + len(unit) > _TOGETHER[coding]:
            found.append(Segment(coding, part))
            part = b""
        part += unit
    return [*found, Segment(coding, part)]


def _ucs2(char: str) -> bytes:
    return char.encode("utf-16-be", "replace")


def headed(parts: list[Segment], reference: int) -> list[tuple[bytes, Segment]]:
    """Each part with the user data header that tells its place among the others: none for one
    alone. `reference` (0 to 255) is the same for all, and for every repetition."""
    if len(parts) == 1:
        return [(b"", parts[0])]
    return [
        (bytes([5, 0, 3, reference, len(parts), number]), part)
        for number, part in enumerate(parts, start=1)
    ]


def decoded(octets: bytes, coding: int) -> str:
    """A message that came in, as text; what can't be read becomes U+FFFD."""
    if coding == UCS2:
        return octets.decode("utf-16-be", "replace")
    if coding in (1, 3):
        return octets.decode("latin-1")
    text, escaped = [], False
    for octet in octets:
        if escaped:
            text.append(_FROM_EXTENSION.get(octet, "\ufffd"))
            escaped = False
        elif octet == _ESCAPE:
            escaped = True
        else:
            text.append(_BASIC[octet] if octet < len(_BASIC) else "\ufffd")
    return "".join(text)


_FROM_EXTENSION = {code: char for char, code in _EXTENSION.items()}
