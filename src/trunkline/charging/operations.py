"""What changes accounts, but for the network's own requests (`GroupCommit`)."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from trunkline.charging import account as life
from trunkline.charging import hot, notices, ongoing, store, subscriptions
from trunkline.charging.account import IdentityTaken, UnknownChargingAccount
from trunkline.charging.events import (
    AccountClosed,
    AccountOpened,
    InstallTariff,
    MonthlyFee,
    NewLimit,
    OpenAccount,
    PlanChanged,
    ToppedUp,
)
from trunkline.charging.installed import installed_tariffs
from trunkline.charging.journal import Record
from trunkline.charging.model import BucketGrant, ChargingAccountId
from trunkline.charging.notices import NoticeKind
from trunkline.charging.ongoing import standing
from trunkline.charging.policy.kept import policy_of
from trunkline.charging.policy.telling import follow_plan
from trunkline.charging.pools import operations as pools
from trunkline.charging.pools.events import PoolClosed
from trunkline.charging.pools.shares import shares
from trunkline.charging.store import FOREVER, Account, Binding
from trunkline.kernel.money import Money
from trunkline.kernel.time import to_micros
from trunkline.platform.db import Tx
from trunkline.rating import Tariff

_SECOND = 1_000_000


def open_account(tx: Tx, command: OpenAccount) -> None:
    """Idempotent by the account's id. Raises `Invalid`, and `IdentityTaken` where another
    account is bound to one of the identities from `opened_at` on."""
    open_accounts(tx, (command,))


def open_accounts(tx: Tx, commands: Sequence[OpenAccount]) -> None:
    """The same for several; raises for the first that can't be opened, and opens none."""
    store.open_in_turn(tx)
    known = {each.id for each in store.accounts_by_ids(tx, [each.account for each in commands])}
    fresh: dict[ChargingAccountId, OpenAccount] = {}
    for command in commands:
        if command.account not in known:
            fresh.setdefault(command.account, command)
    if not fresh:
        return
    values = {value for command in fresh.values() for _, value in command.identities}
    bound = store.bindings_of_values(tx, values)
    states = []
    bindings: list[tuple[ChargingAccountId, Binding]] = []
    for command in fresh.values():
        states.append(life.opened(command))
        taken = [_binding(bound, command, index) for index in range(len(command.identities))]
        bindings += ((command.account, each) for each in taken)
        bound += taken
    keys = store.insert_accounts(
        tx,
        [
            (command.account, command.billing_account, state)
            for command, state in zip(fresh.values(), states, strict=True)
        ],
    )
    store.bind(
        tx, [msgspec.structs.replace(each, account=keys[account]) for account, each in bindings]
    )
    tx.emit_all(
        AccountOpened(
            account=each.account, billing_account=each.billing_account, opened_at=each.opened_at
        )
        for each in fresh.values()
    )


def _binding(bound: Sequence[Binding], command: OpenAccount, index: int) -> Binding:
    """The identity's, to an account that is yet to be inserted."""
    kind, value = command.identities[index]
    return Binding(kind, value, _free_from(bound, command, index), FOREVER, account=-1)


def _free_from(bound: Sequence[Binding], command: OpenAccount, index: int) -> int:
    """From when on the identity can be the new account's. Networks tell time in seconds, so
    that is the beginning of the second of its opening, unless another had it in that second."""
    opened_at = to_micros(command.opened_at)
    start = opened_at // _SECOND * _SECOND
    for each in bound:
        if (each.kind, each.value) == command.identities[index]:
            if each.valid_to > opened_at:
                raise IdentityTaken(
                    f"{each.kind} {each.value} belongs to another account",
                    path=f"identities[{index}]",
                )
            start = max(start, each.valid_to)
    return start


def close_account(tx: Tx, account: ChargingAccountId, *, at: datetime) -> None:
    """Idempotent. Raises `UnknownChargingAccount`."""
    key = _known(store.account(tx, account), account).key
    both = pools.hold_with_pools(tx, key)
    held = both.pop(key)
    if held.state.closed:
        return
    for share in shares(held.state):
        share.left = True
        pools.take_back(tx, [held], both[share.pool], at)
    before = standing(held.state)
    life.close(held.state, at)
    store.end_bindings(tx, held.key, at)
    ongoing.tell(tx, [(held, before)], (), at)
    hot.write(tx, [held], [])
    notices.tell(tx, held, NoticeKind.ABORT)
    subscriptions.tell_of_end(tx, held.key)
    state = held.state
    if state.terms is not None and state.terms.pool is not None:
        tx.emit(PoolClosed(pool=held.key))
    tx.emit(
        AccountClosed(
            account=account,
            billing_account=held.billing_account,
            closed_at=at,
            remaining=Money(state.money if state.prepaid else 0, state.currency),
        )
    )


