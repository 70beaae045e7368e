"""Writes on redemptions: a code becomes a balance, once.

What a code gives is decided here, in one transaction that holds the voucher's row: of two who
redeem it at once, one finds it taken. Charging is told in the same transaction, and its answer
makes the voucher redeemed, or gives it back. A wrong code is kept as a top-up that failed, since
the count of failures is what stands between a guesser and the money.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline.charging import Balance
from trunkline.charging.events import TopUp
from trunkline.customers import BillingAccount, billing_account, customer
from trunkline.kernel.money import Money
from trunkline.ledger import post
from trunkline.messaging import SendMessage, money, notify, served
from trunkline.platform import audit
from trunkline.platform.attempts import TooManyAttempts
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx
from trunkline.vouchers.batches import codes
from trunkline.vouchers.batches import store as batches
from trunkline.vouchers.batches.codes import NoVoucherKey
from trunkline.vouchers.batches.model import VOUCHER_LIFECYCLE, Voucher, VoucherBatch, VoucherState
from trunkline.vouchers.batches.operations import VOUCHER
from trunkline.vouchers.events import ChannelTopUpDone, TriesLockedOut
from trunkline.vouchers.kept import keys_of, rules_of
from trunkline.vouchers.lockouts import store as lockouts
from trunkline.vouchers.lockouts.model import failed_again
from trunkline.vouchers.rules import VoucherRules
from trunkline.vouchers.top_ups import store
from trunkline.vouchers.top_ups.model import (
    TOP_UP_LIFECYCLE,
    Channel,
    ChannelTopUp,
    ChannelTopUpId,
    TopUpState,
    UnknownTopUp,
    check_takes_top_ups,
    redemption_entry,
)

RESOURCE = "TopupBalance"
REFUSED = "this code can't be redeemed here"
EXPIRED = "the voucher has expired"
OURS = "this account has redeemed this voucher already"
OWN = "own"
TOLD = {
    VoucherState.EXPIRED.value: EXPIRED,
    OWN: OURS,
    VoucherState.REDEEMED.value: "the voucher has been redeemed already",
    VoucherState.STOPPED.value: "the voucher is blocked: ask where it was bought",
}
"""What may be told of a finding, where the operator's rules let it be."""
_CALLER = "caller "
_NOTHING: Mapping[str, Any] = {}


