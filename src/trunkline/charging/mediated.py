"""Usage that files and other systems tell of afterwards, by the rules that hold for the network's
own requests: what always passes costs nothing, counters count, people and the PCF hear of
thresholds and arrivals abroad. It has happened, so it is debited in full, whatever the balance,
but for data abroad past its limit (`policy.waiving`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from trunkline.charging import hot, ongoing, store
from trunkline.charging.events import ChargedUsage, UsageEvent
from trunkline.charging.grants import GrantPolicy
from trunkline.charging.hybrid import carry, past_the_end
from trunkline.charging.installed import installed_tariffs
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.model import (
    MOST_EVENTS,
    ChargeAnswer,
    ChargeRequest,
    Kind,
    Pass,
    Result,
    UnitRequest,
)
from trunkline.charging.oneoff import charge_usage as decide
from trunkline.charging.policy.kept import policy_of
from trunkline.charging.policy.passing import reason
from trunkline.charging.policy.roaming import beyond
from trunkline.charging.policy.telling import (
    Happened,
    befell,
    freed_by_month,
    roamed_beyond,
    spent_beyond,
)
from trunkline.charging.policy.telling import tell as tell_of_policy
from trunkline.charging.policy.waiving import Waiver
from trunkline.charging.pools import exhaustion
from trunkline.charging.pools import store as pool_store
from trunkline.charging.pools.events import CallBack, PoolSpent
from trunkline.charging.pools.lending import Lender, lend_for, tell_of_limits
from trunkline.charging.pools.shares import settle_money
from trunkline.charging.postings import BatchId, entries, totals
from trunkline.charging.sessions import give_up_sessions
from trunkline.charging.state import State
from trunkline.charging.store import Account, Binding
from trunkline.charging.tariffs import Tariffs
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Money
from trunkline.kernel.time import to_micros
from trunkline.platform.db import Tx
from trunkline.platform.messages import Message
from trunkline.rating import DATA

FRESH = 86_400
"""Seconds: usage of longer ago doesn't tell where a person is."""


class TooManyEvents(Invalid):
    code = "tooManyEvents"


def charge_usage(tx: Tx, events: Sequence[UsageEvent], now: datetime) -> list[ChargedUsage]:
    """Rates and debits these events in order, each on the account that had its identity at its
    time. What can't be charged says so in its result. Raises `TooManyEvents`."""
    if len(events) > MOST_EVENTS:
        raise TooManyEvents(f"{len(events)} events; at most {MOST_EVENTS}", path="events")
    keys = _accounts(tx, events)
    used = {key for key in keys if key is not None}
    held = store.hold_many(tx, used | {pool for _, pool in pool_store.pools_of(tx, used)})
    policy = policy_of(tx)
    applying = _Applying(held, installed_tariffs(tx), policy, int(now.timestamp()))
    results = [
        _unknown(event, policy) if key is None else applying.apply(held[key], event)
        for event, key in zip(events, keys, strict=True)
    ]
    written = applying.written
    alone = [each for each in written if (each[0], each[1].service) not in applying.shared]
    tx.emit_all(spent_beyond(held, alone))
    tx.emit_all(freed_by_month(held, written))
    tx.emit_all(roamed_beyond(held, applying.abroad, policy.rules, now))
    tx.emit_all(applying.news)
    tell_of_policy(tx, applying.happened, policy.rules, now)
    exhaustion.wait(tx, [held[key] for key in used])
    hot.write(tx, held.values(), written)
    states = [(held[key].state, record) for key, record in written]
    if sums := totals(states):
        tx.emit_all(entries(sums, tx.new_id(BatchId, now), now))
    ongoing.tell_fees(tx, states, now)
    return results


def _accounts(tx: Tx, events: Sequence[UsageEvent]) -> list[int | None]:
    """Whose each event is, by the account's key."""
    values = {value for event in events for _, value in event.identities}
    bound: dict[tuple[str, str], list[Binding]] = {}
    for each in store.bindings_of_values(tx, values):
        bound.setdefault((each.kind, each.value), []).append(each)
    return [_account_at(bound, event) for event in events]


def _account_at(bound: Mapping[tuple[str, str], list[Binding]], event: UsageEvent) -> int | None:
    at = to_micros(event.at)
    for identity in event.identities:
        for each in bound.get(identity, ()):
            if each.valid_from <= at < each.valid_to:
                return each.account
    return None


