"""Access tokens: short-lived JWTs (RFC 9068), signed with keys that are kept in the books.

A token names the API key (the client) that it was issued to. It is good until it expires, as
long as that key is, and allows no more than both the token and the key do at the moment; so a
role that changes, or a key that is revoked, counts for its tokens too. A token that is bound to
a customer allows what the role `subscriber` or its client does.

Signing keys are replaced every `REPLACED_AFTER`; older ones go on verifying until nothing that
they signed can be good. Other operators' tokens are nothing here: they are signed with keys
that these books don't hold.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from trunkline.kernel.errors import Refused
from trunkline.kernel.ids import Id
from trunkline.kernel.time import from_micros
from trunkline.platform import api_keys, roles
from trunkline.platform.db import Instant, Reader, Tx, books_metadata
from trunkline.platform.principals import Binding, InvalidToken, LacksScope, Principal, covers

GOOD_FOR = timedelta(minutes=15)
REPLACED_AFTER = timedelta(days=30)
ISSUE_SCOPE = "subscriber:issue"
"""Who has it may ask for tokens that are bound to a customer."""
_ALGORITHM = "ES256"
_TYPE = "at+jwt"
_LONGEST = 4000


class SigningKeyId(Id):
    prefix = "jwk"


class Issued(msgspec.Struct, frozen=True):
    """A token as it is shown, once."""

    token: str
    scopes: tuple[str, ...]
    expires_in: int


class ScopeNotGranted(Refused):
    """`fields["scope"]`: what the client may not ask for."""

    code = "scopeNotGranted"


signing_key = sa.Table(
    "token_signing_key",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("private", sa.String, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("retired_at", Instant, nullable=True),
)
_GOOD = sa.select(signing_key).where(signing_key.c.retired_at.is_(None))
_NEWEST = _GOOD.order_by(signing_key.c.created_at.desc(), signing_key.c.id.desc()).limit(1)
_BY_ID = _GOOD.where(signing_key.c.id == sa.bindparam("which", type_=sa.String))
_ADD = sa.insert(signing_key)
_before = sa.bindparam("before", type_=Instant)
_FORGET = sa.delete(signing_key).where(signing_key.c.created_at < _before)
_RETIRE = (
    sa.update(signing_key)
    .where(signing_key.c.retired_at.is_(None))
    .values(retired_at=sa.bindparam("now", type_=Instant))
)


def replace_signing_key(tx: Tx, now: datetime) -> None:
    """Every token that was issued so far is good for nothing, as after a leak."""
    tx.execute(_RETIRE, {"now": now})
    _add_signing_key(tx, now)


def public_keys(r: Reader) -> list[dict[str, Any]]:
    """What tokens can be verified with, as JWKs (RFC 7517)."""
    return [
        {**_key(row.private).as_dict(private=False), "kid": row.id, "use": "sig"}
        | {"alg": _ALGORITHM}
        for row in r.execute(_GOOD).all()
    ]


def issue(
    tx: Tx,
    client: Principal,
    *,
    issuer: str,
    scopes: Iterable[str] | None,
    binding: Binding | None,
    now: datetime,
) -> Issued:
    """A token for the client, or for a customer in its hands. `scopes` None are all that it may
    ask for. Raises `LacksScope` where it may not ask for a customer's, and `ScopeNotGranted`."""
    assert client.key is not None, "tokens are issued to API keys"
    if binding is not None and binding != client.binding:
        client.require(ISSUE_SCOPE)
        if client.binding is not None:
            raise LacksScope(f"{client.name} acts for one customer", scope=ISSUE_SCOPE)
    binding = binding or client.binding
    usual = _usual(tx, client, binding)
    wanted = sorted(usual if scopes is None else set(scopes))
    allowed = usual | client.scopes
    for scope in wanted:
        if not covers(allowed, scope):
            raise ScopeNotGranted(f"{scope[:60]} is not granted to this client", scope=scope)
    if not wanted:
        raise ScopeNotGranted("a token without a scope may do nothing", scope="")
    row = _signing_key(tx, now)
    seconds = int(GOOD_FOR.total_seconds())
    issued_at = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": issuer,
        "sub": binding.customer if binding else client.key,
        "client_id": client.key,
        "iat": issued_at,
        "exp": issued_at + seconds,
        "jti": secrets.token_urlsafe(16),
        "scope": " ".join(wanted),
    }
    if binding is not None:
        claims |= {"customer": binding.customer}
        claims |= {"party": binding.party} if binding.party else {}
    header = {"alg": _ALGORITHM, "typ": _TYPE, "kid": row.id}
    token = jwt.encode(header, claims, _key(row.private), algorithms=[_ALGORITHM])
    return Issued(token, tuple(wanted), seconds)


