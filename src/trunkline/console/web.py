"""The console over HTTP: routes, who may pass, and how a page becomes an answer.

Every route but signing in and the static files needs a session. A POST carries the session's
CSRF token, in its form or in the X-CSRF-Token header. Pages load only what this server serves
(Content-Security-Policy).
"""

import mimetypes
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import falcon
import msgspec
import structlog

from trunkline.console.rendering import environment, instant
from trunkline.kernel.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    TrunklineError,
    Unavailable,
)
from trunkline.platform import security
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database
from trunkline.platform.settings import ConsoleSettings

log = structlog.get_logger(__name__)

SESSION_COOKIE = "trunkline_session"
THEME_COOKIE = "trunkline_theme"
MOST_FORM = 64_000

_STATUS: tuple[tuple[type[TrunklineError], HTTPStatus], ...] = (
    (Invalid, HTTPStatus.BAD_REQUEST),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (Refused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Section(msgspec.Struct, frozen=True):
    """An entry of the navigation."""

    key: str
    title: str
    href: str
    icon: str


NAVIGATION = (
    Section("today", "Today", "/console", "home"),
    Section("customers", "Customers", "/console/customers", "users"),
    Section("orders", "Orders", "/console/orders", "shopping-cart"),
)


class Notice(msgspec.Struct, frozen=True):
    """One line at the top of a page; `kind` is Tabler's: success, warning, danger."""

    kind: str
    text: str


class Console(msgspec.Struct, frozen=True):
    """What pages work with."""

    books: Database
    charging: Database
    clock: Clock
    operator: str
    zone: ZoneInfo
    settings: ConsoleSettings = ConsoleSettings()

    @property
    def session_length(self) -> timedelta:
        return timedelta(hours=self.settings.session_hours)


class Desk:
    """One request's side of the page: who asks, what was sent, and the ways to answer."""

    def __init__(self, console: Console, templates: Any, req: falcon.Request) -> None:
        self.console = console
        self.now = console.clock.now()
        self.req = req
        self.session: security.ConsoleSession | None = None
        self._templates = templates

    @property
    def theme(self) -> str:
        return "dark" if self.req.cookies.get(THEME_COOKIE) == "dark" else "light"

    @property
    def user(self) -> str:
        assert self.session is not None, "the guard lets nobody through without a session"
        return self.session.user

    def query(self, name: str, default: str = "") -> str:
        """A query parameter, at most 200 characters of it."""
        return (self.req.get_param(name) or default)[:200]

    def instant(self, value: datetime | None) -> str:
        """An instant in the operator's zone, for people."""
        return instant(value, self.console.zone)

    def page(self, resp: falcon.Response, template: str, section: str = "", **values: Any) -> None:
        """Answer with a page in the console's frame."""
        session = self.session
        resp.content_type = falcon.MEDIA_HTML
        resp.text = self._templates.get_template(template).render(
            operator=self.console.operator,
            time_zone=str(self.console.zone),
            version=version("trunkline"),
            navigation=NAVIGATION,
            section=section,
            theme=self.theme,
            path=self.req.relative_uri,
            now=self.now,
            csrf=session.csrf if session else "",
            user=session.user if session else "",
            notice=values.pop("notice", self._notice()),
            **values,
        )

    def _notice(self) -> Notice | None:
        """What the page before said by way of its redirect; the texts are ours, by name."""
        return _NOTICES.get(self.query("said"))

    def go(self, resp: falcon.Response, location: str, said: str = "") -> None:
        """Answer a POST: see `location`, which shows the notice named `said`."""
        assert not said or said in _NOTICES, said
        resp.status = HTTPStatus.SEE_OTHER
        resp.location = f"{location}?said={said}" if said else location


_NOTICES = {
    "topped-up": Notice("success", "The top-up is on its way: it shows in the balance at once."),
    "order-cancelled": Notice("success", "The order is being cancelled."),
    "task-retried": Notice("success", "The task is tried again."),
}


class Guard:
    """Middleware: makes the desk, lets nobody in without a session, checks the CSRF token."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._templates = environment(console.zone)

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: Any, _params: object
    ) -> None:
        desk = req.context.desk = Desk(self._console, self._templates, req)
        if getattr(resource, "is_open", False):
            return
        token = req.cookies.get(SESSION_COOKIE)
        if token:
            with self._console.books.read() as r:
                desk.session = security.console_session(r, token, desk.now)
        if desk.session is None:
            resp.complete = True
            if req.get_header("HX-Request"):
                # htmx follows redirects silently into the page's middle; this goes to the top.
                resp.status = HTTPStatus.UNAUTHORIZED
                resp.set_header("HX-Redirect", "/console/sign-in")
            else:
                resp.status = HTTPStatus.SEE_OTHER
                resp.location = f"/console/sign-in?next={quote(req.relative_uri)}"
        elif req.method == "POST":
            given = req.get_header("X-CSRF-Token") or form(req).get("csrf", "")
            if not security.same_secret(given, desk.session.csrf):
                raise Forbidden("this form is out of date: open the page again")

    def process_response(
        self, _req: falcon.Request, resp: falcon.Response, _resource: object, _ok: bool
    ) -> None:
        for name, value in _HEADERS.items():
            resp.set_header(name, value)


def form(req: falcon.Request) -> Mapping[str, str]:
    """The fields of a posted form; `Invalid` for more than a page of it."""
    known: Mapping[str, str] | None = getattr(req.context, "form", None)
    if known is not None:
        return known
    if (req.content_length or 0) > MOST_FORM:
        raise Invalid("the form is too large")
    fields: dict[str, str] = {}
    for name, value in (req.get_media({}) or {}).items():
        fields[name] = value if isinstance(value, str) else value[0]
    req.context.form = fields
    return fields


class Home:
    """The server's root leads to the console."""

    is_open = True

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.status = HTTPStatus.SEE_OTHER
        resp.location = "/console"


class StaticFiles:
    """What pages load: read once, with a tag for the browser's cache."""

    is_open = True

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def on_get(self, _req: falcon.Request, resp: falcon.Response, path: str) -> None:
        file = (self._root / path).resolve()
        if not file.is_relative_to(self._root) or not file.is_file():
            raise NotFound("there is no such file")
        resp.content_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        resp.set_header("Cache-Control", "public, max-age=3600")
        resp.data = file.read_bytes()


def refused(
    req: falcon.Request, resp: falcon.Response, error: TrunklineError, _params: object
) -> None:
    """One of our own errors becomes a page that says what is wrong."""
    status = next(code for family, code in _STATUS if isinstance(error, family))
    resp.status = status
    desk: Desk | None = getattr(req.context, "desk", None)
    if desk is None or desk.session is None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = str(error)
    else:
        desk.page(resp, "error.html", heading=status.phrase, text=str(error), notice=None)


def unexpected(
    req: falcon.Request, resp: falcon.Response, error: Exception, _params: object
) -> None:
    """Our own fault: logged with its trace, answered without it."""
    log.error("console page failed", path=req.path, exc_info=error)
    resp.status = HTTPStatus.INTERNAL_SERVER_ERROR
    resp.content_type = falcon.MEDIA_TEXT
    resp.text = "Something went wrong here. It has been logged."
