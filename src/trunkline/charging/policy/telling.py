"""What follows when a counter reaches a threshold or a person arrives abroad: events for people,
notices for those in the network who subscribed; in the transaction of the usage itself."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from trunkline.charging.counters import counted
from trunkline.charging.debit import Turn
from trunkline.charging.hybrid import past_the_end
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.model import ChargeRequest, Circumstances, Identity
from trunkline.charging.months import month_at, month_bounds
from trunkline.charging.policy.counting import (
    ROAMING,
    Crossing,
    crossed,
    replan,
    statuses,
)
from trunkline.charging.policy.events import (
    ArrivedAbroad,
    BalanceStands,
    RoamingSpent,
    RoamingStands,
    ThresholdReached,
)
from trunkline.charging.policy.roaming import CUT_OFF, arrived, beyond, limits
from trunkline.charging.policy.rules import Rules
from trunkline.charging.policy.waiving import WAIVED
from trunkline.charging.store import Account
from trunkline.charging.subscriptions import watch
from trunkline.charging.tariffs import Tariffs
from trunkline.kernel.money import Money
from trunkline.platform.db import Tx
from trunkline.platform.messages import Message
from trunkline.rating import CHARGE, DATA, NO_LIMIT, RATED, SMS, VOICE

_SAMPLES = ((DATA, 1_000_000), (VOICE, 60), (SMS, 1))


class Happened(msgspec.Struct, frozen=True):
    """To one account, through one request."""

    account: Account
    crossings: list[Crossing]
    news: list[Message]


def befell(
    account: Account, request: ChargeRequest, rules: Rules, tariffs: Tariffs, before: str, now: int
) -> Happened | None:
    """What is to be told after a request: thresholds that were reached, and a country where the
    trip that was `before` hadn't been."""
    state = account.state
    crossings = crossed(state, rules.counters_of(state)) if state.counters else []
    has_arrived = arrived(before, state.abroad)
    if not crossings and not has_arrived:
        return None
    phone = phone_of(request.identities)
    at = datetime.fromtimestamp(now, UTC)
    news = [_arrival(account, request, rules, tariffs, at, phone)] if has_arrived else []
    words = () if rules.roaming is None else rules.roaming.words
    news += [_crossing(account, each, at, phone, words) for each in crossings]
    return Happened(account, crossings, news)


def phone_of(identities: Sequence[Identity]) -> str | None:
    return next((value for kind, value in identities if kind == "msisdn"), None)


def _crossing(
    account: Account, each: Crossing, at: datetime, phone: str | None, words: Sequence[str]
) -> Message:
    if each.counter == ROAMING:
        currency = account.state.currency
        return RoamingSpent(
            account=account.id,
            billing_account=account.billing_account,
            at=at,
            phone=phone,
            percent=each.percent,
            spent=Money(each.amount, currency),
            limit=Money(each.limit, currency),
            cut_off=each.status == CUT_OFF,
            word=next(iter(words), ""),
        )
    return ThresholdReached(
        account=account.id,
        billing_account=account.billing_account,
        at=at,
        phone=phone,
        counter=each.counter,
        previous=each.previous,
        status=each.status,
        percent=each.percent,
        amount=each.amount,
        limit=each.limit,
        tell=each.tell,
    )


def _arrival(
    account: Account,
    request: ChargeRequest,
    rules: Rules,
    tariffs: Tariffs,
    at: datetime,
    phone: str | None,
) -> Message:
    state, where = account.state, request.where
    assert where is not None, "a country is heard of by what is told of the network"
    limit = 0
    if rules.roaming is not None and rules.roaming.limits_data(where):
        limit = rules.roaming.limit_of(state.currency)
    prices = {service: _price(account, where, tariffs, at, service, n) for service, n in _SAMPLES}
    return ArrivedAbroad(
        account=account.id,
        billing_account=account.billing_account,
        at=at,
        phone=phone,
        network=where.network,
        zone=_zone(account, where, rules, tariffs, at),
        megabyte=prices[DATA],
        minute=prices[VOICE],
        message=prices[SMS],
        limit=Money(limit, state.currency) if limit else None,
    )


