"""Writes on vouchers by their serial numbers: sold, held back, taken back, written off, expired."""

from collections.abc import Collection
from datetime import datetime

from trunkline.kernel.errors import Conflict, Invalid
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.kernel.money import Money
from trunkline.ledger import post
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx
from trunkline.vouchers.batches import sale_store, store
from trunkline.vouchers.batches.model import (
    OWED,
    VOUCHER_LIFECYCLE,
    WRITE_OFF_AFTER,
    BatchState,
    Sale,
    SaleId,
    UnknownVoucher,
    VoucherBatch,
    VoucherBatchId,
    VouchersElsewhere,
    VoucherState,
    WriteOffId,
    check_range,
    expiry_entry,
    return_entry,
    sale_entry,
    write_off_entry,
)
from trunkline.vouchers.batches.operations import RESOURCE, VOUCHER, FourEyes, held, move
from trunkline.vouchers.dealers.operations import hold_dealer, move_float
from trunkline.vouchers.kept import rules_of


def sell_vouchers(
    tx: Tx,
    batch_id: VoucherBatchId,
    *,
    first: int,
    last: int,
    dealer: str,
    price: Money | None = None,
    by: str,
    now: datetime,
) -> Sale:
    """Gives a dealer the vouchers `first` to `last`, at `price` each (the face value): from now
    on they are good, and the dealer owes for them. Raises `VouchersElsewhere` unless all are
    new, `FourEyes`, `DealerLimit`, `DealerBlocked`, `UnknownDealer`, `Invalid`."""
    batch = held(tx, batch_id)
    if rules_of(tx).four_eyes and by == batch.asked_by:
        raise FourEyes("who asked for a batch doesn't sell from it")
    check_range(batch, first, last)
    if batch.state is not BatchState.EXPORTED:
        raise Conflict(f"the batch is {batch.state}: its file hasn't gone", path="state")
    if now >= batch.expires_at:
        raise Conflict("the batch has expired", path="state")
    each = batch.face if price is None else price
    if each.currency != batch.face.currency or not 0 <= each.micros <= batch.face.micros:
        raise Invalid(f"is nothing up to {batch.face}", path="price")
    if each.rounded() != each:
        raise Invalid("is in whole minor units", path="price")
    seller = hold_dealer(tx, dealer)
    if seller.entity != batch.entity or seller.float_.currency != batch.face.currency:
        raise Invalid("sells for another legal entity, or in another currency", path="dealer")
    sale = Sale(
        id=tx.new_id(SaleId, now),
        batch=batch.id,
        entity=batch.entity,
        dealer=dealer,
        first=first,
        last=last,
        face=batch.face,
        price=each,
        sold_at=now,
    )
    cost = each * sale.count
    seller.check_can_pay(cost)
    _take(tx, batch, (first, last), {VoucherState.GENERATED}, VoucherState.ACTIVE, now, sale.id)
    sale_store.insert_sale(tx, sale)
    move_float(tx, seller, -cost)
    post(tx, sale_entry(sale), now)
    tx.changed(RESOURCE, batch.id, Change.ATTRIBUTES)
    return sale


def take_back_vouchers(
    tx: Tx, batch_id: VoucherBatchId, *, first: int, last: int, now: datetime
) -> Sale:
    """Takes back, of one sale, what nobody has redeemed: those vouchers are void, and the dealer
    owes that much less. Raises `VouchersElsewhere`, `Invalid`."""
    batch = held(tx, batch_id)
    check_range(batch, first, last)
    states = store.lock_range(tx, batch.id, first, last)
    _check_states(states, OWED, VoucherState.VOID)
    of_sales = store.sales_in(tx, batch.id, first, last)
    if len(of_sales) != 1 or of_sales[0] is None:
        raise Invalid("are of more than one sale: take them back one by one", path="serials")
    sale = sale_store.find_sales(tx, [of_sales[0]])[0]
    store.move_range(tx, batch.id, (first, last), OWED, VoucherState.VOID, now)
    move_float(tx, hold_dealer(tx, sale.dealer), sale.price * (last - first + 1))
    post(tx, return_entry(sale, first, last, now), now)
    tx.changed(RESOURCE, batch.id, Change.ATTRIBUTES)
    return sale


def stop_vouchers(
    tx: Tx, batch_id: VoucherBatchId, *, first: int, last: int, now: datetime
) -> tuple[int, int]:
    """Of these, those that are sold are held back, until `resume_vouchers` or their end; those
    that aren't are void for ever. How many of each. What is redeemed stays so."""
    batch = held(tx, batch_id)
    check_range(batch, first, last)
    span = (first, last)
    stopped = store.move_range(tx, batch.id, span, {VoucherState.ACTIVE}, VoucherState.STOPPED, now)
    void = store.move_range(tx, batch.id, span, {VoucherState.GENERATED}, VoucherState.VOID, now)
    tx.changed(RESOURCE, batch.id, Change.ATTRIBUTES)
    return stopped, void


