"""What all answers have in common: HEAD, headers of caution, and browsers of other origins."""

from collections.abc import Collection

import falcon

_TOLD = "X-Total-Count, X-Result-Count, Link, Location, ETag, Retry-After"
_TAKEN = "Authorization, X-API-Key, Content-Type, If-Match, If-None-Match, Idempotency-Key"
_METHODS = "GET, HEAD, POST, PATCH, PUT, DELETE"
_PREFLIGHT_SECONDS = 600


class Manner:
    """Middleware. HEAD is answered as GET is, without the body (RFC 9110, section 9.3.2). Pages
    of `origins` ("*" for any) may ask with a key or token that they hold; never with
    credentials that a browser adds by itself."""

    def __init__(self, origins: Collection[str] = ()) -> None:
        self._origins = frozenset(origins)

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        if req.method == "HEAD":
            req.context.is_head = True
            req.method = "GET"
        is_preflight = req.method == "OPTIONS" and req.get_header("Access-Control-Request-Method")
        if is_preflight and self._allowed(req):
            resp.status = falcon.HTTP_204
            resp.set_header("Access-Control-Allow-Methods", _METHODS)
            resp.set_header("Access-Control-Allow-Headers", _TAKEN)
            resp.set_header("Access-Control-Max-Age", str(_PREFLIGHT_SECONDS))
            resp.complete = True

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, _resource: object, _ok: bool
    ) -> None:
        if getattr(req.context, "is_head", False):
            req.method = "HEAD"
        resp.set_header("X-Content-Type-Options", "nosniff")
        if resp.get_header("Cache-Control") is None:
            resp.set_header("Cache-Control", "private, no-cache")
        if not self._origins:
            return
        resp.append_header("Vary", "Origin")
        allowed = self._allowed(req)
        if allowed is not None:
            resp.set_header("Access-Control-Allow-Origin", allowed)
            resp.set_header("Access-Control-Expose-Headers", _TOLD)

    def _allowed(self, req: falcon.Request) -> str | None:
        origin = req.get_header("Origin")
        if origin is None:
            return None
        if "*" in self._origins:
            return "*"
        return origin if origin in self._origins else None
