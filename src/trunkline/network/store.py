"""The tables of instructions and of the network's names for services, and all SQL on them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from trunkline.network.model import Instruction, InstructionId, InstructionState, Verb, Wish
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata

instruction = sa.Table(
    "network_instruction",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("service_id", sa.String(100), nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("verb", sa.String(20), nullable=False),
    sa.Column("wish", Json, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("following", sa.String(500)),
    sa.Column("reason", sa.String(500)),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Index("network_instruction_due", "state", "due_at"),
    sa.UniqueConstraint("service_id", "place"),
)

known_service = sa.Table(
    "network_service",
    books_metadata,
    sa.Column("service_id", sa.String(100), primary_key=True),
    sa.Column("remote_id", sa.String(200), nullable=False),
)

_OPEN = (InstructionState.PENDING.value, InstructionState.WORKING.value)
_UNSETTLED = (*_OPEN, InstructionState.STUCK.value)
_INSERT = {
    name: make(instruction).on_conflict_do_nothing(index_elements=["id"])
    for name, make in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_earlier = instruction.alias("earlier")
_blocked = sa.exists().where(
    _earlier.c.service_id == instruction.c.service_id,
    _earlier.c.place < instruction.c.place,
    _earlier.c.state.in_(_UNSETTLED),
)
_PLACE = sa.select(sa.func.coalesce(sa.func.max(instruction.c.place), 0) + 1).where(
    instruction.c.service_id == sa.bindparam("of_service")
)
_joined = sa.select(instruction, known_service.c.remote_id).outerjoin(
    known_service, known_service.c.service_id == instruction.c.service_id
)
_DUE = (
    _joined.where(
        instruction.c.state.in_(_OPEN),
        instruction.c.due_at <= sa.bindparam("at", type_=Instant),
        ~_blocked,
    )
    .order_by(instruction.c.due_at, instruction.c.id)
    .limit(sa.bindparam("most"))
)
_LEASE = (
    sa.update(instruction)
    .where(
        instruction.c.id == sa.bindparam("which"),
        instruction.c.due_at <= sa.bindparam("at", type_=Instant),
        instruction.c.state.in_(_OPEN),
    )
    .values(due_at=sa.bindparam("until", type_=Instant))
)
_LOCKED = _joined.where(instruction.c.id == sa.bindparam("which")).with_for_update(of=instruction)
_SAVE = (
    sa.update(instruction)
    .where(instruction.c.id == sa.bindparam("which"))
    .values(
        state=sa.bindparam("to"),
        attempts=sa.bindparam("tries"),
        due_at=sa.bindparam("due", type_=Instant),
        following=sa.bindparam("follow"),
        reason=sa.bindparam("why"),
        ended_at=sa.bindparam("ended", type_=Instant),
    )
)
_NAMED = {
    name: make(known_service).on_conflict_do_update(
        index_elements=[known_service.c.service_id],
        set_={"remote_id": sa.bindparam("again")},
    )
    for name, make in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_FORGET = sa.delete(known_service).where(known_service.c.service_id == sa.bindparam("which"))
_STUCK = (
    _joined.where(
        instruction.c.service_id == sa.bindparam("of_service"),
        instruction.c.verb == sa.bindparam("to_do"),
        instruction.c.state == InstructionState.STUCK.value,
    )
    .order_by(instruction.c.place.desc())
    .limit(1)
)
_OF_SERVICE = _joined.where(instruction.c.service_id == sa.bindparam("of_service")).order_by(
    instruction.c.place
)
_later = instruction.alias("later")
_SETTLED = (
    sa.select(instruction.c.id)
    .where(
        instruction.c.state.in_([InstructionState.DONE.value, InstructionState.REFUSED.value]),
        instruction.c.due_at < sa.bindparam("before", type_=Instant),
        sa.or_(
            sa.and_(
                instruction.c.verb == Verb.TERMINATE.value,
                instruction.c.state == InstructionState.DONE.value,
            ),
            sa.exists().where(
                _later.c.service_id == instruction.c.service_id,
                _later.c.place > instruction.c.place,
            ),
        ),
    )
    .limit(sa.bindparam("most"))
)
_DROP = sa.delete(instruction).where(instruction.c.id.in_(sa.bindparam("ids", expanding=True)))
_COUNTS = (
    sa.select(instruction.c.state, sa.func.count().label("held"))
    .where(instruction.c.state.in_(_UNSETTLED))
    .group_by(instruction.c.state)
)


def insert(tx: Tx, new: Instruction, now: datetime) -> bool:
    """False where it is there already."""
    values = {
        "id": new.id,
        "service_id": new.wish.service,
        "place": tx.execute(_PLACE, {"of_service": new.wish.service}).scalar_one(),
        "verb": new.wish.verb.value,
        "wish": {
            "name": new.wish.name,
            "specification": new.wish.specification,
            "characteristics": dict(new.wish.characteristics),
        },
        "state": new.state.value,
        "attempts": 0,
        "due_at": now,
        "created_at": now,
    }
    return tx.execute(_INSERT[tx.dialect], values).rowcount == 1


def due(r: Reader, at: datetime, most: int) -> list[Instruction]:
    """Those whose time has come, of each service the first that is open."""
    return [_instruction(row) for row in r.execute(_DUE, {"at": at, "most": most})]


def lease(tx: Tx, which: InstructionId, at: datetime, until: datetime) -> bool:
    """Keeps other couriers away from it until then; False where another was faster."""
    return tx.execute(_LEASE, {"which": which, "at": at, "until": until}).rowcount == 1


def locked(tx: Tx, which: InstructionId) -> Instruction | None:
    row = tx.execute(_LOCKED, {"which": which}).first()
    return _instruction(row) if row else None


def save(tx: Tx, moved: Instruction, *, due_at: datetime, ended_at: datetime | None) -> None:
    tx.execute(
        _SAVE,
        {
            "which": moved.id,
            "to": moved.state.value,
            "tries": moved.attempts,
            "due": due_at,
            "follow": moved.following,
            "why": moved.reason,
            "ended": ended_at,
        },
    )


def name(tx: Tx, service: str, remote: str) -> None:
    values = {"service_id": service, "remote_id": remote, "again": remote}
    tx.execute(_NAMED[tx.dialect], values)


def forget(tx: Tx, service: str) -> None:
    tx.execute(_FORGET, {"which": service})


def stuck(r: Reader, service: str, verb: Verb) -> Instruction | None:
    """The last of a service that got stuck on the way to this."""
    row = r.execute(_STUCK, {"of_service": service, "to_do": verb.value}).first()
    return _instruction(row) if row else None


def settled(r: Reader, before: datetime, most: int) -> list[str]:
    """Those that ended before; of each service that is still there without the last, which says
    that the network knows it."""
    return list(r.execute(_SETTLED, {"before": before, "most": most}).scalars())


def drop(tx: Tx, ids: Sequence[str]) -> None:
    tx.execute(_DROP, {"ids": list(ids)})


def of_service(r: Reader, service: str) -> list[Instruction]:
    return [_instruction(row) for row in r.execute(_OF_SERVICE, {"of_service": service})]


def unsettled(r: Reader) -> dict[InstructionState, int]:
    return {InstructionState(row.state): row.held for row in r.execute(_COUNTS)}


def _instruction(row: Any) -> Instruction:
    return Instruction(
        id=InstructionId(row.id),
        wish=Wish(service=row.service_id, verb=Verb(row.verb), **row.wish),
        state=InstructionState(row.state),
        attempts=row.attempts,
        remote=row.remote_id,
        following=row.following,
        reason=row.reason,
    )
