"""One table from error families to HTTP, and TMF630's error body.

A concrete error takes the status of its nearest ancestor in the table.
"""

from http import HTTPStatus
from typing import ClassVar

import falcon
import msgspec

from trunkline.kernel.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    TrunklineError,
    Unavailable,
)
from trunkline.platform.attempts import TooManyAttempts
from trunkline.platform.principals import InvalidToken, LacksScope, Unauthenticated


class TooLarge(Invalid):
    """The body is larger than the limit."""

    code = "tooLarge"


class UnsupportedMediaType(Invalid):
    code = "unsupportedMediaType"


class Stale(Conflict):
    """If-Match names a version that is no longer the present one (RFC 9110, section 13.1.1)."""

    code = "stale"


class UnknownReference(Invalid):
    """A body names something that does not exist."""

    code = "unknownReference"


class BadQuery(Invalid):
    """A query parameter that cannot be honoured; `path` names it."""

    code = "badQuery"


STATUSES: dict[type[TrunklineError], HTTPStatus] = {
    Invalid: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Stale: HTTPStatus.PRECONDITION_FAILED,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Refused: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
}


class ErrorBody(msgspec.Struct, tag_field="@type", tag="Error", rename="camel", omit_defaults=True):
    """TMF630 part 1, section on error handling. `path` is ours: the place in the input."""

    media_type: ClassVar[str] = "application/json;charset=utf-8"

    code: str
    reason: str
    message: str
    status: str
    path: str | None = None
    reference_error: str | None = None


def status_of(error: TrunklineError) -> HTTPStatus:
    """The status of the error's nearest ancestor in the table; 500 for a bare one."""
    for family in type(error).__mro__:
        if family in STATUSES:
            return STATUSES[family]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def body_of(error: TrunklineError) -> ErrorBody:
    status = status_of(error)
    return ErrorBody(
        code=error.code,
        reason=status.phrase,
        message=str(error),
        status=str(status.value),
        path=error.path,
    )


def answer(resp: falcon.Response, status: HTTPStatus, body: ErrorBody) -> None:
    resp.status = status
    resp.content_type = ErrorBody.media_type
    resp.data = msgspec.json.encode(body)


def on_refusal(
    _req: falcon.Request, resp: falcon.Response, error: TrunklineError, _params: object
) -> None:
    status = status_of(error)
    challenge = _challenge(error)
    if challenge is not None:
        resp.set_header("WWW-Authenticate", challenge)
    if isinstance(error, Unavailable):
        resp.set_header("Retry-After", str(error.fields.get("seconds", 1)))
    answer(resp, status, body_of(error))


def _challenge(error: TrunklineError) -> str | None:
    """RFC 6750, section 3."""
    match error:
        case InvalidToken():
            return f'Bearer error="invalid_token", error_description="{error.reason}"'
        case Unauthenticated():
            return "Bearer"
        case LacksScope(path=None) if "scope" in error.fields:
            return f'Bearer error="insufficient_scope", scope="{error.fields["scope"]}"'
    return None


def on_http_error(
    req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, _params: object
) -> None:
    """What the framework refuses by itself: an unknown path, a method that a path lacks."""
    status = HTTPStatus(error.status_code)
    if error.headers:
        resp.set_headers(error.headers)
    said = error.description or f"{req.method} {req.path}: {status.phrase}"
    answer(
        resp,
        status,
        ErrorBody(
            code=_camel(status.phrase), reason=status.phrase, message=said, status=str(status.value)
        ),
    )


def _camel(phrase: str) -> str:
    first, *rest = phrase.replace("-", " ").split()
    return first.lower() + "".join(word.capitalize() for word in rest)
