"""The tariffs that are installed, each in force from its instant on until the next.

A publication is a tariff from now on and one for each instant to come at which a price begins or
ends. A later publication says all of it anew: whatever of earlier ones was to come after it, won't.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from trunkline.rating import Plan, Rater, Tariff, UnknownPlan

KEPT = 8
"""Decoded tariffs that one process keeps; older ones are loaded again when late usage asks."""


class InForce:
    """One version, ready to rate."""

    __slots__ = ("_tariff", "course", "lasts", "rate", "version")

    def __init__(self, tariff: Tariff) -> None:
        self._tariff = tariff
        self.version = tariff.version
        rater = Rater(tariff)
        self.rate = rater.rate
        self.lasts = rater.lasts
        self.course = rater.course

    def plan(self, plan: str) -> Plan | None:
        try:
            return self._tariff.plan(plan)
        except UnknownPlan:
            return None

    def label(self, index: int) -> str:
        """The name of a price; "" for what has none."""
        return self._tariff.labels[index] if index >= 0 else ""


def schedule(versions: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of (effective from as epoch second, version), those that were or will be in force, in the
    order of their taking effect. One is superseded that a later version precedes, or
    replaces from the very same second."""
    found: list[tuple[int, int]] = []
    for version, start in sorted(((each[1], each[0]) for each in versions), reverse=True):
        if not found or start < found[-1][0]:
            found.append((start, version))
    return found[::-1]


class Tariffs:
    """`versions` are (effective from as epoch second, version), of all that are installed;
    `load` fetches one, where `ready` hasn't it yet. Usage from before the first is rated by the
    first."""

    def __init__(
        self,
        versions: Sequence[tuple[int, int]],
        load: Callable[[int], Tariff],
        ready: dict[int, InForce] | None = None,
    ) -> None:
        self._load = load
        self._ready = {} if ready is None else ready
        self.set(versions)

    def set(self, versions: Sequence[tuple[int, int]]) -> None:
        """There are others now. What is loaded stays: a version never changes."""
        self.installed = len(versions)
        in_order = schedule(versions)
        self._starts = [start for start, _ in in_order]
        self._versions = [version for _, version in in_order]

    def at(self, epoch: int) -> InForce | None:
        """The tariff in force at this second; None when there is none at all."""
        version = self.version_at(epoch)
        return None if version is None else self.version(version)

    def version_at(self, epoch: int) -> int | None:
        """Its number alone."""
        if not self._versions:
            return None
        begun = bisect_right(self._starts, epoch)
        return self._versions[begun - 1 if begun else 0]

    def next_after(self, epoch: int) -> int:
        """When the next tariff takes effect after this second; 0 where none is known to."""
        starts = self._starts
        if not starts or starts[-1] <= epoch:
            return 0
        return starts[bisect_right(starts, epoch)]

    def version(self, version: int) -> InForce:
        """This version, which is or was in force."""
        ready = self._ready.get(version)
        if ready is None:
            ready = InForce(self._load(version))
            self._ready[version] = ready
            # Other threads may do the same to what they share with this one.
            for oldest in list(self._ready)[:-KEPT]:
                self._ready.pop(oldest, None)
        return ready
