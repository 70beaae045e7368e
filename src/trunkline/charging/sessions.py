"""What all requests have in common, be they of a session or an event: when they happened, whether
they are sound, whether they were answered before, and how sessions begin and end."""

import hashlib
from functools import lru_cache

from trunkline.charging.debit import Turn
from trunkline.charging.grants import let_go
from trunkline.charging.journal import Record
from trunkline.charging.model import (
    NOT_REQUESTED,
    SERVICE_URN,
    ChargeAnswer,
    ChargeRequest,
    Circumstances,
    Kind,
    Result,
    UnitAnswer,
    UnitRequest,
)
from trunkline.charging.state import RESERVATION, Done, Quota, Session, State
from trunkline.charging.tariffs import Tariffs
from trunkline.kernel.errors import Invalid
from trunkline.rating import MOST_UNITS, destination

CLOCK_SKEW = 300
"""Seconds by which a network's clock may run ahead; an event further in the future counts as
of now, so that a wrong clock can't begin a month early."""

REMEMBERED = 1000
"""Ended sessions and events of one account, at most, that are known again when repeated: half a
minute's, where a company's account sends 30 messages a second..."""
REMEMBERED_FOR = 600
"""...and for so many seconds: Diameter's Tx timer and several retransmissions, with room."""

MOST_SESSIONS = 1000
"""Open ones of an account. A gateway that forgets its sessions costs only itself."""
MOST_QUOTAS = 1000
"""Of a session."""
_MANY = MOST_QUOTAS // 2

_INITIAL = Kind.INITIAL
_UNANSWERED = ChargeAnswer(Result.SUCCESS)
_ALL_NUMBERS, _HALF_OF_THEM = (1 << 32) - 1, 1 << 31
_MOST_MISSED = 8


def settled(state: State, session: Session | None, request: ChargeRequest) -> ChargeAnswer | None:
    """The answer to a session's request that asks for no decision: one that repeats what was
    answered before, is about a session that isn't open or isn't the network's, or contradicts
    itself."""
    if request.session.startswith(RESERVATION):
        return refusal(request, Result.INVALID)
    if session is not None:
        if is_repeated(session, request.number):
            return session.answer
    else:
        known = repeated(state, request)
        if known is not None:
            return known
        if request.kind != _INITIAL:
            return refusal(request, Result.UNKNOWN_SESSION)
    if not is_sound(request):
        return refusal(request, Result.INVALID)
    if session is not None and len(session.quotas) > _MANY and _is_overfull(session, request):
        return refusal(request, Result.INVALID)
    return None


def is_repeated(session: Session, number: int) -> bool:
    """Whether a request with this number was answered. Numbers count up, and around (RFC 8506, 8.2:
    32 bits); one that others overtook on its way is none that was repeated (5.1.2). Who doesn't
    count tells instants instead, which are past all numbers and only grow."""
    ahead = number - session.number
    if ahead == 1:
        return False
    if number > _ALL_NUMBERS or session.number > _ALL_NUMBERS:
        return ahead <= 0 and number > _ALL_NUMBERS
    return not 0 < ahead & _ALL_NUMBERS < _HALF_OF_THEM and number not in session.missed


def answered(session: Session, number: int, answer: ChargeAnswer) -> None:
    """The session's last answer, unless it is to a number that others overtook."""
    ahead = number - session.number
    if number in session.missed:
        session.missed.remove(number)
        return
    if ahead > 1 and session.number >= 0 and number <= _ALL_NUMBERS:
        first = max(session.number + 1, number - _MOST_MISSED)
        session.missed = [*session.missed, *range(first, number)][-_MOST_MISSED:]
    session.number, session.answer = number, answer


def called_number(called: str) -> int:
    """The called party as the rating kernel reads it; a service's URN is no number. Raises
    `Invalid`."""
    return 0 if called.startswith(SERVICE_URN) else destination(called)


def instant_of(request: ChargeRequest, now: int) -> int:
    """When the request's usage happened, in epoch seconds."""
    return request.at if request.at <= now + CLOCK_SKEW else now


def is_sound(request: ChargeRequest) -> bool:
    """Whether its amounts can be reckoned with and no two units are about one quota."""
    units = request.units
    if request.at <= 0 or request.money < 0 or request.money > MOST_UNITS:
        return False
    for unit in units:
        if not 0 <= unit.used <= MOST_UNITS or not NOT_REQUESTED <= unit.requested <= MOST_UNITS:
            return False
        if not 0 <= unit.after_change <= unit.used:
            return False
    if len(units) > 1:
        names = {(unit.rating_group, unit.service_identifier, unit.upf) for unit in units}
        return len(names) == len(units)
    return True


def refusal(request: ChargeRequest, result: Result) -> ChargeAnswer:
    """The whole request, and each of its units, ends with `result`."""
    return ChargeAnswer(
        result,
        tuple(
            UnitAnswer(unit.rating_group, unit.service_identifier, result) for unit in request.units
        ),
    )


def begin(state: State, request: ChargeRequest, passes: int) -> Session | Result:
    """A new session of the account, with why it always passes (-1: it doesn't); or why there
    can't be one."""
    try:
        called = called_number(request.called)
    except Invalid:
        return Result.INVALID
    session = Session(request.session, request.service, called, -1, 0, _UNANSWERED, [])
    session.passes, session.notify, session.boot = passes, request.notify, request.boot
    _add(state, session)
    return session


