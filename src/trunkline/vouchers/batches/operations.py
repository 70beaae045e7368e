"""Writes on batches: made, drawn, and fetched by the printer.

Codes are drawn a piece at a time, each in a transaction that keeps their digests and the sealed
piece alike: a process that is killed loses no code and makes none that nobody has.
"""

import hashlib
import secrets
from datetime import datetime

import msgspec

from trunkline import catalog
from trunkline.charging import BucketGrant
from trunkline.kernel.errors import Conflict, Forbidden, Invalid, Unavailable
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId, legal_entity
from trunkline.platform.changes import Change
from trunkline.platform.db import Reader, Tx
from trunkline.vouchers.batches import codes, sealing, store
from trunkline.vouchers.batches.model import (
    BATCH_LIFECYCLE,
    MOST_CODES,
    MOST_DAYS,
    BatchState,
    UnknownBatch,
    VoucherBatch,
    VoucherBatchId,
    check_face,
    check_gifts,
    check_name,
)
from trunkline.vouchers.events import DrawCodes
from trunkline.vouchers.kept import keys_of, rules_of

PIECE = 1000
"""Codes that one transaction draws."""
RESOURCE = "VoucherBatch"
VOUCHER = "Voucher"


class FileMismatch(Conflict):
    """What was received isn't what was sealed."""

    code = "voucherFileMismatch"


class FourEyes(Forbidden):
    """It takes another person than the one who asked for the batch."""

    code = "fourEyes"


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
    gifts: tuple[BucketGrant, ...] = ()


def make_batch(tx: Tx, new: NewBatch, *, by: str, now: datetime) -> VoucherBatch:
    """Its codes are drawn at once, beside; or, where it takes four eyes, once somebody else has
    approved of it. Raises `Invalid`, `InvalidPassphrase`, `UnknownLegalEntity`, `BrandNotFound`
    and `NoVoucherKey`."""
    bonus = new.bonus or Money.zero(new.face.currency)
    check_face(new.face, bonus)
    check_gifts(new.gifts)
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
    waits = rules_of(tx).four_eyes
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
        state=BatchState.REQUESTED if waits else BatchState.GENERATING,
        expires_at=new.expires_at,
        created_at=now,
        state_at=now,
        valid_days=new.valid_days,
        gifts=new.gifts,
        asked_by=by,
    )
    store.insert_batch(tx, batch, seal, keys_of(tx).mark)
    tx.changed(RESOURCE, batch.id, Change.CREATED)
    if not waits:
        tx.emit(DrawCodes(batch=batch.id, piece=0))
    return batch


def approve_batch(tx: Tx, batch_id: VoucherBatchId, *, by: str, now: datetime) -> VoucherBatch:
    """Somebody else, where it takes four eyes, has looked at what was asked for: its codes are
    drawn. Raises `FourEyes`, `UnknownBatch`, `IllegalTransition`, `Conflict` for one that has
    expired meanwhile."""
    batch = held(tx, batch_id)
    BATCH_LIFECYCLE.check(batch.state, BatchState.GENERATING)
    if rules_of(tx).four_eyes and by == batch.asked_by:
        raise FourEyes("who asked for a batch doesn't approve of it", path="state")
    if now >= batch.expires_at:
        raise Conflict("the batch has expired", path="state")
    approved = msgspec.structs.replace(batch, approved_by=by)
    tx.emit(DrawCodes(batch=batch.id, piece=0))
    return move(tx, approved, BatchState.GENERATING, now)


def decline_batch(tx: Tx, batch_id: VoucherBatchId, *, now: datetime) -> VoucherBatch:
    """Nothing is drawn, ever. Raises `UnknownBatch`, `IllegalTransition`."""
    return move(tx, held(tx, batch_id), BatchState.DECLINED, now)


def draw_codes(tx: Tx, batch_id: VoucherBatchId, piece: int, *, now: datetime) -> None:
    """Draws the piece, once, and asks for the next. Raises `UnknownBatch`, `NoVoucherKey`."""
    batch = held(tx, batch_id)
    if batch.state is not BatchState.GENERATING or batch.made != piece * PIECE:
        return
    keys = keys_of(tx)
    if store.made_under_others(tx, keys.marks):
        raise codes.NoVoucherKey("there are vouchers that were made under another key")
    # The batch's own: since it was asked for another may have come before it.
    key = keys.marked(store.key_mark(tx, batch.id))
    first = batch.first + batch.made
    count = min(PIECE, batch.last - first + 1)
    drawn = codes.draw(count)
    digests = [codes.digest(key, each) for each in drawn]
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
        move(tx, msgspec.structs.replace(batch, made=made), BatchState.SEALED, now)


def sealed_file(r: Reader, batch_id: VoucherBatchId) -> bytes:
    """The sealed file of a batch whose codes are all drawn, the same however often it is asked
    for, until `note_exported`. Raises `UnknownBatch`, and `Conflict` where it isn't there yet,
    or is no more."""
    found = store.find_batches(r, [batch_id])
    if not found:
        raise UnknownBatch(f"there is no batch {batch_id[:60]}")
    batch = found[0]
    if batch.state in (BatchState.REQUESTED, BatchState.DECLINED):
        raise Conflict(f"the batch is {batch.state}: no codes are drawn", path="state")
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
    batch = held(tx, batch_id)
    BATCH_LIFECYCLE.check(batch.state, BatchState.EXPORTED)
    digest = hashlib.sha256(sealed_file(tx, batch_id)).hexdigest()
    if digest != sha256.strip().lower():
        raise FileMismatch("is not the SHA-256 of this batch's file", path="sha256")
    store.forget_pieces(tx, batch.id, digest)
    return move(tx, batch, BatchState.EXPORTED, now)


def held(tx: Tx, batch_id: str) -> VoucherBatch:
    """The batch, which nobody else changes until the transaction ends. Raises `UnknownBatch`."""
    batch = store.lock_batch(tx, batch_id)
    if batch is None:
        raise UnknownBatch(f"there is no batch {batch_id[:60]}")
    return batch


def move(tx: Tx, batch: VoucherBatch, to: BatchState, now: datetime) -> VoucherBatch:
    """Raises `IllegalTransition`."""
    BATCH_LIFECYCLE.check(batch.state, to)
    moved = msgspec.structs.replace(batch, state=to, state_at=now)
    store.save_batch(tx, moved)
    tx.changed(RESOURCE, batch.id, Change.STATE)
    return moved