def is_token(secret: str) -> bool:
    """Whether it has a JWT's form; API keys have no dots."""
    return secret.count(".") == 2


def authenticate(
    r: Reader, token: str, *, issuer: str, now: datetime
) -> tuple[Principal, datetime]:
    """Who calls, and until when the token is good. Raises `InvalidToken`."""
    claims = _verified(r, token)
    expires = from_micros(_whole(claims.get("exp")) * 1_000_000)
    if claims.get("iss") != issuer or claims.get("aud") != issuer:
        raise InvalidToken("this token is not for this server")
    if expires <= now:
        raise InvalidToken("this token has expired")
    client = api_keys.live_key(r, str(claims.get("client_id")), now)
    if client is None:
        raise InvalidToken("the client of this token was revoked")
    binding = _binding(claims)
    if binding is None and client.binding is not None:
        raise InvalidToken("the client of this token acts for one customer now")
    if binding is not None and binding != client.binding and not client.may(ISSUE_SCOPE):
        raise InvalidToken("the client of this token may not act for customers any more")
    allowed = _usual(r, client, binding) | client.scopes
    scopes = frozenset(
        each for each in str(claims.get("scope", "")).split() if covers(allowed, each)
    )
    return Principal(client.name, scopes, client.key, binding), expires


def _usual(r: Reader, client: Principal, binding: Binding | None) -> frozenset[str]:
    """What a token is for when nothing else is asked for."""
    if binding is None or binding == client.binding:
        return client.scopes
    return roles.role_scopes(r, roles.SUBSCRIBER_ROLE)


def _verified(r: Reader, token: str) -> dict[str, Any]:
    def find(signed: Any) -> ECKey:
        kid = signed.headers().get("kid")
        row = r.execute(_BY_ID, {"which": str(kid)[:100]}).one_or_none()
        if row is None:
            raise InvalidToken("this token's signing key is not known")
        return _key(row.private)

    if len(token) > _LONGEST:
        raise InvalidToken("this token is too long")
    try:
        decoded = jwt.decode(token, find, algorithms=[_ALGORITHM])
    except (JoseError, ValueError):
        raise InvalidToken("this is no token") from None
    if decoded.header.get("typ") != _TYPE or not isinstance(decoded.claims, dict):
        raise InvalidToken("this is no access token")
    return decoded.claims


def _binding(claims: dict[str, Any]) -> Binding | None:
    customer, party = claims.get("customer"), claims.get("party")
    return None if customer is None else Binding(str(customer), party and str(party))


def _whole(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**40:
        raise InvalidToken("this token doesn't say when it expires")
    return value


def _signing_key(tx: Tx, now: datetime) -> Any:
    row = tx.execute(_NEWEST).one_or_none()
    if row is None or row.created_at + REPLACED_AFTER <= now:
        _add_signing_key(tx, now)
        tx.execute(_FORGET, {"before": now - REPLACED_AFTER - timedelta(days=1)})
        row = tx.execute(_NEWEST).one()
    return row


def _add_signing_key(tx: Tx, now: datetime) -> None:
    made = ECKey.generate_key("P-256", private=True)
    private = msgspec.json.encode(made.as_dict(private=True)).decode()
    row = {"id": tx.new_id(SigningKeyId, now), "private": private}
    tx.execute(_ADD, {**row, "created_at": now, "retired_at": None})


@lru_cache(maxsize=16)
def _key(private: str) -> ECKey:
    return ECKey.import_key(msgspec.json.decode(private))
