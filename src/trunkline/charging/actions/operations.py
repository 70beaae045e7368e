"""Writes: actions asked for (books), done to accounts (charging's database), and answered."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from trunkline.charging import hot, notices
from trunkline.charging import store as accounts
from trunkline.charging.account import AccountIsClosed, UnknownChargingAccount
from trunkline.charging.actions import deciding, store
from trunkline.charging.actions.model import (
    RESERVED_FOR,
    VERBS,
    ActionKind,
    ActionStands,
    ActionState,
    BalanceAction,
    BalanceActionId,
    BalanceTooLow,
    NotAPrepaidBalance,
    UnknownAction,
    check_amount,
    check_text,
    check_until,
    entry_of,
)
from trunkline.charging.events import ActionDone, ActionRefused, ActOnBalance, BalanceVerb
from trunkline.charging.journal import Record
from trunkline.charging.model import ChargingAccountId
from trunkline.charging.queries import Balance
from trunkline.charging.sessions import give_up_sessions
from trunkline.charging.state import Status
from trunkline.charging.store import Account
from trunkline.customers import billing_account
from trunkline.kernel.errors import Conflict, Invalid, NotFound, Refused
from trunkline.kernel.money import CurrencyMismatch, Money
from trunkline.ledger import post
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx

RESOURCES = {
    ActionKind.ADJUSTMENT: "AdjustBalance",
    ActionKind.TRANSFER: "TransferBalance",
    ActionKind.RESERVATION: "ReserveBalance",
}


class ActionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What all actions are asked with. `balance` is the account as it stands by charging."""

    balance: Balance
    amount: Money
    reason: str | None = None
    description: str | None = None
    details: Mapping[str, Any] = {}


def request_adjustment(tx: Tx, asked: ActionRequest, *, now: datetime) -> BalanceAction:
    """Credits a prepaid balance, or, by an amount below zero, takes from what of it is free; for
    a reason. Raises `Invalid`, `NotAPrepaidBalance`, `CurrencyMismatch`, `BalanceTooLow`."""
    check_amount(asked.amount, debit=True)
    if not (asked.reason or "").strip():
        raise Invalid("is required: why the balance is adjusted", path="reason")
    return _request(tx, _action(tx, ActionKind.ADJUSTMENT, asked, now))


def request_transfer(tx: Tx, asked: ActionRequest, *, to: Balance, now: datetime) -> BalanceAction:
    """Moves a part of one prepaid balance to another of the same entity and currency. The
    errors are those of `request_adjustment`; those about the receiver have the path `to`."""
    check_amount(asked.amount)
    if to.account == asked.balance.account:
        raise Invalid("is where the money comes from", path="to")
    _check(to, asked.amount, path="to")
    action = msgspec.structs.replace(
        _action(tx, ActionKind.TRANSFER, asked, now),
        to=to.account,
        to_billing_account=to.billing_account,
    )
    if billing_account(tx, to.billing_account).legal_entity != action.entity:
        raise deciding.OtherEntity("is another legal entity's customer", path="to")
    return _request(tx, action)


def request_reservation(
    tx: Tx, asked: ActionRequest, *, until: datetime | None, now: datetime
) -> BalanceAction:
    """Holds a part of a prepaid balance until it is released, or `until` (a day from now)."""
    check_amount(asked.amount)
    until = now + RESERVED_FOR if until is None else until
    check_until(until, now)
    action = _action(tx, ActionKind.RESERVATION, asked, now)
    return _request(tx, msgspec.structs.replace(action, until=until))


