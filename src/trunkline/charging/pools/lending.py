"""Leases within a batch of the network's requests: what a member lacks, and who has it."""

from collections.abc import Callable

from trunkline.charging import ongoing
from trunkline.charging.buckets import enter_month
from trunkline.charging.debit import Turn
from trunkline.charging.events import UsageEvent
from trunkline.charging.grants import GrantPolicy
from trunkline.charging.journal import Record
from trunkline.charging.model import (
    NOT_REQUESTED,
    SERVER_DECIDES,
    Action,
    ChargeRequest,
    Kind,
    UnitRequest,
)
from trunkline.charging.pools.events import CallBack
from trunkline.charging.pools.leasing import (
    Ids,
    Want,
    lease,
    lease_money,
    lends,
    pool_of,
    room,
    serves,
    share_of,
)
from trunkline.charging.sessions import MOST_UNITS, instant_of, repeated
from trunkline.charging.state import Quota, Session, State, Status
from trunkline.charging.store import Account
from trunkline.charging.tariffs import Tariffs
from trunkline.kernel.errors import Invalid
from trunkline.platform.messages import Message
from trunkline.rating import CHARGE, NO_LIMIT, destination

AGAIN_AFTER = 5
"""Seconds after which a member asks a pool again that had nothing left..."""
NEVER_MIND = 3600
"""...and one that has nothing of the kind."""
_ONE = (UnitRequest(requested=1),)
CALLED_BACK = 30
"""Seconds between two times at which all members of a pool are asked for what they don't use."""

Need = tuple[UnitRequest, int, int]
"""(the request's unit, how much of it was used beyond its grant, and how much more is wanted
to be there)."""


def lacks(
    state: State, request: ChargeRequest, tariffs: Tariffs, policy: GrantPolicy, now: int
) -> bool:
    """Whether a member's request can't be answered in full by what the member has. Changes
    nothing."""
    share = share_of(state)
    if share.left or state.status not in (Status.ACTIVE, Status.PRE_ACTIVE):
        return False
    if _is_known(state, request):
        return False
    if now >= share.vain_until and _wants(state, request, policy, now):
        return True
    if share.money_limit == 0 or now < share.money_vain_until:
        return False
    at = instant_of(request, now)
    if not state.starts <= at < state.ends or state.period not in state.renewed:
        return bool(request.money or _needs(state, request, policy))
    return missing_money(state, request, tariffs, policy, now, []) > 0


def _is_known(state: State, request: ChargeRequest) -> bool:
    session = state.session(request.session)
    if session is not None:
        return request.number <= session.number
    return repeated(state, request) is not None


def _needs(state: State, request: ChargeRequest, policy: GrantPolicy) -> list[Need]:
    if request.kind is Kind.EVENT:
        if request.action is not Action.DIRECT_DEBIT or request.money:
            return []
        return [(unit, 0, max(unit.requested, unit.used, 1)) for unit in request.units or _ONE]
    session = state.session(request.session)
    size = policy.of(request.service if session is None else session.service)
    needs = []
    for unit in request.units:
        quota = quota_of(session, unit)
        over = unit.used - (0 if quota is None else quota.granted)
        wanted = 0
        asks = unit.requested != NOT_REQUESTED and not unit.final
        if asks and request.kind is not Kind.TERMINATE:
            asked = size.default if unit.requested == SERVER_DECIDES else unit.requested
            wanted = 2 * min(asked, size.largest)
        if max(abs(unit.used), wanted) <= MOST_UNITS:
            needs.append((unit, over, wanted))
    return needs


def quota_of(session: Session | None, unit: UnitRequest) -> Quota | None:
    """The session's quota that the unit is about."""
    if session is None:
        return None
    key = _number(unit.rating_group), _number(unit.service_identifier)
    for quota in session.quotas:
        if (quota.rating_group, quota.service_identifier) == key:
            return quota
    return None


def _number(value: int | None) -> int:
    return -1 if value is None else value


def _wants(state: State, request: ChargeRequest, policy: GrantPolicy, now: int) -> list[Want]:
    """What the buckets lack. Usage within a grant is paid for by what the grant holds."""
    at = instant_of(request, now)
    session = state.session(request.session)
    service = int(request.service if session is None else session.service)
    wants = []
    claimed = 0
    for unit, over, wanted in _needs(state, request, policy):
        group = _number(unit.rating_group)
        claimed += over + wanted
        missing = claimed - room(state, service, group, at)
        if missing > 0 and over + wanted > 0:
            wants.append(Want(service, group, missing))
    return wants


