"""How accounts stand to policies: their counters' statuses, and whether they go on abroad."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from trunkline.charging import store
from trunkline.charging.account import UnknownChargingAccount
from trunkline.charging.model import ChargingAccountId
from trunkline.charging.months import month_at, month_bounds
from trunkline.charging.policy.counting import CounterStatus, statuses
from trunkline.charging.policy.kept import policy_of
from trunkline.charging.policy.rules import Rules
from trunkline.charging.state import State
from trunkline.platform.db import Reader


class RoamingConsent(msgspec.Struct, frozen=True):
    """Whether data abroad goes on beyond its limit, and with what instant the month ends for
    which that holds."""

    given: bool
    until: datetime


def statuses_of(r: Reader, account: int, rules: Rules, now: datetime) -> list[CounterStatus]:
    """The policy counters of the account with this key, as they are at `now`."""
    found = store.account(r, store.account_id(r, account))
    assert found is not None, "accounts are never deleted"
    return _statuses(found.state, rules, now)


def counters_of(
    r: Reader, accounts: Sequence[ChargingAccountId], now: datetime
) -> dict[ChargingAccountId, list[CounterStatus]]:
    """The same of some accounts, by the operator's policy; those that don't exist are missing."""
    rules = policy_of(r).rules
    found = store.accounts_by_ids(r, list(accounts))
    return {each.id: _statuses(each.state, rules, now) for each in found}


def roaming_consent(r: Reader, account: ChargingAccountId, now: datetime) -> RoamingConsent:
    """Raises `UnknownChargingAccount`."""
    found = store.account(r, account)
    if found is None:
        raise UnknownChargingAccount(f"there is no charging account {account[:40]!r}")
    state = found.state
    month = month_at(int(now.timestamp()), state.cycle_day, state.time_zone)
    _, ends = month_bounds(month, cycle_day=state.cycle_day, time_zone=state.time_zone)
    return RoamingConsent(state.roams_on >= month, ends)


def _statuses(state: State, rules: Rules, now: datetime) -> list[CounterStatus]:
    return statuses(state, rules.counters_of(state), int(now.timestamp()))
