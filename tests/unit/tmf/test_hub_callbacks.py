"""Where events may be sent."""

import pytest

from trunkline.kernel.errors import Invalid
from trunkline.tmf.hub import callbacks
from trunkline.tmf.hub.callbacks import CallbackRefused, CallbackRule

ANY = "0.0.0.0"  # noqa: S104 (nothing is bound to it)
NARROW = CallbackRule()
WIDE = CallbackRule(allow_private=True)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", ANY, "0.1.2.3", "10.0.0.1", "100.64.0.1",
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1",
        "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1",
        "2001:db8::1", "100::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
        "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a00:1::1",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",  # Teredo, its client 10.0.0.1
        "not an address", "",
    ],
)  # fmt: skip
def test_no_address_of_ours_is_sent_to(address: str) -> None:
    assert not NARROW.allows(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946",
     "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)  # fmt: skip
def test_the_public_internet_is(address: str) -> None:
    assert NARROW.allows(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "::ffff:127.0.0.1", "fd00::1"])
def test_settings_may_allow_all(address: str) -> None:
    assert WIDE.allows(address)


@pytest.mark.parametrize("address", ["224.0.0.1", "ff02::1", ANY, "::", "::ffff:0.0.0.0"])
def test_what_is_no_ones_address_never_is(address: str) -> None:
    assert not WIDE.allows(address)


def test_a_network_may_be_allowed_and_no_more() -> None:
    rule = CallbackRule.of(networks=["10.1.0.0/16", "fd00:1::/32"])
    allowed = ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "fd00:1::5"]
    assert all(map(rule.allows, allowed))
    assert not any(map(rule.allows, ["10.2.2.3", "127.0.0.1", "fd00:2::5"]))
    with pytest.raises(Invalid):
        CallbackRule.of(networks=["10.1.0.0/33"])


@pytest.mark.parametrize(
    "callback",
    [
        "http://127.0.0.1:9/x", "http://localhost/x", "http://LOCALHOST./", "http://127.1/",
        "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://[::1]:80/",
        "http://[::ffff:127.0.0.1]/", "https://169.254.169.254/latest/meta-data/", "http://0/",
    ],
)  # fmt: skip
def test_an_address_of_ours_is_refused_at_once_however_it_is_written(callback: str) -> None:
    with pytest.raises(CallbackRefused, match="allow_private") as refused:
        NARROW.check(callbacks.parse(callback))
    assert refused.value.path == "callback"
    if callback != "http://0/":
        WIDE.check(callbacks.parse(callback))


def test_a_name_that_nobody_knows_yet_is_taken() -> None:
    NARROW.check(callbacks.parse("https://no-such-host.invalid/events"))


@pytest.mark.parametrize(
    "callback",
    [
        "", "x", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
        "//example.com/", "http://", "http:///path", "http://user@example.com/",
        "http://user:secret@example.com/", "http://example.com@127.0.0.1/", "http://example.com#f",
        "http://example.com:0/", "http://example.com:99999/", "http://example.com:x/",
        "http://exa mple.com/", "http://example.com/\r\nX: y", "http://example.com\\@127.0.0.1/",
        "http://[::1/", "http://[zz]/", "http://éxample.com/", "http://" + "a" * 2000,
        "http://a_b~c/", "http://%31%32%37.0.0.1/",
    ],
)  # fmt: skip
def test_what_is_no_callback_is_refused(callback: str) -> None:
    with pytest.raises(Invalid) as refused:
        callbacks.parse(callback)
    assert refused.value.path == "callback"


@pytest.mark.parametrize(
    ("callback", "target"),
    [
        ("http://h", "/listener/productOrderCreateEvent"),
        ("http://h/", "/listener/productOrderCreateEvent"),
        ("http://h/a/b", "/a/b/listener/productOrderCreateEvent"),
        ("http://h/a/b/", "/a/b/listener/productOrderCreateEvent"),
        ("http://h/a/listener", "/a/listener/productOrderCreateEvent"),
        ("http://h/a/listener/", "/a/listener/productOrderCreateEvent"),
        ("http://h/listener/productOrderCreateEvent", "/listener/productOrderCreateEvent"),
        ("http://h/a?key=1", "/a/listener/productOrderCreateEvent?key=1"),
    ],
)
def test_events_go_to_the_listeners_folder(callback: str, target: str) -> None:
    parsed = callbacks.parse(callback)
    assert callbacks.target_of(parsed, "ProductOrderCreateEvent", exact=False) == target


def test_a_topics_listener_is_told_at_its_callback_itself() -> None:
    for callback, target in (
        ("http://h", "/"),
        ("http://h/a/", "/a/"),
        ("http://h/a?b=c", "/a?b=c"),
    ):
        assert callbacks.target_of(callbacks.parse(callback), "XEvent", exact=True) == target


def test_the_host_is_named_as_it_was_written() -> None:
    said = {
        "http://h:80/": "h", "http://h:81/": "h:81", "https://h:443": "h", "https://h:80": "h:80",
        "http://[::1]:8080/": "[::1]:8080",
    }  # fmt: skip
    for callback, authority in said.items():
        assert callbacks.parse(callback).authority == authority
