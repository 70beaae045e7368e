"""Leases within a batch of the network's requests: what a member lacks, and who has it."""

import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from trunkline.charging import ongoing
from trunkline.charging.buckets import enter_month
from trunkline.charging.debit import Turn
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
from trunkline.charging.pools.events import CallBack, PoolRefilled
from trunkline.charging.pools.leasing import (
    Ids,
    Want,
    lacking,
    lease,
    lease_money,
    lends,
    pool_of,
    serving,
    share_of,
)
from trunkline.charging.sessions import (
    circumstances,
    give_up_sessions,
    instant_of,
    is_repeated,
    is_sound,
    quota_of,
    repeated,
)
from trunkline.charging.state import Quota, State, Status
from trunkline.charging.store import Account
from trunkline.charging.tariffs import InForce, Tariffs
from trunkline.charging.terms import Share
from trunkline.kernel.errors import Invalid
from trunkline.platform.messages import Message
from trunkline.rating import (
    BUCKET_GROUP,
    BUCKET_SERVICE,
    BUCKET_SIZE,
    CHARGE,
    DATA,
    EXPIRES,
    NO_LIMIT,
    REMAINING,
    RESERVED,
    STARTS,
    VOICE,
    Plan,
    destination,
)

AGAIN_AFTER = 5
"""Seconds after which a member asks a pool again that had nothing left..."""
NEVER_MIND = 600
"""...and one that has nothing of the kind."""
KINDS = 8
"""Of usage, that a member knows to ask its pool for in vain."""
CALLED_BACK = 30
"""Seconds between two times at which all members of a pool are asked for what they don't use."""

_ONE = (UnitRequest(requested=1),)
_EVENT, _DEBIT = Kind.EVENT, Action.DIRECT_DEBIT


def is_covered(state: State, request: ChargeRequest, policy: GrantPolicy, now: int) -> bool:
    """Whether the account has more than enough for the request by the simplest of reckonings:
    that is how most requests of members end, and costs them next to nothing."""
    if request.money or request.spent:
        return False
    units = request.units
    service = request.service
    need = 0
    if request.kind == _EVENT:
        if request.action is not _DEBIT:
            return True
        units = units or _ONE
        for unit in units:
            if unit.service >= 0:
                return False
            need += max(unit.requested, unit.used, 1)
    else:
        session = state.session(request.session)
        if session is not None:
            service = session.service
        for unit in units:
            if unit.service >= 0:
                return False
            need += unit.used
            if unit.requested != NOT_REQUESTED:
                need += 2 * (unit.requested or policy.of(service, unit.rating_group).default)
    group = -1
    if len(units) == 1 and units[0].rating_group is not None:
        group = units[0].rating_group
    at = instant_of(request, now)
    flat = state.flat
    offset = 0
    for bucket in state.buckets:
        if (
            flat[offset + BUCKET_SERVICE] == service
            and (flat[offset + BUCKET_GROUP] == -1 or flat[offset + BUCKET_GROUP] == group)
            and flat[offset + STARTS] <= at < flat[offset + EXPIRES]
            and bucket.where is None
        ):
            need -= flat[offset + REMAINING] - flat[offset + RESERVED]
        offset += BUCKET_SIZE
    return need <= 0


class _Use(NamedTuple):
    want: Want
    quota: Quota


