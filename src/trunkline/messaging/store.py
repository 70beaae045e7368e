"""The tables of messages, their dispatches, templates, channels and quiet hours."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, time, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.catalog import MarketId
from trunkline.customers import PartyId
from trunkline.kernel.errors import Conflict
from trunkline.messaging.model import (
    ChannelName,
    Dispatch,
    DispatchId,
    DispatchState,
    MessageId,
    Purpose,
    QuietHours,
    Receipt,
    ReceiptState,
    SavedTemplate,
)
from trunkline.messaging.templates import Declaration
from trunkline.platform.collisions import collision
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata
from trunkline.tmf import documents

PERSONAL = {"personal": True}

message = documents.table(
    "communication_message",
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("channel", sa.String(20), nullable=False),
    sa.Column("purpose", sa.String(20), nullable=False),
    sa.Column("template", sa.String(60)),
    sa.Column("party_id", sa.String(100), index=True),
    sa.Column("scheduled_at", Instant),
    sa.Column("sent_at", Instant),
    sa.Column("completed_at", Instant),
    sa.Index("communication_message_by_state", "state", "id"),
)
message.c.body.info.update(PERSONAL)

dispatch = sa.Table(
    "message_dispatch",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column(
        "message_id",
        sa.ForeignKey("communication_message.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("channel", sa.String(20), nullable=False),
    sa.Column("address", sa.String(254), nullable=False, info=PERSONAL),
    sa.Column("party_id", sa.String(100)),
    sa.Column("purpose", sa.String(20), nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("doubts", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(300)),
    sa.Column("begun_at", Instant),
    sa.Column("done_at", Instant),
    sa.Column("read_at", Instant),
    sa.Index("message_dispatch_by_party", "party_id", "id"),
)
_AT_WORK = dispatch.c.state.in_([sa.literal_column(f"'{each}'") for each in ("ready", "sending")])
sa.Index(
    "message_dispatch_at_work",
    dispatch.c.channel,
    dispatch.c.state,
    dispatch.c.priority,
    dispatch.c.id,
    sqlite_where=_AT_WORK,
    postgresql_where=_AT_WORK,
)

part = sa.Table(
    "message_part",
    books_metadata,
    sa.Column(
        "dispatch_id",
        sa.ForeignKey("message_dispatch.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("reference", sa.String(100), nullable=False, index=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("reason", sa.String(300)),
)
early_receipt = sa.Table(
    "message_early_receipt",
    books_metadata,
    sa.Column("reference", sa.String(100), primary_key=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("reason", sa.String(300), nullable=False),
    sa.Column("received_at", Instant, nullable=False),
)

template_key = sa.Table(
    "message_template_key",
    books_metadata,
    sa.Column("key", sa.String(60), primary_key=True),
    sa.Column("declaration", Json, nullable=False),
)
template = sa.Table(
    "message_template",
    books_metadata,
    sa.Column("key", sa.String(60), primary_key=True),
    sa.Column("language", sa.String(20), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("subject", sa.Text),
    sa.Column("text", sa.Text),
    sa.Column("sms", sa.Text),
    sa.Column("saved_at", Instant, nullable=False),
)

channel = sa.Table(
    "message_channel",
    books_metadata,
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("since", Instant, nullable=False),
)
quiet_hours = sa.Table(
    "quiet_hours",
    books_metadata,
    sa.Column("market_id", sa.ForeignKey("market.id"), primary_key=True),
    sa.Column("starts_minute", sa.Integer, nullable=False),
    sa.Column("ends_minute", sa.Integer, nullable=False),
)


def _which() -> sa.BindParameter[str]:
    return sa.bindparam("which", type_=sa.String)


def _ids() -> sa.BindParameter[str]:
    return sa.bindparam("ids", expanding=True, type_=sa.String)


_INSERT = sa.insert(dispatch)
_SOME = sa.select(dispatch).where(dispatch.c.id.in_(_ids())).order_by(dispatch.c.id)
_LOCKED = sa.select(dispatch).where(dispatch.c.id == _which()).with_for_update()
_OF = (
    sa.select(dispatch)
    .where(dispatch.c.message_id.in_(_ids()))
    .order_by(dispatch.c.message_id, dispatch.c.position)
)
_LOCK_MESSAGE = (
    sa.select(message.c.id)
    .where(
        message.c.id
        == sa.select(dispatch.c.message_id).where(dispatch.c.id == _which()).scalar_subquery()
    )
    .with_for_update()
)
_UPDATE = sa.update(dispatch).where(dispatch.c.id == _which())
_DELETE_OF = sa.delete(dispatch).where(dispatch.c.message_id == _which())
_STATE = sa.bindparam("in_state", type_=sa.String, literal_execute=True)
_AT = (
    sa.select(dispatch)
    .where(_AT_WORK, dispatch.c.channel == sa.bindparam("on_channel"), dispatch.c.state == _STATE)
    .order_by(dispatch.c.priority, dispatch.c.id)
    .limit(sa.bindparam("limit"))
)
_PENDING_OF = (
    sa.select(dispatch)
    .where(
        dispatch.c.party_id == _which(),
        dispatch.c.channel == sa.bindparam("on_channel"),
        dispatch.c.purpose == Purpose.MARKETING.value,
        dispatch.c.state.in_([DispatchState.HELD.value, DispatchState.READY.value]),
    )
    .order_by(dispatch.c.message_id, dispatch.c.id)
)
_INBOX = (
    sa.select(dispatch)
    .where(
        dispatch.c.party_id == _which(),
        dispatch.c.channel == ChannelName.APP.value,
        dispatch.c.state == DispatchState.DELIVERED.value,
    )
    .order_by(dispatch.c.id.desc())
    .limit(sa.bindparam("limit"))
)
_OF_PARTY = sa.select(dispatch).where(dispatch.c.party_id == _which()).order_by(dispatch.c.id)
_INSERT_PART = sa.insert(part)
_PARTS_OF = (
    sa.select(part).where(part.c.dispatch_id == _which()).order_by(part.c.attempt, part.c.position)
)
_BY_REFERENCE = (
    sa.select(part.c.dispatch_id)
    .where(part.c.reference.in_(_ids()))
    .order_by(part.c.dispatch_id.desc())
    .limit(1)
)
_UPDATE_PART = (
    sa.update(part)
    .where(part.c.dispatch_id == _which(), part.c.reference.in_(_ids()))
    .values(state=sa.bindparam("to_state"), reason=sa.bindparam("for_reason"))
)
_EARLY = sa.select(early_receipt).where(early_receipt.c.reference.in_(_ids()))
_FORGET_EARLY = sa.delete(early_receipt).where(early_receipt.c.reference.in_(_ids()))
_KEEP_EARLY = sa.insert(early_receipt)
_IN_TURN = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('receipts', 0))")
_OLD_EARLY = sa.delete(early_receipt).where(early_receipt.c.received_at < sa.bindparam("before"))
_DECLARATIONS = sa.select(template_key)
# PostgreSQL's construct renders the clauses that both engines understand.
_declared = postgresql.insert(template_key)
_DECLARE = _declared.on_conflict_do_update(
    index_elements=["key"], set_={"declaration": _declared.excluded.declaration}
)
_TEMPLATES = (
    sa.select(template)
    .where(template.c.key == _which())
    .order_by(template.c.language, template.c.version)
)
_SAVE = sa.insert(template)
_CHANNELS = sa.select(channel.c.name)
_ADD_CHANNEL = postgresql.insert(channel).on_conflict_do_nothing()
_DROP_CHANNEL = sa.delete(channel).where(channel.c.name == _which())
_QUIET = sa.select(quiet_hours).where(quiet_hours.c.market_id == _which())
_quiet = postgresql.insert(quiet_hours)
_SET_QUIET = _quiet.on_conflict_do_update(
    index_elements=["market_id"],
    set_={name: _quiet.excluded[name] for name in ("starts_minute", "ends_minute")},
)


def insert_dispatches(tx: Tx, new: Sequence[Dispatch]) -> None:
    if new:
        tx.execute(_INSERT, [{"id": each.id, **_columns(each)} for each in new])


def update_dispatch(tx: Tx, changed: Dispatch) -> None:
    tx.execute(_UPDATE, {"which": changed.id, **_columns(changed)})


def delete_dispatches(tx: Tx, message_id: str) -> None:
    tx.execute(_DELETE_OF, {"which": message_id})


def dispatches(r: Reader, ids: Collection[str]) -> list[Dispatch]:
    return [_dispatch(row) for row in r.execute(_SOME, {"ids": list(ids)})] if ids else []


def locked(tx: Tx, dispatch_id: str) -> Dispatch | None:
    """With its message, which everybody takes first."""
    tx.execute(_LOCK_MESSAGE, {"which": dispatch_id})
    row = tx.execute(_LOCKED, {"which": dispatch_id}).first()
    return None if row is None else _dispatch(row)


def dispatches_of(r: Reader, messages: Collection[str]) -> list[Dispatch]:
    """Of these messages, each one's in the order of its receivers."""
    rows = r.execute(_OF, {"ids": list(messages)}) if messages else ()
    return [_dispatch(row) for row in rows]