def _action(tx: Tx, kind: ActionKind, asked: ActionRequest, now: datetime) -> BalanceAction:
    balance = asked.balance
    _check(balance, asked.amount)
    free = balance.money - balance.reserved
    taken = -asked.amount if kind is ActionKind.ADJUSTMENT else asked.amount
    if taken.micros > 0 and taken > free:
        raise BalanceTooLow(f"{free} is free", path="amount")
    return BalanceAction(
        id=tx.new_id(BalanceActionId, now),
        kind=kind,
        account=balance.account,
        billing_account=balance.billing_account,
        entity=billing_account(tx, balance.billing_account).legal_entity,
        amount=asked.amount,
        state=ActionState.CREATED,
        requested_at=now,
        reason=check_text(asked.reason, "reason"),
        description=check_text(asked.description, "description"),
        details=asked.details,
    )


def _check(balance: Balance, amount: Money, path: str = "account") -> None:
    if not balance.kind.has_balance:
        raise NotAPrepaidBalance("a postpaid product has no balance", path=path)
    if balance.status is Status.CLOSED:
        raise AccountIsClosed("the charging account is closed", path=path)
    if balance.money.currency != amount.currency:
        raise CurrencyMismatch(
            f"the balance is in {balance.money.currency}, not in {amount.currency}",
            path="amount" if path == "account" else path,
        )


def _request(tx: Tx, action: BalanceAction) -> BalanceAction:
    store.insert(tx, action)
    tx.changed(RESOURCES[action.kind], action.id, Change.CREATED)
    tx.emit(
        ActOnBalance(
            action=action.id,
            verb=VERBS[action.kind],
            account=action.account,
            amount=action.amount,
            to=action.to,
            until=action.until,
        )
    )
    return action


def describe_action(
    tx: Tx,
    action: BalanceActionId,
    *,
    reason: str | None = None,
    description: str | None = None,
) -> BalanceAction:
    """Changes what is said about it, where it is given. Raises `UnknownAction`."""
    present = _locked(tx, action)
    changed = msgspec.structs.replace(
        present,
        reason=present.reason if reason is None else check_text(reason, "reason"),
        description=(
            present.description if description is None else check_text(description, "description")
        ),
    )
    if changed != present:
        store.update(tx, changed)
        tx.changed(RESOURCES[present.kind], action, Change.ATTRIBUTES)
    return changed


def cancel_action(tx: Tx, action: BalanceActionId, *, now: datetime) -> BalanceAction:
    """Releases a reservation; money that has moved comes back by another action. Raises
    `UnknownAction`, `IllegalTransition`."""
    present = _locked(tx, action)
    present.lifecycle.check(present.state, ActionState.CANCELLED, path="status")
    changed = msgspec.structs.replace(present, state=ActionState.CANCELLED, confirmed_at=now)
    store.update(tx, changed)
    tx.changed(RESOURCES[present.kind], action, Change.STATE)
    tx.emit(ActOnBalance(action=action, verb=BalanceVerb.RELEASE, account=present.account))
    return changed


def forget_action(tx: Tx, action: BalanceActionId, *, now: datetime) -> None:
    """Forgets an action that came to nothing, or a reservation, which is released. Raises
    `UnknownAction`, and `ActionStands` for what moves money or has."""
    present = _locked(tx, action)
    if ActionState.CANCELLED in present.lifecycle.following(present.state):
        present = cancel_action(tx, action, now=now)
    if present.state not in (ActionState.FAILED, ActionState.CANCELLED):
        raise ActionStands(f"it is {present.state}: money moves back by another action", path="id")
    store.delete(tx, action)
    tx.changed(RESOURCES[present.kind], action, Change.DELETED)


def note_answer(tx: Tx, action: str, *, failure: str | None, now: datetime) -> None:
    """What charging made of an action: done, or, with a `failure`, refused. Once. What is
    forgotten by now, or cancelled, stays so."""
    present = store.lock(tx, action)
    if present is None or present.state is not ActionState.CREATED:
        return
    to = ActionState.COMPLETED if failure is None else ActionState.FAILED
    present.lifecycle.check(present.state, to)
    changed = msgspec.structs.replace(
        present, state=to, confirmed_at=now, failure=None if failure is None else failure[:400]
    )
    store.update(tx, changed)
    tx.changed(RESOURCES[present.kind], action, Change.STATE)
    if to is ActionState.COMPLETED and present.kind is ActionKind.ADJUSTMENT:
        post(tx, entry_of(changed, now), now)


