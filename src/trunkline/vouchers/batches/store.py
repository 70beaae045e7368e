"""The tables of batches, vouchers and sealed pieces."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.charging import BucketGrant
from trunkline.kernel.errors import Conflict
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.platform.collisions import collision
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata
from trunkline.vouchers.batches.model import (
    BatchState,
    SaleId,
    Voucher,
    VoucherBatch,
    VoucherBatchId,
    VoucherState,
)
from trunkline.vouchers.batches.sealing import Seal

voucher_batch = sa.Table(
    "voucher_batch",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("legal_entity_id", sa.String(100), nullable=False),
    sa.Column("brand_id", sa.String(100)),
    sa.Column("face_micros", sa.BigInteger, nullable=False),
    sa.Column("bonus_micros", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("first_serial", sa.BigInteger, nullable=False, unique=True),
    sa.Column("last_serial", sa.BigInteger, nullable=False),
    sa.Column("made", sa.Integer, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("state_at", Instant, nullable=False),
    sa.Column("key_mark", sa.String(16), nullable=False),
    sa.Column("seal_salt", sa.LargeBinary, nullable=False),
    sa.Column("seal_key", sa.LargeBinary, nullable=False),
    sa.Column("file_sha256", sa.String(64)),
    sa.Column("valid_days", sa.Integer),
    sa.Column("gifts", Json),
    sa.Column("asked_by", sa.String(300)),
    sa.Column("approved_by", sa.String(300)),
    sa.Index("voucher_batch_by_state", "state", "id"),
)
voucher = sa.Table(
    "voucher",
    books_metadata,
    sa.Column("serial", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("batch_id", sa.ForeignKey(voucher_batch.c.id), nullable=False),
    sa.Column("code_digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("sale_id", sa.String(100)),
    sa.Column("top_up_id", sa.String(100)),
    sa.Index("voucher_by_batch", "batch_id", "state", "serial"),
)
voucher_piece = sa.Table(
    "voucher_sealed_piece",
    books_metadata,
    sa.Column("batch_id", sa.ForeignKey(voucher_batch.c.id), primary_key=True),
    sa.Column("piece", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("line", sa.LargeBinary, nullable=False),
)
_batch = voucher_batch.c
_v = voucher.c
_id = sa.bindparam("which", type_=sa.String)
_BATCHES = sa.select(voucher_batch).where(_batch.id.in_(sa.bindparam("ids", expanding=True)))
_LOCK_BATCH = sa.select(voucher_batch).where(_batch.id == _id).with_for_update()
_LAST_SERIAL = sa.select(sa.func.max(_batch.last_serial))
_SEAL = sa.select(_batch.seal_salt, _batch.seal_key, _batch.file_sha256).where(_batch.id == _id)
_OTHER_KEYS = sa.select(_batch.id).where(
    _batch.key_mark.not_in(sa.bindparam("marks", expanding=True)),
    _batch.state.not_in([BatchState.CLOSED.value, BatchState.DECLINED.value]),
)
_IN_STATE = (
    sa.select(voucher_batch)
    .where(
        _batch.state == sa.bindparam("state"),
        _batch.expires_at <= sa.bindparam("now", type_=Instant),
    )
    .order_by(_batch.id)
    .limit(sa.bindparam("limit"))
)
_KEY_MARK = sa.select(_batch.key_mark).where(_batch.id == _id)
_PROGRESS = (
    sa.update(voucher_batch)
    .where(_batch.id == _id)
    .values(
        made=sa.bindparam("made_", type_=sa.Integer),
        state=sa.bindparam("state_", type_=sa.String),
        state_at=sa.bindparam("at", type_=Instant),
        approved_by=sa.bindparam("approver", type_=sa.String),
    )
)
_PRINTED = (
    sa.update(voucher_batch)
    .where(_batch.id == _id)
    .values(file_sha256=sa.bindparam("digest", type_=sa.String))
)
_PIECES = (
    sa.select(voucher_piece.c.line)
    .where(voucher_piece.c.batch_id == _id)
    .order_by(voucher_piece.c.piece)
)
_FORGET_PIECES = sa.delete(voucher_piece).where(voucher_piece.c.batch_id == _id)
_TAKEN = sa.select(_v.code_digest).where(
    _v.code_digest.in_(sa.bindparam("digests", expanding=True))
)
_BY_DIGEST = (
    sa.select(voucher)
    .where(_v.code_digest.in_(sa.bindparam("digests", expanding=True)))
    .with_for_update()
)
_BY_SERIAL = sa.select(voucher).where(_v.serial == sa.bindparam("serial"))
_BY_SERIALS = sa.select(voucher).where(_v.serial.in_(sa.bindparam("serials", expanding=True)))
_RANGE = sa.and_(
    _v.batch_id == _id,
    _v.serial.between(sa.bindparam("first"), sa.bindparam("last")),
    _v.state.in_(sa.bindparam("from_", expanding=True)),
)
_IN_RANGE = (
    sa.select(_v.serial, _v.state)
    .where(_v.batch_id == _id, _v.serial.between(sa.bindparam("first"), sa.bindparam("last")))
    .with_for_update()
)
_LAST_CHANGED = sa.select(sa.func.max(_v.changed_at)).where(
    _v.batch_id == _id, _v.serial.between(sa.bindparam("first"), sa.bindparam("last"))
)
_SALES_IN_RANGE = (
    sa.select(_v.sale_id)
    .where(_v.batch_id == _id, _v.serial.between(sa.bindparam("first"), sa.bindparam("last")))
    .distinct()
)
_MOVE_RANGE = (
    sa.update(voucher)
    .where(_RANGE)
    .values(
        state=sa.bindparam("to", type_=sa.String),
        changed_at=sa.bindparam("at", type_=Instant),
    )
)
_SELL_RANGE = _MOVE_RANGE.values(sale_id=sa.bindparam("sale", type_=sa.String))
_MOVE_ONE = (
    sa.update(voucher)
    .where(
        _v.serial == sa.bindparam("which_", type_=sa.BigInteger), _v.state == sa.bindparam("from_")
    )
    .values(
        state=sa.bindparam("to", type_=sa.String),
        changed_at=sa.bindparam("at", type_=Instant),
        top_up_id=sa.bindparam("top_up", type_=sa.String),
    )
)
_FIRST_IN = (
    sa.select(_v.serial)
    .where(_v.batch_id == _id, _v.state.in_(sa.bindparam("states", expanding=True)))
    .order_by(_v.serial)
    .limit(sa.bindparam("limit"))
    .with_for_update()
)
_MOVE_SOME = (
    sa.update(voucher)
    .where(_v.serial.in_(sa.bindparam("serials", expanding=True)))
    .values(state=sa.bindparam("to", type_=sa.String), changed_at=sa.bindparam("at", type_=Instant))
)
_COUNTS = (
    sa.select(_v.batch_id, _v.state, sa.func.count().label("many"))
    .where(_v.batch_id.in_(sa.bindparam("ids", expanding=True)))
    .group_by(_v.batch_id, _v.state)
)


def last_serial(r: Reader) -> int:
    return r.execute(_LAST_SERIAL).scalar() or 0


def insert_batch(tx: Tx, new: VoucherBatch, seal: Seal, mark: str) -> None:
    row = {
        "id": new.id,
        "name": new.name,
        "legal_entity_id": new.entity,
        "brand_id": new.brand,
        "face_micros": new.face.micros,
        "bonus_micros": new.bonus.micros,
        "currency": new.face.currency,
        "first_serial": new.first,
        "last_serial": new.last,
        "made": new.made,
        "state": new.state.value,
        "expires_at": new.expires_at,
        "created_at": new.created_at,
        "state_at": new.state_at,
        "key_mark": mark,
        "valid_days": new.valid_days,
        "seal_salt": seal.salt,
        "seal_key": seal.public,
        "gifts": msgspec.to_builtins(new.gifts) or None,
        "asked_by": new.asked_by,
    }
    with collision(taken=Conflict("another batch was made at the same moment: try again")):
        tx.execute(sa.insert(voucher_batch), row)


def find_batches(r: Reader, ids: Sequence[str]) -> list[VoucherBatch]:
    return [_of_batch(row) for row in r.execute(_BATCHES, {"ids": list(ids)})] if ids else []


def lock_batch(tx: Tx, batch: str) -> VoucherBatch | None:
    row = tx.execute(_LOCK_BATCH, {"which": batch}).first()
    return None if row is None else _of_batch(row)


def past(r: Reader, state: BatchState, now: datetime, limit: int) -> list[VoucherBatch]:
    """Batches in this state whose vouchers have expired by `now`."""
    rows = r.execute(_IN_STATE, {"state": state.value, "now": now, "limit": limit})
    return [_of_batch(row) for row in rows]


def seal(r: Reader, batch: str) -> tuple[Seal, str | None]:
    """How a batch is sealed, and the SHA-256 of its file once that has gone."""
    row = r.execute(_SEAL, {"which": batch}).one()
    return Seal(bytes(row.seal_salt), bytes(row.seal_key)), row.file_sha256


def made_under_others(r: Reader, marks: Iterable[str]) -> bool:
    """Whether there are vouchers that none of these keys knows."""
    return r.execute(_OTHER_KEYS, {"marks": sorted(marks)}).first() is not None


def key_mark(r: Reader, batch: str) -> str:
    """Of the key that a batch is made under."""
    found: str = r.execute(_KEY_MARK, {"which": batch}).scalar_one()
    return found


def save_batch(tx: Tx, changed: VoucherBatch) -> None:
    tx.execute(
        _PROGRESS,
        {
            "which": changed.id,
            "made_": changed.made,
            "state_": changed.state.value,
            "at": changed.state_at,
            "approver": changed.approved_by,
        },
    )


def taken(r: Reader, digests: Sequence[bytes]) -> set[bytes]:
    return {bytes(each) for each in r.execute(_TAKEN, {"digests": list(digests)}).scalars()}


def insert_vouchers(
    tx: Tx, batch: VoucherBatchId, new: Sequence[tuple[int, bytes]], now: datetime
) -> None:
    tx.execute(
        sa.insert(voucher),
        [
            {
                "serial": serial,
                "batch_id": batch,
                "code_digest": digest,
                "state": VoucherState.GENERATED.value,
                "changed_at": now,
            }
            for serial, digest in new
        ],
    )


def insert_piece(tx: Tx, batch: str, number: int, line: bytes) -> None:
    tx.execute(sa.insert(voucher_piece), {"batch_id": batch, "piece": number, "line": line})


def pieces(r: Reader, batch: str) -> list[bytes]:
    return [bytes(each) for each in r.execute(_PIECES, {"which": batch}).scalars()]


def forget_pieces(tx: Tx, batch: str, digest: str) -> None:
    """The sealed file is here no more; its digest stays."""
    tx.execute(_FORGET_PIECES, {"which": batch})
    tx.execute(_PRINTED, {"which": batch, "digest": digest})


def lock_by_digest(tx: Tx, digests: Sequence[bytes]) -> Voucher | None:
    row = tx.execute(_BY_DIGEST, {"digests": list(digests)}).first()
    return None if row is None else _of_voucher(row)


def lock_serial(tx: Tx, serial: int) -> Voucher | None:
    row = tx.execute(_BY_SERIAL.with_for_update(), {"serial": serial}).first()
    return None if row is None else _of_voucher(row)


def find_vouchers(r: Reader, serials: Sequence[int]) -> list[Voucher]:
    found = r.execute(_BY_SERIALS, {"serials": list(serials)}) if serials else ()
    return [_of_voucher(row) for row in found]


def lock_range(tx: Tx, batch: str, first: int, last: int) -> dict[int, VoucherState]:
    rows = tx.execute(_IN_RANGE, {"which": batch, "first": first, "last": last})
    return {row.serial: VoucherState(row.state) for row in rows}


def last_changed(r: Reader, batch: str, first: int, last: int) -> datetime:
    """When any of a range came to be what it is, at the latest."""
    found = r.execute(_LAST_CHANGED, {"which": batch, "first": first, "last": last})
    latest: datetime = found.scalar_one()
    return latest


def sales_in(r: Reader, batch: str, first: int, last: int) -> list[str | None]:
    rows = r.execute(_SALES_IN_RANGE, {"which": batch, "first": first, "last": last})
    return list(rows.scalars())


def move_range(
    tx: Tx,
    batch: str,
    span: tuple[int, int],
    states: Iterable[VoucherState],
    to: VoucherState,
    now: datetime,
    sale: SaleId | None = None,
) -> int:
    """Moves those of a range that are in one of `states`; how many that were."""
    values = {
        "which": batch,
        "first": span[0],
        "last": span[1],
        "from_": [each.value for each in states],
        "to": to.value,
        "at": now,
    }
    if sale is not None:
        return tx.execute(_SELL_RANGE, values | {"sale": sale}).rowcount
    return tx.execute(_MOVE_RANGE, values).rowcount


def move_one(
    tx: Tx, serial: int, was: VoucherState, to: VoucherState, top_up: str | None, now: datetime
) -> bool:
    """False where it isn't in the state that it was in."""
    values = {
        "which_": serial,
        "from_": was.value,
        "to": to.value,
        "at": now,
        "top_up": top_up,
    }
    return tx.execute(_MOVE_ONE, values).rowcount == 1


