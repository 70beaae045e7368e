"""Merge patch (RFC 7396) and JSON Patch (RFC 6902), on plain JSON values."""

import copy
from typing import Any

import msgspec

from trunkline.kernel.errors import Conflict, Invalid

_MAX_OPERATIONS = 500
_MAX_COPIED = 1_000_000


class TestFailed(Conflict):
    """A `test` of a JSON Patch doesn't hold (RFC 6902, section 4.6)."""

    code = "testFailed"
    __test__ = False


class Operation(msgspec.Struct, rename={"from_": "from"}):
    """One step of a JSON Patch."""

    op: str
    path: str
    from_: str | None = None
    value: Any = msgspec.UNSET


def merge(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2; `target` stays as it is."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def apply(target: Any, operations: list[Operation]) -> Any:
    """All operations or none; `target` stays as it is. Raises `Invalid` for what can't be
    done, naming the operation, and `TestFailed`."""
    if len(operations) > _MAX_OPERATIONS:
        raise Invalid(f"a patch has at most {_MAX_OPERATIONS} operations")
    document = copy.deepcopy(target)
    for i, operation in enumerate(operations):
        try:
            document = _step(document, operation)
        except Invalid as error:
            raise Invalid(error.reason, path=f"[{i}].{error.path or 'path'}") from None
        except TestFailed as error:
            raise TestFailed(error.reason, path=f"[{i}].value") from None
    return document


def _step(document: Any, operation: Operation) -> Any:
    path = _pointer(operation.path, "path")
    match operation.op:
        case "add":
            return _add(document, path, _value(operation))
        case "remove":
            return _remove(document, path)
        case "replace":
            _get(document, path)
            return (
                _add(_remove(document, path), path, _value(operation))
                if path
                else _value(operation)
            )
        case "move":
            source = _pointer(operation.from_, "from")
            if path[: len(source)] == source and path != source:
                raise Invalid("a value can't move into itself", path="from")
            value = _get(document, source, "from")
            return _add(_remove(document, source), path, value)
        case "copy":
            value = _get(document, _pointer(operation.from_, "from"), "from")
            document = _add(document, path, copy.deepcopy(value))
            if len(msgspec.json.encode(document)) > _MAX_COPIED:
                raise Invalid(f"copies make the document larger than {_MAX_COPIED} bytes")
            return document
        case "test":
            if not _equal(_get(document, path), _value(operation)):
                raise TestFailed(f"{operation.path} is not the tested value")
            return document
    raise Invalid(f"{operation.op[:20]!r} is not an operation of RFC 6902", path="op")


def _equal(one: Any, other: Any) -> bool:
    """Equality of JSON (RFC 6902, section 4.6): true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    return bool(one == other)


def _value(operation: Operation) -> Any:
    if operation.value is msgspec.UNSET:
        raise Invalid(f"{operation.op} needs a value", path="value")
    return operation.value


def _pointer(text: str | None, name: str) -> list[str]:
    """A JSON Pointer (RFC 6901) as its steps."""
    if text is None:
        raise Invalid("is missing", path=name)
    if text and not text.startswith("/"):
        raise Invalid(f"{text[:40]!r} is not a JSON Pointer", path=name)
    return [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]]


def _missing(step: str, name: str) -> Invalid:
    return Invalid(f"{step[:40]!r} is not there", path=name)


def _index(step: str, size: int, name: str) -> int:
    if not (step.isascii() and step.isdigit()) or (len(step) > 1 and step[0] == "0"):
        raise Invalid(f"{step[:40]!r} is not an index", path=name)
    if len(step) > 9 or int(step) >= size:
        raise _missing(step, name)
    return int(step)


def _get(document: Any, path: list[str], name: str = "path") -> Any:
    for step in path:
        if isinstance(document, list):
            document = document[_index(step, len(document), name)]
        elif isinstance(document, dict) and step in document:
            document = document[step]
        else:
            raise _missing(step, name)
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        at = len(parent) if last == "-" else _index(last, len(parent) + 1, "path")
        parent.insert(at, value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise _missing(last, "path")
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        return None
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        del parent[_index(last, len(parent), "path")]
    elif isinstance(parent, dict) and last in parent:
        del parent[last]
    else:
        raise _missing(last, "path")
    return document