def missing_money(
    state: State,
    request: ChargeRequest,
    tariffs: Tariffs,
    policy: GrantPolicy,
    now: int,
    records: list[Record],
) -> int:
    """By how much what is asked for would cost more than there is; begins the month where that
    is due."""
    free = state.money - state.floor - state.held
    if request.money:
        return request.money - free
    session = state.session(request.session)
    try:
        called = destination(request.called)
    except Invalid:
        return 0
    at = instant_of(request, now)
    turn = Turn(
        state,
        records,
        tariffs.at(at),
        at=at,
        service=request.service if session is None else session.service,
        destination=called if session is None else session.destination,
        session=request.session,
        number=request.number,
    )
    if turn.in_force is None or turn.plan is None:
        return 0
    cost = 0
    for unit, over, wanted in _needs(state, request, policy):
        quota = quota_of(session, unit)
        if quota is None:
            quota = turn.quota(unit.rating_group, unit.service_identifier)
        if over + wanted > 0:
            slice_ = turn.slice(turn.plan, quota, over + wanted, NO_LIMIT)
            if turn.in_force.rate(slice_) >= 0:
                cost += slice_[CHARGE]
    return cost - free


class Lender:
    """Serves the members among a batch's accounts. `find` holds a pool's row: None where
    somebody else has it."""

    def __init__(
        self,
        find: Callable[[int], Account | None],
        tariffs: Tariffs,
        policy: GrantPolicy,
        now: int,
    ) -> None:
        self._find = find
        self._tariffs = tariffs
        self._policy = policy
        self._now = now
        self.written: list[tuple[int, Record]] = []
        self.news: list[Message] = []

    def serve(self, member: Account, request: ChargeRequest) -> bool:
        """Leases what the member lacks for the request; False where the pool is held by
        another transaction, and nothing has changed."""
        state, now = member.state, self._now
        share = share_of(state)
        pool = self._find(share.pool)
        if pool is None:
            return False
        records: tuple[list[Record], list[Record]] = ([], [])
        before = ongoing.standing(pool.state)
        self._enter(pool, records[1])
        if lends(pool.state):
            at = instant_of(request, now)
            in_force = self._tariffs.at(at)
            plan = None if in_force is None else in_force.plan(state.plan)
            enter_month(state, at, None if plan is None else plan.allowances, records[0])
            ids = Ids(str(member.id), str(pool.id))
            if not self._lease(state, pool.state, request, ids, records):
                self._call_back(pool)
        self.news += ongoing.news(pool, before, now)
        self.written += ((member.key, record) for record in records[0])
        self.written += ((pool.key, record) for record in records[1])
        return True

    def _lease(
        self,
        state: State,
        pool: State,
        request: ChargeRequest,
        ids: Ids,
        records: tuple[list[Record], list[Record]],
    ) -> bool:
        """False where there was too little of what the pool has at all."""
        share, now = share_of(state), self._now
        at = instant_of(request, now)
        enough = True
        for want in _wants(state, request, self._policy, now):
            if not lease(state, pool, want, at, ids, records):
                enough = enough and not serves(pool, want, at)
                share.vain_until = now + (AGAIN_AFTER if serves(pool, want, at) else NEVER_MIND)
        if share.money_limit and now >= share.money_vain_until:
            missing = missing_money(state, request, self._tariffs, self._policy, now, records[0])
            if missing > 0 and not lease_money(state, pool, missing, now, ids, records):
                enough = False
                share.money_vain_until = now + AGAIN_AFTER
        return enough

    def _call_back(self, pool: Account) -> None:
        """Others may hold what they don't use: they are asked once in a while."""
        its = pool_of(pool.state)
        if (its.leases or its.money_leases) and its.asked_back + CALLED_BACK <= self._now:
            its.asked_back = self._now
            self.news.append(CallBack(pool=pool.key))

    def _enter(self, pool: Account, records: list[Record]) -> None:
        ongoing.enter(pool.state, self._now, records)
        in_force = self._tariffs.at(self._now)
        plan = None if in_force is None else in_force.plan(pool.state.plan)
        enter_month(pool.state, self._now, None if plan is None else plan.allowances, records)


def lend_for(member: Account, event: UsageEvent, lender: Lender) -> None:
    """Leases what a usage record takes, where the account is a member."""
    terms = member.state.terms
    if terms is None or terms.share is None or terms.share.left or not event.units > 0:
        return
    at = int(event.at.timestamp())
    asked = ChargeRequest(
        session=event.id,
        number=0,
        kind=Kind.EVENT,
        identities=event.identities,
        at=at,
        received=at,
        service=event.service,
        called=event.called,
        units=(UnitRequest(rating_group=event.rating_group, used=event.units),),
    )
    lender.serve(member, asked)
