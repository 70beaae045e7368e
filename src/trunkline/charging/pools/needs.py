"""What a member's request needs to be there, and what of it the member doesn't have. Pure."""

from collections.abc import Iterator, Sequence

import msgspec

from trunkline.charging.debit import Turn, meets
from trunkline.charging.grants import GrantPolicy
from trunkline.charging.model import (
    NOT_REQUESTED,
    SERVER_DECIDES,
    Action,
    ChargeRequest,
    Circumstances,
    Kind,
    UnitRequest,
)
from trunkline.charging.policy.rules import Rules
from trunkline.charging.policy.waiving import chargeable
from trunkline.charging.pools.shares import place_of
from trunkline.charging.sessions import instant_of, quota_of, session_of
from trunkline.charging.state import Quota, Session, State
from trunkline.charging.tariffs import InForce
from trunkline.rating import (
    BUCKET_GROUP,
    BUCKET_SERVICE,
    BUCKET_SIZE,
    BY_TIME,
    CHARGE,
    DATA,
    EXPIRES,
    NO_LIMIT,
    REMAINING,
    RESERVED,
    STARTS,
    Plan,
)

replace = msgspec.structs.replace
_ONE = (UnitRequest(requested=1),)
_EVENT = Kind.EVENT
_UNPAID = (Action.REFUND, Action.PRICE_ENQUIRY)


class Want(msgspec.Struct, frozen=True, gc=False):
    """Units of a service, in its unit, that are to be there for use from `at` on."""

    service: int
    group: int
    identifier: int
    where: Circumstances | None
    at: int
    units: int
    paid: int = 0
    """Of them, those that an open grant has paid for already, with whatever."""
    used: bool = False
    """They were used, and are due in full, whatever is fair; else they may be."""


def serving(state: State, plan: Plan, want: Want) -> Iterator[int]:
    """The places of the account's buckets that such usage may take from, in their order, full or
    empty. `plan` is the plan of who uses it: it says what filters mean."""
    flat, service, at = state.flat, want.service, want.at
    for place, bucket in enumerate(state.buckets):
        offset = place * BUCKET_SIZE
        if (
            flat[offset + BUCKET_SERVICE] == service
            and flat[offset + BUCKET_GROUP] in (-1, want.group)
            and flat[offset + STARTS] <= at < flat[offset + EXPIRES]
            and (bucket.where is None or meets(plan, bucket.where, want.identifier, want.where))
        ):
            yield place


def lacking(
    state: State, plan: Plan, wants: Sequence[Want], released: Sequence[int] = ()
) -> list[int]:
    """How many units of each want the account's buckets don't have, each after those before it.
    `released` are reservations that end before (number, units, number, units...)."""
    flat = state.flat
    free = [
        flat[offset + REMAINING] - flat[offset + RESERVED]
        for offset in range(0, len(flat), BUCKET_SIZE)
    ]
    for index in range(0, len(released), 2):
        free[place_of(state, released[index])] += released[index + 1]
    missing = []
    for want in wants:
        units = want.units
        for place in serving(state, plan, want):
            taken = min(units, free[place])
            free[place] -= taken
            units -= taken
            if not units:
                break
        missing.append(min(units, want.units - want.paid))
    return missing


def is_covered(state: State, request: ChargeRequest, policy: GrantPolicy, now: int) -> bool:
    """Whether the account has more than enough for the request by the simplest of reckonings:
    that is how most requests of members end, and costs them next to nothing."""
    if request.money or request.spent:
        return request.kind is _EVENT and request.action in _UNPAID
    units, service, need = request.units, request.service, 0
    session: Session | None = None
    if request.kind is _EVENT:
        if request.action in _UNPAID:
            return True
        units = units or _ONE
        for unit in units:
            if unit.service >= 0:
                return False
            need += max(unit.requested, unit.used, 1)
    else:
        if state.sessions and state.sessions[0].id == request.session:
            session = state.sessions[0]
        else:
            session, _ = session_of(state, request)
        if session is not None:
            service = session.service
        for unit in units:
            if unit.service >= 0:
                return False
            need += unit.used
            if unit.requested != NOT_REQUESTED:
                need += 2 * (unit.requested or policy.of(service, unit.rating_group).default)
    group = units[0].rating_group if len(units) == 1 else None
    at = request.at if request.at <= now else instant_of(request, now)
    flat = state.flat
    offset = 0
    for bucket in state.buckets:
        if (
            flat[offset + BUCKET_SERVICE] == service
            and flat[offset + STARTS] <= at < flat[offset + EXPIRES]
            and (flat[offset + BUCKET_GROUP] == -1 or flat[offset + BUCKET_GROUP] == group)
            and bucket.where is None
        ):
            need -= flat[offset + REMAINING] - flat[offset + RESERVED]
            if need <= 0:
                return True
            if session is not None and len(units) == 1:
                need -= _holds(session, units[0], bucket.number)
        offset += BUCKET_SIZE
    return need <= 0


