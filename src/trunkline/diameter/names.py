"""Names that outlive their request: sessions, and the gateways that are found again."""

import string
from functools import lru_cache

from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import Malformed, avp

LONGEST_SESSION_ID = 512

LONGEST_IDENTITY = 255

_OF_IDENTITIES = frozenset(string.ascii_letters + string.digits + "-._")


def session_id(data: bytes) -> str:
    """Raises `Malformed` for one that can't be kept."""
    try:
        session = data.decode()
    except UnicodeDecodeError:
        session = ""
    if not session or not session.isprintable() or len(data) > LONGEST_SESSION_ID:
        raise Malformed(
            d.INVALID_AVP_VALUE,
            f"a Session-Id is 1 to {LONGEST_SESSION_ID} printable octets of UTF-8",
            avp(d.SESSION_ID, data),
        )
    return session


@lru_cache(maxsize=4096)
def notify_word(host: bytes, realm: bytes, edge: str = "gy") -> str:
    """How a gateway is found again: `told_to` reads it. Raises `Malformed`."""
    return f"{edge}:{_identity(d.ORIGIN_HOST, host)};{_identity(d.ORIGIN_REALM, realm)}"


def told_to(word: str) -> tuple[str, str]:
    """The Origin-Host and Origin-Realm of a `notify_word`."""
    host, _, realm = word.partition(":")[2].partition(";")
    return host, realm


def _identity(code: int, octets: bytes) -> str:
    """A DiameterIdentity (RFC 6733, 4.3.1)."""
    text = octets.decode("ascii", errors="replace")
    if not 0 < len(text) <= LONGEST_IDENTITY or not set(text) <= _OF_IDENTITIES:
        raise Malformed(
            d.INVALID_AVP_VALUE, f"AVP {code} is no DiameterIdentity", avp(code, octets)
        )
    return text
