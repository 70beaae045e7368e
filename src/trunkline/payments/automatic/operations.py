"""Writes on rules and on what they collect."""

from datetime import datetime, timedelta

import msgspec

from trunkline import catalog
from trunkline.charging import AccountIsClosed, Balance, NotPrepaid, Status
from trunkline.charging.events import WatchBalance
from trunkline.customers import billing_account, customer
from trunkline.kernel.money import CurrencyMismatch, Money
from trunkline.kernel.time import local_midnight, zone
from trunkline.messaging import SendMessage, money, notify, served
from trunkline.payments import store as payments
from trunkline.payments.automatic import store
from trunkline.payments.automatic.model import (
    COLLECTION_LIFECYCLE,
    RETRIES,
    RULE_LIFECYCLE,
    Collection,
    CollectionId,
    CollectionState,
    Outcome,
    Rule,
    RuleId,
    RuleState,
    UnknownCollection,
    UnknownRule,
    check_rule,
    pause_after_absence,
)
from trunkline.payments.methods import MethodStatus
from trunkline.payments.model import AUTOMATIC, PaymentMethodId, PaymentMethodKind, Purpose
from trunkline.payments.operations import check_on_file, receive_payment
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx

RESOURCE = "AutomaticTopUp"
COLLECTION = "Collection"


class NewRule(msgspec.Struct, frozen=True, kw_only=True):
    """For a `balance` as it stands by charging."""

    balance: Balance
    threshold: Money
    amount: Money
    method: PaymentMethodId
    cap: Money | None = None


def set_rule(tx: Tx, new: NewRule, *, now: datetime) -> Rule:
    """A rule for a prepaid balance; if that is too low already, it is topped up at once. Raises
    `RuleExists`, `NotPrepaid`, `AccountIsClosed`, `Invalid`, `CurrencyMismatch`,
    `UnknownPaymentMethod`, `MethodNotUsable`."""
    balance = new.balance
    check_rule(new.threshold, new.amount, new.cap)
    if not balance.kind.has_balance:
        raise NotPrepaid("a postpaid product has no balance to top up", path="product")
    if balance.status is Status.CLOSED:
        raise AccountIsClosed("the product has ended", path="product")
    if new.amount.currency != balance.money.currency:
        raise CurrencyMismatch(f"the balance is in {balance.money.currency}", path="amount")
    check_on_file(tx, new.method, balance.billing_account)
    rule = Rule(
        id=tx.new_id(RuleId, now),
        account=balance.account,
        billing_account=balance.billing_account,
        threshold=new.threshold,
        amount=new.amount,
        method=new.method,
        state=RuleState.ACTIVE,
        created_at=now,
        cap=new.cap,
    )
    store.insert_rule(tx, rule)
    tx.changed(RESOURCE, rule.id, Change.CREATED)
    _watch(tx, rule, (rule.threshold,), ())
    if balance.money < rule.threshold:
        rule = begin(tx, rule, now)
    return rule


def change_rule(
    tx: Tx,
    rule_id: str,
    *,
    threshold: Money | None = None,
    amount: Money | None = None,
    method: PaymentMethodId | None = None,
    cap: Money | None = None,
    uncapped: bool = False,
    state: RuleState | None = None,
    now: datetime,
) -> Rule:
    """Changes what is given, or has no cap any more; `state` to active takes up a suspended one
    again, and so does another method; to ended ends it. What is being collected goes on; what
    was declined is tried at once by another method. Raises `UnknownRule`,
    `IllegalTransition`, and what `set_rule` does."""
    present = _held(tx, rule_id)
    changed = msgspec.structs.replace(
        present,
        threshold=threshold or present.threshold,
        amount=amount or present.amount,
        method=method or present.method,
        cap=None if uncapped else cap or present.cap,
    )
    check_rule(changed.threshold, changed.amount, changed.cap)
    if changed.method != present.method:
        check_on_file(tx, changed.method, changed.billing_account)
        if state is None and present.state is RuleState.SUSPENDED:
            state = RuleState.ACTIVE
    if state is not None and state is not present.state:
        RULE_LIFECYCLE.check(present.state, state)
        changed = msgspec.structs.replace(changed, state=state, reason=None)
        tx.changed(RESOURCE, rule_id, Change.STATE)
    if state is RuleState.ENDED:
        return _end(tx, changed, None, now)
    if changed != present:
        store.save_rule(tx, changed)
        tx.changed(RESOURCE, rule_id, Change.ATTRIBUTES)
    if changed.method != present.method:
        _try_otherwise(tx, changed, now)
    if changed.threshold != present.threshold:
        _watch(tx, changed, (changed.threshold,), (present.threshold,))
    return changed


