"""Signing in and out, and the choice of colours."""

import falcon

from trunkline.console.web import SESSION_COOKIE, THEME_COOKIE, Console, Desk, form
from trunkline.kernel.errors import Forbidden, Unavailable
from trunkline.platform import security

HOME = "/console"


class Home:
    """The server's root leads to the console."""

    is_open = True

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.status = falcon.HTTP_303
        resp.location = HOME


class SignIn:
    """The one page that anybody may see."""

    is_open = True

    def __init__(self, console: Console) -> None:
        self._console = console

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._ask(req.context.desk, resp, goal=req.context.desk.query("next"))

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        desk: Desk = req.context.desk
        fields = form(req)
        name, goal = fields.get("name", "")[:100], fields.get("next", "")
        try:
            token, session = security.sign_in(
                self._console.books,
                name=name,
                secret=fields.get("secret", "")[:200],
                address=desk.address,
                now=desk.now,
                length=self._console.session_length,
            )
        except (security.Unauthenticated, Unavailable) as error:
            resp.status = _status_of(error)
            if isinstance(error, security.TooManyAttempts):
                resp.retry_after = error.seconds
            self._ask(desk, resp, goal=goal, name=name, error=error.reason)
            return
        resp.set_cookie(
            SESSION_COOKIE,
            token,
            path=HOME,
            secure=self._console.settings.secure_cookies,
            http_only=True,
            same_site="Strict",
            expires=session.expires_at,
        )
        desk.go(resp, _within(goal))

    def _ask(
        self, desk: Desk, resp: falcon.Response, *, goal: str, name: str = "", error: str = ""
    ) -> None:
        desk.page(resp, "sign_in.html", next=_within(goal), name=name, error=error)


def _status_of(error: Forbidden | Unavailable) -> str:
    match error:
        case security.TooManyAttempts():
            return falcon.HTTP_429
        case Unavailable():
            return falcon.HTTP_503
    return falcon.HTTP_401


class SignOut:
    is_own = True

    def __init__(self, console: Console) -> None:
        self._console = console

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        with self._console.books.transaction() as tx:
            security.sign_out(tx, req.cookies[SESSION_COOKIE], req.context.desk.now)
        resp.unset_cookie(SESSION_COOKIE, path=HOME)
        req.context.desk.go(resp, "/console/sign-in")


class Theme:
    """Light or dark, kept in a cookie of this browser."""

    is_own = True

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        fields = form(req)
        theme = "dark" if fields.get("theme") == "dark" else "light"
        resp.set_cookie(
            THEME_COOKIE, theme, path=HOME, max_age=31_536_000, secure=False, same_site="Lax"
        )
        req.context.desk.go(resp, _within(fields.get("back", "")))


def _within(goal: str) -> str:
    """`goal` where it is a page of the console, otherwise Today: nobody is sent elsewhere."""
    inside = goal == HOME or goal.startswith((f"{HOME}/", f"{HOME}?"))
    return goal if inside and "\\" not in goal and goal.isprintable() else HOME
