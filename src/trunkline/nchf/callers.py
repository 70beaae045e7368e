"""Who may call: by network, and by token where a key is known that signs them.

With TLS, granian has checked the client's certificate against the operator's authority before
anything comes here.
"""

import contextlib
import ipaddress
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from trunkline.nchf.problems import Problem
from trunkline.platform.addresses import Network
from trunkline.platform.clock import Clock

ALGORITHMS = ["ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "EdDSA"]
_KEPT = 1024


class Callers:
    """`networks` are those that may call; `keys`, if there are any, are the
    NRF's, whose access tokens (TS 29.510, clause 6.3.5.2.4) callers must then show: for any CHF,
    or for the one whose nfInstanceId is `instance`."""

    def __init__(
        self, networks: Sequence[Network], keys: KeySet | None, clock: Clock, instance: str = ""
    ) -> None:
        self._keys = keys
        self._names = frozenset(("chf", instance.lower())) - {""}
        self._clock = clock
        self._tokens: dict[str, tuple[float, frozenset[str]]] = {}

        @lru_cache(maxsize=_KEPT)
        def allowed(address: str) -> bool:
            try:
                found = ipaddress.ip_address(address.strip("[]"))
            except ValueError:
                return False
            if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
                found = found.ipv4_mapped
            return any(found in network for network in networks)

        self._allowed = allowed

    def check(self, address: str, authorization: str | None, path: str) -> None:
        """Raises `Problem`: 403 for an address that may not call, 401 without a good token,
        403 for one that opens another service."""
        if not self._allowed(address):
            raise Problem(403, "MODIFICATION_NOT_ALLOWED", "your address may not call here")
        if self._keys is not None:
            self._check_token(authorization or "", path, self._keys)

    def _check_token(self, authorization: str, path: str, keys: KeySet) -> None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized("UNAUTHORIZED", "an access token is needed")
        now = self._clock.now()
        expires, scopes = self._tokens.get(token) or self._read(token, keys, now)
        if expires <= now.timestamp():
            raise _unauthorized("INVALID_TOKEN", "the access token has expired")
        service = path.strip("/").partition("/")[0]
        if service not in scopes:
            raise Problem(403, "INSUFFICIENT_SCOPE", f"the access token doesn't open {service}")

    def _read(self, token: str, keys: KeySet, now: datetime) -> tuple[float, frozenset[str]]:
        try:
            claims = _claims(token, keys)
            jwt.JWTClaimsRegistry(now=int(now.timestamp()), exp={"essential": True}).validate(
                claims
            )
        except (JoseError, ValueError) as fault:
            raise _unauthorized("INVALID_TOKEN", f"the access token is refused: {fault}") from None
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        scope = claims.get("scope")
        ours = any(str(each).lower() in self._names for each in audiences)
        if not ours or not isinstance(scope, str):
            raise _unauthorized("INVALID_TOKEN", "the access token isn't for this CHF")
        if len(self._tokens) >= _KEPT:
            self._tokens.clear()
        found = float(claims["exp"]), frozenset(scope.split())
        self._tokens[token] = found
        return found


def _claims(token: str, keys: KeySet) -> dict[str, Any]:
    """Raises `JoseError` and `ValueError`. A token that names none of several keys (NRFs like
    free5GC's name none) is signed by any of them."""
    try:
        return jwt.decode(token, keys, algorithms=ALGORITHMS).claims
    except InvalidKeyIdError as unnamed:
        for key in keys.keys:
            with contextlib.suppress(JoseError, ValueError):
                return jwt.decode(token, key, algorithms=ALGORITHMS).claims
        raise unnamed from None


def _unauthorized(cause: str, detail: str) -> Problem:
    return Problem(401, cause, detail, headers=(("www-authenticate", "Bearer"),))
