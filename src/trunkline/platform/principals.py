"""Who calls, and what they may do.

A scope is `tmf620:read`; `tmf620:*` covers every verb of an area, `*:read` a verb in every area,
and `*` everything.
"""

import re
from collections.abc import Collection, Iterable

import msgspec

from trunkline.kernel.errors import Forbidden, Invalid
from trunkline.kernel.ids import Id

EVERYTHING = "*"
_SCOPE = re.compile(r"\*|(?:[A-Za-z0-9]{1,40}|\*):[A-Za-z]{1,40}|[A-Za-z0-9]{1,40}:\*", re.ASCII)


class ApiKeyId(Id):
    prefix = "key"


class Unauthenticated(Forbidden):
    """No credentials, or none that are known."""

    code = "unauthenticated"


class InvalidToken(Unauthenticated):
    """Credentials that are known no more, or never were (RFC 6750, section 3.1)."""

    code = "invalidToken"


class LacksScope(Forbidden):
    """`fields["scope"]`: the one that is missing."""

    code = "lacksScope"


class Binding(msgspec.Struct, frozen=True):
    """The one customer whose data a caller reaches, and that customer's party."""

    customer: str
    party: str | None = None


class Principal(msgspec.Struct, frozen=True):
    """Who calls, and what they may do; `key` where it is a program with its API key, `binding`
    where it acts for one customer alone."""

    name: str
    scopes: frozenset[str]
    key: ApiKeyId | None = None
    binding: Binding | None = None

    @property
    def identity(self) -> str:
        """What nobody else has: keys may share a name, and have a user's."""
        known = f"{self.name} ({self.key})" if self.key else self.name
        return f"{known} for {self.binding.customer}" if self.binding else known

    def reaches(self, customer: str) -> bool:
        """Whether this customer's data is there for the caller."""
        return self.binding is None or self.binding.customer == customer

    def may(self, scope: str) -> bool:
        return covers(self.scopes, scope)

    def require(self, scope: str) -> None:
        """Raises `LacksScope`."""
        if not self.may(scope):
            raise LacksScope(f"{self.name} may not do this: {scope} is missing", scope=scope)


def covers(held: Collection[str], scope: str) -> bool:
    """Whether `held` allow what `scope` does; `scope` may stand for many itself."""
    area, _, verb = scope.partition(":")
    return any(each in held for each in (scope, f"{area}:*", f"*:{verb}", EVERYTHING))


def is_scope(text: str) -> bool:
    return _SCOPE.fullmatch(text) is not None


def check_scopes(scopes: Iterable[str], path: str) -> list[str]:
    """Sorted, each once. Raises `Invalid` for one that is none."""
    wanted = sorted(set(scopes))
    for scope in wanted:
        if not is_scope(scope):
            raise Invalid(
                f"{scope[:40]!r} is not a scope (tmf620:read, tmf620:*, *:read, *)", path=path
            )
    return wanted
