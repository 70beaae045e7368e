"""The console over HTTP: who may pass, and how a page becomes an answer.

Every route but signing in and the static files needs a session. A POST carries the session's
CSRF token, in its form or in the X-CSRF-Token header, and comes from our own pages. Reading
takes the scope `console:read`, changing anything `console:write`, and beside these what the page
states: that of the API that shows or does the same. Pages load only what this server serves
(Content-Security-Policy).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit
from zoneinfo import ZoneInfo

import falcon
import msgspec

from trunkline.console.rendering import day, environment, instant
from trunkline.kernel.errors import Forbidden, Invalid
from trunkline.platform import security
from trunkline.platform.addresses import Network, caller_address
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database
from trunkline.platform.settings import ConsoleSettings

SESSION_COOKIE = "trunkline_session"
THEME_COOKIE = "trunkline_theme"
MOST_FORM = 64_000
"""Bytes."""
VERSION = version("trunkline")
READ, WRITE = "console:read", "console:write"

_FORM = "application/x-www-form-urlencoded"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        "object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Section(msgspec.Struct, frozen=True):
    """An entry of the navigation, for those who have the scope."""

    key: str
    title: str
    href: str
    icon: str
    scope: str = READ


NAVIGATION = (
    Section("today", "Today", "/console", "home"),
    Section("customers", "Customers", "/console/customers", "users", "tmf629:read"),
    Section("orders", "Orders", "/console/orders", "shopping-cart", "tmf622:read"),
    Section("vouchers", "Vouchers", "/console/vouchers", "ticket", "vouchers:read"),
)


class Notice(msgspec.Struct, frozen=True):
    """One line at the top of a page; `kind` is Tabler's: success, warning, danger."""

    kind: str
    text: str


_NOTICES = {
    "topped-up": Notice("success", "The top-up was received; it shows in the balance in a moment."),
    "order-cancelled": Notice("success", "The order is being cancelled."),
    "batch-decided": Notice("success", "The batch is decided."),
    "released": Notice("success", "They may try again."),
    "voucher-blocked": Notice("success", "The voucher is blocked."),
    "voucher-good": Notice("success", "The voucher is good again."),
    "task-retried": Notice("success", "The task is tried again."),
}
"""What a page may say of what was done before it: texts of ours, by name, in its address."""


class Console(msgspec.Struct, frozen=True):
    """What pages work with."""

    books: Database
    charging: Database
    clock: Clock
    operator: str
    zone: ZoneInfo
    country: str | None = None
    """ISO 3166-1 alpha-2: numbers may be typed as they are dialled there."""
    settings: ConsoleSettings = ConsoleSettings()
    trusted: tuple[Network, ...] = ()
    """Proxies whose X-Forwarded-For is believed."""

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
        return self.principal.name

    @property
    def address(self) -> str:
        """Where the request comes from."""
        forwarded = self.req.get_header("X-Forwarded-For")
        return caller_address(self.req.remote_addr, forwarded, self.console.trusted)

    @property
    def principal(self) -> security.Principal:
        assert self.session is not None, "the guard lets nobody through without a session"
        return security.Principal(self.session.user, self.session.scopes)

    def may(self, scope: str) -> bool:
        return self.session is not None and self.principal.may(scope)

    def query(self, name: str, default: str = "") -> str:
        """A query parameter, at most 200 characters of it, without what can't be printed."""
        return _printable(self.req.get_param(name) or default)[:200]

    def instant(self, value: datetime | None) -> str:
        """An instant in the operator's zone, for people."""
        return instant(value, self.console.zone)

    def day(self, value: datetime) -> str:
        """A day in the operator's zone, for people."""
        return day(value, self.console.zone)

    def page(self, resp: falcon.Response, template: str, section: str = "", **values: Any) -> None:
        """Answer with a page, in the console's frame where somebody is signed in."""
        session = self.session
        resp.content_type = falcon.MEDIA_HTML
        # Customers' data stays in no cache; the browser's "back" asks again.
        resp.cache_control = ["no-store"]
        resp.text = self._templates.get_template(template).render(
            operator=self.console.operator,
            time_zone=str(self.console.zone),
            version=VERSION,
            navigation=[each for each in NAVIGATION if self.may(each.scope)],
            section=section,
            theme=self.theme,
            path=self.req.relative_uri,
            now=self.now,
            csrf=session.csrf if session else "",
            user=session.user if session else "",
            may_see=self.may,
            may_do=lambda scope: self.may(WRITE) and self.may(scope),
            notice=_NOTICES.get(self.query("said")),
            **values,
        )

    def go(self, resp: falcon.Response, location: str, said: str = "") -> None:
        """Answer a POST: see `location`, which shows the notice named `said`."""
        assert not said or said in _NOTICES, said
        resp.status = falcon.HTTP_303
        resp.location = f"{location}?said={said}" if said else location


