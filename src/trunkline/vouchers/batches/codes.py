"""The codes on vouchers: how they are drawn, written and recognised. Pure but for the draw.

A code is sixteen digits: fifteen random ones (10^15 possibilities: with a million cards in use,
a guess hits one in a thousand million) and a check digit by Damm's method, which sees every
single wrong digit and every two neighbours that were exchanged. Luhn's doesn't, and a code that
satisfies it would be taken for a card's number.

What is kept of a code is a digest under a key that the database doesn't hold, so that whoever
has a copy of the database can't try all codes against it.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence

import msgspec

from trunkline.kernel.errors import Invalid, Unavailable

DIGITS = 16
GROUP = 4
SHORTEST_KEY = 32
"""Bytes."""

_BETWEEN = re.compile(r"[ .\-\u00a0\u2010-\u2013]")
# H. M. Damm, "Total anti-symmetrische Quasigruppen" (2004): a totally anti-symmetric quasigroup.
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


class InvalidVoucherKey(Invalid):
    code = "invalidVoucherKey"


class NoVoucherKey(Unavailable):
    """There is no key, or not the one that these vouchers were made under."""

    code = "noVoucherKey"


def check_digit(digits: str) -> str:
    """What makes `digits` a code."""
    row = 0
    for each in digits:
        row = _DAMM[row][int(each)]
    return str(row)


def is_code(digits: str) -> bool:
    """Whether it has a code's form, its check digit right."""
    right_form = len(digits) == DIGITS and digits.isascii() and digits.isdigit()
    return right_form and check_digit(digits) == "0"


def plain(text: str) -> str:
    """What somebody typed, without what stands between the groups."""
    return _BETWEEN.sub("", text.strip())


def grouped(code: str) -> str:
    """As it is printed: 1234 5678 9012 3456."""
    return " ".join(code[at : at + GROUP] for at in range(0, len(code), GROUP))


def draw(count: int, below: Callable[[int], int] = secrets.randbelow) -> list[str]:
    """So many codes, each another one, by a generator that nobody can foresee."""
    found: dict[str, None] = {}
    most: int = 10 ** (DIGITS - 1)
    while len(found) < count:
        body = f"{below(most):0{DIGITS - 1}d}"
        found[body + check_digit(body)] = None
    return list(found)


class VoucherKeys(msgspec.Struct, frozen=True):
    """The keys that codes are hashed under: the first for new vouchers, the others for those
    that were made before it came."""

    secrets: tuple[bytes, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> "VoucherKeys":
        """From hexadecimal text, one a key. Raises `InvalidVoucherKey`."""
        keys = []
        for index, text in enumerate(texts):
            try:
                key = bytes.fromhex(text)
            except ValueError:
                raise InvalidVoucherKey("is not hexadecimal", path=f"key {index + 1}") from None
            if len(key) < SHORTEST_KEY:
                raise InvalidVoucherKey(
                    f"has less than {SHORTEST_KEY} bytes", path=f"key {index + 1}"
                )
            keys.append(key)
        if not keys:
            raise InvalidVoucherKey("there is no key")
        return cls(tuple(keys))

    def marked(self, mark: str) -> bytes:
        """The key of this mark. Raises `NoVoucherKey`."""
        for each in self.secrets:
            if _mark(each) == mark:
                return each
        raise NoVoucherKey("this isn't the key that vouchers were made under")

    def digests(self, code: str) -> list[bytes]:
        """What may have been kept of it."""
        return [digest(each, code) for each in self.secrets]

    @property
    def mark(self) -> str:
        """By which the first key is known again, and that tells nothing of it."""
        return _mark(self.secrets[0])

    @property
    def marks(self) -> frozenset[str]:
        return frozenset(map(_mark, self.secrets))


def digest(key: bytes, code: str) -> bytes:
    """What is kept of a code."""
    return hmac.digest(key, b"voucher " + code.encode(), "sha256")


def _mark(key: bytes) -> str:
    return hashlib.sha256(b"voucher key " + key).hexdigest()[:16]