def _locked(tx: Tx, action: str) -> BalanceAction:
    present = store.lock(tx, action)
    if present is None:
        raise UnknownAction(f"there is no balance action {action[:60]}")
    return present


def act_on_balance(tx: Tx, command: ActOnBalance, now: datetime) -> None:
    """Does it, once for its action and verb, or answers why not (charging's database). Both rows
    of a transfer are held, in the order of their keys."""
    try:
        _act(tx, command, now)
    except (Conflict, Invalid, NotFound, Refused) as refusal:
        answer: ActionDone | ActionRefused = ActionRefused(
            account=command.account,
            action=command.action,
            verb=command.verb,
            code=refusal.code,
            reason=str(refusal),
        )
    else:
        answer = ActionDone(account=command.account, action=command.action, verb=command.verb)
    tx.emit(answer)


def _act(tx: Tx, command: ActOnBalance, now: datetime) -> None:
    held = _held(tx, command)
    account = held[command.account]
    if accounts.credited(tx, [_once(command)]):
        return
    for each in held.values():
        give_up_sessions(each.state, int(now.timestamp()))
    before = {each.key: _free(each) for each in held.values()}
    written = _VERBS[command.verb](held, command, now)
    accounts.note_top_up(tx, _once(command), account.key, account.state.seq)
    hot.write(tx, held.values(), written)
    for each in held.values():
        if _free(each) > before[each.key]:
            notices.tell_of_credit(tx, each)


def _free(account: Account) -> int:
    return account.state.money - account.state.held


def _once(command: ActOnBalance) -> str:
    return f"{command.action}/{command.verb}"


def _held(tx: Tx, command: ActOnBalance) -> dict[ChargingAccountId, Account]:
    wanted = {command.account} if command.to is None else {command.account, command.to}
    keys = {each.id: each.key for each in accounts.accounts_by_ids(tx, sorted(wanted))}
    for missing in sorted(wanted - keys.keys()):
        raise UnknownChargingAccount(f"there is no charging account {missing[:40]!r}")
    return {each.id: each for each in accounts.hold_many(tx, keys.values()).values()}


Held = Mapping[ChargingAccountId, Account]
Written = list[tuple[int, Record]]


def _adjust(held: Held, command: ActOnBalance, now: datetime) -> Written:
    assert command.amount is not None
    account = held[command.account]
    records: list[Record] = []
    deciding.adjust(account.state, command.amount, now, command.action, records)
    return [(account.key, record) for record in records]


def _transfer(held: Held, command: ActOnBalance, now: datetime) -> Written:
    assert command.amount is not None
    assert command.to is not None
    giver, taker = held[command.account], held[command.to]
    records: tuple[list[Record], list[Record]] = ([], [])
    deciding.transfer(giver.state, taker.state, command.amount, now, command.action, records)
    return [
        *((giver.key, record) for record in records[0]),
        *((taker.key, record) for record in records[1]),
    ]


def _reserve(held: Held, command: ActOnBalance, now: datetime) -> Written:
    assert command.amount is not None
    assert command.until is not None
    state = held[command.account].state
    deciding.reserve(state, command.amount, command.until, now, command.action)
    return []


def _release(held: Held, command: ActOnBalance, _now: datetime) -> Written:
    deciding.release(held[command.account].state, command.action)
    return []


_VERBS: Mapping[BalanceVerb, Callable[[Held, ActOnBalance, datetime], Written]] = {
    BalanceVerb.ADJUST: _adjust,
    BalanceVerb.TRANSFER: _transfer,
    BalanceVerb.RESERVE: _reserve,
    BalanceVerb.RELEASE: _release,
}