def resume_vouchers(
    tx: Tx, batch_id: VoucherBatchId, *, first: int, last: int, now: datetime
) -> int:
    """Those that were stopped are good again; how many that were."""
    batch = held(tx, batch_id)
    check_range(batch, first, last)
    tx.changed(RESOURCE, batch.id, Change.ATTRIBUTES)
    return store.move_range(
        tx, batch.id, (first, last), {VoucherState.STOPPED}, VoucherState.ACTIVE, now
    )


def write_off_vouchers(
    tx: Tx, batch_id: VoucherBatchId, *, first: int, last: int, now: datetime
) -> int:
    """Ends these for ever: lost or stolen, they were held back so long that nobody is expected to
    claim them any more, and what was owed is earned. How many. Raises `VouchersElsewhere` unless
    all are held back, and have been for `WRITE_OFF_AFTER`; `Invalid`."""
    batch = held(tx, batch_id)
    check_range(batch, first, last)
    held_back = {VoucherState.STOPPED}
    _check_states(store.lock_range(tx, batch.id, first, last), held_back, VoucherState.VOID)
    due = store.last_changed(tx, batch.id, first, last) + WRITE_OFF_AFTER
    if now < due:
        raise VouchersElsewhere(
            f"they were held back later than {WRITE_OFF_AFTER.days} days ago: from {due:%Y-%m-%d} "
            "on",
            path="serials",
        )
    many = store.move_range(tx, batch.id, (first, last), held_back, VoucherState.VOID, now)
    post(tx, write_off_entry(batch, tx.new_id(WriteOffId, now), first, last, now), now)
    tx.changed(RESOURCE, batch.id, Change.ATTRIBUTES)
    return many


def change_voucher(tx: Tx, serial: int, *, to: VoucherState, now: datetime) -> None:
    """Holds one voucher back that is sold, or makes it good again. Raises `UnknownVoucher`,
    `IllegalTransition`, and `Invalid` for what isn't for a person to say."""
    if to not in OWED:
        raise Invalid("a voucher may only be stopped, or active again", path="state")
    present = store.lock_serial(tx, serial)
    if present is None:
        raise UnknownVoucher(f"there is no voucher {serial}")
    VOUCHER_LIFECYCLE.check(present.state, to)
    if present.state not in OWED:
        raise IllegalTransition(f"the voucher is {present.state}", path="state")
    store.move_one(tx, serial, present.state, to, None, now)
    tx.changed(VOUCHER, str(serial), Change.STATE)


def expire_vouchers(tx: Tx, batch_id: VoucherBatchId, *, most: int, now: datetime) -> int:
    """Ends up to `most` vouchers of a batch whose time is over: what was owed for them is earned.
    Once none is left, and none is being redeemed, the batch is closed. How many it ended."""
    batch = held(tx, batch_id)
    if now < batch.expires_at or batch.state is not BatchState.EXPORTED:
        return 0
    ended = store.expire_some(tx, batch.id, OWED, VoucherState.EXPIRED, most, now)
    if ended:
        post(tx, expiry_entry(batch, ended[0], len(ended), now), now)
        return len(ended)
    unsold = {VoucherState.GENERATED}
    void = store.expire_some(tx, batch.id, unsold, VoucherState.VOID, most, now)
    if not void and not store.counts(tx, [batch.id])[batch.id].get(VoucherState.REDEEMING):
        move(tx, batch, BatchState.CLOSED, now)
    return len(void)


def _take(
    tx: Tx,
    batch: VoucherBatch,
    span: tuple[int, int],
    states: set[VoucherState],
    to: VoucherState,
    now: datetime,
    sale: SaleId,
) -> None:
    """All of a range, or none."""
    _check_states(store.lock_range(tx, batch.id, *span), states, to)
    store.move_range(tx, batch.id, span, states, to, now, sale)


def _check_states(
    found: dict[int, VoucherState],
    allowed: Collection[VoucherState],
    to: VoucherState,
) -> None:
    others = {serial: state for serial, state in found.items() if state not in allowed}
    if others:
        serial = min(others)
        raise VouchersElsewhere(
            f"{len(others)} of them can't become {to}: {serial} is {others[serial]}",
            path="serials",
        )
    assert all(to in VOUCHER_LIFECYCLE.following(state) for state in set(found.values()))