def change_plan(
    tx: Tx,
    account: ChargingAccountId,
    *,
    plan: str,
    at: datetime,
    fee: MonthlyFee | None = None,
    limit: NewLimit = msgspec.UNSET,
) -> None:
    """A `fee` is asked for from the next month on, a `limit` holds at once. Raises
    `UnknownChargingAccount`, `AccountIsClosed`, `PlanHasNoTariff`, `NotPrepaid`, `LimitIsShared`
    and `Invalid` for what is no fee or limit."""
    held = _hold(tx, account)
    records: list[Record] = []
    life.change_plan(held.state, plan, at, installed_tariffs(tx), records, fee, limit)
    follow_plan(tx, held, policy_of(tx).rules, at)
    hot.write(tx, [held], [(held.key, record) for record in records])
    notices.tell_of_credit(tx, held)
    notices.tell(tx, held, NoticeKind.REAUTHORISE, everyone=True)
    tx.emit(PlanChanged(account=account, plan=plan, changed_at=at))


def bar_account(tx: Tx, account: ChargingAccountId, *, barred: bool, now: datetime) -> None:
    """Raises `UnknownChargingAccount` and `AccountIsClosed`."""
    held = _hold(tx, account)
    before = standing(held.state)
    life.set_barred(held.state, barred=barred, now=now)
    ongoing.tell(tx, [(held, before)], (), now)
    hot.write(tx, [held], [])
    kind = NoticeKind.ABORT if barred else NoticeKind.REAUTHORISE
    notices.tell(tx, held, kind, everyone=True)
    notices.tell_members(tx, held)


def watch_balance(
    tx: Tx,
    account: ChargingAccountId,
    *,
    thresholds: Sequence[Money],
    instead_of: Sequence[Money] | None = None,
) -> None:
    """Raises `UnknownChargingAccount`, `AccountIsClosed`, `NotPrepaid`, `CurrencyMismatch`,
    `InvalidThresholds`."""
    held = _hold(tx, account)
    life.watch(held.state, thresholds, instead_of)
    hot.write(tx, [held], [])


def top_up(
    tx: Tx,
    account: ChargingAccountId,
    *,
    payment_id: str,
    amount: Money,
    now: datetime,
    valid_days: int | None = None,
    buckets: Sequence[BucketGrant] = (),
) -> None:
    """Once for each payment, with `buckets` beside it; the balance then holds for `valid_days` at
    least, or as the account's terms say. Raises `UnknownChargingAccount`, `NotPrepaid`,
    `AccountIsClosed`, `CurrencyMismatch`."""
    held = _hold(tx, account)
    if store.credited(tx, [payment_id]):
        return
    state = held.state
    before = standing(state)
    records: list[Record] = []
    life.top_up(state, amount, now, payment_id, records, valid_days, buckets)
    if not store.note_top_up(tx, payment_id, held.key, state.seq):
        return
    ongoing.tell(tx, [(held, before)], [(state, record) for record in records], now)
    hot.write(tx, [held], [(held.key, record) for record in records])
    notices.tell_of_credit(tx, held)
    balance = Money(state.money, state.currency)
    tx.emit(ToppedUp(account=account, payment_id=payment_id, amount=amount, balance=balance))


def install_tariff(tx: Tx, command: InstallTariff, now: datetime) -> bool:
    """False when the version is installed already. Raises `TariffUnreadable`."""
    return store.insert_tariff(tx, Tariff.decode(command.body), now)


def _hold(tx: Tx, account: ChargingAccountId) -> Account:
    return _known(store.hold(tx, account), account)


def _known(found: Account | None, account: ChargingAccountId) -> Account:
    if found is None:
        raise UnknownChargingAccount(
            f"there is no charging account {account[:40]!r}", account=account
        )
    return found
