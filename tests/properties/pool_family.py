"""A pool and its members without a database: rows as one would keep them, so that what isn't
committed never was."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec
from hypothesis import strategies as st

from tests.unit.charging.builders import MB, NOON, account
from trunkline.charging import ChargeAnswer, ChargeRequest, ChargingAccountId, GroupCommit
from trunkline.charging.batch import Befalling
from trunkline.charging.hot import Taken
from trunkline.charging.journal import Record
from trunkline.charging.pools.leasing import Sides, give_back
from trunkline.charging.pools.shares import is_idle, share_of
from trunkline.charging.state import State, decode, encode
from trunkline.charging.store import Account
from trunkline.charging.tariffs import Tariffs
from trunkline.charging.terms import Pool, Share, Terms
from trunkline.customers import BillingAccountId
from trunkline.platform.db import Database, Tx

POOL, MEMBERS = 9, (1, 2, 3)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What happens next. `used` is in percent of the open grant; `returns` has the job look
    first."""

    member: int
    asked: int
    used: int
    ends: bool
    later: int
    returns: bool


Kind = TypeVar("Kind", bound=Step)


def steps(kind: type[Kind], **further: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Kind]]:
    return st.lists(
        st.builds(
            kind,
            member=st.sampled_from(MEMBERS),
            asked=st.sampled_from([0, 1, 7 * MB, 40 * MB, 300 * MB]),
            used=st.integers(0, 130),
            ends=st.integers(0, 4).map(lambda n: n == 0),
            later=st.sampled_from([0, 1, 10, 1000, 4000]),
            returns=st.booleans(),
            **further,
        ),
        max_size=30,
    )


class Family:
    """`limits` are the members' shares; the pool's plan is "shared"."""

    def __init__(
        self, prices: Tariffs, shares: Mapping[int, Share], *, money: str, pool_has: str
    ) -> None:
        pool = account(pool_has, plan="shared")
        pool.terms = Terms(pool=Pool(members=len(shares)))
        rows = {POOL: pool}
        for key, share in shares.items():
            member = account(money, plan="plan")
            member.terms = Terms(share=share)
            rows[key] = member
        self.rows = {key: encode(state) for key, state in rows.items()}
        self.journal: list[tuple[int, Record]] = []
        self.prices = prices
        self.group = GroupCommit(cast(Database, None))
        self.group.tariffs = prices
        self.now = NOON

    def states(self) -> dict[int, State]:
        return {key: decode(row) for key, row in self.rows.items()}

    def attempt(
        self, member: int, message: ChargeRequest, *, commit: bool = True
    ) -> ChargeAnswer | None:
        accounts = {key: _row(key, state) for key, state in self.states().items()}
        around = Befalling(self.group, cast(Tx, None), Taken({}, {}, 0), accounts, self.now)
        records: list[Record] = []
        written: list[tuple[int, Record]] = []
        answer = around.answer(accounts[member], message, records, written)
        if commit:
            self.rows = {key: encode(each.state) for key, each in accounts.items()}
            self.journal += [*written, *((member, record) for record in records)]
        return answer

    def return_leases(self) -> None:
        """As the job does."""
        states = self.states()
        for key in MEMBERS:
            if is_idle(states[key], self.now):
                sides = Sides(f"cac_{key}", f"cac_{POOL}", [], [])
                give_back(states[key], share_of(states[key]), states[POOL], sides, self.now)
                self.journal += [(key, each) for each in sides.members]
                self.journal += [(POOL, each) for each in sides.pools]
        self.rows = {key: encode(state) for key, state in states.items()}


def _row(key: int, state: State) -> Account:
    return Account(key, ChargingAccountId(f"cac_{key}"), BillingAccountId("bac_1"), 0, state)
