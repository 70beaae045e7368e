"""The numbers that a subscription is known by, parsed at the edge and trusted inside."""

import re
from typing import Self

from trunkline.kernel.errors import Invalid


class NotANumber(Invalid):
    code = "notANumber"


class Msisdn(str):
    """A subscriber's telephone number: 5 to 15 digits with the country code first, no plus
    (ITU-T E.164, section 6)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, *, path: str | None = None) -> Self:
        """`text` without a leading plus and without spaces or dashes. Raises `NotANumber`."""
        digits = re.sub(r"[ \-()]", "", text).removeprefix("+")
        if not re.fullmatch(r"[1-9][0-9]{4,14}", digits, re.ASCII):
            raise NotANumber(f"{text[:40]!r} is not an international number (E.164)", path=path)
        return cls(digits)


class Imsi(str):
    """A subscription's identity on the network: 5 to 15 digits (3GPP TS 23.003, clause 2.2;
    the shortest as in TS 29.571)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, *, path: str | None = None) -> Self:
        """Raises `NotANumber`."""
        if not re.fullmatch(r"[0-9]{5,15}", text, re.ASCII):
            raise NotANumber(f"{text[:40]!r} is not an IMSI (5 to 15 digits)", path=path)
        return cls(text)


class Iccid(str):
    """A SIM card's number: 18 to 20 digits that begin with 89 and end in a check digit
    (ITU-T E.118, section 3; ETSI TS 102 221, clause 13.2, for the twentieth)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, *, path: str | None = None) -> Self:
        """Raises `NotANumber`, also where the check digit is wrong."""
        if not re.fullmatch(r"89[0-9]{16,18}", text, re.ASCII):
            raise NotANumber(f"{text[:40]!r} is not an ICCID (18 to 20 digits from 89)", path=path)
        right = luhn_digit(text[:-1])
        if text[-1] != right:
            raise NotANumber(
                f"ICCID {text} ends in {text[-1]}; its check digit is {right}", path=path
            )
        return cls(text)

    @classmethod
    def of(cls, body: str) -> Self:
        """`body` (17 to 19 digits from 89) and its check digit."""
        return cls.parse(body + luhn_digit(body))


def luhn_digit(body: str) -> str:
    """The digit that makes `body` pass the Luhn check (ISO/IEC 7812-1, annex B)."""
    total = 0
    for position, digit in enumerate(reversed(body)):
        value = int(digit)
        if position % 2 == 0:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return str(-total % 10)
