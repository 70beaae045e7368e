"""Whose address a request comes from, behind proxies."""

import ipaddress
from collections.abc import Sequence

from trunkline.kernel.errors import Invalid

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_networks(texts: Sequence[str], path: str) -> tuple[Network, ...]:
    """Addresses (10.0.0.7) and networks (10.0.0.0/8). Raises `Invalid`."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError:
            raise Invalid(f"{text[:60]!r} is no IP address or network", path=path) from None
    return tuple(found)


def caller_address(remote: str, forwarded: str | None, trusted: Sequence[Network]) -> str:
    """The address of who asked. `forwarded` is X-Forwarded-For, to which each proxy adds who
    asked it: it is read from its end, for as long as those who wrote it are `trusted`."""
    hops = [each.strip() for each in (forwarded or "").split(",") if each.strip()]
    address = remote
    while hops and _is_among(address, trusted):
        candidate = _without_port(hops.pop())
        if candidate is None:
            break
        address = candidate
    return address


def _is_among(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


def _without_port(text: str) -> str | None:
    """`1.2.3.4`, `1.2.3.4:567`, `2001:db8::1`, `[2001:db8::1]:567`; None for anything else."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
