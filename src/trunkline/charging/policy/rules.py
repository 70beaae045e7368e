"""What holds for all accounts, as every process of the operator knows it."""

import msgspec

from trunkline.charging.policy.counting import CounterPolicy
from trunkline.charging.policy.passing import NOTHING, Passing
from trunkline.charging.policy.roaming import RoamingPolicy
from trunkline.charging.state import State


class Rules(msgspec.Struct, frozen=True, array_like=True):
    passing: Passing = NOTHING
    counters: tuple[CounterPolicy, ...] = ()
    roaming: RoamingPolicy | None = None

    def counters_of(self, state: State) -> tuple[CounterPolicy, ...]:
        """The policies of the account's counters, what abroad may cost among them."""
        if self.roaming is None or not self.roaming.limit_of(state.currency):
            return self.counters
        return (*self.counters, self.roaming.counter(state.currency))


NO_RULES = Rules()