class _Applying:
    """What a batch of events comes to; the accounts in `held` become what they are after it."""

    def __init__(
        self, held: Mapping[int, Account], tariffs: Tariffs, policy: GrantPolicy, now: int
    ) -> None:
        self._held = held
        self._tariffs = tariffs
        self._rules = policy.rules
        self._now = now
        self._lender = Lender(held.get, tariffs, policy, now)
        for account in held.values():
            exhaustion.look_before(account.state, now)
        self.written: list[tuple[int, Record]] = []
        self.news: list[Message] = []
        self.happened: list[Happened] = []
        self.abroad: dict[int, datetime] = {}
        """When data abroad first cost what it may cost in a month, or more."""
        self.shared: set[tuple[int, int]] = set()
        """Members and services of theirs that a pool serves: what it doesn't pay for stops that
        service, and not the line."""

    def apply(self, account: Account, event: UsageEvent) -> ChargedUsage:
        state, request, now = account.state, _as_request(event), self._now
        records: list[Record] = []
        give_up_sessions(state, now)
        before, abroad = ongoing.standing(state), state.abroad
        begins = ongoing.begin(state, request, now, records)
        self._lend(account, request)
        first, past = len(records), past_the_end(state)
        result = decide(state, request, self._tariffs, records, self._rules)
        carry(state, records, first)
        if begins:
            ongoing.keep(state, ChargeAnswer(result), records)
        settle_money(state)
        if state.terms is not None and state.terms.share is not None:
            self.news += tell_of_limits(account, request, now)
            if result is Result.SUCCESS:
                self._look_at_pool(account, event.at, request, past, records)
        self.written += ((account.key, record) for record in records)
        self.news += ongoing.news(account, before, now, event.identities)
        if self._has_no_room_abroad(state, event, records):
            self.abroad.setdefault(account.key, event.at)
        if now - request.at > FRESH:
            state.abroad = abroad
        told = befell(account, request, self._rules, self._tariffs, abroad, now)
        if told is not None:
            self.happened.append(told)
        return self._told(account, event, result, records)

    def _look_at_pool(
        self,
        account: Account,
        used_at: datetime,
        request: ChargeRequest,
        past: int,
        records: list[Record],
    ) -> None:
        """What is said where nothing pays for more of a member's usage. Before it the account was
        `past` its end."""
        share = exhaustion.share_in_use(account.state)
        pool = None if share is None else self._held.get(share.pool)
        if pool is None or request.service not in exhaustion.SAMPLES:
            return
        of = exhaustion.usage_of(request)
        found = exhaustion.look(account.state, pool.state, of, self._tariffs, self._now, records)
        if found is None:
            return
        self.shared.add((account.key, request.service))
        if found.emptied:
            # What others lease and don't use pays, too, once it is back.
            look = PoolSpent(pool=pool.key, of=of, at=used_at)
            self.news.append(CallBack(pool=pool.key, then=look))
        if not found.pays:
            beyond = max(past_the_end(account.state), 0) - max(past, 0)
            self.news.append(exhaustion.note_spent(account, of, used_at, max(beyond, 0)))

    def _has_no_room_abroad(
        self, state: State, event: UsageEvent, records: Sequence[Record]
    ) -> bool:
        roaming = self._rules.roaming
        if roaming is None or event.service != DATA or not roaming.limits_data(event.where):
            return False
        months = [
            each.period
            for each in records
            if each.session == event.id and (each.charge or each.kind == RecordKind.WAIVED)
        ]
        return bool(months) and beyond(state, roaming, months[-1]) >= 0

    def _lend(self, account: Account, request: ChargeRequest) -> None:
        """What a member's usage takes is leased before."""
        lender = self._lender
        lend_for(account, request, lender)
        self.written += lender.written
        self.news += lender.news
        lender.written, lender.news = [], []

    def _told(
        self, account: Account, event: UsageEvent, result: Result, records: Sequence[Record]
    ) -> ChargedUsage:
        about = ChargedUsage(
            id=event.id, account=account.id, billing_account=account.billing_account
        )
        if result is not Result.SUCCESS:
            error = "invalidUsage" if result is Result.INVALID else "ratingFailed"
            return msgspec.structs.replace(about, error=error)
        own = [
            each for each in records if each.session == event.id and each.kind != RecordKind.ON_BILL
        ]
        record = own[-1]
        if record.kind == RecordKind.PASSED:
            label = reason(record.label)
        else:
            label = self._tariffs.version(record.tariff).label(record.label)
        waived = sum(each.units for each in own if each.kind == RecordKind.WAIVED)
        if waived:
            about = msgspec.structs.replace(
                about,
                waived=Money(waived, account.state.currency),
                waiver=Waiver.ROAMING_LIMIT.word,
            )
        return msgspec.structs.replace(
            about,
            record=f"{account.id}/{record.seq}",
            charge=Money(sum(each.charge for each in own), account.state.currency),
            free=sum(each.free for each in own),
            label=label,
        )


def _unknown(event: UsageEvent, policy: GrantPolicy) -> ChargedUsage:
    """Nobody's: an emergency all the same."""
    if policy.rules.passing.called(event.called) == Pass.EMERGENCY:
        return ChargedUsage(id=event.id, label=reason(Pass.EMERGENCY))
    return ChargedUsage(id=event.id, error="unknownSubscriber")


def _as_request(event: UsageEvent) -> ChargeRequest:
    """As the network would have asked for it, once it was used."""
    at = int(event.at.timestamp())
    return ChargeRequest(
        session=event.id,
        number=0,
        kind=Kind.EVENT,
        identities=event.identities,
        at=at,
        received=at,
        service=event.service,
        called=event.called,
        units=(UnitRequest(event.rating_group, event.service_identifier, used=event.units),),
        where=event.where,
    )
