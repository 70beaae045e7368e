"""Merge patch and JSON Patch: RFC 7396's and RFC 6902's own examples, and what is refused."""

from typing import Any

import msgspec
import pytest

from trunkline.kernel.errors import Invalid
from trunkline.tmf import patch

MERGES = [  # RFC 7396, appendix A
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "change", "result"), MERGES)
def test_merge(target: Any, change: Any, result: Any) -> None:
    before = msgspec.json.encode(target)
    assert patch.merge(target, change) == result
    assert msgspec.json.encode(target) == before


def run(target: Any, *steps: dict[str, Any]) -> Any:
    return patch.apply(target, msgspec.convert(list(steps), list[patch.Operation]))


STEPS = [  # RFC 6902, appendix A
    ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "q"}, {"foo": "bar", "baz": "q"}),
    ({"foo": ["a", "b"]}, {"op": "add", "path": "/foo/1", "value": "q"}, {"foo": ["a", "q", "b"]}),
    ({"foo": ["a"]}, {"op": "add", "path": "/foo/-", "value": ["b"]}, {"foo": ["a", ["b"]]}),
    ({"baz": "q", "foo": "b"}, {"op": "remove", "path": "/baz"}, {"foo": "b"}),
    ({"foo": ["a", "q", "b"]}, {"op": "remove", "path": "/foo/1"}, {"foo": ["a", "b"]}),
    ({"baz": "q"}, {"op": "replace", "path": "/baz", "value": "boo"}, {"baz": "boo"}),
    ({"baz": ["q", "r"]}, {"op": "replace", "path": "/baz/0", "value": 1}, {"baz": [1, "r"]}),
    (
        {"foo": {"bar": "b", "waldo": "f"}, "qux": {}},
        {"op": "move", "from": "/foo/waldo", "path": "/qux/thud"},
        {"foo": {"bar": "b"}, "qux": {"thud": "f"}},
    ),
    ({"foo": [1, 2, 3]}, {"op": "move", "from": "/foo/0", "path": "/foo/2"}, {"foo": [2, 3, 1]}),
    ({"a": [1]}, {"op": "copy", "from": "/a", "path": "/b"}, {"a": [1], "b": [1]}),
    ({"baz": "q"}, {"op": "test", "path": "/baz", "value": "q"}, {"baz": "q"}),
    ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": 10}, {"/": 9, "~1": 10}),
    ({"a": 1}, {"op": "replace", "path": "", "value": {"b": 2}}, {"b": 2}),
    ({"a": 1}, {"op": "add", "path": "/b", "value": None}, {"a": 1, "b": None}),
]


@pytest.mark.parametrize(("target", "step", "result"), STEPS)
def test_one_step(target: Any, step: dict[str, Any], result: Any) -> None:
    assert run(target, step) == result


REFUSED = [
    ({"op": "add", "path": "/a/b", "value": 1}, "[0].path"),
    ({"op": "add", "path": "/list/5", "value": 1}, "[0].path"),
    ({"op": "add", "path": "/list/01", "value": 1}, "[0].path"),
    ({"op": "add", "path": "/list/x", "value": 1}, "[0].path"),
    ({"op": "add", "path": "/b"}, "[0].value"),
    ({"op": "remove", "path": "/b"}, "[0].path"),
    ({"op": "replace", "path": "/b", "value": 1}, "[0].path"),
    ({"op": "move", "path": "/b"}, "[0].from"),
    ({"op": "move", "from": "/b", "path": "/c"}, "[0].from"),
    ({"op": "move", "from": "/list", "path": "/list/0"}, "[0].from"),
    ({"op": "copy", "from": "b", "path": "/c"}, "[0].from"),
    ({"op": "shrug", "path": "/a"}, "[0].op"),
    ({"op": "test", "path": "/c", "value": 1}, "[0].path"),
]


@pytest.mark.parametrize(("step", "path"), REFUSED)
def test_refused_with_the_place(step: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as caught:
        run({"a": 1, "list": [1]}, step)
    assert caught.value.path == path


def test_all_or_nothing() -> None:
    target = {"a": 1, "list": [1]}
    with pytest.raises(patch.TestFailed):
        run(
            target,
            {"op": "add", "path": "/list/-", "value": 2},
            {"op": "replace", "path": "/a", "value": 2},
            {"op": "test", "path": "/a", "value": 1},
        )
    assert target == {"a": 1, "list": [1]}


def test_true_is_not_one() -> None:
    with pytest.raises(patch.TestFailed):
        run({"a": [{"b": True}]}, {"op": "test", "path": "/a", "value": [{"b": 1}]})


def test_copies_of_copies_stop_before_memory_does() -> None:
    doubling = [{"op": "copy", "from": "", "path": f"/a{i}"} for i in range(60)]
    with pytest.raises(Invalid, match="larger"):
        run({"a": "x" * 1000}, *doubling)


def test_as_many_operations_as_are_allowed() -> None:
    with pytest.raises(Invalid, match="at most"):
        run({}, *[{"op": "add", "path": "/a", "value": 1}] * 501)
