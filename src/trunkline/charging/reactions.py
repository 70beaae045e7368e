"""What charging does when it is told, and when the catalogue's prices change."""

from collections.abc import Sequence
from datetime import datetime

from trunkline.catalog.events import PricesChanged
from trunkline.charging import mediated, operations
from trunkline.charging.account import AccountIsClosed, NotPrepaid
from trunkline.charging.actions.operations import act_on_balance, note_answer
from trunkline.charging.events import (
    AccountBarred,
    AccountStatusChanged,
    ActionDone,
    ActionRefused,
    ActOnBalance,
    BalanceLow,
    BarAccount,
    BarringRefused,
    ChangePlan,
    ChargeUsage,
    CloseAccount,
    FeeMissed,
    InstallTariff,
    OpenAccount,
    OpeningRefused,
    PlanChangeRefused,
    PublishTariff,
    TopUp,
    TopUpRefused,
    UnbarAccount,
    UsageCharged,
    WatchBalance,
)
from trunkline.charging.model import ChargingAccountId
from trunkline.charging.occasions import balance_low, fee_missed, status_changed
from trunkline.charging.personal import forget_party
from trunkline.charging.policy.reactions import REACTIONS as POLICIES
from trunkline.charging.pools.reactions import REACTIONS as POOLS
from trunkline.charging.publication import publish_tariff, request_tariff
from trunkline.customers.events import PartyErased
from trunkline.kernel.errors import Conflict, Invalid, NotFound, Refused
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction


def open_account(tx: Tx, message: OpenAccount, _now: datetime) -> None:
    try:
        operations.open_account(tx, message)
    except (Invalid, Conflict) as refusal:
        tx.emit(OpeningRefused(account=message.account, code=refusal.code, reason=str(refusal)))


def open_accounts(tx: Tx, messages: Sequence[OpenAccount], _now: datetime) -> None:
    operations.open_accounts(tx, messages)


def close_account(tx: Tx, message: CloseAccount, _now: datetime) -> None:
    operations.close_account(tx, message.account, at=message.closed_at)


def change_plan(tx: Tx, message: ChangePlan, _now: datetime) -> None:
    try:
        operations.change_plan(
            tx,
            message.account,
            plan=message.plan,
            at=message.changed_at,
            fee=message.fee,
            limit=message.limit,
        )
    except (Invalid, Conflict, NotFound, Refused) as refusal:
        tx.emit(
            PlanChangeRefused(
                account=message.account,
                plan=message.plan,
                code=refusal.code,
                reason=refusal.reason,
            )
        )


def bar_account(tx: Tx, message: BarAccount, now: datetime) -> None:
    _bring(tx, message.account, barred=True, now=now)


def unbar_account(tx: Tx, message: UnbarAccount, now: datetime) -> None:
    _bring(tx, message.account, barred=False, now=now)


def _bring(tx: Tx, account: ChargingAccountId, *, barred: bool, now: datetime) -> None:
    try:
        operations.bar_account(tx, account, barred=barred, now=now)
    except (Conflict, NotFound) as refusal:
        answer: AccountBarred | BarringRefused = BarringRefused(
            account=account, barred=barred, code=refusal.code, reason=refusal.reason
        )
    else:
        answer = AccountBarred(account=account, barred=barred)
    tx.emit(answer)


def watch_balance(tx: Tx, message: WatchBalance, _now: datetime) -> None:
    operations.watch_balance(
        tx, message.account, thresholds=message.thresholds, instead_of=message.instead_of
    )


def top_up(tx: Tx, message: TopUp, now: datetime) -> None:
    try:
        operations.top_up(
            tx,
            message.account,
            payment_id=message.payment_id,
            amount=message.amount,
            now=now,
            valid_days=message.valid_days,
            buckets=message.buckets,
        )
    except (NotPrepaid, AccountIsClosed, Invalid) as refusal:
        tx.emit(
            TopUpRefused(
                account=message.account,
                payment_id=message.payment_id,
                code=refusal.code,
                reason=str(refusal),
            )
        )


def charge_usage(tx: Tx, message: ChargeUsage, now: datetime) -> None:
    results = mediated.charge_usage(tx, message.events, now)
    tx.emit(UsageCharged(batch_id=message.batch_id, results=tuple(results)))


def install_tariff(tx: Tx, message: InstallTariff, now: datetime) -> None:
    operations.install_tariff(tx, message, now)


def prices_changed(tx: Tx, _message: PricesChanged, now: datetime) -> None:
    request_tariff(tx, now)


def on_action_done(tx: Tx, message: ActionDone, now: datetime) -> None:
    note_answer(tx, message.action, failure=None, now=now)


def on_action_refused(tx: Tx, message: ActionRefused, now: datetime) -> None:
    note_answer(tx, message.action, failure=message.reason, now=now)


def compile_and_send(tx: Tx, message: PublishTariff, _now: datetime) -> None:
    publish_tariff(tx, message)


REACTIONS: tuple[Reaction, ...] = (
    Reaction("charging.party_erased", on=PartyErased, run=forget_party, database="books"),
    Reaction(
        "charging.open_account",
        on=OpenAccount,
        run=open_account,
        database="charging",
        together=open_accounts,
    ),
    Reaction("charging.close_account", on=CloseAccount, run=close_account, database="charging"),
    Reaction("charging.change_plan", on=ChangePlan, run=change_plan, database="charging"),
    Reaction("charging.bar_account", on=BarAccount, run=bar_account, database="charging"),
    Reaction("charging.unbar_account", on=UnbarAccount, run=unbar_account, database="charging"),
    Reaction("charging.watch_balance", on=WatchBalance, run=watch_balance, database="charging"),
    Reaction("charging.top_up", on=TopUp, run=top_up, database="charging"),
    Reaction("charging.act_on_balance", on=ActOnBalance, run=act_on_balance, database="charging"),
    Reaction("charging.action_done", on=ActionDone, run=on_action_done, database="books"),
    Reaction("charging.action_refused", on=ActionRefused, run=on_action_refused, database="books"),
    Reaction("charging.charge_usage", on=ChargeUsage, run=charge_usage, database="charging"),
    Reaction("charging.install_tariff", on=InstallTariff, run=install_tariff, database="charging"),
    Reaction("charging.prices_changed", on=PricesChanged, run=prices_changed, database="books"),
    Reaction("charging.balance_low", on=BalanceLow, run=balance_low, database="books"),
    Reaction("charging.fee_missed", on=FeeMissed, run=fee_missed, database="books"),
    Reaction(
        "charging.status_changed", on=AccountStatusChanged, run=status_changed, database="books"
    ),
    Reaction("charging.publish_tariff", on=PublishTariff, run=compile_and_send, database="books"),
    *POOLS,
    *POLICIES,
)