class LockedOut(TooManyAttempts):
    """Too many wrong codes; `seconds` says how long to wait."""

    code = "voucherLockedOut"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's try: the code as they typed it, whose `balance` it is for, who calls, and who
    asked the caller for it, where that is known."""

    code: str
    balance: Balance
    caller: str
    requestor: str | None = None
    details: Mapping[str, Any] = _NOTHING


def redeem(tx: Tx, attempt: Attempt, *, now: datetime) -> ChannelTopUp:
    """The top-up that the code gives; or one that failed, which is kept and counted, where it
    gives nothing. Raises `LockedOut` where there were too many of those, and what is wrong with
    the account: `NotPrepaid`, `AccountIsClosed`."""
    balance = attempt.balance
    check_takes_top_ups(balance)
    payer = billing_account(tx, balance.billing_account)
    rules = rules_of(tx)
    whose = _whose(attempt, payer, rules)
    _check_free(tx, whose, now)
    found = _found(tx, attempt.code)
    wrong = found if isinstance(found, str) else _wrong(tx, found, balance, payer, now)
    if wrong == OWN:
        lockouts.tidy_locks(tx, sorted(whose))
        # It tells them nothing that they don't know, and is no guess.
        return _kept(tx, _failure(tx, attempt, payer, wrong, rules, now))
    if wrong is not None:
        return _failed(tx, attempt, payer, whose, wrong, rules, now)
    assert not isinstance(found, str)
    return _redeemed(tx, attempt, payer, sorted(whose), found, now)


def _whose(attempt: Attempt, payer: BillingAccount, rules: VoucherRules) -> dict[str, int]:
    """Whose failures these would be, and how many are free."""
    whose = {
        f"account {attempt.balance.account}": rules.free_tries,
        f"customer {payer.customer}": rules.free_tries,
        f"{_CALLER}{attempt.caller}"[:200]: rules.free_for_all,
    }
    if attempt.requestor:
        whose[f"requestor {attempt.requestor}"[:200]] = rules.free_tries
    return whose


def _check_free(tx: Tx, whose: Mapping[str, int], now: datetime) -> None:
    """Whoever tries at the same moment waits for this one's end; not so all whom one caller
    serves."""
    few = [who for who in whose if not who.startswith(_CALLER)]
    locks = {**lockouts.hold_locks(tx, few, now), **lockouts.locks_of(tx, sorted(whose))}
    until = max(each.until for each in locks.values())
    if until > now:
        seconds = int((until - now).total_seconds()) + 1
        raise LockedOut(f"too many wrong codes: wait {seconds} s", seconds=seconds)


class _Found(msgspec.Struct, frozen=True):
    voucher: Voucher
    batch: VoucherBatch
    taken_by: str | None
    """The account that has redeemed it, or is about to."""


def _found(tx: Tx, text: str) -> _Found | str:
    """The voucher, held, or what is wrong with the code. Raises `NoVoucherKey`.

    Of every code that has a code's form, which anybody can check, the same is looked up, so that
    how long an answer takes tells no more than the answer."""
    code = codes.plain(text)
    if not codes.is_code(code):
        return "malformed"
    keys = keys_of(tx)
    voucher = batches.lock_by_digest(tx, keys.digests(code))
    made_elsewhere = batches.made_under_others(tx, keys.marks)
    batch = batches.find_batches(tx, ["" if voucher is None else voucher.batch])
    takers = store.find_top_ups(tx, [(voucher and voucher.top_up) or ""])
    if voucher is not None:
        return _Found(voucher, batch[0], takers[0].account if takers else None)
    if made_elsewhere:
        raise NoVoucherKey("there are vouchers that were made under another key")
    return "unknown"


def _wrong(
    tx: Tx,
    found: _Found,
    balance: Balance,
    payer: BillingAccount,
    now: datetime,
) -> str | None:
    """Why it gives nothing to this account, in a word."""
    voucher, batch = found.voucher, found.batch
    if found.taken_by == balance.account:
        return OWN
    if voucher.state is not VoucherState.ACTIVE:
        return voucher.state.value
    if now >= batch.expires_at:
        return VoucherState.EXPIRED.value
    if batch.entity != payer.legal_entity:
        return "otherEntity"
    if batch.face.currency != balance.money.currency:
        return "otherCurrency"
    if batch.brand is not None and customer(tx, payer.customer).brand != batch.brand:
        return "otherBrand"
    return None


def _failed(
    tx: Tx,
    attempt: Attempt,
    payer: BillingAccount,
    whose: Mapping[str, int],
    finding: str,
    rules: VoucherRules,
    now: datetime,
) -> ChannelTopUp:
    locks = lockouts.hold_locks(tx, list(whose), now)
    for who, free in sorted(whose.items()):
        before = locks.get(who)
        after = failed_again(before if before and before.failures else None, who, free, now)
        lockouts.save_lock(tx, after)
        if after.until > now:
            told = {"failures": after.failures, "until": after.until.isoformat()}
            audit.record(
                tx, who=attempt.caller, verb="lock out of vouchers", what=who, detail=told, now=now
            )
            tx.emit(TriesLockedOut(who=who, failures=after.failures, until=after.until))
    return _kept(tx, _failure(tx, attempt, payer, finding, rules, now))


def _failure(
    tx: Tx,
    attempt: Attempt,
    payer: BillingAccount,
    finding: str,
    rules: VoucherRules,
    now: datetime,
) -> ChannelTopUp:
    reason = TOLD.get(finding, REFUSED) if finding in rules.tells else REFUSED
    nothing = Money.zero(attempt.balance.money.currency)
    begun = _begun(tx, attempt, payer, nothing, nothing, now)
    return msgspec.structs.replace(
        begun, state=TopUpState.FAILED, confirmed_at=now, reason=reason, finding=finding
    )


def _begun(
    tx: Tx, attempt: Attempt, payer: BillingAccount, amount: Money, face: Money, now: datetime
) -> ChannelTopUp:
    return ChannelTopUp(
        id=tx.new_id(ChannelTopUpId, now),
        channel=Channel.VOUCHER,
        account=attempt.balance.account,
        billing_account=payer.id,
        entity=payer.legal_entity,
        amount=amount,
        cost=face,
        state=TopUpState.CREATED,
        requested_at=now,
        caller=attempt.caller,
        details=attempt.details,
    )


def _kept(tx: Tx, top_up: ChannelTopUp) -> ChannelTopUp:
    store.insert_top_up(tx, top_up)
    _changed(tx, top_up, Change.CREATED)
    return top_up


def _changed(tx: Tx, top_up: ChannelTopUp, change: Change) -> None:
    tx.changed(RESOURCE, top_up.id, change)
    if top_up.channel is Channel.VOUCHER:
        tx.changed("Redemption", top_up.id, change)


def _redeemed(
    tx: Tx,
    attempt: Attempt,
    payer: BillingAccount,
    whose: Sequence[str],
    found: _Found,
    now: datetime,
) -> ChannelTopUp:
    voucher, batch = found.voucher, found.batch
    begun = _begun(tx, attempt, payer, batch.worth, batch.face, now)
    begun = msgspec.structs.replace(begun, serial=voucher.serial)
    VOUCHER_LIFECYCLE.check(voucher.state, VoucherState.REDEEMING)
    moved = batches.move_one(
        tx, voucher.serial, voucher.state, VoucherState.REDEEMING, begun.id, now
    )
    assert moved, "its row is held"
    tx.changed(VOUCHER, str(voucher.serial), Change.STATE)
    _kept(tx, begun)
    lockouts.tidy_locks(tx, whose)
    post(tx, redemption_entry(begun, batch.face, now), now)
    tx.emit(
        TopUp(
            payment_id=begun.id,
            account=begun.account,
            amount=begun.amount,
            valid_days=batch.valid_days,
            buckets=batch.gifts,
        )
    )
    return begun


def note_top_up(tx: Tx, top_up: str, *, failure: str | None, now: datetime) -> None:
    """What charging answered of a voucher's: credited, or, with a `failure`, refused: then the
    voucher is as good as before. Once."""
    present = store.lock_top_up(tx, top_up)
    if present is None or present.state is not TopUpState.CREATED:
        return
    to = TopUpState.COMPLETED if failure is None else TopUpState.FAILED
    TOP_UP_LIFECYCLE.check(present.state, to)
    changed = msgspec.structs.replace(present, state=to, confirmed_at=now, reason=failure)
    store.save_top_up(tx, changed)
    _changed(tx, changed, Change.STATE)
    if present.channel is Channel.VOUCHER:
        _settle(tx, changed, now)
    if failure is None:
        announce(tx, changed, now)


def describe_top_up(tx: Tx, top_up: str, *, details: Mapping[str, Any]) -> None:
    """Adds to what is said beside it. Raises `UnknownTopUp`."""
    present = store.lock_top_up(tx, top_up)
    if present is None:
        raise UnknownTopUp(f"there is no top-up {top_up[:60]}")
    said = {**present.details, **details}
    if said != present.details:
        store.save_top_up(tx, msgspec.structs.replace(present, details=said))
        _changed(tx, present, Change.ATTRIBUTES)


def _settle(tx: Tx, top_up: ChannelTopUp, now: datetime) -> None:
    assert top_up.serial is not None
    done = top_up.state is TopUpState.COMPLETED
    to = VoucherState.REDEEMED if done else VoucherState.ACTIVE
    by = top_up.id if done else None
    moved = batches.move_one(tx, top_up.serial, VoucherState.REDEEMING, to, by, now)
    assert moved, "nobody else moves a voucher that is being redeemed"
    tx.changed(VOUCHER, str(top_up.serial), Change.STATE)
    if not done:
        post(tx, redemption_entry(top_up, top_up.cost, now, undone=True), now)


def announce(tx: Tx, top_up: ChannelTopUp, now: datetime) -> None:
    """Says that it is on the balance, to whoever listens and to the customer."""
    tx.emit(
        ChannelTopUpDone(
            top_up=top_up.id,
            channel=top_up.channel.value,
            account=top_up.account,
            billing_account=top_up.billing_account,
            amount=top_up.amount,
            confirmed_at=now,
        )
    )
    if served(tx):
        whose = billing_account(tx, top_up.billing_account).customer
        variables = {"amount": money(top_up.amount)}
        notify(tx, SendMessage(template="topup.received", customer=whose, variables=variables))
