"""What data abroad may cost a person in a month before it is cut off, unless they consented to go
on (Regulation (EU) 2022/612, article 14: 50 EUR by default, warnings at 80 % and 100 %)."""

from collections.abc import Mapping

import msgspec

from trunkline.charging.counters import count, counted
from trunkline.charging.debit import Turn
from trunkline.charging.model import Circumstances, FinalUnit
from trunkline.charging.months import epoch_bounds
from trunkline.charging.policy.counting import ROAMING, CounterPolicy, Threshold
from trunkline.charging.state import RESERVATION, State
from trunkline.rating import DATA

WARNED = "warned"
CUT_OFF = "cutOff"


class RoamingZone(msgspec.Struct, frozen=True, array_like=True):
    """`networks` are the beginnings of the MCC and MNC there. With `like_home` data there costs
    what the plan has it cost at home (Regulation (EU) 2022/612, article 4): no limit of what
    abroad may cost counts it."""

    name: str
    networks: tuple[str, ...]
    like_home: bool = False


class RoamingPolicy(msgspec.Struct, frozen=True, array_like=True):
    """`home` are the beginnings of the MCC and MNC where nobody is abroad. `limit` is in micros
    of the account's currency, 0 for none. Of `zones` the first that has the network counts; what
    lies in none is abroad like the rest of the world."""

    home: tuple[str, ...]
    limit: int = 50_000_000
    warning: int = 80
    """Percent."""
    last: FinalUnit | None = None
    """How data goes on when it is cut off; None: it ends."""
    limits: Mapping[str, int] = {}
    """Other limits, by currency."""
    zones: tuple[RoamingZone, ...] = ()
    unknown_is_home: bool = True
    """Otherwise data of which no network is told counts like data in the rest of the world."""
    words: tuple[str, ...] = ()
    """By which people consent in a text message to go on."""
    waives: bool = True
    """What files tell of data past the limit isn't charged."""

    def abroad(self, network: str) -> bool:
        return not network.startswith(self.home)

    def zone_of(self, network: str) -> RoamingZone | None:
        """None at home, and in the rest of the world."""
        if network.startswith(self.home):
            return None
        return next((each for each in self.zones if network.startswith(each.networks)), None)

    def limits_data(self, where: Circumstances | None) -> bool:
        """Whether data used so counts towards what abroad may cost."""
        if where is None or not where.network:
            return not self.unknown_is_home
        zone = self.zone_of(where.network)
        return self.abroad(where.network) if zone is None else not zone.like_home

    def limit_of(self, currency: str) -> int:
        return self.limits.get(currency, self.limit)

    def counter(self, currency: str) -> CounterPolicy:
        """As a policy counter."""
        thresholds = (Threshold(self.warning, WARNED), Threshold(100, CUT_OFF))
        return CounterPolicy(ROAMING, self.limit_of(currency), thresholds)


def roamed(turn: Turn, policy: RoamingPolicy, charged: int, *, told: Circumstances | None) -> None:
    """Counts what data abroad has cost, and notes in which country the person is, where that is
    `told` just now."""
    if charged and turn.service == DATA and policy.limits_data(turn.used):
        count(turn.state, ROAMING, turn.month, charged)
    if told is not None and told.network:
        turn.state.abroad = _trip(turn.state.abroad, told.network, policy)


def _trip(before: str, network: str, policy: RoamingPolicy) -> str:
    """The countries of a trip by their codes, where the person is the first; "" at home."""
    if not policy.abroad(network):
        return ""
    country = network[:3]
    if before.startswith(country):
        return before
    return ",".join([country, *(each for each in before.split(",") if each not in ("", country))])


def arrived(before: str, after: str) -> bool:
    """Whether a trip that was `before` has come to a country where it hasn't been."""
    return bool(after) and after[:3] not in before.split(",")


def room(state: State, policy: RoamingPolicy, month: int) -> int | None:
    """Micros that may still be charged for data abroad in this month, less what data in open
    sessions there has reserved; None where there is no limit, or the person consented to go on."""
    return left(state, policy, month) if limits(state, policy, month) else None


def left(state: State, policy: RoamingPolicy, month: int) -> int:
    """The same, whether or not anything stops it."""
    held = sum(
        quota.money
        for session in state.sessions
        if session.service == DATA
        and not session.id.startswith(RESERVATION)
        and policy.limits_data(session.where)
        for quota in session.quotas
        if quota.service < 0
    )
    return max(-beyond(state, policy, month) - held, 0)


def limits(state: State, policy: RoamingPolicy, month: int) -> bool:
    """Whether anything stops what data abroad may cost in this month."""
    return bool(policy.limit_of(state.currency)) and state.roams_on < month


def consent(state: State, month: int, now: int, *, given: bool) -> bool:
    """Whether that is anything new. Usage that is told of later goes by whether there was consent
    at its time: when there was is kept for this month and the one before."""
    wanted = month if given else 0
    if state.roams_on == wanted:
        return False
    kept = state.consents
    if not kept and state.roams_on:
        # An earlier release didn't keep since when.
        kept = (epoch_bounds(state.roams_on, state.cycle_day, state.time_zone),)
    state.roams_on = wanted
    begins, _ = epoch_bounds(month - 1, state.cycle_day, state.time_zone)
    _, ends = epoch_bounds(month, state.cycle_day, state.time_zone)
    spans = [(since, min(until, now)) for since, until in kept if until > begins]
    if given:
        spans.append((now, ends))
    state.consents = tuple(spans)
    return True


def consented(state: State, at: int, month: int) -> bool:
    """Whether there was consent at this instant, which is in this month."""
    if not state.consents:
        return state.roams_on >= month
    return any(since <= at < until for since, until in state.consents)


def beyond(state: State, policy: RoamingPolicy, month: int) -> int:
    """Micros that data abroad has cost in this month beyond its limit; below zero before it."""
    return counted(state, ROAMING, month) - policy.limit_of(state.currency)
