"""Leases within a batch of the network's requests: what a member lacks, and who has it."""

import zlib
from collections.abc import Callable, Sequence

from trunkline.charging import ongoing
from trunkline.charging.buckets import enter_month
from trunkline.charging.debit import Turn
from trunkline.charging.grants import GrantPolicy
from trunkline.charging.journal import Record
from trunkline.charging.model import ChargeRequest, Kind
from trunkline.charging.policy.telling import phone_of
from trunkline.charging.pools.events import CallBack, PoolRefilled
from trunkline.charging.pools.leasing import Sides, lease, lease_money
from trunkline.charging.pools.needs import Asked, Use, Want, serving
from trunkline.charging.pools.shares import lends, pool_of, renew_share, share_of
from trunkline.charging.pools.telling import limits_reached, pool_reached
from trunkline.charging.sessions import (
    called_number,
    circumstances,
    give_up_sessions,
    instant_of,
    is_repeated,
    is_sound,
    repeated,
    session_of,
)
from trunkline.charging.state import State, Status
from trunkline.charging.store import Account
from trunkline.charging.tariffs import Tariffs
from trunkline.charging.terms import Share
from trunkline.kernel.errors import Invalid
from trunkline.platform.messages import Message

AGAIN_AFTER = 5
"""Seconds after which a member asks a pool again that had nothing left..."""
NEVER_MIND = 600
"""...and one that has nothing of the kind."""
KINDS = 8
"""Of usage, that a member knows to ask its pool for in vain."""
CALLED_BACK = 30
"""Seconds between two times at which all members of a pool are asked for what they don't use."""


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

    def lend(
        self,
        member: Account,
        request: ChargeRequest,
        records: list[Record],
        *,
        used: bool = False,
    ) -> bool:
        """Leases what the member lacks for the request, its own month begun before; False where
        the pool is held by another transaction. `records` take the member's. With `used` it is
        usage that a record told of."""
        state, now = member.state, self._now
        share = share_of(state)
        give_up_sessions(state, now)
        if share.closed or state.status != Status.ACTIVE or _is_known(state, request):
            return True
        asked = self._asked(state, request, records)
        if asked is None:
            return True
        if used:
            asked.was_used(self._policy.rules)
        missing = asked.missing()
        wants = self._wants(share, asked, missing)
        # What is spent from now on counts in the month that has begun.
        begins = share.money_taken > 0 and share.month_ends <= now
        if not begins and not wants and not self._money_to_ask_for(share, asked, missing):
            self._note_short(member, asked, missing)
            return True
        pool = self._find(share.pool)
        if pool is None:
            return False
        theirs: list[Record] = []
        before = ongoing.standing(pool.state)
        self._enter(pool, max(now, asked.at), theirs)
        if lends(pool.state):
            renew_share(share, pool.state)
            sides = Sides(str(member.id), str(pool.id), records, theirs)
            missing = self._lease(state, pool, asked, wants, sides)
            self.news += pool_reached(pool, now)
        self._note_short(member, asked, missing)
        self.news += ongoing.news(pool, before, now)
        self.written += ((pool.key, record) for record in theirs)
        return True

    def _wants(self, share: Share, asked: Asked, missing: Sequence[Use]) -> list[Want]:
        """But for what the pool was asked for in vain a moment ago, where the member will be told
        of more or doesn't wait for it."""
        wants = [use.want for use in missing]
        vain = [want for want in wants if _is_vain(share, want, self._now)]
        if vain and (_is_told(share, asked) or asked.missing_money(missing) <= 0):
            return [want for want in wants if want not in vain]
        return wants

    def _asked(self, state: State, request: ChargeRequest, records: list[Record]) -> Asked | None:
        """None for what nothing can be needed for: it will be refused."""
        session, _ = session_of(state, request)
        at = instant_of(request, self._now)
        in_force = self._tariffs.at(at)
        if in_force is None or not is_sound(request):
            return None
        if session is None and request.kind not in (Kind.INITIAL, Kind.EVENT):
            return None
        passing = self._policy.rules.passing
        if (passing.called(request.called) if session is None else session.passes) >= 0:
            return None
        try:
            called = called_number(request.called)
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
            plan=state.plan_at(at) if request.kind is Kind.EVENT else None,
        )
        if turn.plan is None:
            return None
        return Asked(turn, in_force, turn.plan, request, self._policy)

    def _money_to_ask_for(self, share: Share, asked: Asked, missing: Sequence[Use]) -> int:
        if share.money_limit == 0:
            return 0
        if self._now < share.money_vain_until and _is_told(share, asked):
            return 0
        return max(asked.missing_money(missing), 0)

    def _note_short(self, member: Account, asked: Asked, missing: Sequence[Use]) -> None:
        shares_money = share_of(member.state).money_limit != 0
        if missing or (shares_money and asked.missing_money(missing) > 0):
            self.short.add(member.key)

    def _lease(
        self, state: State, pool: Account, asked: Asked, wants: Sequence[Want], sides: Sides
    ) -> list[Use]:
        """Returns what is missing still. Where there was too little of what the pool has at all,
        it is called back."""
        share, now = share_of(state), self._now
        enough = True
        for want in wants:
            if not lease(state, pool.state, asked.plan, want, sides, now):
                serves = next(serving(pool.state, asked.plan, want), None) is not None
                enough = enough and not serves
                _note_vain(share, want, now, AGAIN_AFTER if serves else NEVER_MIND)
        missing = asked.missing()
        money = self._money_to_ask_for(share, asked, missing)
        if money and not lease_money(state, pool.state, money, sides, now):
            enough = False
            share.money_vain_until = now + AGAIN_AFTER
        if not enough:
            self._call_back(pool)
        return missing

    def _call_back(self, pool: Account) -> None:
        """Others may hold what they don't use: they are asked once in a while."""
        its = pool_of(pool.state)
        if (its.leases or its.money_leases) and its.asked_back + CALLED_BACK <= self._now:
            its.asked_back = self._now
            self.news.append(CallBack(pool=pool.key))

    def _enter(self, pool: Account, at: int, records: list[Record]) -> None:
        month = pool.state.period
        ongoing.enter(pool.state, self._now, records)
        in_force = self._tariffs.at(self._now)
        plan = None if in_force is None else in_force.plan(pool.state.plan)
        enter_month(pool.state, at, None if plan is None else plan.allowances, records)
        if pool.state.period != month:
            self.news.append(PoolRefilled(pool=pool.key))


def tell_of_limits(member: Account, request: ChargeRequest, now: int) -> list[Message]:
    """After usage: what of its limits the member has reached."""
    share = share_of(member.state)
    if not share.limits and share.money_limit <= 0:
        return []
    return [*limits_reached(member, phone_of(request.identities), now)]


def _is_known(state: State, request: ChargeRequest) -> bool:
    session, _ = session_of(state, request)
    if session is not None:
        return is_repeated(session, request.number)
    return repeated(state, request) is not None


def _is_told(share: Share, asked: Asked) -> bool:
    """Whether the member is told when its pool has more, or doesn't go on after this."""
    return share.waits or asked.ends


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
    if terms is None or terms.share is None or terms.share.closed:
        return
    if usage.units[0].used > 0:
        records: list[Record] = []
        lender.lend(member, usage, records, used=True)
        lender.written += ((member.key, record) for record in records)
