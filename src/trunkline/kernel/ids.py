"""Identifiers: a class for each kind, ordered by time, opaque to clients.

An id is a prefix that names its kind, an underscore, and 26 characters of base32hex
(RFC 4648, section 7) over 48 bits of Unix milliseconds and 80 random bits. Base32hex keeps
the byte order, so ids sort by the instant of their making, and an index on them grows at
its right edge.
"""

import base64
import os
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Self, TypeVar

from trunkline.kernel.errors import Invalid


class Id(str):
    """The base of all ids: a `str` that knows its kind."""

    __slots__ = ()
    prefix: ClassVar[str] = ""

    @classmethod
    def parse(cls, text: str, *, path: str | None = None) -> Self:
        """`text` as this kind of id. Foreign ids are legal (a migrated base keeps its own):
        1 to 100 printable characters without space or slash. Raises `Invalid`."""
        if not 1 <= len(text) <= 100 or not text.isprintable() or " " in text or "/" in text:
            raise Invalid(f"{text[:40]!r} is not an id", path=path)
        return cls(text)


KindOfId = TypeVar("KindOfId", bound=Id)


class IdSource:
    """Makes ids. `random` gives n random bytes; a simulation passes a seeded one."""

    def __init__(self, random: Callable[[int], bytes] = os.urandom) -> None:
        self._random = random

    def new(self, kind: type[KindOfId], now: datetime) -> KindOfId:
        """A fresh id of this kind, ordered by `now` (aware, millisecond resolution)."""
        millis = int(now.timestamp() * 1000)
        raw = millis.to_bytes(6, "big") + self._random(10)
        text = base64.b32hexencode(raw)[:26].decode().lower()
        return kind(f"{kind.prefix}_{text}")
