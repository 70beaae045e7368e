"""Refusals, as ProblemDetails (RFC 9457) with the causes of TS 29.500 and TS 32.291."""

import re
from typing import Any

import msgspec

from trunkline.charging import Result
from trunkline.kernel.errors import Invalid

MEDIA_TYPE = "application/problem+json"
UNREADABLE = "INVALID_MSG_FORMAT"

_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Problem(Exception):
    """A request that is refused: `status` is HTTP's, `cause` the application's. `invalid`
    names attributes by JSON pointer, with what is wrong with each."""

    def __init__(
        self,
        status: int,
        cause: str,
        detail: str,
        invalid: tuple[tuple[str, str], ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(f"{status} {cause}: {detail}")
        self.status = status
        self.cause = cause
        self.detail = detail
        self.invalid = invalid
        self.headers = headers

    def encode(self) -> bytes:
        document: dict[str, Any] = {
            "status": self.status,
            "title": _TITLES.get(self.status, "Error"),
            "cause": self.cause,
            "detail": self.detail,
        }
        if self.invalid:
            document["invalidParams"] = [
                {"param": param, "reason": reason} for param, reason in self.invalid
            ]
        return msgspec.json.encode(document)


REFUSALS = {
    Result.UNKNOWN_SUBSCRIBER: (404, "USER_UNKNOWN", "nobody is charged under this identity"),
    Result.UNKNOWN_SESSION: (404, "CONTEXT_NOT_FOUND", "there is no such charging session"),
    Result.CREDIT_LIMIT: (403, "QUOTA_LIMIT_REACHED", "the account can't pay for it"),
    Result.DENIED: (403, "END_USER_REQUEST_DENIED", "the account is barred or closed"),
    Result.RATING_FAILED: (400, "CHARGING_FAILED", "the tariff has no price for it"),
    Result.INVALID: (400, "CHARGING_FAILED", "the request contradicts itself"),
    Result.FAILED: (500, "SYSTEM_FAILURE", "this request could not be computed"),
}
"""How each `Result` of a whole request is told (TS 32.291, table 6.1.7.3-1; TS 29.500, table
5.2.7.2-1)."""


def refused(result: Result) -> Problem:
    return Problem(*REFUSALS[result])


def congested(detail: str) -> Problem:
    return Problem(503, "NF_CONGESTION", detail, headers=(("retry-after", "1"),))


_PLACE = re.compile(r"^(.*) - at `(?:key in )?\$(.*)`$", re.DOTALL)
_MISSING = re.compile(r"missing required field `(.+)`")


def undecodable(fault: Exception) -> Problem:
    """What msgspec found wrong with a body."""
    if not isinstance(fault, msgspec.ValidationError):
        return Problem(400, UNREADABLE, "the body is no JSON that could be read")
    text = str(fault)
    match = _PLACE.match(text)
    reason, place = (match[1], match[2]) if match else (text, "")
    pointer = place.replace("[...]", "/-").replace("[", "/").replace("]", "").replace(".", "/")
    if absent := _MISSING.search(reason):
        return Problem(
            400,
            "MANDATORY_IE_MISSING",
            f"{pointer}/{absent[1]} is missing",
            ((f"{pointer}/{absent[1]}", "is missing"),),
        )
    mandatory = pointer in ("/invocationTimeStamp", "/invocationSequenceNumber", "") or (
        pointer.startswith("/nfConsumerIdentification")
    )
    cause = "MANDATORY_IE_INCORRECT" if mandatory else "OPTIONAL_IE_INCORRECT"
    return Problem(400, cause, f"{pointer or 'the body'}: {reason}", ((pointer, reason),))


def invalid(fault: Invalid, pointer: str) -> Problem:
    return Problem(
        400, "OPTIONAL_IE_INCORRECT", f"{pointer}: {fault.reason}", ((pointer, fault.reason),)
    )
