"""How often somebody may guess a secret.

Failures are counted for a name at an address, and for an address over all names. What a
stranger does elsewhere costs the owner of a name nothing: there is no count of a name alone.
(Secrets are generated, 120 bits: many addresses guess them no sooner than one.)
"""

import ipaddress
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.kernel.errors import Unavailable
from trunkline.platform.db import Instant, Reader, Tx, books_metadata

FREE_FAILURES = 5
"""Wrong secrets for one name at one address that cost nothing but the attempt."""
FREE_AT_ADDRESS = 20
"""The same for one address, over all names."""
LONGEST_WAIT = timedelta(minutes=15)
"""After those, each failure doubles the wait before the next attempt, from one second."""
FORGOTTEN_AFTER = timedelta(hours=1)
"""Failures are counted until so long after the last wait."""


class TooManyAttempts(Unavailable):
    """`seconds` says how long to wait."""

    code = "tooManyAttempts"

    @property
    def seconds(self) -> int:
        return int(str(self.fields["seconds"]))


table = sa.Table(
    "sign_in_attempts",
    books_metadata,
    sa.Column("who", sa.String, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("wait_until", Instant, nullable=False),
)
_SOME = sa.select(table).where(table.c.who.in_(sa.bindparam("whose", expanding=True)))
# PostgreSQL's construct renders the clauses that both engines understand.
_ONE_MORE = (
    postgresql.insert(table)
    .on_conflict_do_update(index_elements=["who"], set_={"failures": table.c.failures + 1})
    .returning(table.c.failures)
)
_WAIT = (
    sa.update(table)
    .where(table.c.who == sa.bindparam("which", type_=sa.String))
    .values(wait_until=sa.bindparam("until", type_=Instant))
)
_FORGET = sa.delete(table).where(table.c.wait_until < sa.bindparam("before", type_=Instant))
_FORGIVE = sa.delete(table).where(table.c.who == sa.bindparam("which", type_=sa.String))


def network(address: str) -> str:
    """What counts as one address: of IPv6 the network of 64 bits, which one host may fill."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)


def _counts(name: str, address: str) -> dict[str, int]:
    """Whose failures count, and how many are free."""
    at = network(address)
    return {f"{at} {name[:100]}": FREE_FAILURES, at: FREE_AT_ADDRESS}


def check(r: Reader, name: str, address: str, now: datetime) -> None:
    """Raises `TooManyAttempts`."""
    whose = list(_counts(name, address))
    waits = [row.wait_until for row in r.execute(_SOME, {"whose": whose})]
    if waits and max(waits) > now:
        seconds = int((max(waits) - now).total_seconds()) + 1
        raise TooManyAttempts(f"too many attempts: wait {seconds} s", seconds=seconds)


def note_failure(tx: Tx, name: str, address: str, now: datetime) -> None:
    """The secret was wrong."""
    tx.execute(_FORGET, {"before": now - FORGOTTEN_AFTER})
    for who, free in _counts(name, address).items():
        first = {"who": who, "failures": 1, "wait_until": now}
        failures = tx.execute(_ONE_MORE, first).scalar_one()
        wait = timedelta()
        if failures > free:
            wait = min(timedelta(seconds=2 ** min(failures - free - 1, 20)), LONGEST_WAIT)
        tx.execute(_WAIT, {"which": who, "until": now + wait})


def forgive(tx: Tx, name: str, address: str) -> None:
    """The secret was right: this name's failures at this address are forgotten."""
    tx.execute(_FORGIVE, {"which": next(iter(_counts(name, address)))})