def at_work(r: Reader, on: ChannelName, state: DispatchState, limit: int) -> list[Dispatch]:
    """Those of a channel that are ready, or being sent, the most urgent first."""
    values = {"on_channel": on.value, "in_state": state.value, "limit": limit}
    return [_dispatch(row) for row in r.execute(_AT, values)]


def pending_marketing(r: Reader, party: PartyId, on: ChannelName) -> list[Dispatch]:
    values = {"which": party, "on_channel": on.value}
    return [_dispatch(row) for row in r.execute(_PENDING_OF, values)]


def inbox(r: Reader, party: str, limit: int) -> list[Dispatch]:
    """What a party finds in its inbox, the latest first."""
    return [_dispatch(row) for row in r.execute(_INBOX, {"which": party, "limit": limit})]


def dispatches_of_party(r: Reader, party: str) -> list[Dispatch]:
    return [_dispatch(row) for row in r.execute(_OF_PARTY, {"which": party})]


class Part(msgspec.Struct, frozen=True):
    attempt: int
    reference: str
    state: ReceiptState
    reason: str | None


def insert_parts(tx: Tx, of: Dispatch, references: Sequence[str]) -> None:
    rows = [
        {
            "dispatch_id": of.id,
            "attempt": of.attempts,
            "position": position,
            "reference": reference,
            "state": ReceiptState.UNDERWAY.value,
        }
        for position, reference in enumerate(references)
    ]
    if rows:
        tx.execute(_INSERT_PART, rows)


