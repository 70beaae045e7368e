"""Writes on usage: taking records in, noting what charging made of them, trying again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline.charging import MOST_EVENTS, ChargedUsage, ChargeUsage, UsageEvent
from trunkline.kernel.errors import Invalid
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx
from trunkline.usage import store
from trunkline.usage.exposure.store import count_waived
from trunkline.usage.model import (
    LIFECYCLE,
    RecordKnown,
    RejectedLine,
    UnknownUsage,
    Usage,
    UsageBatchId,
    UsageFile,
    UsageId,
    UsageRecord,
    UsageStands,
    UsageState,
)

_NOTHING: Mapping[str, Any] = {}


class Taken(msgspec.Struct, frozen=True):
    """Of some lines: new records, records that were here already, and lines whose record's id
    was here with another content."""

    accepted: int
    duplicates: int
    rejected: tuple[RejectedLine, ...]


def take_records(
    tx: Tx, *, file: UsageFile, records: Sequence[tuple[int, UsageRecord]], now: datetime
) -> Taken:
    """Takes in the records (with their lines) of a file, at most `MOST_EVENTS` at a time, and
    sends the new ones to charging. A record whose (source, id) is here counts as a duplicate
    when it says the same, and is rejected when it doesn't."""
    assert len(records) <= MOST_EVENTS, "a batch's transaction must stay short"
    batch = tx.new_id(UsageBatchId, now)
    usages = [
        Usage(
            id=tx.new_id(UsageId, now),
            source=file.source,
            content=record,
            file=file.sha256,
            line=line,
            state=UsageState.RECEIVED,
            batch=batch,
            received_at=now,
        )
        for line, record in records
    ]
    fresh = store.insert_new(tx, usages)
    for ident in sorted(fresh):
        tx.changed("Usage", ident, Change.CREATED)
    others = [each for each in usages if each.id not in fresh]
    contradictions = _contradictions(tx, file, others)
    _send(tx, batch, [each for each in usages if each.id in fresh])
    return Taken(
        accepted=len(fresh),
        duplicates=len(others) - len(contradictions),
        rejected=contradictions,
    )


def take_usage(
    tx: Tx,
    *,
    source: str,
    record: UsageRecord,
    description: str | None = None,
    specification: str | None = None,
    details: Mapping[str, Any] = _NOTHING,
    now: datetime,
) -> Usage:
    """Takes in one record that came by itself, and sends it to charging. The same (source,
    record id) again answers with what stands, or raises `RecordKnown` where it says something
    else."""
    fresh = Usage(
        id=tx.new_id(UsageId, now),
        source=source,
        content=record,
        file=None,
        line=None,
        state=UsageState.RECEIVED,
        batch=tx.new_id(UsageBatchId, now),
        received_at=now,
        description=check_description(description),
        specification=specification,
        details=details,
    )
    if not store.insert_new(tx, [fresh]):
        standing = store.known(tx, source, [record.record_id])[record.record_id]
        if standing.content != record:
            raise RecordKnown(
                f"{record.record_id!r} came before and said something else", usage=standing.id
            )
        return standing
    tx.changed("Usage", fresh.id, Change.CREATED)
    _send(tx, fresh.batch, [fresh])
    return fresh


def describe_usage(tx: Tx, *, usage: UsageId, description: str | None) -> None:
    """Raises `UnknownUsage`."""
    _locked(tx, usage)
    store.describe(tx, usage, check_description(description))
    tx.changed("Usage", usage, Change.ATTRIBUTES)


def forget_usage(tx: Tx, *, usage: UsageId) -> None:
    """Forgets a record that could not be rated; its source may send it again. Raises
    `UnknownUsage`, and `UsageStands` for any other."""
    present = _locked(tx, usage)
    if present.state is not UsageState.REJECTED:
        raise UsageStands(f"it is {present.state}: only what was rejected is deleted", path="id")
    store.delete(tx, usage)
    tx.changed("Usage", usage, Change.DELETED)


def check_description(text: str | None) -> str | None:
    if text is not None and (len(text) > 400 or "\0" in text):
        raise Invalid("has at most 400 characters", path="description")
    return text


def _locked(tx: Tx, usage: UsageId) -> Usage:
    found = store.lock(tx, usage)
    if found is None:
        raise UnknownUsage(f"there is no usage {usage[:60]}", usage=usage)
    return found


def note_answers(
    tx: Tx, *, batch: UsageBatchId, results: Sequence[ChargedUsage], now: datetime
) -> None:
    """Notes what charging made of a batch's usage. An answer to a batch that the usage has
    since left changes nothing."""
    store.answer(tx, batch, results, now)
    count_waived(tx, results, now)
    for each in results:
        tx.changed("Usage", each.id, Change.STATE)


def retry_usage(tx: Tx, *, usages: Sequence[UsageId], now: datetime) -> UsageBatchId:
    """Sends rejected usage, at most `MOST_EVENTS` of it, to charging once more. Raises
    `UnknownUsage`, or `IllegalTransition` where some of it isn't rejected."""
    assert 0 < len(usages) <= MOST_EVENTS, "a batch's transaction must stay short"
    found = {each.id: each for each in store.some(tx, usages)}
    for usage_id in usages:
        if usage_id not in found:
            raise UnknownUsage(f"there is no usage {usage_id}", usage=usage_id)
        LIFECYCLE.check(found[usage_id].state, UsageState.RECYCLED)
    batch = tx.new_id(UsageBatchId, now)
    if store.recycle(tx, list(found), batch) != len(found):
        raise IllegalTransition("somebody else is trying some of this usage again")
    for ident in usages:
        tx.changed("Usage", ident, Change.STATE)
    _send(tx, batch, sorted(found.values(), key=lambda each: (each.content.start, each.id)))
    return batch


def _contradictions(tx: Tx, file: UsageFile, usages: Sequence[Usage]) -> tuple[RejectedLine, ...]:
    if not usages:
        return ()
    known = store.known(tx, file.source, [each.content.record_id for each in usages])
    return tuple(
        RejectedLine(
            each.line or 0,
            "record_id",
            f"{each.content.record_id!r} came before, {_place(before, file)}"
            "and said something else",
        )
        for each in usages
        if (before := known[each.content.record_id]).content != each.content
    )


def _place(before: Usage, file: UsageFile) -> str:
    if before.line is None:
        return ""
    which = "this file" if before.file == file.sha256 else "another file"
    return f"in line {before.line} of {which}, "


def _send(tx: Tx, batch: UsageBatchId, usages: Sequence[Usage]) -> None:
    if usages:
        tx.emit(ChargeUsage(batch_id=batch, events=tuple(map(_event, usages))))


def _event(usage: Usage) -> UsageEvent:
    content = usage.content
    return UsageEvent(
        id=usage.id,
        identities=(("msisdn", content.subscriber),),
        service=content.service,
        at=content.start,
        units=content.quantity,
        called=content.called,
        rating_group=content.rating_group,
        service_identifier=content.service_identifier,
        where=content.where,
    )
