"""Group commit: requests that arrive while a commit is under way form the next batch.

One thread reads, decides, commits and answers. No cache of accounts and no ownership: any
number of workers may run beside each other and beside every other writer, and each may be
killed at any time; what was not committed was not answered.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

import msgspec
import psycopg
import structlog

from trunkline.charging import history, hot, notices, ongoing, store
from trunkline.charging.charge import charge
from trunkline.charging.earnings import earned
from trunkline.charging.grants import POLICY, GrantPolicy
from trunkline.charging.hot import Taken
from trunkline.charging.hybrid import carry, credit_of
from trunkline.charging.in_money import charge_in_money
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.model import Action, ChargeAnswer, ChargeRequest, Identity, Kind, Result
from trunkline.charging.oneoff import charge_event, charged_before
from trunkline.charging.policy.emergencies import answer_emergency
from trunkline.charging.policy.telling import Happened, befell
from trunkline.charging.policy.telling import tell as policy_told
from trunkline.charging.pools import store as pool_store
from trunkline.charging.pools.lending import Lender, tell_of_limits
from trunkline.charging.pools.needs import is_covered
from trunkline.charging.pools.shares import settle_money
from trunkline.charging.postings import totals
from trunkline.charging.sessions import give_up_sessions, instant_of, refusal, repeated
from trunkline.charging.state import State, decode, encode
from trunkline.charging.store import Account
from trunkline.charging.tariffs import Tariffs
from trunkline.charging.traffic import WorkerId, slot_of
from trunkline.kernel.errors import Unavailable
from trunkline.platform.db import Database, DatabaseUnavailable, Tx
from trunkline.platform.messages import Message
from trunkline.rating import Tariff

log = structlog.get_logger(__name__)

MOST_REQUESTS = 128
"""In one commit."""

ATTEMPTS = 50
"""How often `process` comes back for an account that another transaction holds."""

_DATABASE_FAILURES = (
    sqlite3.OperationalError,
    psycopg.OperationalError,
    psycopg.errors.ReadOnlySqlTransaction,
)

_EVENT, _INITIAL = Kind.EVENT, Kind.INITIAL
_MICROS = 1_000_000


class Outcome(msgspec.Struct, gc=False):
    """What a batch came to, before its commit."""

    answers: list[ChargeAnswer | None]
    touched: dict[int, Account]
    written: list[tuple[int, Record]]
    news: list[Message] | None = None
    """What there is to tell of accounts that have terms; None where all are plain ones."""
    waiting: Sequence[tuple[int, int]] = ()
    """Members, behind their pools, whose sessions now wait for them."""
    happened: Sequence[Happened] = ()
    """By policy."""


class GroupCommit:
    """Answers the network's requests on one charging database. For one thread. Not `persisted`,
    a commit survives a power cut only once `Database.persist` has returned."""

    def __init__(
        self, database: Database, *, policy: GrantPolicy = POLICY, persisted: bool = True
    ) -> None:
        self._database = database
        self._persisted = persisted
        self.policy = policy
        self.tariffs = Tariffs((), self._load)
        self._worker: WorkerId | None = None

    def _load(self, version: int) -> Tariff:
        with self._database.read() as r:
            return store.tariff(r, version)

    def process(self, requests: Sequence[ChargeRequest], now: datetime) -> list[ChargeAnswer]:
        """The answers, in order, as durable as those of `attempt`, until none is left over. A
        request whose account stays held by another transaction ends as FAILED."""
        answers: list[ChargeAnswer | None] = [None] * len(requests)
        waiting = list(range(len(requests)))
        tries = 0
        while waiting:
            batch = waiting[:MOST_REQUESTS]
            found = self.attempt([requests[index] for index in batch], now)
            for index, answer in zip(batch, found, strict=True):
                answers[index] = answer
            left = [index for index in batch if answers[index] is None]
            tries = 0 if len(left) < len(batch) else tries + 1
            if tries == ATTEMPTS:
                for index in left:
                    answers[index] = refusal(requests[index], Result.FAILED)
                left, tries = [], 0
            waiting = left + waiting[MOST_REQUESTS:]
        return [answer for answer in answers if answer is not None]

    def attempt(
        self, requests: Sequence[ChargeRequest], now: datetime
    ) -> list[ChargeAnswer | None]:
        """One commit of at most `MOST_REQUESTS`; the answers are durable on return, or, where
        commits are not `persisted`, once `Database.persist` has returned. Requests of one account
        run in their order. None stands for a request whose account another transaction holds: put
        it at the head of the next batch, in order, so that nobody else waits for it. A request that
        fails is answered FAILED and takes no other along. Raises `DatabaseUnavailable` when the
        database itself fails; then nothing was answered."""
        assert len(requests) <= MOST_REQUESTS, "a batch is small"
        try:
            return self._commit(requests, now)
        except Unavailable:
            raise
        except _DATABASE_FAILURES as failure:
            raise DatabaseUnavailable(f"charging: {failure}") from failure
        except Exception:
            if len(requests) == 1:
                log.exception("charging.request_failed", session=requests[0].session)
                return [refusal(requests[0], Result.FAILED)]
        return self._one_by_one(requests, now)

    def _one_by_one(
        self, requests: Sequence[ChargeRequest], now: datetime
    ) -> list[ChargeAnswer | None]:
        """Each in a commit of its own, but for those behind one of the same subscriber that is
        left over."""
        answers: list[ChargeAnswer | None] = []
        left: set[Identity] = set()
        for request in requests:
            answer = None
            if left.isdisjoint(request.identities):
                [answer] = self.attempt([request], now)
            if answer is None:
                left.update(request.identities)
            answers.append(answer)
        return answers

    def _commit(
        self, requests: Sequence[ChargeRequest], now: datetime
    ) -> list[ChargeAnswer | None]:
        database = self._database
        values = list({value for each in requests for _, value in each.identities})
        with database.transaction(persisted=self._persisted) as tx:
            taken = hot.take(tx, values)
            if taken.tariffs != self.tariffs.installed:
                self.tariffs.set(store.tariff_versions(tx))
            epoch = int(now.timestamp())
            outcome = self._decide(tx, requests, taken, epoch)
            states = outcome.touched
            answered = len(requests) - outcome.answers.count(None)
            if answered:
                slot, worker = slot_of(epoch), self._known_as(tx, now)
                if outcome.news is not None:
                    self._tell(tx, outcome, now)
                if outcome.waiting:
                    pool_store.wait(tx, outcome.waiting)
                if outcome.happened:
                    policy_told(tx, outcome.happened, self.policy.rules, now)
                sums = totals((states[key].state, record) for key, record in outcome.written)
                hot.write(
                    tx,
                    states.values(),
                    outcome.written,
                    earned(sums, slot, worker),
                    count=(slot, worker, answered),
                    commit=not tx.emitted,
                )
        return outcome.answers

    def _tell(self, tx: Tx, outcome: Outcome, now: datetime) -> None:
        accounts = outcome.touched
        written = ((accounts[key].state, record) for key, record in outcome.written)
        tx.emit_all(outcome.news or ())
        ongoing.tell_fees(tx, written, now)
        for key in {key for key, each in outcome.written if each.kind == RecordKind.NEW_MONTH}:
            if credit_of(accounts[key].state) is not None:
                notices.tell_of_credit(tx, accounts[key])

    def _known_as(self, tx: Tx, now: datetime) -> WorkerId:
        if self._worker is None:
            self._worker = tx.new_id(WorkerId, now)
        return self._worker

    def _decide(self, tx: Tx, requests: Sequence[ChargeRequest], taken: Taken, now: int) -> Outcome:
        """Decides one request after another; pure but for the loading of tariffs, and of the
        pools that members lease from, and for emergencies of nobody's, which are kept."""
        answers: list[ChargeAnswer | None] = []
        accounts: dict[int, Account] = {}
        written: list[tuple[int, Record]] = []
        terms: Befalling | None = None
        happened: list[Happened] = []
        moved = any(len(each) > 1 for each in taken.bindings.values())
        for request in requests:
            key = _bound(request, taken, now)
            if key is None or (moved and _changed_hands(request, taken)):
                key = _of_session(request, taken) or key
            if key is None:
                passed = answer_emergency(tx, request, self.policy, now)
                answers.append(passed or refusal(request, Result.UNKNOWN_SUBSCRIBER))
                continue
            account = accounts.get(key)
            if account is None:
                row = taken.rows.get(key)
                if row is None:
                    answers.append(None)
                    continue
                account = accounts[key] = hot.account_of(row)
            if request.again and request.kind == _EVENT:
                long_ago = _of_long_ago(tx, account, request)
                if long_ago is not None:
                    answers.append(long_ago)
                    continue
            records: list[Record] = []
            state = account.state
            abroad = state.abroad
            if account.resting is not None and not is_covered(state, request, self.policy, now):
                hot.rouse(account)
            if state.terms is None:
                answer: ChargeAnswer | None = self.answer(state, request, now, records)
            else:
                terms = terms or Befalling(self, tx, taken, accounts, now)
                answer = terms.answer(account, request, records, written)
            answers.append(answer)
            written.extend([(key, record) for record in records])
            if state.counters or state.abroad != abroad:
                told = befell(account, request, self.policy.rules, self.tariffs, abroad, now)
                if told is not None:
                    happened.append(told)
        outcome = Outcome(answers, accounts, written, happened=happened)
        if terms is not None:
            outcome.news, outcome.waiting = terms.news, terms.waiting
        return outcome

    def answer(
        self, state: State, request: ChargeRequest, now: int, records: list[Record]
    ) -> ChargeAnswer:
        """Decides one request; nothing is stored."""
        if request.currency and request.currency != state.currency:
            return refusal(request, Result.INVALID)
        if request.kind == _EVENT:
            return charge_event(state, request, self.tariffs, now, records, self.policy.rules)
        if request.money or request.spent:
            return charge_in_money(state, request, self.tariffs, now, records, self.policy)
        return charge(state, request, self.tariffs, now, records, self.policy)


