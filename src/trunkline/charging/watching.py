"""Thresholds on money: somebody is told once when the balance falls below one, and again only
after it was above. Pure."""

from trunkline.charging.state import State

MOST = 10
"""Thresholds of one account."""


def crossed(state: State) -> int | None:
    """The lowest threshold that the balance has fallen below since the last look, in micros;
    None where it has not. A balance that has risen is watched anew."""
    watch = None if state.terms is None else state.terms.watch
    if watch is None:
        return None
    below = sum(state.money < each for each in watch.thresholds)
    before, watch.below = watch.below, below
    return watch.thresholds[below - 1] if below > before else None
