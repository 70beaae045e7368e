"""What the demonstration has lived through already, so that it goes on where it stopped.

A small JSON file beside the databases: the month, and which of its chapters are over. Every
chapter is built to be begun again: it goes on from what the databases hold.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

import msgspec

from trunkline.kernel.time import Period, monthly_period


class Diary(msgspec.Struct, kw_only=True):
    """`month` is the billing month that is lived; it ends when its last local day does."""

    start: datetime
    end: datetime
    customers: int
    chapters: list[str] = []
    """Those that are over, in order."""
    administrator: str = ""
    """The secret, kept for this demonstration alone: a real one is printed once."""
    requests: int = 0
    """Charging requests that the gateway sent."""

    @property
    def month(self) -> Period:
        return Period(self.start, self.end)

    @classmethod
    def begin(cls, *, now: datetime, zone: ZoneInfo, customers: int) -> Self:
        """A month that ended last midnight."""
        today = now.astimezone(zone).date()
        month = monthly_period(now - timedelta(days=1), cycle_day=today.day, tz=zone)
        return cls(start=month.start, end=month.end, customers=customers)

    @classmethod
    def read(cls, file: Path) -> Self | None:
        if not file.exists():
            return None
        return msgspec.json.decode(file.read_bytes(), type=cls)

    def write(self, file: Path) -> None:
        """At once or not at all."""
        new = file.with_suffix(".new")
        new.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2))
        new.chmod(0o600)
        new.replace(file)