def _of_long_ago(tx: Tx, account: Account, request: ChargeRequest) -> ChargeAnswer | None:
    """The answer to an event that is sent again after it was forgotten: a gateway keeps what it
    couldn't send, or heard no answer to, for as long as it is cut off (RFC 8506, 6.5)."""
    if repeated(account.state, request) is not None:
        return None
    charged = history.of_request(tx, account.key, request.session, request.number)
    return charged_before(request, account.state.currency, charged) if charged else None


class Befalling:
    """What a batch does beside for accounts that have terms: what befalls them around a request,
    and what members lack of their pools. A pool that somebody else holds leaves the request over,
    and with it those behind it of the same account."""

    def __init__(
        self, group: GroupCommit, tx: Tx, taken: Taken, accounts: dict[int, Account], now: int
    ) -> None:
        self._group = group
        self._now = now
        self._left: set[int] = set()
        # Not one of our own methods: in a circle with us, it would keep the batch's accounts in
        # memory until somebody collects them.
        held = partial(_held, tx, taken, accounts)
        self._lender = Lender(held, group.tariffs, group.policy, now)
        self._copied = partial(_copied, tx, taken, accounts)
        self.news: list[Message] = []
        self.waiting: list[tuple[int, int]] = []
        """(pool, member): told so when the pool has more."""

    def answer(
        self,
        account: Account,
        request: ChargeRequest,
        records: list[Record],
        written: list[tuple[int, Record]],
    ) -> ChargeAnswer | None:
        """None where it is left over; what befell the account before stays."""
        if account.key in self._left:
            return None
        state, now, terms = account.state, self._now, account.state.terms
        assert terms is not None, "plain accounts never come here"
        if terms.life is None and terms.watch is None and terms.renewal is None:
            return self._charge(account, request, records, written)
        give_up_sessions(state, now)
        before = ongoing.standing(state)
        begins = ongoing.begin(state, request, now, records)
        answer = self._charge(account, request, records, written)
        if begins:
            ongoing.keep(state, answer or refusal(request, Result.FAILED), records)
        self.news += ongoing.news(account, before, now, request.identities)
        return answer

    def _charge(
        self,
        account: Account,
        request: ChargeRequest,
        records: list[Record],
        written: list[tuple[int, Record]],
    ) -> ChargeAnswer | None:
        """With what a member's pool lends it."""
        group, state, now, terms = self._group, account.state, self._now, account.state.terms
        share = None if terms is None else terms.share
        if terms is None or share is None:
            return self._decided(account, request, records)
        if not is_covered(state, request, group.policy, now):
            if request.action is Action.CHECK_BALANCE:
                return self._rehearsed(account, request)
            lent = self._lender.lend(account, request, records)
            written += self._lender.written
            self.news += self._lender.news
            self._lender.written, self._lender.news = [], []
            if not lent:
                self._left.add(account.key)
                return None
        answer = self._decided(account, request, records)
        if share.money_leased or terms.former:
            settle_money(state)
        if records:
            self.news += tell_of_limits(account, request, now)
        if (
            account.key in self._lender.short
            and not share.waits
            and any(map(notices.waits, state.sessions))
        ):
            share.waits = True
            self.waiting.append((share.pool, account.key))
        return answer

    def _rehearsed(self, member: Account, request: ChargeRequest) -> ChargeAnswer | None:
        """Of a balance that is only asked about: what would be answered with all that the pool
        would lend. Copies lend and are thrown away, so that nothing moves."""
        own, group = _copy(member), self._group
        lender = Lender(self._copied, group.tariffs, group.policy, self._now)
        if not lender.lend(own, request, []):
            self._left.add(member.key)
            return None
        return self._decided(own, request, [])

    def _decided(
        self, account: Account, request: ChargeRequest, records: list[Record]
    ) -> ChargeAnswer:
        first = len(records)
        answer = self._group.answer(account.state, request, self._now, records)
        carry(account.state, records, first)
        return answer


