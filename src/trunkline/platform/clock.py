"""Where `now` comes from. Domains take it as an argument; only edges and the relay read it."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware and in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class DrivenClock:
    """Stands still until it is moved: for scenarios, simulations and the demo."""

    def __init__(self, start: datetime) -> None:
        assert start.tzinfo is not None, "instants are aware"
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> datetime:
        self._now += by
        return self._now

    def set(self, instant: datetime) -> datetime:
        assert instant.tzinfo is not None, "instants are aware"
        self._now = instant.astimezone(UTC)
        return self._now