def parts_of(r: Reader, of: DispatchId) -> list[Part]:
    rows = r.execute(_PARTS_OF, {"which": of})
    return [Part(row.attempt, row.reference, ReceiptState(row.state), row.reason) for row in rows]


def dispatch_of_reference(r: Reader, references: Collection[str]) -> DispatchId | None:
    """The latest dispatch with a part of one of these names."""
    found = r.execute(_BY_REFERENCE, {"ids": list(references)}).scalar()
    return None if found is None else DispatchId(found)


def update_part(
    tx: Tx, of: DispatchId, references: Collection[str], state: ReceiptState, reason: str
) -> None:
    values = {"to_state": state.value, "for_reason": reason[:300]}
    tx.execute(_UPDATE_PART, {"which": of, "ids": list(references), **values})


def in_turn(tx: Tx) -> None:
    """Answers and early receipts are noted one after another, so that of two that come at once
    the second finds the first."""
    if tx.dialect == "postgresql":
        tx.execute(_IN_TURN)


def keep_early(tx: Tx, receipt: Receipt, now: datetime) -> None:
    """A receipt that came before the answer which names its message was noted."""
    tx.execute(_FORGET_EARLY, {"ids": [receipt.reference]})
    row = {
        "reference": receipt.reference,
        "state": receipt.state.value,
        "reason": receipt.reason[:300],
        "received_at": now,
    }
    tx.execute(_KEEP_EARLY, row)


