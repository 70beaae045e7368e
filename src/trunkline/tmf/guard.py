"""Who passes: the scopes that routes state, held against those of whoever calls."""

import time
from typing import Any

import falcon

from trunkline.platform import api_keys, tokens
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database
from trunkline.platform.principals import LacksScope, Principal, Unauthenticated
from trunkline.tmf.access import ClosedToSubscribers

REMEMBER = 1.0
"""Seconds for which an edge process believes a key or a token that it has just looked up."""
_MOST_REMEMBERED = 10_000


class Guard:
    """Middleware that lets nobody pass without the scope that the route states for the method.
    A route says `scopes = {"GET": "tmf620:read"}`, or `is_open = True`; what says neither is
    closed to all. A caller that is bound to a customer passes only where `for_bound` names the
    method too. Leaves the `Principal` in `req.context.caller`. A key or a token that was good
    is taken for good for `remember` seconds more."""

    def __init__(
        self, books: Database, clock: Clock, *, issuer: str = "", remember: float = REMEMBER
    ) -> None:
        self._books = books
        self._clock = clock
        self._issuer = issuer
        self._remember = remember
        self._known: dict[str, tuple[float, Principal]] = {}

    def process_resource(
        self, req: falcon.Request, _resp: falcon.Response, resource: Any, _params: object
    ) -> None:
        if resource is None or getattr(resource, "is_open", False):
            return
        secret = _secret(req)
        if not secret:
            raise Unauthenticated(
                "an API key or a token is needed: Authorization: Bearer, or X-API-Key"
            )
        caller = req.context.caller = self._caller(secret)
        scope = getattr(resource, "scopes", {}).get(req.method)
        if scope is not None:
            caller.require(scope)
        elif hasattr(resource, f"on_{req.method.lower()}"):
            raise LacksScope(f"{req.method} {req.path} is closed: it states no scope")
        if caller.binding is not None and req.method not in getattr(resource, "for_bound", ()):
            raise ClosedToSubscribers(f"{req.method} {req.path} is closed to subscribers")

    def _caller(self, secret: str) -> Principal:
        until, caller = self._known.get(secret, (0.0, None))
        moment = time.monotonic()
        if caller is None or moment >= until:
            self._known.pop(secret, None)
            caller, seconds = self._looked_up(secret)
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[secret] = moment + seconds, caller
        return caller

    def _looked_up(self, secret: str) -> tuple[Principal, float]:
        """Who it is, and for how many seconds that may be believed."""
        now = self._clock.now()
        with self._books.read() as r:
            if not tokens.is_token(secret):
                return api_keys.authenticate(r, secret, now), self._remember
            caller, expires = tokens.authenticate(r, secret, issuer=self._issuer, now=now)
        return caller, min(self._remember, (expires - now).total_seconds())


def _secret(req: falcon.Request) -> str | None:
    kind, _, secret = (req.auth or "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else req.get_header("X-API-Key")