def _held(tx: Tx, taken: Taken, accounts: dict[int, Account], key: int) -> Account | None:
    """A pool's account, held by the batch."""
    account = accounts.get(key)
    if account is None:
        row = taken.rows.get(key) or hot.take_one(tx, key)
        if row is not None:
            account = accounts[key] = store.account_of(row)
    return account


def _copied(tx: Tx, taken: Taken, accounts: Mapping[int, Account], key: int) -> Account | None:
    """A pool's account as it stands in the batch, which holds it."""
    account = accounts.get(key)
    if account is not None:
        return _copy(account)
    row = taken.rows.get(key) or hot.take_one(tx, key)
    return None if row is None else store.account_of(row)


def _copy(account: Account) -> Account:
    return msgspec.structs.replace(account, state=decode(encode(account.state)))


def _bound(request: ChargeRequest, taken: Taken, now: int) -> int | None:
    """The account that the first known of the request's identities belongs to."""
    at = instant_of(request, now) * _MICROS
    for identity in request.identities:
        for binding in taken.bindings.get(identity, ()):
            if binding.valid_from <= at < binding.valid_to:
                return binding.account
    return None


def _changed_hands(request: ChargeRequest, taken: Taken) -> bool:
    """Whether one of the request's identities was another account's at some time."""
    return any(len(taken.bindings.get(each, ())) > 1 for each in request.identities)


def _of_session(request: ChargeRequest, taken: Taken) -> int | None:
    """The account that had the identity when the request's session began: what its last
    report tells is still charged there after the identity was taken away, or given to another."""
    if request.kind in (_INITIAL, _EVENT):
        return None
    for identity in request.identities:
        for binding in taken.bindings.get(identity, ()):
            row = taken.rows.get(binding.account)
            # One that somebody holds can't be asked now: the request is left over.
            if row is None or decode(row[4]).session(request.session) is not None:
                return binding.account
    return None
