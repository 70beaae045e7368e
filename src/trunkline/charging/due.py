"""When time will next do something to an account, so that the job that does it to those whom
nobody touches need not look at all of them. Pure.
"""

from collections.abc import Iterator

from trunkline.charging import lifetime
from trunkline.charging.pools.shares import idle_from
from trunkline.charging.renewal import fee_of, forfeits
from trunkline.charging.state import State, Status
from trunkline.charging.terms import Terms

AT_ONCE = 1


def due(state: State) -> int:
    """The first second at which a session is given up, validity or grace ends, a month begins
    that a fee, members, or a member's own service wait for, or a lease may go back; 0 for never."""
    found = 0
    for session in state.sessions:
        if not found or session.until < found:
            found = session.until + 1
    terms = state.terms
    if terms is not None:
        for other in _later(state, terms):
            if other and (not found or other < found):
                found = other
    return found


def _later(state: State, terms: Terms) -> Iterator[int]:
    """What its terms have in store, where they have anything."""
    if terms.life is not None:
        yield _change(state, terms)
    if terms.renewal is not None or terms.pool is not None or terms.credit is not None:
        yield _month(state, terms)
    if terms.share is not None:
        yield idle_from(state)
        yield state.ends if terms.share.spent and state.status == Status.ACTIVE else 0


def _waits_for_credit(state: State, terms: Terms) -> bool:
    """Whether a hybrid account, or a session of its, may go on when its limit is free again."""
    if terms.credit is None or not terms.credit.billed:
        return False
    return state.money <= state.floor or any(
        quota.waits for session in state.sessions for quota in session.quotas
    )


def _change(state: State, terms: Terms) -> int:
    change = lifetime.next_change(state)
    if forfeits(state, change):
        return change or AT_ONCE
    return 0 if terms.life is not None and terms.life.money_only else change


def _month(state: State, terms: Terms) -> int:
    if state.status != Status.ACTIVE:
        return 0
    renewal = terms.renewal
    if renewal is None:
        awaited = terms.pool is not None and terms.pool.members
        return state.ends if awaited or _waits_for_credit(state, terms) else 0
    free = state.money - state.floor - state.held
    waits = renewal.missed == state.period and free < fee_of(state, renewal, state.period)
    return state.ends if waits or state.period in renewal.paid else AT_ONCE
