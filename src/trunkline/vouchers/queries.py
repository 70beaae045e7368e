"""Reads of vouchers, dealers and their top-ups."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from trunkline.customers import BillingAccountId
from trunkline.platform.db import Reader
from trunkline.vouchers.batches import sale_store as sales
from trunkline.vouchers.batches import store as batches
from trunkline.vouchers.batches.model import (
    Sale,
    UnknownBatch,
    UnknownVoucher,
    Voucher,
    VoucherBatch,
    VoucherState,
)
from trunkline.vouchers.dealers import store as dealer_store
from trunkline.vouchers.dealers.model import Dealer, UnknownDealer
from trunkline.vouchers.lockouts import store as lockouts
from trunkline.vouchers.lockouts.model import Lockout
from trunkline.vouchers.top_ups import store as top_ups
from trunkline.vouchers.top_ups.model import ChannelTopUp, UnknownTopUp

VOUCHER_BATCHES = batches.voucher_batch
VOUCHERS = batches.voucher
CHANNEL_TOP_UPS = top_ups.top_up
DEALERS = dealer_store.dealer
"""The tables, for lists that are filtered by their columns."""


def voucher_batch(r: Reader, batch: str) -> VoucherBatch:
    """Raises `UnknownBatch`."""
    found = batches.find_batches(r, [batch])
    if not found:
        raise UnknownBatch(f"there is no batch {batch[:60]}")
    return found[0]


def voucher_batches(r: Reader, ids: Sequence[str]) -> list[VoucherBatch]:
    """Those that exist, in no order."""
    return batches.find_batches(r, ids)


def voucher_counts(r: Reader, ids: Sequence[str]) -> Mapping[str, Mapping[VoucherState, int]]:
    """Of each of these batches, how many vouchers are in which state."""
    return batches.counts(r, ids)


def voucher(r: Reader, serial: int) -> Voucher:
    """Raises `UnknownVoucher`."""
    found = batches.find_vouchers(r, [serial])
    if not found:
        raise UnknownVoucher(f"there is no voucher {serial}")
    return found[0]


def vouchers(r: Reader, serials: Sequence[int]) -> list[Voucher]:
    """Those that exist, in no order."""
    return batches.find_vouchers(r, serials)


def voucher_sales(r: Reader, batch: str) -> list[Sale]:
    """Of a batch, the earliest first."""
    return sales.sales_of(r, batch)


def dealer(r: Reader, dealer_id: str) -> Dealer:
    """Raises `UnknownDealer`."""
    found = dealer_store.find_dealers(r, [dealer_id])
    if not found:
        raise UnknownDealer(f"there is no dealer {dealer_id[:60]}")
    return found[0]


def dealers(r: Reader, ids: Sequence[str]) -> list[Dealer]:
    """Those that exist, in no order."""
    return dealer_store.find_dealers(r, ids)


def channel_top_up(r: Reader, top_up: str) -> ChannelTopUp:
    """Raises `UnknownTopUp`."""
    found = top_ups.find_top_ups(r, [top_up])
    if not found:
        raise UnknownTopUp(f"there is no top-up {top_up[:60]}")
    return found[0]


def retail_by_reference(r: Reader, dealer_id: str, reference: str) -> ChannelTopUp | None:
    """What a dealer sold under this name of theirs."""
    return top_ups.by_reference(r, dealer_id, reference)


def channel_top_ups(r: Reader, ids: Sequence[str]) -> list[ChannelTopUp]:
    """Those that exist, in no order."""
    return top_ups.find_top_ups(r, ids)


def channel_top_ups_of(
    r: Reader, accounts: Sequence[BillingAccountId], *, limit: int = 50
) -> list[ChannelTopUp]:
    """Of these billing accounts, the latest first."""
    return top_ups.top_ups_of(r, accounts, limit)


def locked_out(r: Reader, *, now: datetime, limit: int = 100) -> list[Lockout]:
    """Who is refused at the moment for having tried too many wrong codes."""
    return lockouts.locked(r, now, limit)
