"""OAuth 2.0: access tokens for clients, and for customers in their hands.

A client is an API key: its id is the client's, its secret the client's secret. The grant is
client credentials (RFC 6749, section 4.4); with `customer`, an extension, the token is bound to
that customer, for which the client needs the scope `subscriber:issue`. Errors are those of
section 5.2; tokens are used as RFC 6750 says. The metadata are RFC 8414's.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import falcon

from trunkline import customers
from trunkline.customers import CustomerId
from trunkline.kernel.errors import Invalid, NotFound
from trunkline.platform import api_keys, audit, tokens
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database, Reader, Tx
from trunkline.platform.principals import (
    Binding,
    LacksScope,
    Principal,
    Unauthenticated,
    check_scopes,
)
from trunkline.tmf import Api, wire
from trunkline.tmf.http import JSON

TOKEN = "/oauth2/token"  # noqa: S105 (a path)
JWKS = "/oauth2/jwks"
METADATA = "/.well-known/oauth-authorization-server"
_FORM = "application/x-www-form-urlencoded"
_GRANT = "client_credentials"
_MOST = 16_000


class Token:
    """The token endpoint."""

    is_open = True

    def __init__(self, books: Database, clock: Clock, issuer: str) -> None:
        self._books = books
        self._clock = clock
        self._issuer = issuer

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = JSON
        resp.set_header("Cache-Control", "no-store")
        resp.set_header("Pragma", "no-cache")
        try:
            issued = self._issued(req)
        except _Refused as refused:
            resp.status = refused.status
            if refused.status == falcon.HTTP_401:
                resp.set_header("WWW-Authenticate", 'Basic realm="trunkline"')
            resp.data = wire.encode(
                {"error": refused.error, "error_description": refused.description}
            )
            return
        resp.data = wire.encode(
            {
                "access_token": issued.token,
                "token_type": "Bearer",
                "expires_in": issued.expires_in,
                "scope": " ".join(issued.scopes),
            }
        )

    def _issued(self, req: falcon.Request) -> tokens.Issued:
        form = _form(req)
        now = self._clock.now()
        with self._books.read() as r:
            client = _client(r, req, form, now)
        if "grant_type" not in form:
            raise _Refused("invalid_request", "grant_type is missing")
        if form["grant_type"] != _GRANT:
            raise _Refused("unsupported_grant_type", f"only {_GRANT} is supported")
        scopes = _scopes(form)
        with self._books.transaction() as tx:
            binding = _binding(tx, client, form)
            try:
                issued = tokens.issue(
                    tx, client, issuer=self._issuer, scopes=scopes, binding=binding, now=now
                )
            except LacksScope as error:
                raise _Refused("unauthorized_client", error.reason) from error
            except tokens.ScopeNotGranted as error:
                raise _Refused("invalid_scope", error.reason) from error
            if binding is not None:
                detail = {"scopes": list(issued.scopes)}
                audit.record(
                    tx,
                    who=client.identity,
                    verb="issue token",
                    what=binding.customer,
                    detail=detail,
                    now=now,
                )
        return issued


class _Refused(Exception):
    """RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, status: str = falcon.HTTP_400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


def _form(req: falcon.Request) -> Mapping[str, str]:
    media = (req.content_type or "").partition(";")[0].strip().lower()
    if media != _FORM:
        raise _Refused("invalid_request", f"parameters are sent as {_FORM}")
    raw = req.bounded_stream.read(_MOST + 1)
    if len(raw) > _MOST:
        raise _Refused("invalid_request", "the parameters are too long")
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise _Refused("invalid_request", "the parameters are no form") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise _Refused("invalid_request", "a parameter comes twice")
    return {name: value for name, value in form.items() if value}


def _client(r: Reader, req: falcon.Request, form: Mapping[str, str], now: Any) -> Principal:
    """Section 2.3.1: by HTTP Basic, or in the form; not both."""
    ident, secret = _basic(req)
    if ident is None:
        ident, secret = form.get("client_id"), form.get("client_secret")
    elif "client_secret" in form or form.get("client_id", ident) != ident:
        raise _Refused("invalid_request", "the client names itself twice")
    if ident is None or secret is None:
        raise _Refused("invalid_client", "the client doesn't name itself", falcon.HTTP_401)
    try:
        client = api_keys.authenticate(r, secret, now)
    except Unauthenticated:
        client = None
    if client is None or client.key != ident:
        raise _Refused("invalid_client", "this client is not known", falcon.HTTP_401)
    return client


def _basic(req: falcon.Request) -> tuple[str | None, str | None]:
    kind, _, encoded = (req.auth or "").partition(" ")
    if not kind:
        return None, None
    if kind.lower() != "basic":
        raise _Refused("invalid_client", "clients name themselves by Basic", falcon.HTTP_401)
    try:
        ident, colon, secret = (
            base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        )
    except (binascii.Error, UnicodeDecodeError):
        colon = ident = secret = ""
    if not colon:
        raise _Refused("invalid_client", "this is not Basic", falcon.HTTP_401)
    return unquote_plus(ident), unquote_plus(secret)


def _scopes(form: Mapping[str, str]) -> list[str] | None:
    if "scope" not in form:
        return None
    try:
        return check_scopes(form["scope"].split(), path="scope")
    except Invalid as error:
        raise _Refused("invalid_scope", error.reason) from None


def _binding(tx: Tx, client: Principal, form: Mapping[str, str]) -> Binding | None:
    ident = form.get("customer")
    if ident is None:
        return None
    if client.binding is None and not client.may(tokens.ISSUE_SCOPE):
        raise _Refused("unauthorized_client", f"{tokens.ISSUE_SCOPE} is missing")
    if not client.reaches(ident):
        raise _Refused("invalid_request", "there is no such customer")
    try:
        customer = customers.customer(tx, CustomerId(ident))
    except NotFound:
        raise _Refused("invalid_request", "there is no such customer") from None
    return Binding(customer.id, customer.party)


class Keys:
    """What tokens can be verified with (RFC 7517)."""

    is_open = True

    def __init__(self, books: Database) -> None:
        self._books = books

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        with self._books.read() as r:
            found = tokens.public_keys(r)
        resp.content_type = JSON
        resp.data = wire.encode({"keys": found})


class Metadata:
    """The authorization server's metadata."""

    is_open = True

    def __init__(self, issuer: str, apis: tuple[Api, ...]) -> None:
        scopes = [f"{api.scope}:{verb}" for api in apis for verb in ("read", "write")]
        self._encoded = wire.encode(
            {
                "issuer": issuer,
                "token_endpoint": f"{issuer}{TOKEN}",
                "jwks_uri": f"{issuer}{JWKS}",
                "grant_types_supported": [_GRANT],
                "response_types_supported": [],
                "token_endpoint_auth_methods_supported": [
                    "client_secret_basic",
                    "client_secret_post",
                ],
                "scopes_supported": [*scopes, tokens.ISSUE_SCOPE],
                "service_documentation": f"{issuer}/docs",
            }
        )

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = JSON
        resp.data = self._encoded