def _holds(session: Session, unit: UnitRequest, bucket: int) -> int:
    """What is reserved of the bucket for what the unit is about: it is free before the next."""
    quota = quota_of(session, unit)
    holds = [] if quota is None else quota.holds
    pairs = zip(holds[::2], holds[1::2], strict=True)
    return sum(units for number, units in pairs if number == bucket)


class Use(msgspec.Struct, frozen=True, gc=False):
    want: Want
    quota: Quota


class Asked:
    """What a member's request needs to be there."""

    def __init__(
        self, turn: Turn, in_force: InForce, plan: Plan, request: ChargeRequest, policy: GrantPolicy
    ) -> None:
        self.plan = plan
        self.at = turn.at
        self.ends = request.kind in (_EVENT, Kind.TERMINATE)
        """Nothing follows it that could wait."""
        self._turn = turn
        self._in_force = in_force
        self._money = request.money
        self._most = NO_LIMIT
        self._released: list[int] = []
        if request.kind != _EVENT:
            self._uses = self._of_session(request, policy)
        elif not request.money:
            self._uses = [self._of_event(unit) for unit in request.units or _ONE]
        else:
            self._uses = []

    def _of_event(self, unit: UnitRequest) -> Use:
        quota = self._turn.quota_of(unit)
        return self._use(quota, max(unit.requested, unit.used, 1), self._turn.at, used=True)

    def _of_session(self, request: ChargeRequest, policy: GrantPolicy) -> list[Use]:
        """All that was used before anything that may be used next."""
        turn = self._turn
        session, late = session_of(turn.state, request)
        ends = late or request.kind is Kind.TERMINATE
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
            if unit.requested == NOT_REQUESTED or unit.final or ends:
                continue
            size = policy.of(turn.service, unit.rating_group)
            asked = size.default if unit.requested == SERVER_DECIDES else unit.requested
            begins = quota.since + unit.used if turn.service in BY_TIME else turn.at
            # No grant takes more than half of what is left.
            wanted.append(self._use(quota, 2 * min(asked, size.largest), begins, used=False))
        return used + wanted

    def _use(self, quota: Quota, units: int, at: int, *, used: bool, paid: int = 0) -> Use:
        turn = self._turn
        where = turn.used if used else turn.where
        group, identifier = quota.rating_group, quota.service_identifier
        paid = min(paid, units)
        return Use(Want(turn.service, group, identifier, where, at, units, paid, used), quota)

    def missing(self) -> list[Use]:
        """What the account's buckets don't have of it. What has no price isn't used."""
        wants = [use.want for use in self._uses]
        lacks = lacking(self._turn.state, self.plan, wants, self._released)
        missing = [
            Use(replace(use.want, units=units, paid=0), use.quota)
            for use, units in zip(self._uses, lacks, strict=True)
            if units > 0
        ]
        return [use for use in missing if self._price(use) is not None]

    def missing_money(self, missing: Sequence[Use]) -> int:
        """By how much it would cost more than there is, were this paid for in money."""
        state = self._turn.state
        cost = min(self._money + sum(self._price(use) or 0 for use in missing), self._most)
        return cost - (state.money - state.floor - state.held) if cost > 0 else 0

    def was_used(self, rules: Rules) -> None:
        """It is usage that a record told of: what is waived of its price isn't needed."""
        self._most = chargeable(self._turn, rules.roaming)

    def _price(self, use: Use) -> int | None:
        """None where the plan has no price for it."""
        self._turn.service = use.want.service
        slice_ = self._turn.slice(
            self.plan, use.quota, use.want.units, NO_LIMIT, buckets=False, used=use.want.used
        )
        return slice_[CHARGE] if self._in_force.rate(slice_) >= 0 else None