def expire_some(
    tx: Tx, batch: str, states: Iterable[VoucherState], to: VoucherState, limit: int, now: datetime
) -> list[int]:
    """Moves the first `limit` in these states; their serial numbers."""
    values = {"which": batch, "states": [each.value for each in states], "limit": limit}
    serials = list(tx.execute(_FIRST_IN, values).scalars())
    if serials:
        tx.execute(_MOVE_SOME, {"serials": serials, "to": to.value, "at": now})
    return serials


def counts(r: Reader, batches: Sequence[str]) -> dict[str, dict[VoucherState, int]]:
    found: dict[str, dict[VoucherState, int]] = {each: {} for each in batches}
    if batches:
        for row in r.execute(_COUNTS, {"ids": list(batches)}):
            found[row.batch_id][VoucherState(row.state)] = row.many
    return found


def _of_batch(row: Any) -> VoucherBatch:
    return VoucherBatch(
        id=VoucherBatchId(row.id),
        name=row.name,
        entity=LegalEntityId(row.legal_entity_id),
        brand=row.brand_id,
        face=Money(row.face_micros, row.currency),
        bonus=Money(row.bonus_micros, row.currency),
        first=row.first_serial,
        last=row.last_serial,
        state=BatchState(row.state),
        expires_at=row.expires_at,
        created_at=row.created_at,
        state_at=row.state_at,
        made=row.made,
        valid_days=row.valid_days,
        gifts=msgspec.convert(row.gifts or (), tuple[BucketGrant, ...]),
        asked_by=row.asked_by,
        approved_by=row.approved_by,
    )


def _of_voucher(row: Any) -> Voucher:
    return Voucher(
        serial=row.serial,
        batch=VoucherBatchId(row.batch_id),
        state=VoucherState(row.state),
        changed_at=row.changed_at,
        sale=None if row.sale_id is None else SaleId(row.sale_id),
        top_up=row.top_up_id,
    )
