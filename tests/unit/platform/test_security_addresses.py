"""Whose address a request comes from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.kernel.errors import Invalid
from trunkline.platform.addresses import caller_address, parse_networks
from trunkline.platform.attempts import network
from trunkline.platform.principals import Principal, check_scopes, covers

PROXIES = parse_networks(["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"], "x")


@pytest.mark.parametrize(
    ("remote", "forwarded", "caller"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.7", "203.0.113.9"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, 192.0.2.1,10.9.9.9", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"),
        ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("10.0.0.1", "[2400::1]:4711", "2400::1"),
        ("2001:db8::1", "2400::1", "2400::1"),
        ("10.0.0.1", "nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", " , ,", "10.0.0.1"),
    ],
)
def test_forwarded_is_believed_as_far_as_those_who_wrote_it(
    remote: str, forwarded: str | None, caller: str
) -> None:
    assert caller_address(remote, forwarded, PROXIES) == caller


@given(st.text(max_size=60))
def test_no_header_makes_another_of_who_comes_without_a_proxy(forwarded: str) -> None:
    assert caller_address("203.0.113.9", forwarded, PROXIES) == "203.0.113.9"
    assert caller_address("10.0.0.1", forwarded, ()) == "10.0.0.1"


def test_networks_that_are_none() -> None:
    for text in ("", "10.0.0.1/8", "example.com", "10.0.0.0/33"):
        with pytest.raises(Invalid) as refused:
            parse_networks([text], "http.trusted_proxies")
        assert refused.value.path == "http.trusted_proxies"


def test_what_counts_as_one_address() -> None:
    assert network("192.0.2.7") == network("::ffff:192.0.2.7") == "192.0.2.7"
    assert network("2001:db8::1") == network("2001:db8::ffff") == "2001:db8::/64"
    assert network("2001:db8:0:1::1") != network("2001:db8::1")
    assert network("x" * 200) == "x" * 100


@pytest.mark.parametrize(
    ("held", "scope", "yes"),
    [
        ({"tmf620:read"}, "tmf620:read", True),
        ({"tmf620:read"}, "tmf620:write", False),
        ({"tmf620:read"}, "tmf620:*", False),
        ({"tmf620:*"}, "tmf620:write", True),
        ({"tmf620:*"}, "tmf620:*", True),
        ({"tmf620:*"}, "tmf622:read", False),
        ({"*:read"}, "tmf622:read", True),
        ({"*:read"}, "tmf622:write", False),
        ({"*:read"}, "*", False),
        ({"*:read"}, "tmf622:*", False),
        ({"*"}, "*", True),
        ({"*"}, "*:read", True),
        ({"tmf620:read", "tmf620:write"}, "*", False),
        (set(), "tmf620:read", False),
    ],
)
def test_what_a_scope_covers(held: set[str], scope: str, yes: bool) -> None:
    assert covers(held, scope) is yes
    assert Principal("x", frozenset(held)).may(scope) is yes


def test_scopes_that_are_none() -> None:
    assert check_scopes(["tmf620:read", "*", "*:read", "tmf620:read"], "x") == [
        "*", "*:read", "tmf620:read"
    ]  # fmt: skip
    for text in ("", "*:*", "tmf620", ":read", "tmf620:", "a b:c", "a:b:c", "tmf620:read\n"):
        with pytest.raises(Invalid):
            check_scopes([text], "x")
