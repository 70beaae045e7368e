"""What went wrong, as a page: our own errors, HTTP's, and our faults."""

from typing import Any

import falcon
import structlog

from trunkline.console.rendering import sentence
from trunkline.kernel.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    TrunklineError,
    Unavailable,
)

log = structlog.get_logger(__name__)

_STATUS: tuple[tuple[type[TrunklineError], str, str], ...] = (
    (Invalid, falcon.HTTP_400, "That can't be right"),
    (NotFound, falcon.HTTP_404, "Not found"),
    (Conflict, falcon.HTTP_409, "Not any more"),
    (Refused, falcon.HTTP_422, "Not possible"),
    (Forbidden, falcon.HTTP_403, "Not allowed"),
    (Unavailable, falcon.HTTP_503, "Not available now"),
    (TrunklineError, falcon.HTTP_400, "Not possible"),
)


def add_handlers(app: falcon.App[Any, Any]) -> None:
    """An error never becomes a traceback."""
    app.add_error_handler(Exception, _unexpected)
    app.add_error_handler(falcon.HTTPError, _transport)
    app.add_error_handler(TrunklineError, _refused)


def _refused(
    req: falcon.Request, resp: falcon.Response, error: TrunklineError, _params: object
) -> None:
    """One of our own errors says what is wrong."""
    status, heading = next(
        (status, heading) for family, status, heading in _STATUS if isinstance(error, family)
    )
    _answer(req, resp, status, heading, str(error))


def _transport(
    req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, _params: object
) -> None:
    """No such route, no such method."""
    if error.headers:
        resp.set_headers(error.headers)
    missing = error.status_code == falcon.http_status_to_code(falcon.HTTP_404)
    text = "there is no such page" if missing else error.title or "this can't be done here"
    _answer(
        req,
        resp,
        falcon.code_to_http_status(error.status),
        "Not found" if missing else "Not possible",
        text,
    )


def _unexpected(
    req: falcon.Request, resp: falcon.Response, error: Exception, _params: object
) -> None:
    """Our own fault: logged with its trace, answered without it."""
    log.error("console page failed", path=req.path, exc_info=error)
    text = "It has been logged; what you did was not done."
    _answer(req, resp, falcon.HTTP_500, "Something went wrong here", text)


def _answer(
    req: falcon.Request, resp: falcon.Response, status: str, heading: str, text: str
) -> None:
    resp.complete = True
    resp.status = status
    resp.data = None
    desk = getattr(req.context, "desk", None)
    if desk is None or req.get_header("HX-Request"):
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = sentence(text)
    else:
        desk.page(resp, "problem.html", heading=heading, text=sentence(text))
