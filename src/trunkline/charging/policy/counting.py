"""Counters with thresholds: what of a month's usage is worth another treatment, and the words for
it that the network's policy knows (TS 29.219, TS 29.594: policy counters and their statuses)."""

import msgspec

from trunkline.charging.counters import counted
from trunkline.charging.months import epoch_bounds, month_at
from trunkline.charging.state import State

ROAMING = "roaming"
"""The counter of what data abroad has cost in the month, in micros: every account has it."""


class Threshold(msgspec.Struct, frozen=True, array_like=True):
    """From so many percent of the limit on the counter has this status."""

    percent: int
    status: str


class CounterPolicy(msgspec.Struct, frozen=True, array_like=True):
    """`counter` is a plan's counter, and the policy counter's id to the network; `limit` is in
    its units, or micros. Thresholds ascend. It is the counter's policy in `plan`, or in all."""

    counter: str
    limit: int
    thresholds: tuple[Threshold, ...]
    initial: str = "normal"
    plan: str = ""
    tell: bool = True
    """People get a message at each threshold."""

    def reached(self, amount: int) -> int:
        """How many of the thresholds this amount has reached."""
        return sum(1 for each in self.thresholds if amount * 100 >= self.limit * each.percent)

    def status(self, reached: int) -> str:
        return self.thresholds[reached - 1].status if reached else self.initial


class CounterStatus(msgspec.Struct, frozen=True):
    """One policy counter of an account. `pending` are statuses that it will have by itself, each
    with the epoch second from which on."""

    counter: str
    status: str
    pending: tuple[tuple[str, int], ...] = ()
    amount: int = 0
    limit: int = 0

    @property
    def percent(self) -> int:
        """What of the limit is used; whole, and never rounded up."""
        return self.amount * 100 // self.limit if self.limit else 0


class Crossing(msgspec.Struct, frozen=True):
    """A counter has reached another threshold."""

    counter: str
    previous: str
    status: str
    percent: int
    amount: int
    limit: int
    tell: bool


def policies_of(state: State, known: tuple[CounterPolicy, ...]) -> list[CounterPolicy]:
    """Those that hold for the account: of one counter the plan's own before that of all."""
    found: dict[str, CounterPolicy] = {}
    for each in known:
        if not each.plan or each.plan == state.plan:
            present = found.get(each.counter)
            if present is None or (each.plan and not present.plan):
                found[each.counter] = each
    return list(found.values())


def statuses(state: State, known: tuple[CounterPolicy, ...], now: int) -> list[CounterStatus]:
    """The account's policy counters. When the month ends they begin
    anew: a status other than the first is followed by it then."""
    month = month_at(now, state.cycle_day, state.time_zone)
    _, ends = epoch_bounds(month, state.cycle_day, state.time_zone)
    found = []
    for each in policies_of(state, known):
        amount = counted(state, each.counter, month)
        status = each.status(each.reached(amount))
        pending = () if status == each.initial else ((each.initial, ends),)
        found.append(CounterStatus(each.counter, status, pending, amount, each.limit))
    return found


def replan(state: State, known: tuple[CounterPolicy, ...]) -> None:
    """Other limits hold: what hasn't been reached of them hasn't been told either."""
    for each in state.counters:
        for policy in policies_of(state, known):
            if policy.counter == each.id:
                each.told = min(each.told, policy.reached(each.amount))


def crossed(state: State, known: tuple[CounterPolicy, ...]) -> list[Crossing]:
    """What has been reached and wasn't told yet, in the newest month of each counter; it counts
    as told from now on. Several thresholds at once are one crossing, the highest's."""
    found = []
    for each in state.counters:
        for policy in policies_of(state, known):
            if policy.counter != each.id:
                continue
            reached = policy.reached(each.amount)
            if reached > each.told:
                found.append(
                    Crossing(
                        each.id,
                        policy.status(each.told),
                        policy.status(reached),
                        policy.thresholds[reached - 1].percent,
                        each.amount,
                        policy.limit,
                        policy.tell,
                    )
                )
            # A price that is reckoned anew may give back: what was told once stays told.
            each.told = max(each.told, reached)
    return found
