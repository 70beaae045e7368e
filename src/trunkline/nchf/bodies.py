"""The body of a request, within bounds."""

from falcon.asgi import Request

from trunkline.nchf.problems import Problem

LARGEST = 1_000_000
"""Octets."""


async def body_of(req: Request) -> bytes:
    """Raises `Problem` for one that is too large or isn't JSON by its type."""
    kind = req.content_type
    if kind is not None and kind != "application/json":
        essence = kind.partition(";")[0].strip().lower()
        if essence != "application/json" and not essence.endswith("+json"):
            raise Problem(415, "INVALID_MSG_FORMAT", "the body must be application/json")
    if (req.content_length or 0) > LARGEST:
        raise _too_large()
    body: bytes = await req.stream.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise _too_large()
    return body


def _too_large() -> Problem:
    return Problem(413, "INCORRECT_LENGTH", f"the body has more than {LARGEST:,} octets")
