"""Where events may be sent: callbacks and the addresses behind them.

A callback is a URL that a client chose; who could make us send to any address would see our
network through our eyes. So the addresses of a callback's host are looked at when it is
registered and again at each delivery, and the connection goes to the very address that was
looked at: a name that resolves differently a moment later gains nothing.
"""

import contextlib
import ipaddress
import re
import socket
import threading
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from trunkline.kernel.errors import Invalid, Refused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_CALLBACK = 2000
PATIENCE = 2.0
"""Seconds for which a registration waits for a name's addresses."""
_PRINTABLE = re.compile(r"[!-~]+")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_ENDS_AT_EVENT = re.compile(r"/listener/[A-Za-z]+Event$")
_PORTS = {"http": 80, "https": 443}

# Where an IPv6 address stands for an IPv4 one (RFC 4291, 2765, 6052, 8215, 3056, 4380).
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_TRANSLATED = ipaddress.IPv6Network("::ffff:0:0:0/96")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
_6TO4 = ipaddress.IPv6Network("2002::/16")
_TEREDO = ipaddress.IPv6Network("2001::/32")


class InvalidCallback(Invalid):
    code = "invalidCallback"


class CallbackRefused(Refused):
    """Settings don't allow to send there."""

    code = "callbackRefused"


class Callback(msgspec.Struct, frozen=True):
    """A callback's parts; `host` has no brackets."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def at(self, path: str) -> str:
        return f"{path}?{self.query}" if self.query else path or "/"


def parse(text: str, *, path: str = "callback") -> Callback:
    """A callback as a client gives it. Raises `InvalidCallback` naming `path`."""

    def wrong(reason: str) -> InvalidCallback:
        return InvalidCallback(reason, path=path)

    if not text or len(text) > MAX_CALLBACK or _PRINTABLE.fullmatch(text) is None or "\\" in text:
        raise wrong(f"must be a URL of at most {MAX_CALLBACK} printable ASCII characters")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise wrong("is no URL") from None
    if parts.scheme not in _PORTS:
        raise wrong("must begin with http:// or https://")
    if "@" in parts.netloc:
        raise wrong("must hold no user and no password")
    if parts.fragment or "#" in text:
        raise wrong("must have no fragment")
    host = (parts.hostname or "").rstrip(".")
    if not host or len(host) > 253 or _HOST.fullmatch(host) is None or port == 0:
        raise wrong("names no host that can be sent to")
    return Callback(parts.scheme, host, port or _PORTS[parts.scheme], parts.path, parts.query)


def target_of(callback: Callback, event_type: str, *, exact: bool) -> str:
    """Where on its host an event is POSTed: `{callback}/listener/{eventName}`, as the APIs'
    documents have it, with the event's name in lower camel case. A callback that ends in
    `/listener` is that folder already; one that ends in `/listener/...Event` is meant as it
    is, and so are those of topics (`exact`), which TMF688 calls the URI that is POSTed to."""
    base = callback.path.rstrip("/")
    if exact or _ENDS_AT_EVENT.search(base):
        return callback.at(callback.path or "/")
    folder = base if base.endswith("/listener") else f"{base}/listener"
    return callback.at(f"{folder}/{event_type[:1].lower()}{event_type[1:]}")


class CallbackRule(msgspec.Struct, frozen=True):
    """Which addresses may be sent to: those of the public internet, the `networks`, and all
    where `allow_private`."""

    allow_private: bool = False
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, *, allow_private: bool = False, networks: Iterable[str] = ()) -> "CallbackRule":
        """Raises `Invalid` for what is no network."""
        try:
            parsed = tuple(ipaddress.ip_network(each) for each in networks)
        except ValueError as error:
            raise Invalid(str(error)) from None
        return cls(allow_private, parsed)

    def allows(self, address: str) -> bool:
        """Whether this address, as the system writes it, may be sent to."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        forms = _forms(found)
        if any(each in network for network in self.networks for each in (found, *forms)):
            return True
        if any(each.is_multicast or each.is_unspecified for each in forms):
            return False
        return self.allow_private or all(map(_is_public, forms))

    def check(self, callback: Callback, *, path: str = "callback") -> None:
        """Refuses what can't be sent to as things stand. A name that doesn't resolve (in time)
        is taken: it is looked at again when there is something to send. Raises
        `CallbackRefused`."""
        addresses = _resolve_soon(callback.host, callback.port)
        if addresses and not any(map(self.allows, addresses)):
            raise self.refusal(callback.host, path=path)

    def refusal(self, host: str, *, path: str | None = None) -> CallbackRefused:
        return CallbackRefused(
            f"{host[:100]} is no address of the public internet, and [hub] allow_private and "
            "allow_networks don't allow it",
            path=path,
        )


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system finds them; it may take its time. Raises
    `OSError`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a label of more than 63 characters
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def _resolve_soon(host: str, port: int) -> list[str]:
    """The same within `PATIENCE`; none where it fails or takes longer."""
    found: list[str] = []

    def look() -> None:
        with contextlib.suppress(OSError):
            found.extend(resolve(host, port))

    looking = threading.Thread(target=look, name="resolve-callback", daemon=True)
    looking.start()
    looking.join(PATIENCE)
    return [] if looking.is_alive() else found


def _is_public(address: Address) -> bool:
    return address.is_global and not (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or getattr(address, "is_site_local", False)
    )


def _forms(address: Address) -> list[Address]:
    """What is reached through this address: an IPv6 one may stand for an IPv4 one, or be turned
    into one on its way."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    number = int(address)
    if any(address in network for network in (_MAPPED, _TRANSLATED, _NAT64, _LOCAL_NAT64)):
        return [ipaddress.IPv4Address(number & 0xFFFFFFFF)]
    if address in _6TO4:
        return [address, ipaddress.IPv4Address(number >> 80 & 0xFFFFFFFF)]
    if address in _TEREDO:
        server, client = number >> 64 & 0xFFFFFFFF, ~number & 0xFFFFFFFF
        return [address, ipaddress.IPv4Address(server), ipaddress.IPv4Address(client)]
    return [address]