def end_rule_of(tx: Tx, account: str, reason: str, *, now: datetime) -> None:
    """The balance is no more."""
    rule = store.lock_rule_of(tx, account)
    if rule is not None:
        _end(tx, msgspec.structs.replace(rule, state=RuleState.ENDED), reason, now)


def balance_fell(
    tx: Tx, account: str, balance: Money, *, seen_at: datetime, now: datetime
) -> Rule | None:
    """A balance was seen as low as this: its rule, where there is one that it is too low for,
    begins to collect. Nothing happens twice: while a collection is under way, and for what was
    seen before its end, another isn't begun."""
    rule = store.lock_rule_of(tx, account)
    if rule is None or rule.state is not RuleState.ACTIVE or balance >= rule.threshold:
        return None
    if rule.settled_at is not None and seen_at <= rule.settled_at:
        return None
    return begin(tx, rule, now)


def begin(tx: Tx, rule: Rule, now: datetime) -> Rule:
    """Asks for the rule's amount, unless one is under way, or the month's cap is reached."""
    if rule.collection is not None or rule.state is not RuleState.ACTIVE:
        return rule
    if rule.cap is not None:
        used = store.collected_since(tx, rule.id, _month_start(tx, rule, now))
        if used + rule.amount.micros > rule.cap.micros:
            return rule
    new = Collection(
        id=tx.new_id(CollectionId, now),
        rule=rule.id,
        account=rule.account,
        billing_account=rule.billing_account,
        amount=rule.amount,
        method=rule.method,
        state=CollectionState.PENDING,
        asked_at=now,
        due_at=now,
    )
    store.insert_collection(tx, new)
    tx.changed(COLLECTION, new.id, Change.CREATED)
    changed = msgspec.structs.replace(rule, collection=new.id)
    store.save_rule(tx, changed)
    return changed


def note_outcome(tx: Tx, collection_id: str, outcome: Outcome, *, now: datetime) -> Collection:
    """What the gateway said of a try: the money is there, and becomes a payment; or it was
    declined, and is tried again, or has failed. Once: what has ended stays as it is. Raises
    `UnknownCollection`."""
    found = store.find_collections(tx, [collection_id])
    if found:
        _held(tx, found[0].rule)  # before its collection, as everybody takes them
    present = _collection(tx, collection_id)
    if present.state is not CollectionState.PENDING:
        return present
    if outcome.reference is not None:
        return _collected(tx, present, outcome.reference, now)
    reason = outcome.reason or "declined"
    declines = present.declines + 1
    changed = msgspec.structs.replace(
        present, declines=declines, attempts=0, leased=False, reason=reason
    )
    if declines == 1 or declines > len(RETRIES):
        _tell_declined(tx, present)
    if declines > len(RETRIES):
        return _ended(tx, changed, CollectionState.FAILED, now, suspend=True)
    changed = msgspec.structs.replace(changed, due_at=now + RETRIES[declines - 1])
    store.save_collection(tx, changed)
    tx.changed(COLLECTION, changed.id, Change.ATTRIBUTES)
    return changed


def note_absence(tx: Tx, collection_id: str, reason: str, *, now: datetime) -> None:
    """No answer was had: it is asked again, under the same key. Raises `UnknownCollection`."""
    present = _collection(tx, collection_id)
    if present.state is CollectionState.PENDING:
        attempts = present.attempts + 1
        later = msgspec.structs.replace(
            present,
            attempts=attempts,
            due_at=now + pause_after_absence(attempts),
            reason=reason,
        )
        store.save_collection(tx, later)


def note_credited(tx: Tx, payment: str, account: str, balance: Money, *, now: datetime) -> None:
    """A top-up of this balance is on it. If it was collected, the rule is free for the next,
    which begins at once where the balance is still too low; if it came otherwise, what waits to
    be tried again need not be."""
    rule = store.lock_rule_of(tx, account)
    if rule is None or rule.collection is None:
        return
    found = _collection(tx, rule.collection)
    if found.payment == payment:
        settled = msgspec.structs.replace(rule, collection=None, settled_at=now)
        store.save_rule(tx, settled)
        if balance < rule.threshold:
            begin(tx, settled, now)
    elif balance >= rule.threshold and _is_waiting(found):
        _ended(tx, found, CollectionState.CANCELLED, now)


def note_refused(tx: Tx, payment: str, reason: str, *, now: datetime) -> None:
    """Charging took no collected money any more: the rule has no balance to serve."""
    found = store.collection_of_payment(tx, payment)
    if found is not None:
        end_rule_of(tx, found.account, reason, now=now)


