"""The life cycle of an account as a table, and what moves it along: its first use, top-ups, the
end of its balance's validity and of the grace after it, barring, closing. Pure.

Time moves an account when it is next touched, and a job those that nobody touches. Barring lies
over the rest: who is unbarred is again what validity says.
"""

from collections.abc import Mapping

from trunkline.charging.state import State, Status
from trunkline.charging.terms import Life
from trunkline.kernel.lifecycle import IllegalTransition

DAY = 86_400
"""Seconds."""

FOLLOWING: Mapping[Status, frozenset[Status]] = {
    Status.PRE_ACTIVE: frozenset({Status.ACTIVE, Status.BARRED, Status.CLOSED}),
    Status.ACTIVE: frozenset({Status.ONE_WAY, Status.EXPIRED, Status.BARRED, Status.CLOSED}),
    Status.ONE_WAY: frozenset({Status.ACTIVE, Status.EXPIRED, Status.BARRED, Status.CLOSED}),
    Status.EXPIRED: frozenset({Status.ACTIVE, Status.BARRED, Status.CLOSED}),
    Status.BARRED: frozenset(
        {Status.ACTIVE, Status.PRE_ACTIVE, Status.ONE_WAY, Status.EXPIRED, Status.CLOSED}
    ),
    Status.CLOSED: frozenset(),
}


def move(state: State, to: Status) -> None:
    """Staying where it is is no move. Raises `IllegalTransition`."""
    if state.status == to:
        return
    at = Status(state.status)
    if to not in FOLLOWING[at]:
        raise IllegalTransition(
            f"a charging account that is {word(at)} can't become {word(to)}",
            path="status",
            state=word(at),
            allowed=sorted(word(each) for each in FOLLOWING[at]),
        )
    state.status = to


def word(status: int) -> str:
    """As people and messages say it: active, oneWay, preActive, barred, expired, terminated."""
    return _WORDS[Status(status)]


_WORDS = {
    Status.ACTIVE: "active",
    Status.BARRED: "barred",
    Status.CLOSED: "terminated",
    Status.PRE_ACTIVE: "preActive",
    Status.ONE_WAY: "oneWay",
    Status.EXPIRED: "expired",
}


def resting(life: Life | None, now: int) -> Status:
    """What an account is at `now` by activation and validity alone."""
    if life is None:
        return Status.ACTIVE
    if not life.activated:
        return Status.PRE_ACTIVE
    if life.money_only or not life.valid_until or now < life.valid_until:
        return Status.ACTIVE
    return Status.ONE_WAY if now < grace_ends(life) else Status.EXPIRED


def grace_ends(life: Life) -> int:
    return life.valid_until + life.grace_days * DAY


def settle(state: State, now: int) -> None:
    """Moves the account to where time has brought it."""
    life = None if state.terms is None else state.terms.life
    if life is not None and state.status not in (Status.BARRED, Status.CLOSED):
        move(state, resting(life, now))


def set_barred(state: State, *, barred: bool, now: int) -> None:
    """Raises `IllegalTransition` where it is terminated."""
    life = None if state.terms is None else state.terms.life
    if life is not None:
        life.barred = barred
    if barred:
        move(state, Status.BARRED)
    elif state.status in (Status.BARRED, Status.CLOSED):
        move(state, resting(life, now))


def activate(state: State, now: int) -> None:
    """A pre-active account begins to live; nothing happens to another."""
    life = None if state.terms is None else state.terms.life
    if life is None or life.activated:
        return
    life.activated = now
    life.valid_until = now + life.first_days * DAY if life.first_days else 0
    settle(state, now)


def deactivate(state: State) -> None:
    """The first use came to nothing: it was none."""
    life = None if state.terms is None else state.terms.life
    assert life is not None, "only what has a life begins it"
    life.activated = life.valid_until = 0
    state.status = Status.PRE_ACTIVE


def extend(state: State, now: int, days: int | None) -> None:
    """A top-up: the balance holds for `days` more at least (0: for ever), or as the account's
    terms say; where they say nothing either, what was over begins anew. Who had expired is
    active again."""
    life = None if state.terms is None else state.terms.life
    if life is None:
        return
    activate(state, now)
    if days is None:
        is_over = 0 < life.valid_until <= now
        days = life.top_up_days or (life.first_days if is_over else None)
    if days == 0:
        life.valid_until = 0
    elif days and life.valid_until:
        life.valid_until = max(life.valid_until, now + days * DAY)
    settle(state, now)


def next_change(state: State) -> int:
    """When time will next move the account, or a hybrid account's money expires; 0 for never."""
    life = None if state.terms is None else state.terms.life
    if life is None or not life.valid_until:
        return 0
    if life.money_only:
        return 0 if life.forfeited == life.valid_until else grace_ends(life)
    if state.status == Status.ACTIVE:
        return life.valid_until
    return grace_ends(life) if state.status == Status.ONE_WAY else 0
