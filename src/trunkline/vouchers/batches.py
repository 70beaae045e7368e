"""Writes on batches: made, drawn, fetched by the printer, sold, stopped, and expired.

Codes are drawn a piece at a time, each in a transaction that keeps their digests and the sealed
piece alike: a process that is killed loses no code and makes none that nobody has.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime

import msgspec

from trunkline import catalog
from trunkline.kernel.errors import Conflict, Invalid, Unavailable
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId, legal_entity, post
from trunkline.platform.changes import Change
from trunkline.platform.db import Reader, Tx
from trunkline.vouchers import channel_store, codes, sealing, store
from trunkline.vouchers.events import DrawCodes
from trunkline.vouchers.keys import keys_of
from trunkline.vouchers.model import (
    BATCH_LIFECYCLE,
    MOST_CODES,
    OWED,
    VOUCHER_LIFECYCLE,
    BatchState,
    Sale,
    SaleId,
    UnknownBatch,
    UnknownDealer,
    VoucherBatch,
    VoucherBatchId,
    VouchersElsewhere,
    VoucherState,
    check_face,
    check_name,
    check_range,
    expiry_entry,
    return_entry,
    sale_entry,
)

MOST_DAYS = 3660
PIECE = 1000
"""Codes that one transaction draws."""
RESOURCE = "VoucherBatch"


class FileMismatch(Conflict):
    """What was received isn't what was sealed."""

    code = "voucherFileMismatch"


class NewBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be made: `count` vouchers of `face` each, good before `expires_at`, and sealed
    under `passphrase`, which isn't kept."""

    name: str
    entity: LegalEntityId
    face: Money
    count: int
    expires_at: datetime
    passphrase: str
    bonus: Money | None = None
    brand: str | None = None
    valid_days: int | None = None


def make_batch(tx: Tx, new: NewBatch, *, now: datetime) -> VoucherBatch:
    """Its codes are drawn at once, beside. Raises `Invalid`, `InvalidPassphrase`,
    `UnknownLegalEntity`, `BrandNotFound` and `NoVoucherKey`."""
    bonus = new.bonus or Money.zero(new.face.currency)
    check_face(new.face, bonus)
    if not 1 <= new.count <= MOST_CODES:
        raise Invalid(f"is 1 to {MOST_CODES}", path="count")
    if new.valid_days is not None and not 1 <= new.valid_days <= MOST_DAYS:
        raise Invalid(f"is 1 to {MOST_DAYS}", path="validDays")
    if new.expires_at <= now:
        raise Invalid("is over already", path="expiresAt")
    legal_entity(tx, new.entity)
    if new.brand is not None:
        catalog.brand(tx, catalog.BrandId(new.brand))
    seal = sealing.seal_of(new.passphrase, secrets.token_bytes(sealing.SALT))
    first = store.last_serial(tx) + 1
    batch = VoucherBatch(
        id=tx.new_id(VoucherBatchId, now),
        name=check_name(new.name),
        entity=new.entity,
        brand=new.brand,
        face=new.face,
        bonus=bonus,
        first=first,
        last=first + new.count - 1,
        state=BatchState.GENERATING,
        expires_at=new.expires_at,
        created_at=now,
        state_at=now,
        valid_days=new.valid_days,
    )
    store.insert_batch(tx, batch, seal, keys_of(tx).mark)
    tx.changed(RESOURCE, batch.id, Change.CREATED)
    tx.emit(DrawCodes(batch=batch.id, piece=0))
    return batch