def take_early(tx: Tx, references: Collection[str]) -> list[Receipt]:
    rows = tx.execute(_EARLY, {"ids": list(references)}).all()
    if rows:
        tx.execute(_FORGET_EARLY, {"ids": [row.reference for row in rows]})
    return [Receipt(row.reference, ReceiptState(row.state), row.reason) for row in rows]


def forget_early(tx: Tx, older_than: timedelta, now: datetime) -> int:
    return tx.execute(_OLD_EARLY, {"before": now - older_than}).rowcount


def declarations(r: Reader) -> dict[str, Declaration]:
    """Those of the operator's own."""
    return {
        row.key: msgspec.convert(row.declaration, Declaration) for row in r.execute(_DECLARATIONS)
    }


def declare(tx: Tx, declaration: Declaration) -> None:
    said = msgspec.to_builtins(declaration)
    tx.execute(_DECLARE, {"key": declaration.key, "declaration": said})


def templates(r: Reader, key: str) -> list[SavedTemplate]:
    """All that was ever saved under the key."""
    return [
        SavedTemplate(
            key=row.key,
            language=row.language,
            version=row.version,
            subject=row.subject,
            text=row.text,
            sms=row.sms,
            saved_at=row.saved_at,
        )
        for row in r.execute(_TEMPLATES, {"which": key})
    ]


def insert_template(tx: Tx, new: SavedTemplate) -> None:
    taken = Conflict("another version was saved at the same moment: look at it first")
    with collision(taken=taken):
        tx.execute(_SAVE, msgspec.structs.asdict(new))


def channels(r: Reader) -> frozenset[ChannelName]:
    return frozenset(ChannelName(each) for each in r.execute(_CHANNELS).scalars())


def set_channels(tx: Tx, wanted: Iterable[ChannelName], now: datetime) -> None:
    wanted, present = set(wanted), channels(tx)
    for each in sorted(present - wanted):
        tx.execute(_DROP_CHANNEL, {"which": each.value})
    for each in sorted(wanted - present):
        tx.execute(_ADD_CHANNEL, {"name": each.value, "since": now})


def quiet_hours_of(r: Reader, market: MarketId) -> QuietHours | None:
    """None where nothing was set."""
    row = r.execute(_QUIET, {"which": market}).first()
    if row is None:
        return None
    return QuietHours(_time(row.starts_minute), _time(row.ends_minute))


def set_quiet_hours(tx: Tx, market: MarketId, quiet: QuietHours) -> None:
    row = {"starts_minute": _minute(quiet.starts), "ends_minute": _minute(quiet.ends)}
    tx.execute(_SET_QUIET, {"market_id": market, **row})


def _time(minute: int) -> time:
    return time(minute // 60, minute % 60)


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _columns(each: Dispatch) -> dict[str, Any]:
    return {
        "message_id": each.message,
        "position": each.position,
        "channel": each.channel.value,
        "address": each.address,
        "party_id": each.party,
        "purpose": each.purpose.value,
        "priority": each.priority,
        "state": each.state.value,
        "due_at": each.due_at,
        "expires_at": each.expires_at,
        "tries": each.tries,
        "attempts": each.attempts,
        "doubts": each.doubts,
        "reason": None if each.reason is None else each.reason[:300],
        "begun_at": each.begun_at,
        "done_at": each.done_at,
        "read_at": each.read_at,
    }


def _dispatch(row: Any) -> Dispatch:
    return Dispatch(
        id=DispatchId(row.id),
        message=MessageId(row.message_id),
        position=row.position,
        channel=ChannelName(row.channel),
        address=row.address,
        party=None if row.party_id is None else PartyId(row.party_id),
        purpose=Purpose(row.purpose),
        priority=row.priority,
        state=DispatchState(row.state),
        due_at=row.due_at,
        expires_at=row.expires_at,
        tries=row.tries,
        attempts=row.attempts,
        doubts=row.doubts,
        reason=row.reason,
        begun_at=row.begun_at,
        done_at=row.done_at,
        read_at=row.read_at,
    )
