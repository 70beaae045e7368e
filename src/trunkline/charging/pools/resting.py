"""Members whose terms rest: a request of theirs that needs nothing of the pool costs as much as a
stranger's, for what makes them members isn't even decoded. Pure."""

from trunkline.charging.pools.telling import TOLD_AT
from trunkline.charging.state import State, Status
from trunkline.charging.terms import Share, Terms


def rests_until(state: State) -> int | None:
    """From when on something of its leases may go back, 0 for never; None where its requests have
    to look at its terms though it has all they need. That a lease is in use is none of its terms:
    it may be, or not be, as long as they rest."""
    share = None if state.terms is None else state.terms.share
    if (
        share is None
        or state.terms != Terms(share=share)
        or share.closed
        or share.money_until
        or share.money_leased
        or state.status == Status.CLOSED
        or _is_near(share)
    ):
        return None
    return min((each.until for each in share.leases), default=0)


def _is_near(share: Share) -> bool:
    """Whether using up what is leased might reach a part of a limit that is told."""
    taken = dict(share.taken)
    limits = [(taken.get(of, 0), limit) for of, limit in share.limits]
    limits.append((share.money_taken, share.money_limit))
    return any(0 < limit * TOLD_AT[0] <= 100 * used for used, limit in limits)
