"""The form of values on the wire: typed JSON in and out, with errors that name the place."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import msgspec

from trunkline.kernel.errors import Invalid

MAX_DEPTH = 32
_MOST_DIGITS = 300

Timestamp = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""An instant on its way out, as `kernel.time.format_instant` writes it."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""An instant on its way in: RFC 3339, with an offset."""

Input = TypeVar("Input")


class Wire(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A JSON object. Attributes that have no value are absent, never null."""


class Entity(Wire, tag_field="@type", tag=True):
    """What every resource shows; its class's name is its `@type`."""

    id: str
    href: str


class Number(Decimal):
    """A JSON number on its way in, with all its digits; a text is none."""


def _number(kind: type, value: object) -> Number:
    if kind is Number and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Number(value)
    raise ValueError(f"Expected number, got {type(value).__name__}")


def _text(value: object) -> str:
    """Ids are texts of a class of their own, which the encoder doesn't know."""
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no wire form")


_encoder = msgspec.json.Encoder(enc_hook=_text, decimal_format="number")
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_AT = re.compile(r" - at `(?:key in )?\$([^`]*)`$")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")


def encode(value: object) -> bytes:
    return _encoder.encode(value)


def plain(value: object) -> Any:
    """`value` as its JSON is read back: dicts, lists, scalars; numbers with a fraction are
    decimals."""
    return _decoder.decode(_encoder.encode(value))


def href(path: str, id: str) -> str:  # noqa: A002 (the attribute's name)
    """The address of the resource with this id, in the collection at `path`."""
    return f"{path}/{quote(id, safe='~:@!$&()*+,;=')}"


def ident(answer: Any) -> str:
    """The id of a wire form."""
    found: str = answer["id"] if isinstance(answer, dict) else answer.id
    return found


def decode(raw: bytes) -> Any:
    """A JSON body as plain values. Raises `Invalid` for what is no JSON, is nested deeper than
    `MAX_DEPTH`, or holds what no database keeps: a NUL, a number without end."""
    try:
        value = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"the body is not JSON: {error}", path="$") from None
    except RecursionError:
        raise Invalid(f"the body is nested deeper than {MAX_DEPTH}", path="$") from None
    try:
        _check(value)
    except Invalid as error:
        error.path = error.path or "$"
        raise
    return value


def convert(value: Any, form: type[Input]) -> Input:
    """Plain values as a typed form. Raises `Invalid` naming the path."""
    try:
        return msgspec.convert(value, form, dec_hook=_number)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None


def _invalid(said: str) -> Invalid:
    at = _AT.search(said)
    path = at.group(1).lstrip(".") if at else ""
    reason = said[: at.start()] if at else said
    missing = _MISSING.match(reason)
    if missing:
        path = f"{path}.{missing.group(1)}" if path else missing.group(1)
        reason = "is required"
    return Invalid(reason.replace("`", ""), path=path or "$")


def _check(value: Any, depth: int = 0) -> None:
    """Refuses what some database can't keep."""
    if isinstance(value, str):
        if "\0" in value:
            raise Invalid("a text holds a NUL")
    elif isinstance(value, Decimal):
        if abs(value.adjusted()) > _MOST_DIGITS or len(value.as_tuple().digits) > _MOST_DIGITS:
            raise Invalid(f"a number has more than {_MOST_DIGITS} digits")
    elif isinstance(value, dict | list):
        if depth == MAX_DEPTH:
            raise Invalid(f"the body is nested deeper than {MAX_DEPTH}", path="$")
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        for name, each in inside:
            try:
                _check(name, depth)
                _check(each, depth + 1)
            except Invalid as error:
                error.path = _joined(f"[{name}]" if isinstance(name, int) else name, error.path)
                raise


def _joined(outer: str, inner: str | None) -> str:
    if inner is None:
        return outer.replace("\0", "")
    if inner == "$":
        return inner
    return f"{outer}{inner}" if inner.startswith("[") else f"{outer}.{inner}"