class _Asked:
    """What a member's request needs to be there."""

    def __init__(
        self, turn: Turn, in_force: InForce, plan: Plan, request: ChargeRequest, policy: GrantPolicy
    ) -> None:
        self.plan = plan
        self._turn = turn
        self._in_force = in_force
        self._money = request.money
        self._released: list[int] = []
        if request.kind != _EVENT:
            self._uses = self._of_session(request, policy)
        elif request.action is _DEBIT and not request.money:
            self._uses = [self._of_event(unit) for unit in request.units or _ONE]
        else:
            self._uses = []

    def _of_event(self, unit: UnitRequest) -> _Use:
        quota = self._turn.quota_of(unit)
        return self._use(quota, max(unit.requested, unit.used, 1), self._turn.at, used=True)

    def _of_session(self, request: ChargeRequest, policy: GrantPolicy) -> list[_Use]:
        """All that was used before anything that may be used next."""
        turn = self._turn
        session = turn.state.session(request.session)
        used, wanted = [], []
        for unit in request.units:
            if turn.usual == DATA and unit.rating_group in policy.rules.passing.groups:
                continue
            quota = None if session is None else quota_of(session, unit)
            quota = quota or turn.quota_of(unit)
            quota.service = unit.service
            turn.turn_to(quota)
            self._released += quota.holds
            if unit.used:
                use = self._use(quota, unit.used, quota.since, used=True, paid=quota.granted)
                used.append(use)
            if unit.requested == NOT_REQUESTED or unit.final or request.kind is Kind.TERMINATE:
                continue
            size = policy.of(turn.service, unit.rating_group)
            asked = size.default if unit.requested == SERVER_DECIDES else unit.requested
            begins = quota.since + unit.used if turn.service == VOICE else turn.at
            # No grant takes more than half of what is left.
            wanted.append(self._use(quota, 2 * min(asked, size.largest), begins, used=False))
        return used + wanted

    def _use(self, quota: Quota, units: int, at: int, *, used: bool, paid: int = 0) -> _Use:
        turn = self._turn
        where = turn.used if used else turn.where
        group, identifier = quota.rating_group, quota.service_identifier
        paid = min(paid, units)
        return _Use(Want(turn.service, group, identifier, where, at, units, paid, used), quota)

    def missing(self) -> list[_Use]:
        """What the account's buckets don't have of it. What has no price isn't used."""
        wants = [use.want for use in self._uses]
        lacks = lacking(self._turn.state, self.plan, wants, self._released)
        missing = [
            use._replace(want=use.want._replace(units=units, paid=0))
            for use, units in zip(self._uses, lacks, strict=True)
            if units > 0
        ]
        return [use for use in missing if self._price(use) is not None]

    def missing_money(self, missing: Sequence[_Use]) -> int:
        """By how much it would cost more than there is, were this paid for in money."""
        state = self._turn.state
        cost = self._money + sum(self._price(use) or 0 for use in missing)
        return cost - (state.money - state.floor - state.held) if cost > 0 else 0

    def _price(self, use: _Use) -> int | None:
        """None where the plan has no price for it."""
        self._turn.service = use.want.service
        slice_ = self._turn.slice(
            self.plan, use.quota, use.want.units, NO_LIMIT, buckets=False, used=use.want.used
        )
        return slice_[CHARGE] if self._in_force.rate(slice_) >= 0 else None


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
        """The pools' records."""
        self.news: list[Message] = []
        self.short: set[int] = set()
        """Members that the pool had too little for."""

    def lend(self, member: Account, request: ChargeRequest, records: list[Record]) -> bool:
        """Leases what the member lacks for the request, its own month begun before; False where
        the pool is held by another transaction. `records` take the member's."""
        state, now = member.state, self._now
        share = share_of(state)
        give_up_sessions(state, now)
        if share.left or state.status != Status.ACTIVE or _is_known(state, request):
            return True
        asked = self._asked(state, request, records)
        if asked is None:
            return True
        missing = asked.missing()
        units = [use.want for use in missing if not _is_vain(share, use.want, now)]
        if not units and not self._money_to_ask_for(share, asked, missing):
            self._note_short(member, asked, missing)
            return True
        pool = self._find(share.pool)
        if pool is None:
            return False
        theirs: list[Record] = []
        before = ongoing.standing(pool.state)
        self._enter(pool, theirs)
        if lends(pool.state):
            ids = Ids(str(member.id), str(pool.id))
            if not self._lease(state, pool.state, asked, units, ids, (records, theirs)):
                self._call_back(pool)
            missing = asked.missing()
        self._note_short(member, asked, missing)
        self.news += ongoing.news(pool, before, now)
        self.written += ((pool.key, record) for record in theirs)
        return True

    def _asked(self, state: State, request: ChargeRequest, records: list[Record]) -> _Asked | None:
        """None for what nothing can be needed for: it will be refused."""
        session = state.session(request.session)
        at = instant_of(request, self._now)
        in_force = self._tariffs.at(at)
        if in_force is None or not is_sound(request):
            return None
        passing = self._policy.rules.passing
        if (passing.called(request.called) if session is None else session.passes) >= 0:
            return None
        try:
            called = destination(request.called)
        except Invalid:
            return None
        turn = Turn(
            state,
            records,
            in_force,
            at=at,
            service=request.service if session is None else session.service,
            destination=called if session is None else session.destination,
            session=request.session,
            number=request.number,
            where=request.where if session is None else circumstances(session, request),
            used=request.where if session is None else session.where,
        )
        if turn.plan is None:
            return None
        return _Asked(turn, in_force, turn.plan, request, self._policy)

    def _money_to_ask_for(self, share: Share, asked: _Asked, missing: Sequence[_Use]) -> int:
        if share.money_limit == 0 or self._now < share.money_vain_until:
            return 0
        return max(asked.missing_money(missing), 0)

    def _note_short(self, member: Account, asked: _Asked, missing: Sequence[_Use]) -> None:
        shares_money = share_of(member.state).money_limit != 0
        if missing or (shares_money and asked.missing_money(missing) > 0):
            self.short.add(member.key)

    def _lease(
        self,
        state: State,
        pool: State,
        asked: _Asked,
        wants: Sequence[Want],
        ids: Ids,
        records: tuple[list[Record], list[Record]],
    ) -> bool:
        """False where there was too little of what the pool has at all."""
        share, now = share_of(state), self._now
        enough = True
        for want in wants:
            if not lease(state, pool, asked.plan, want, ids, records, now):
                serves = next(serving(pool, asked.plan, want), None) is not None
                enough = enough and not serves
                _note_vain(share, want, now, AGAIN_AFTER if serves else NEVER_MIND)
        money = self._money_to_ask_for(share, asked, asked.missing())
        if money and not lease_money(state, pool, money, now, ids, records):
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
        month = pool.state.period
        ongoing.enter(pool.state, self._now, records)
        in_force = self._tariffs.at(self._now)
        plan = None if in_force is None else in_force.plan(pool.state.plan)
        enter_month(pool.state, self._now, None if plan is None else plan.allowances, records)
        if pool.state.period != month:
            self.news.append(PoolRefilled(pool=pool.key))


def _is_known(state: State, request: ChargeRequest) -> bool:
    session = state.session(request.session)
    if session is not None:
        return is_repeated(session, request.number)
    return repeated(state, request) is not None


def _kind(want: Want) -> int:
    return zlib.crc32(repr((want.service, want.group, want.identifier, want.where)).encode())


def _is_vain(share: Share, want: Want, now: int) -> bool:
    return bool(share.vain) and any(
        now < until for kind, until in share.vain if kind == _kind(want)
    )


def _note_vain(share: Share, want: Want, now: int, seconds: int) -> None:
    kind = _kind(want)
    others = (each for each in share.vain if each[0] != kind and now < each[1])
    share.vain = (*others, (kind, now + seconds))[-KINDS:]


def lend_for(member: Account, usage: ChargeRequest, lender: Lender) -> None:
    """Leases what usage that a record told of takes, where the account is a member."""
    terms = member.state.terms
    if terms is None or terms.share is None or terms.share.left:
        return
    if usage.units[0].used > 0:
        records: list[Record] = []
        lender.lend(member, usage, records)
        lender.written += ((member.key, record) for record in records)