class Guard:
    """Middleware: makes the desk, lets nobody in without a session and its scopes, refuses
    what other sites' pages send."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._templates = environment(console.zone)

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        desk = req.context.desk = Desk(self._console, self._templates, req)
        token = req.cookies.get(SESSION_COOKIE)
        if token:
            with self._console.books.read() as r:
                desk.session = security.console_session(r, token, desk.now)

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: Any, _params: object
    ) -> None:
        """`resource.is_open`: for everybody; `resource.is_own`: about nothing but the one who
        asks."""
        desk: Desk = req.context.desk
        if req.method == "POST" and req.get_header("Sec-Fetch-Site") in ("cross-site", "same-site"):
            raise Forbidden("this form was sent by another site's page")
        if getattr(resource, "is_open", False):
            return
        if desk.session is None:
            _ask_to_sign_in(req, resp)
            return
        if req.method == "POST":
            given = req.get_header("X-CSRF-Token") or form(req).get("csrf", "")
            if not security.same_secret(given, desk.session.csrf):
                raise Forbidden("this form is out of date: open the page again")
        if not getattr(resource, "is_own", False):
            desk.principal.require(WRITE if req.method == "POST" else READ)
            scopes = getattr(resource, "scopes", {})
            if req.method in scopes:
                desk.principal.require(scopes[req.method])

    def process_response(
        self, _req: falcon.Request, resp: falcon.Response, _resource: object, _ok: bool
    ) -> None:
        for name, value in _HEADERS.items():
            resp.set_header(name, value)


def _ask_to_sign_in(req: falcon.Request, resp: falcon.Response) -> None:
    """To the sign-in page, and from there back to the page that was asked for; a form that
    was sent too late is not sent again."""
    resp.complete = True
    if current := req.get_header("HX-Current-URL"):
        # htmx would follow a redirect into the middle of its page: its own header leads the
        # whole page away.
        resp.status = falcon.HTTP_401
        parts = urlsplit(current)
        resp.set_header("HX-Redirect", _sign_in(f"{parts.path}?{parts.query}".rstrip("?")))
    else:
        resp.status = falcon.HTTP_303
        resp.location = _sign_in(req.relative_uri if req.method == "GET" else "")


def _sign_in(goal: str) -> str:
    return f"/console/sign-in?next={quote(goal)}" if goal else "/console/sign-in"


def form(req: falcon.Request) -> Mapping[str, str]:
    """The fields of a posted form, each once, without what can't be printed. Raises `Invalid`
    for what is no form, or more than a page of it."""
    known: Mapping[str, str] | None = getattr(req.context, "form", None)
    if known is not None:
        return known
    if not (req.content_type or _FORM).startswith(_FORM):
        raise Invalid(f"a form is sent as {_FORM}")
    if (req.content_length or 0) > MOST_FORM:
        raise Invalid("the form is too large")
    try:
        body = req.bounded_stream.read(MOST_FORM).decode()
        pairs = parse_qsl(body, keep_blank_values=True, errors="strict")
    except ValueError:
        raise Invalid("the form is not UTF-8") from None
    fields = req.context.form = {name: _printable(value) for name, value in pairs}
    return fields


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())