def draw_codes(tx: Tx, batch_id: VoucherBatchId, piece: int, *, now: datetime) -> None:
    """Draws the piece, once, and asks for the next. Raises `UnknownBatch`, `NoVoucherKey`."""
    batch = _held(tx, batch_id)
    if batch.state is not BatchState.GENERATING or batch.made != piece * PIECE:
        return
    keys = keys_of(tx)
    if store.made_under_others(tx, keys.marks):
        raise codes.NoVoucherKey("this isn't the key that vouchers were made under")
    first = batch.first + batch.made
    count = min(PIECE, batch.last - first + 1)
    drawn = codes.draw(count)
    digests = [keys.digest(each) for each in drawn]
    if store.taken(tx, [digest for each in drawn for digest in keys.digests(each)]):
        raise Unavailable("a code was drawn that is there already: draw again")
    seal, _ = store.seal(tx, batch.id)
    serials = range(first, first + count)
    pieces = -(-batch.size // PIECE)
    line = sealing.piece(batch.id, pieces, piece, seal, zip(serials, drawn, strict=True))
    store.insert_vouchers(tx, batch.id, list(zip(serials, digests, strict=True)), now)
    store.insert_piece(tx, batch.id, piece, line)
    made = batch.made + count
    if made < batch.size:
        store.save_batch(tx, msgspec.structs.replace(batch, made=made))
        tx.emit(DrawCodes(batch=batch.id, piece=piece + 1))
    else:
        _move(tx, msgspec.structs.replace(batch, made=made), BatchState.SEALED, now)


def sealed_file(r: Reader, batch_id: VoucherBatchId) -> bytes:
    """The sealed file of a batch whose codes are all drawn, the same however often it is asked
    for, until `note_exported`. Raises `UnknownBatch`, and `Conflict` where it isn't there yet,
    or is no more."""
    found = store.find_batches(r, [batch_id])
    if not found:
        raise UnknownBatch(f"there is no batch {batch_id[:60]}")
    batch = found[0]
    if batch.state is BatchState.GENERATING:
        raise Conflict(f"{batch.made} of {batch.size} codes are drawn: ask again", path="state")
    if batch.state is not BatchState.SEALED:
        raise Conflict("the file has been fetched, and is here no more", path="state")
    seal, _ = store.seal(r, batch.id)
    pieces = store.pieces(r, batch.id)
    return sealing.head(batch.id, len(pieces), seal) + b"".join(pieces)


def note_exported(tx: Tx, batch_id: VoucherBatchId, *, sha256: str, now: datetime) -> VoucherBatch:
    """Whoever has fetched the file has it whole, as its SHA-256 shows: here it is deleted, and
    nobody gets the codes again. Raises `FileMismatch`, `UnknownBatch`, `IllegalTransition`."""
    batch = _held(tx, batch_id)
    BATCH_LIFECYCLE.check(batch.state, BatchState.EXPORTED)
    digest = hashlib.sha256(sealed_file(tx, batch_id)).hexdigest()
    if digest != sha256.strip().lower():
        raise FileMismatch("is not the SHA-256 of this batch's file", path="sha256")
    store.forget_pieces(tx, batch.id, digest)
    return _move(tx, batch, BatchState.EXPORTED, now)


def sell_vouchers(
    tx: Tx,
    batch_id: VoucherBatchId,
    *,
    first: int,
    last: int,
    dealer: str,
    price: Money | None = None,
    now: datetime,
) -> Sale:
    """Gives a dealer the vouchers `first` to `last`, at `price` each (the face value): from now
    on they are good, and the dealer owes for them. Raises `VouchersElsewhere` unless all are
    new, `DealerLimit`, `DealerBlocked`, `UnknownDealer`, `Invalid`."""
    batch = _held(tx, batch_id)
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
    seller = channel_store.lock_dealer(tx, dealer)
    if seller is None:
        raise UnknownDealer(f"there is no dealer {dealer[:60]}", path="dealer")
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
    store.insert_sale(tx, sale)
    channel_store.save_dealer(tx, msgspec.structs.replace(seller, float_=seller.float_ - cost))
    post(tx, sale_entry(sale), now)
    tx.changed(RESOURCE, batch.id, Change.ATTRIBUTES)
    tx.changed("Dealer", dealer, Change.ATTRIBUTES)
    return sale


def take_back_vouchers(
    tx: Tx, batch_id: VoucherBatchId, *, first: int, last: int, now: datetime
) -> Sale:
    """Takes back, of one sale, what nobody has redeemed: those vouchers are void, and the dealer
    owes that much less. Raises `VouchersElsewhere`, `Invalid`."""
    batch = _held(tx, batch_id)
    check_range(batch, first, last)
    states = store.lock_range(tx, batch.id, first, last)
    _check_states(states, OWED, VoucherState.VOID)
    of_sales = store.sales_in(tx, batch.id, first, last)
    if len(of_sales) != 1 or of_sales[0] is None:
        raise Invalid("are of more than one sale: take them back one by one", path="serials")
    sale = store.find_sales(tx, [of_sales[0]])[0]
    seller = channel_store.lock_dealer(tx, sale.dealer)
    assert seller is not None
    store.move_range(tx, batch.id, (first, last), OWED, VoucherState.VOID, now)
    back = sale.price * (last - first + 1)
    channel_store.save_dealer(tx, msgspec.structs.replace(seller, float_=seller.float_ + back))
    post(tx, return_entry(sale, first, last, now), now)
    tx.changed(RESOURCE, batch.id, Change.ATTRIBUTES)
    tx.changed("Dealer", sale.dealer, Change.ATTRIBUTES)
    return sale


def stop_vouchers(
    tx: Tx, batch_id: VoucherBatchId, *, first: int, last: int, now: datetime
) -> tuple[int, int]:
    """Of these, those that are sold are held back, until `resume_vouchers` or their end; those
    that aren't are void for ever. How many of each. What is redeemed stays so."""
    batch = _held(tx, batch_id)
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
    batch = _held(tx, batch_id)
    check_range(batch, first, last)
    tx.changed(RESOURCE, batch.id, Change.ATTRIBUTES)
    return store.move_range(
        tx, batch.id, (first, last), {VoucherState.STOPPED}, VoucherState.ACTIVE, now
    )


def expire_vouchers(tx: Tx, batch_id: VoucherBatchId, *, most: int, now: datetime) -> int:
    """Ends up to `most` vouchers of a batch whose time is over: what was owed for them is earned.
    Once none is left, and none is being redeemed, the batch is closed. How many it ended."""
    batch = _held(tx, batch_id)
    if now < batch.expires_at or batch.state is not BatchState.EXPORTED:
        return 0
    ended = store.expire_some(tx, batch.id, OWED, VoucherState.EXPIRED, most, now)
    if ended:
        post(tx, expiry_entry(batch, ended[0], len(ended), now), now)
        return len(ended)
    unsold = {VoucherState.GENERATED}
    void = store.expire_some(tx, batch.id, unsold, VoucherState.VOID, most, now)
    if not void and not store.counts(tx, [batch.id])[batch.id].get(VoucherState.REDEEMING):
        _move(tx, batch, BatchState.CLOSED, now)
    return len(void)


def _held(tx: Tx, batch_id: str) -> VoucherBatch:
    batch = store.lock_batch(tx, batch_id)
    if batch is None:
        raise UnknownBatch(f"there is no batch {batch_id[:60]}")
    return batch


def _move(tx: Tx, batch: VoucherBatch, to: BatchState, now: datetime) -> VoucherBatch:
    BATCH_LIFECYCLE.check(batch.state, to)
    moved = msgspec.structs.replace(batch, state=to, state_at=now)
    store.save_batch(tx, moved)
    tx.changed(RESOURCE, batch.id, Change.STATE)
    return moved


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
    allowed: Sequence[VoucherState] | set[VoucherState] | frozenset[VoucherState],
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