def _try_otherwise(tx: Tx, rule: Rule, now: datetime) -> None:
    """What the rule's former method declined is due now by the present one."""
    if rule.collection is None or not _is_waiting(found := _collection(tx, rule.collection)):
        return
    store.save_collection(tx, msgspec.structs.replace(found, method=rule.method, due_at=now))
    tx.changed(COLLECTION, found.id, Change.ATTRIBUTES)


def _is_waiting(found: Collection) -> bool:
    """Whether nobody can be taking this money: it was declined, and isn't asked for now."""
    pending = found.state is CollectionState.PENDING
    return pending and not found.leased and found.attempts == 0 and found.declines > 0


def _collected(tx: Tx, present: Collection, reference: str, now: datetime) -> Collection:
    method = payments.find_method(tx, present.method)
    usable = method is not None and method.status == MethodStatus.ACTIVE
    paid = receive_payment(
        tx,
        account=present.billing_account,
        amount=present.amount,
        method=PaymentMethodKind.CREDIT_CARD if method is None else method.kind,
        reference=present.id,
        purpose=Purpose.TOP_UP,
        source=AUTOMATIC,
        subscriber=present.account,
        # The money is there, whatever has become of the method meanwhile.
        payment_method=present.method if usable else None,
        now=now,
    )
    changed = msgspec.structs.replace(
        present,
        state=CollectionState.COLLECTED,
        leased=False,
        reason=None,
        reference=reference,
        payment=paid.id,
        ended_at=now,
    )
    COLLECTION_LIFECYCLE.check(present.state, changed.state)
    store.save_collection(tx, changed)
    tx.changed(COLLECTION, changed.id, Change.STATE)
    return changed


def _ended(
    tx: Tx, found: Collection, to: CollectionState, now: datetime, *, suspend: bool = False
) -> Collection:
    COLLECTION_LIFECYCLE.check(found.state, to)
    changed = msgspec.structs.replace(found, state=to, leased=False, ended_at=now)
    store.save_collection(tx, changed)
    tx.changed(COLLECTION, changed.id, Change.STATE)
    rule = _held(tx, found.rule)
    if rule.collection == found.id:
        rule = msgspec.structs.replace(rule, collection=None, settled_at=now)
    if suspend and rule.state is RuleState.ACTIVE:
        RULE_LIFECYCLE.check(rule.state, RuleState.SUSPENDED)
        rule = msgspec.structs.replace(rule, state=RuleState.SUSPENDED, reason=found.reason)
        tx.changed(RESOURCE, rule.id, Change.STATE)
    store.save_rule(tx, rule)
    return changed


def _end(tx: Tx, rule: Rule, reason: str | None, now: datetime) -> Rule:
    """`rule` is as it is to be, but for what it collects."""
    ended = msgspec.structs.replace(rule, reason=reason)
    if rule.collection is not None and _is_waiting(found := _collection(tx, rule.collection)):
        _ended(tx, found, CollectionState.CANCELLED, now)
        ended = msgspec.structs.replace(ended, collection=None, settled_at=now)
    store.save_rule(tx, ended)
    tx.changed(RESOURCE, rule.id, Change.STATE)
    if reason is None:
        _watch(tx, rule, (), (rule.threshold,))
    return ended


def _watch(
    tx: Tx, rule: Rule, thresholds: tuple[Money, ...], instead_of: tuple[Money, ...]
) -> None:
    """Beside the thresholds of others, who warn of a low balance."""
    tx.emit(WatchBalance(account=rule.account, thresholds=thresholds, instead_of=instead_of))


def _held(tx: Tx, rule_id: str) -> Rule:
    rule = store.lock_rule(tx, rule_id)
    if rule is None:
        raise UnknownRule(f"there is no automatic top-up {rule_id[:60]}")
    return rule


def _collection(tx: Tx, collection_id: str) -> Collection:
    found = store.lock_collection(tx, collection_id)
    if found is None:
        raise UnknownCollection(f"there is no collection {collection_id[:60]}")
    return found


def _month_start(tx: Tx, rule: Rule, now: datetime) -> datetime:
    owner = customer(tx, billing_account(tx, rule.billing_account).customer)
    tz = zone(catalog.market_of_brand(tx, owner.brand).time_zone)
    today = now.astimezone(tz).date()
    return local_midnight(today - timedelta(days=today.day - 1), tz)


def _tell_declined(tx: Tx, found: Collection) -> None:
    if served(tx):
        owner = billing_account(tx, found.billing_account).customer
        variables = {"amount": money(found.amount)}
        notify(tx, SendMessage(template="topup.failed", customer=owner, variables=variables))
