"""How often somebody may fail, and for how long they are refused then."""

from datetime import datetime, timedelta

import msgspec


class Lockout(msgspec.Struct, frozen=True, kw_only=True):
    """How often somebody has failed, and until when they are refused."""

    who: str
    failures: int
    failed_at: datetime
    until: datetime


FIRST_LOCK = timedelta(minutes=15)
"""It doubles with each further one, up to:"""

LONGEST_LOCK = timedelta(hours=24)

FORGOTTEN_AFTER = timedelta(hours=24)
"""Failures are counted until so long after the last one, and the end of its lock."""


def failed_again(before: Lockout | None, who: str, free: int, now: datetime) -> Lockout:
    """The count after one failure more."""
    fresh = before is None or now >= max(before.until, before.failed_at) + FORGOTTEN_AFTER
    failures = 1 if fresh or before is None else before.failures + 1
    lock = timedelta()
    if failures >= free:
        lock = min(FIRST_LOCK * 2 ** min(failures - free, 20), LONGEST_LOCK)
    return Lockout(who=who, failures=failures, failed_at=now, until=now + lock)