def _turn(
    account: Account, where: Circumstances, tariffs: Tariffs, at: datetime, service: int
) -> Turn:
    epoch = int(at.timestamp())
    return Turn(
        account.state,
        [],
        tariffs.at(epoch),
        at=epoch,
        service=service,
        destination=0,
        session="",
        number=0,
        where=where,
    )


def _price(
    account: Account,
    where: Circumstances,
    tariffs: Tariffs,
    at: datetime,
    service: int,
    units: int,
) -> Money | None:
    """What so many units cost there outside of allowances; None where they have no price."""
    turn = _turn(account, where, tariffs, at, service)
    if turn.in_force is None or turn.plan is None:
        return None
    slice_ = turn.slice(turn.plan, turn.quota(None, None), units, NO_LIMIT, buckets=False)
    if turn.in_force.rate(slice_) != RATED:
        return None
    return Money(slice_[CHARGE], account.state.currency)


def _zone(
    account: Account, where: Circumstances, rules: Rules, tariffs: Tariffs, at: datetime
) -> str:
    """The operator's name of where the network is, or the tariff's; its country's code where
    there is none."""
    ruled = None if rules.roaming is None else rules.roaming.zone_of(where.network)
    if ruled is not None:
        return ruled.name
    plan = _turn(account, where, tariffs, at, DATA).plan
    if plan is not None:
        number = plan.places.zone_of(where.network)
        for name, known in plan.places.zones.items():
            if known == number:
                return name
    return where.network[:3]


def tell(tx: Tx, happened: Sequence[Happened], rules: Rules, now: datetime) -> None:
    """Emits what there is to tell, and has those told who subscribed to a counter."""
    epoch = int(now.timestamp())
    for each in happened:
        tx.emit_all(each.news)
        if each.crossings:
            state = each.account.state
            watch(tx, each.account.key, statuses(state, rules.counters_of(state), epoch))


def follow_plan(tx: Tx, account: Account, rules: Rules, now: datetime) -> None:
    """After a change of plan, whose policies hold from now on; `account` is written after it."""
    state = account.state
    known = rules.counters_of(state)
    replan(state, known)
    watch(tx, account.key, statuses(state, known, int(now.timestamp())))


def roamed_beyond(
    held: Mapping[int, Account], reached: Mapping[int, datetime], rules: Rules, now: datetime
) -> list[RoamingStands]:
    """Of these accounts, which data abroad of these instants took on, those where it has cost all
    that it may cost in the month that is now."""
    found: list[RoamingStands] = []
    roaming = rules.roaming
    if roaming is None:
        return found
    for key, at in reached.items():
        account, state = held[key], held[key].state
        month = month_at(int(now.timestamp()), state.cycle_day, state.time_zone)
        over = beyond(state, roaming, month) + counted(state, WAIVED, month)
        if over >= 0 and limits(state, roaming, month):
            _, ends = month_bounds(month, cycle_day=state.cycle_day, time_zone=state.time_zone)
            found.append(
                RoamingStands(
                    account=account.id,
                    reached_at=at,
                    beyond=Money(over, state.currency),
                    until=ends,
                )
            )
    return found


def spent_beyond(
    held: Mapping[int, Account], written: Iterable[tuple[int, Record]]
) -> list[BalanceStands]:
    """The prepaid balances that these records of usage have taken to their end."""
    reached: dict[int, int] = {}
    for key, record in written:
        state = held[key].state
        if (
            state.prepaid
            and record.kind == RecordKind.USAGE
            and record.charge > 0
            and record.balance <= state.floor
        ):
            reached.setdefault(key, record.at)
    return [
        BalanceStands(
            account=held[key].id,
            exhausted_at=datetime.fromtimestamp(at, UTC),
            beyond=Money(past_the_end(held[key].state), held[key].state.currency),
        )
        for key, at in reached.items()
        if held[key].state.money <= held[key].state.floor
    ]


def freed_by_month(
    held: Mapping[int, Account], written: Iterable[tuple[int, Record]]
) -> list[BalanceStands]:
    """The hybrid accounts whose limit is free again, since these records begin a month."""
    begun = dict.fromkeys(key for key, each in written if each.kind == RecordKind.NEW_MONTH)
    states = {key: held[key].state for key in begun}
    return [
        BalanceStands(account=held[key].id)
        for key, state in states.items()
        if state.prepaid and state.money > state.floor
    ]
