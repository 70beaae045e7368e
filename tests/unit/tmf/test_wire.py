"""JSON in: bounds, and errors that name the place."""

from decimal import Decimal

import pytest

from trunkline.kernel.errors import Invalid
from trunkline.tmf import wire
from trunkline.tmf.wire import Moment, Wire


class Inner(Wire):
    count: int
    at: Moment | None = None


class Outer(Wire):
    first_name: str
    inner: tuple[Inner, ...] = ()


@pytest.mark.parametrize(
    ("body", "path", "reason"),
    [
        ("{", "$", "not JSON"),
        ("", "$", "not JSON"),
        ("NaN", "$", "not JSON"),
        ('{"firstName": "\\ud800"}', "$", "not JSON"),
        ("[" * 33 + "]" * 33, "$", "deeper"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "$", "deeper"),
        ("[" * 100_000, "$", "deeper"),
        ('{"a": ["y", "x\\u0000"]}', "a[1]", "NUL"),
        ('[{"x\\u0000": 1}]', "[0].x", "NUL"),
        ('{"a": {"b": 1e999}}', "a.b", "digits"),
        ('{"a": 1e-999999999}', "a", "digits"),
        ("1" * 5000, "$", "not JSON"),
    ],
)
def test_what_is_refused_as_json(body: str, path: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as caught:
        wire.decode(body.encode())
    assert caught.value.path == path


def test_not_utf_8() -> None:
    with pytest.raises(Invalid, match="not JSON"):
        wire.decode(b'{"a": "\xff"}')


def test_depth_and_escapes_within_bounds() -> None:
    assert wire.decode(b"[" * 32 + b"]" * 32)
    assert wire.decode(rb'["\\u0000"]') == ["\\u0000"]
    assert wire.decode(b"[" + b"[]," * 500 + b"[]]")
    assert wire.decode(b'{"price": 12.30}') == {"price": Decimal("12.30")}


@pytest.mark.parametrize(
    ("body", "path", "reason"),
    [
        ({}, "firstName", "is required"),
        ({"firstName": 1}, "firstName", "Expected str, got int"),
        ({"firstName": None}, "firstName", "Expected str, got null"),
        ({"firstName": "a", "inner": [{"count": 1}, {}]}, "inner[1].count", "is required"),
        ({"firstName": "a", "inner": {"count": 1}}, "inner", "Expected array"),
        ({"firstName": "a", "inner": [{"count": "1"}]}, "inner[0].count", "Expected int"),
        (
            {"firstName": "a", "inner": [{"count": 1, "at": "2026-01-01T00:00:00"}]},
            "inner[0].at",
            "timezone",
        ),
        ([], "$", "Expected object"),
    ],
)
def test_what_is_refused_by_the_form(body: object, path: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as caught:
        wire.convert(body, Outer)
    assert caught.value.path == path


def test_decimals_go_out_as_numbers() -> None:
    assert wire.encode({"value": Decimal("12.30")}) == b'{"value":12.30}'


def test_addresses_are_quoted() -> None:
    assert wire.href("/a", "x-1_y.z") == "/a/x-1_y.z"
    assert wire.href("/a", "x?#%é") == "/a/x%3F%23%25%C3%A9"
