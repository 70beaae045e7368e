"""Writes on redemptions: a code becomes a balance, once.

What a code gives is decided here, in one transaction that holds the voucher's row: of two who
redeem it at once, one finds it taken. Charging is told in the same transaction, and its answer
makes the voucher redeemed, or gives it back. A wrong code is kept as a top-up that failed, since
the count of failures is what stands between a guesser and the money.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from trunkline.charging import AccountIsClosed, Balance, NotPrepaid, Status
from trunkline.charging.events import TopUp
from trunkline.customers import AccountKind, BillingAccount, billing_account, customer
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
from trunkline.vouchers.batches.keys import keys_of
from trunkline.vouchers.batches.model import VOUCHER_LIFECYCLE, Voucher, VoucherBatch, VoucherState
from trunkline.vouchers.events import ChannelTopUpDone, TriesLockedOut
from trunkline.vouchers.lockouts import store as lockouts
from trunkline.vouchers.lockouts.model import FREE_FOR_ALL, FREE_TRIES, failed_again
from trunkline.vouchers.top_ups import store
from trunkline.vouchers.top_ups.model import (
    TOP_UP_LIFECYCLE,
    Channel,
    ChannelTopUp,
    ChannelTopUpId,
    TopUpState,
    UnknownTopUp,
    redemption_entry,
)

RESOURCE = "TopupBalance"
REFUSED = "this code can't be redeemed here"
EXPIRED = "the voucher has expired"
OURS = "this account has redeemed this voucher already"
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
    if balance.kind is not AccountKind.PREPAID:
        raise NotPrepaid("a postpaid product has no balance to top up", path="account")
    if balance.status is Status.CLOSED:
        raise AccountIsClosed("the product has ended", path="account")
    payer = billing_account(tx, balance.billing_account)
    whose = _whose(attempt, payer)
    _check_free(tx, whose, now)
    found = _found(tx, attempt.code)
    if isinstance(found, str):
        return _failed(tx, attempt, payer, whose, found, now)
    voucher, batch = found
    if voucher.top_up is not None and voucher.state in (
        VoucherState.REDEEMED,
        VoucherState.REDEEMING,
    ):
        before = store.find_top_ups(tx, [voucher.top_up])
        if before and before[0].account == balance.account:
            lockouts.tidy_locks(tx, sorted(whose))
            # It tells them nothing that they don't know, and is no guess.
            return _kept(tx, _failure(tx, attempt, payer, OURS, "own", now))
    wrong = _wrong(tx, voucher, batch, balance, payer, now)
    if wrong is not None:
        return _failed(tx, attempt, payer, whose, wrong, now)
    return _redeemed(tx, attempt, payer, voucher, batch, now)


def _whose(attempt: Attempt, payer: BillingAccount) -> dict[str, int]:
    """Whose failures these would be, and how many are free."""
    whose = {
        f"account {attempt.balance.account}": FREE_TRIES,
        f"customer {payer.customer}": FREE_TRIES,
        f"caller {attempt.caller}"[:200]: FREE_FOR_ALL,
    }
    if attempt.requestor:
        whose[f"requestor {attempt.requestor}"[:200]] = FREE_TRIES
    return whose


def _check_free(tx: Tx, whose: Mapping[str, int], now: datetime) -> None:
    """Whoever tries at the same moment waits for this one's end."""
    few = [who for who, free in whose.items() if free == FREE_TRIES]
    locks = {**lockouts.hold_locks(tx, few, now), **lockouts.locks_of(tx, sorted(whose))}
    until = max(each.until for each in locks.values())
    if until > now:
        seconds = int((until - now).total_seconds()) + 1
        raise LockedOut(f"too many wrong codes: wait {seconds} s", seconds=seconds)


def _found(tx: Tx, text: str) -> tuple[Voucher, VoucherBatch] | str:
    """The voucher, held, or what is wrong with the code. Raises `NoVoucherKey`."""
    code = codes.plain(text)
    if not codes.is_code(code):
        return "malformed"
    keys = keys_of(tx)
    voucher = batches.lock_by_digest(tx, keys.digests(code))
    if voucher is None:
        if batches.made_under_others(tx, keys.marks):
            raise NoVoucherKey("there are vouchers that were made under another key")
        return "unknown"
    return voucher, batches.find_batches(tx, [voucher.batch])[0]


def _wrong(
    tx: Tx,
    voucher: Voucher,
    batch: VoucherBatch,
    balance: Balance,
    payer: BillingAccount,
    now: datetime,
) -> str | None:
    """Why it gives nothing to this account, in a word."""
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
    reason = EXPIRED if finding == VoucherState.EXPIRED else REFUSED
    return _kept(tx, _failure(tx, attempt, payer, reason, finding, now))


def _failure(
    tx: Tx, attempt: Attempt, payer: BillingAccount, reason: str, finding: str, now: datetime
) -> ChannelTopUp:
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
    tx.changed(RESOURCE, top_up.id, Change.CREATED)
    return top_up


def _redeemed(
    tx: Tx,
    attempt: Attempt,
    payer: BillingAccount,
    voucher: Voucher,
    batch: VoucherBatch,
    now: datetime,
) -> ChannelTopUp:
    begun = _begun(tx, attempt, payer, batch.worth, batch.face, now)
    begun = msgspec.structs.replace(begun, serial=voucher.serial)
    VOUCHER_LIFECYCLE.check(voucher.state, VoucherState.REDEEMING)
    moved = batches.move_one(
        tx, voucher.serial, voucher.state, VoucherState.REDEEMING, begun.id, now
    )
    assert moved, "its row is held"
    _kept(tx, begun)
    lockouts.tidy_locks(tx, sorted(_whose(attempt, payer)))
    post(tx, redemption_entry(begun, batch.face, now), now)
    tx.emit(
        TopUp(
            payment_id=begun.id,
            account=begun.account,
            amount=begun.amount,
            valid_days=batch.valid_days,
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
    tx.changed(RESOURCE, top_up, Change.STATE)
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
        tx.changed(RESOURCE, top_up, Change.ATTRIBUTES)


def _settle(tx: Tx, top_up: ChannelTopUp, now: datetime) -> None:
    assert top_up.serial is not None
    done = top_up.state is TopUpState.COMPLETED
    to = VoucherState.REDEEMED if done else VoucherState.ACTIVE
    by = top_up.id if done else None
    moved = batches.move_one(tx, top_up.serial, VoucherState.REDEEMING, to, by, now)
    assert moved, "nobody else moves a voucher that is being redeemed"
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
