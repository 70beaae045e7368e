"""What follows when something has come to its end, goes on by right, or the network answers."""

from datetime import datetime

import msgspec

from trunkline.charging import BalanceStands, MemberStands, RoamingStands, Service
from trunkline.inventory import ProductId
from trunkline.inventory.events import ServiceSettled, ServiceTerminated
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction
from trunkline.usage.exposure import barring, store
from trunkline.usage.exposure.events import EndRoamingMonth, RetryBar
from trunkline.usage.exposure.model import POOLS, BarState, Cause, Exposure


def on_balance_stands(tx: Tx, event: BalanceStands, now: datetime) -> None:
    """Notes that it has come to its end and, where that is new, has the network stop the product's
    services; they go on when there is money again."""
    account, at = event.account, event.exhausted_at
    if at is None or event.beyond is None:
        _restore(tx, account, Cause.BALANCE, now)
    else:
        _note(tx, Exposure(account, Cause.BALANCE, at, now, None, None, event.beyond), now)


def on_roaming_stands(tx: Tx, event: RoamingStands, now: datetime) -> None:
    """The same for data abroad, until the month ends or the person consents."""
    account, at, until = event.account, event.reached_at, event.until
    if at is None or event.beyond is None or until is None:
        _restore(tx, account, Cause.ROAMING, now)
        return
    if until <= now:
        return
    _end_month(tx, account, now)
    if _note(tx, Exposure(account, Cause.ROAMING, at, now, None, None, event.beyond, until), now):
        tx.emit(EndRoamingMonth(account=account, until=until), not_before=until)


def on_member_stands(tx: Tx, event: MemberStands, now: datetime) -> None:
    """The same for what neither a member's pool nor itself pays for; it goes on when one does."""
    account = event.account
    for service in event.services:
        cause = POOLS[Service(service)]
        if event.reached_at is None or event.beyond is None:
            _restore(tx, account, cause, now)
            continue
        known = store.open_exposure(tx, account, cause)
        beyond = event.beyond if known is None else known.beyond + event.beyond
        _note(tx, Exposure(account, cause, event.reached_at, now, None, None, beyond), now)


def on_month_ended(tx: Tx, command: EndRoamingMonth, now: datetime) -> None:
    _end_month(tx, command.account, now)


def on_settled(tx: Tx, event: ServiceSettled, now: datetime) -> None:
    """What it refused stays open: it is tried again, and somebody sees it."""
    bar = barring.settled(tx, event, now)
    if bar is not None and bar.state is BarState.BARRED:
        _note_stopped(tx, bar.product, bar.cause, event.at)


def on_terminated(tx: Tx, event: ServiceTerminated, now: datetime) -> None:
    for each in barring.forget_bars(tx, event.service, now):
        _note_stopped(tx, each.product, each.cause, event.at)


def _note(tx: Tx, found: Exposure, now: datetime) -> bool:
    """Whether it is new. What goes on that isn't to (a service that rested when its balance ended)
    is stopped in either case."""
    account, cause = found.account, found.cause
    known = store.open_exposure(tx, account, cause)
    if known is not None:
        if found.beyond > known.beyond:
            store.move(tx, known, msgspec.structs.replace(known, beyond=found.beyond))
        barring.bar(tx, ProductId(account), cause, now)
        return False
    before = store.exposure(tx, account, cause, found.reached_at)
    if before is None:
        store.insert(tx, found)
    else:
        again = msgspec.structs.replace(found, noticed_at=before.noticed_at)
        store.move(tx, before, again)
    if barring.bar(tx, ProductId(account), cause, now):
        _note_stopped(tx, ProductId(account), cause, now)
    return True


def _note_stopped(tx: Tx, product: ProductId, cause: Cause, at: datetime) -> None:
    present = store.open_exposure(tx, product, cause)
    if present is not None and present.is_open and barring.is_stopped(tx, product, cause):
        store.move(tx, present, msgspec.structs.replace(present, barred_at=at))


def _end_month(tx: Tx, account: str, now: datetime) -> None:
    """What data abroad came to in a month that has ended stops it no longer."""
    present = store.open_exposure(tx, account, Cause.ROAMING)
    if present is not None and present.until is not None and present.until <= now:
        _restore(tx, account, Cause.ROAMING, now)


def _restore(tx: Tx, account: str, cause: Cause, now: datetime) -> None:
    present = store.open_exposure(tx, account, cause)
    if present is not None:
        store.move(tx, present, msgspec.structs.replace(present, restored_at=now))
        barring.lift(tx, ProductId(account), cause, now)


REACTIONS: tuple[Reaction, ...] = (
    Reaction("usage.balance_stands", BalanceStands, on_balance_stands, "books"),
    Reaction("usage.roaming_stands", RoamingStands, on_roaming_stands, "books"),
    Reaction("usage.member_stands", MemberStands, on_member_stands, "books"),
    Reaction("usage.end_roaming_month", EndRoamingMonth, on_month_ended, "books"),
    Reaction("usage.settled", ServiceSettled, on_settled, "books"),
    Reaction("usage.service_terminated", ServiceTerminated, on_terminated, "books"),
    Reaction("usage.retry_bar", RetryBar, barring.retry_when_due, "books"),
)
"""For operators whose balances follow files: `[policy] bar_exhausted`."""