def _add(state: State, session: Session) -> None:
    """Those that who asks has forgotten by its restart (RFC 6733, 8.16), or had under this name,
    are given up; and past `MOST_SESSIONS` the one of the network's that must be heard of first."""
    former = state.session(session.id)
    if former is not None:
        end_session(state, former)
    if session.boot:
        for each in state.sessions[:]:
            if each.notify == session.notify and 0 < each.boot < session.boot:
                end_session(state, each)
    if len(state.sessions) >= MOST_SESSIONS:
        of_network = [each for each in state.sessions if not each.id.startswith(RESERVATION)]
        end_session(state, min(of_network, key=lambda each: each.until))
    state.sessions.append(session)


def _is_overfull(session: Session, request: ChargeRequest) -> bool:
    """Whether it would begin more quotas than a session may have."""
    room = MOST_QUOTAS - len(session.quotas)
    if room >= len(request.units):
        return False
    return sum(quota_of(session, unit) is None for unit in request.units) > room


def give_up_sessions(state: State, now: int) -> None:
    """Releases the sessions that nothing was heard of for twice their grants' validity (RFC
    8506, section 13, Tcc), and forgets what need not be known again."""
    for session in state.sessions:
        if session.until < now:
            for each in [each for each in state.sessions if each.until < now]:
                end_session(state, each)
            break
    if state.done and state.done[0].until < now:
        state.done = [each for each in state.done if each.until >= now]


def hear(session: Session, request: ChargeRequest) -> Circumstances | None:
    """What the request tells of the session's circumstances, where it tells any; returns those it
    had before."""
    before = session.where
    session.where = circumstances(session, request)
    session.notify = request.notify or session.notify
    if request.boot > session.boot:
        session.boot = request.boot
    return before


def turn_of(
    state: State,
    session: Session,
    request: ChargeRequest,
    tariffs: Tariffs,
    now: int,
    records: list[Record],
) -> Turn:
    """The request's handling, after the session has heard it."""
    used = hear(session, request)
    at = instant_of(request, now)
    return Turn(
        state,
        records,
        tariffs.at(at),
        at=at,
        service=session.service,
        destination=session.destination,
        session=session.id,
        number=request.number,
        where=session.where,
        used=used,
    )


def circumstances(session: Session, request: ChargeRequest) -> Circumstances | None:
    """The session's from this request on."""
    before, told = session.where, request.where
    if told is None or told is before:
        return before
    return told if before is None else _since(before, told)


@lru_cache(maxsize=4096)
def _since(before: Circumstances, told: Circumstances) -> Circumstances:
    """What isn't told again is as it was."""
    return Circumstances(
        told.dnn or before.dnn,
        told.slice or before.slice,
        before.qos if told.qos < 0 else told.qos,
        told.network or before.network,
    )


def quota_of(session: Session, unit: UnitRequest) -> Quota | None:
    """The session's quota that this unit is about. It may be told now, or not be told any longer,
    by which function the one quota of its names is delivered."""
    group = -1 if unit.rating_group is None else unit.rating_group
    service = -1 if unit.service_identifier is None else unit.service_identifier
    alike: list[Quota] = []
    for quota in session.quotas:
        if quota.rating_group == group and quota.service_identifier == service:
            if quota.upf == unit.upf:
                return quota
            alike.append(quota)
    return alike[0] if len(alike) == 1 and not (alike[0].upf and unit.upf) else None


def end_session(state: State, session: Session) -> None:
    for quota in session.quotas:
        let_go(state, quota)
    state.sessions.remove(session)


def ended(
    state: State, session: Session, request: ChargeRequest, answer: ChargeAnswer, now: int
) -> None:
    """The session after its last request, or one that it overtook: what it held is free, and
    more of those that were overtaken may still come."""
    late = state.session(session.id) is None
    answered(session, request.number, answer)
    if late:
        return
    end_session(state, session)
    remember(state, request, answer, now)
    if session.missed:
        state.done[-1].left = session


def session_of(state: State, request: ChargeRequest) -> tuple[Session | None, bool]:
    """The session that the request belongs to; and whether it has ended, as it is here then, by a
    request that overtook this one: what was used is debited, and nothing is granted."""
    session = state.session(request.session)
    if session is not None and request.anew and _is_another(session, request):
        return None, False
    if session is not None or not state.done or request.kind in (_INITIAL, Kind.EVENT):
        return session, False
    mark = _hash(request.session)
    for done in state.done:
        if done.session == mark and done.left is not None and request.number in done.left.missed:
            return done.left, True
    return None, False


def _is_another(session: Session, request: ChargeRequest) -> bool:
    """Whether the request begins another session of this name: it is of after all that was heard
    of the one that is open."""
    heard = max((quota.since for quota in session.quotas), default=request.at)
    return request.kind is _INITIAL and heard < request.at


def repeated(state: State, request: ChargeRequest) -> ChargeAnswer | None:
    """The answer that was given to this request, where it belongs to what has ended."""
    if not state.done:
        return None
    mark = _hash(request.session)
    for done in state.done:
        if done.session == mark and request.number <= done.number:
            later = request.anew and request.at > done.until - REMEMBERED_FOR
            return None if later and request.kind is _INITIAL else done.answer
    return None


def remember(state: State, request: ChargeRequest, answer: ChargeAnswer, now: int) -> None:
    """Keeps the answer for retransmissions of the request that ended its session."""
    state.done.append(Done(_hash(request.session), request.number, now + REMEMBERED_FOR, answer))
    if len(state.done) > REMEMBERED:
        del state.done[0]


def _hash(session: str) -> int:
    return int.from_bytes(hashlib.blake2b(session.encode(), digest_size=8).digest(), "big")
