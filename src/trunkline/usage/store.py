"""The tables of usage, its files and their rejected lines, and all SQL on them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.charging import ChargedUsage, ChargingAccountId, Circumstances, service_of
from trunkline.customers import BillingAccountId
from trunkline.kernel.money import Money
from trunkline.platform.db import Instant, Json, Reader, Tx, books_metadata
from trunkline.usage.model import (
    MissingFiles,
    RejectedLine,
    Usage,
    UsageBatchId,
    UsageFile,
    UsageId,
    UsageRecord,
    UsageState,
)

usage_file = sa.Table(
    "usage_file",
    books_metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("source", sa.String(100), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("accepted", sa.BigInteger, nullable=False),
    sa.Column("duplicates", sa.BigInteger, nullable=False),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    sa.Column("started_at", Instant, nullable=False, index=True),
    sa.Column("finished_at", Instant),
)

usage_file_serial = sa.Table(
    "usage_file_serial",
    books_metadata,
    sa.Column("source", sa.String(100), primary_key=True),
    sa.Column("serial", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("file", sa.ForeignKey(usage_file.c.sha256), nullable=False, index=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("came_at", Instant, nullable=False),
)
"""The numbers that came. Files that are alike are one file under several: hours without records
are a header alone."""

usage_rejected_line = sa.Table(
    "usage_rejected_line",
    books_metadata,
    sa.Column("file", sa.ForeignKey(usage_file.c.sha256), primary_key=True),
    sa.Column("line", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("field", sa.String(40), nullable=False),
    sa.Column("reason", sa.String(300), nullable=False),
)

_IDENTIFIER, _WHERE = "$serviceIdentifier", "$where"

usage = sa.Table(
    "usage",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("source", sa.String(100), nullable=False),
    sa.Column("record_id", sa.String(100), nullable=False),
    sa.Column("file", sa.ForeignKey(usage_file.c.sha256)),
    sa.Column("line", sa.BigInteger),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column(
        "service",
        sa.BigInteger().with_variant(sa.SmallInteger(), "sqlite"),
        nullable=False,
    ),
    sa.Column("subscriber", sa.String(15), nullable=False),
    sa.Column("called", sa.String(20), nullable=False),
    sa.Column("start", Instant, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("rating_group", sa.BigInteger),
    sa.Column("batch", sa.String(100), nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("account", sa.String(100)),
    sa.Column("billing_account", sa.String(100)),
    sa.Column("journal_record", sa.String(140)),
    sa.Column("charge_micros", sa.BigInteger),
    sa.Column("currency", sa.String(3)),
    sa.Column("free", sa.BigInteger, nullable=False),
    sa.Column("label", sa.String(200)),
    sa.Column("error", sa.String(60)),
    sa.Column("answered_at", Instant),
    sa.Column("description", sa.String(400)),
    sa.Column("specification_id", sa.String(100)),
    sa.Column("details", Json, info={"personal": True}),
    sa.Column("waived_micros", sa.BigInteger),
    sa.Column("waiver", sa.String(40)),
    sa.UniqueConstraint("source", "record_id"),
    sa.Index("usage_by_state", "state", "id"),
    sa.Index("usage_by_account", "billing_account", "start"),
    sa.Index("usage_by_file", "file", "line"),
    sa.Index("usage_by_time", "start", "id"),
    sa.Index("usage_by_product", "account", "start"),
    sa.Index("usage_by_specification", "specification_id"),
)

_FILE = sa.select(usage_file, sa.null().label("serial")).where(
    usage_file.c.sha256 == sa.bindparam("which")
)
_s = usage_file_serial.c
_OF_SERIAL = sa.select(_s.file, _s.name).where(
    _s.source == sa.bindparam("source"), _s.serial == sa.bindparam("number")
)
_numbered = sa.select(
    _s.source,
    _s.serial,
    sa.func.lag(_s.serial).over(partition_by=_s.source, order_by=_s.serial).label("before"),
).subquery()
_MISSING = (
    sa.select(_numbered)
    .where(_numbered.c.serial > _numbered.c.before + 1)
    .order_by(_numbered.c.source, _numbered.c.serial)
    .limit(sa.bindparam("limit"))
)
_came_at = sa.func.coalesce(_s.came_at, usage_file.c.started_at)
_FILES = (
    sa.select(
        usage_file.c.sha256,
        sa.func.coalesce(_s.source, usage_file.c.source).label("source"),
        sa.func.coalesce(_s.name, usage_file.c.name).label("name"),
        usage_file.c.size,
        usage_file.c.accepted,
        usage_file.c.duplicates,
        usage_file.c.rejected,
        _came_at.label("started_at"),
        usage_file.c.finished_at,
        _s.serial,
    )
    .select_from(usage_file.outerjoin(usage_file_serial))
    .order_by(_came_at.desc(), usage_file.c.sha256, _s.source, _s.serial.desc())
    .limit(sa.bindparam("limit"))
)
_INSERT_SERIAL = postgresql.insert(usage_file_serial).on_conflict_do_nothing()
_INSERT_FILE = postgresql.insert(usage_file).on_conflict_do_nothing()
_COUNT_ON = (
    sa.update(usage_file)
    .where(usage_file.c.sha256 == sa.bindparam("which"))
    .values(
        accepted=usage_file.c.accepted + sa.bindparam("more_accepted", type_=sa.BigInteger),
        duplicates=usage_file.c.duplicates + sa.bindparam("more_duplicates", type_=sa.BigInteger),
        rejected=usage_file.c.rejected + sa.bindparam("more_rejected", type_=sa.BigInteger),
        finished_at=sa.bindparam("finished", type_=Instant),
    )
)
_INSERT_LINES = sa.insert(usage_rejected_line)
_LINES = (
    sa.select(usage_rejected_line.c.line, usage_rejected_line.c.field, usage_rejected_line.c.reason)
    .where(usage_rejected_line.c.file == sa.bindparam("which"))
    .order_by(usage_rejected_line.c.line)
    .limit(sa.bindparam("limit"))
)
_INSERT = (
    postgresql.insert(usage)
    .on_conflict_do_nothing(index_elements=["source", "record_id"])
    .returning(usage.c.id)
)
_KNOWN = sa.select(usage).where(
    usage.c.source == sa.bindparam("source"),
    usage.c.record_id.in_(sa.bindparam("record_ids", expanding=True)),
)
ALL = sa.select(usage)
_SOME = sa.select(usage).where(usage.c.id.in_(sa.bindparam("ids", expanding=True)))
_LOCK = sa.select(usage).where(usage.c.id == sa.bindparam("which")).with_for_update()
_DESCRIBE = (
    sa.update(usage)
    .where(usage.c.id == sa.bindparam("which"))
    .values(description=sa.bindparam("said", type_=sa.String))
)
_DELETE = sa.delete(usage).where(usage.c.id == sa.bindparam("which"))
_ANSWER = (
    sa.update(usage)
    .where(usage.c.id == sa.bindparam("which"), usage.c.batch == sa.bindparam("of_batch"))
    .values(
        {
            name: sa.bindparam(f"new_{name}", type_=usage.c[name].type)
            for name in (
                "state",
                "account",
                "billing_account",
                "journal_record",
                "charge_micros",
                "currency",
                "free",
                "label",
                "error",
                "answered_at",
                "waived_micros",
                "waiver",
            )
        }
    )
)
_RECYCLE = (
    sa.update(usage)
    .where(
        usage.c.id.in_(sa.bindparam("ids", expanding=True)),
        usage.c.state == UsageState.REJECTED.value,
    )
    .values(
        state=UsageState.RECYCLED.value,
        batch=sa.bindparam("new_batch", type_=sa.String),
        error=None,
        answered_at=None,
    )
)
_COUNTS = sa.select(usage.c.state, sa.func.count().label("how_many")).group_by(usage.c.state)
_COUNTS_OF_FILE = _COUNTS.where(usage.c.file == sa.bindparam("which"))
_ERRORS = (
    sa.select(usage.c.error, sa.func.count().label("how_many"))
    .where(usage.c.state == UsageState.REJECTED.value)
    .group_by(usage.c.error)
)


def find_file(r: Reader, sha256: str) -> UsageFile:
    """It is here."""
    return _file(r.execute(_FILE, {"which": sha256}).one())


def take_serial(tx: Tx, file: UsageFile, serial: int) -> tuple[str, str]:
    """Whose number it is from now on: the SHA-256 and the name of the file that came first."""
    tx.execute(
        _INSERT_SERIAL,
        {
            "source": file.source,
            "serial": serial,
            "file": file.sha256,
            "name": file.name,
            "came_at": file.started_at,
        },
    )
    row = tx.execute(_OF_SERIAL, {"source": file.source, "number": serial}).one()
    return row.file, row.name


def missing_files(r: Reader, limit: int) -> list[MissingFiles]:
    rows = r.execute(_MISSING, {"limit": limit})
    return [MissingFiles(row.source, row.before + 1, row.serial - 1) for row in rows]


def files(r: Reader, limit: int) -> list[UsageFile]:
    return [_file(row) for row in r.execute(_FILES, {"limit": limit})]


def insert_file(tx: Tx, file: UsageFile) -> None:
    """Unless it is here."""
    tx.execute(
        _INSERT_FILE,
        {
            "sha256": file.sha256,
            "source": file.source,
            "name": file.name,
            "size": file.size,
            "accepted": file.accepted,
            "duplicates": file.duplicates,
            "rejected": file.rejected,
            "started_at": file.started_at,
            "finished_at": file.finished_at,
        },
    )


def count_on(
    tx: Tx, sha256: str, *, accepted: int, duplicates: int, rejected: int, finished: datetime | None
) -> None:
    params = {
        "which": sha256,
        "more_accepted": accepted,
        "more_duplicates": duplicates,
        "more_rejected": rejected,
        "finished": finished,
    }
    tx.execute(_COUNT_ON, params)


def insert_rejected_lines(tx: Tx, sha256: str, lines: Iterable[RejectedLine]) -> None:
    rows = [
        {
            "file": sha256,
            "line": each.line,
            "field": each.column,
            "reason": each.reason[:300].replace("\0", "?"),
        }
        for each in lines
    ]
    if rows:
        tx.execute(_INSERT_LINES, rows)


def rejected_lines(r: Reader, sha256: str, limit: int) -> list[RejectedLine]:
    rows = r.execute(_LINES, {"which": sha256, "limit": limit})
    return [RejectedLine(row.line, row.field, row.reason) for row in rows]


def insert_new(tx: Tx, usages: Sequence[Usage]) -> set[str]:
    """Inserts those whose (source, record id) isn't here yet; returns their ids."""
    rows = [
        {
            "id": each.id,
            "source": each.source,
            "record_id": each.content.record_id,
            "file": each.file,
            "line": each.line,
            "state": each.state.value,
            "service": int(each.content.service),
            "subscriber": each.content.subscriber,
            "called": each.content.called,
            "start": each.content.start,
            "quantity": each.content.quantity,
            "rating_group": each.content.rating_group,
            "batch": each.batch,
            "received_at": each.received_at,
            "free": each.free,
            "description": each.description,
            "specification_id": each.specification,
            "details": {**each.details, **_circumstances(each.content)} or None,
        }
        for each in usages
    ]
    return set(tx.execute(_INSERT, rows).scalars()) if rows else set()


def lock(tx: Tx, usage_id: str) -> Usage | None:
    row = tx.execute(_LOCK, {"which": usage_id}).first()
    return None if row is None else _usage(row)


def describe(tx: Tx, usage_id: str, description: str | None) -> None:
    tx.execute(_DESCRIBE, {"which": usage_id, "said": description})


def delete(tx: Tx, usage_id: str) -> None:
    tx.execute(_DELETE, {"which": usage_id})


def known(r: Reader, source: str, record_ids: Sequence[str]) -> dict[str, Usage]:
    """By record id, what is here of this source."""
    rows = r.execute(_KNOWN, {"source": source, "record_ids": list(record_ids)})
    return {row.record_id: _usage(row) for row in rows}


def some(r: Reader, ids: Sequence[UsageId]) -> list[Usage]:
    return [_usage(row) for row in r.execute(_SOME, {"ids": list(ids)})]


def select(r: Reader, statement: sa.Select[Any]) -> list[Usage]:
    """The usage that a selection of `usage`'s columns finds, in its order."""
    return [_usage(row) for row in r.execute(statement)]


def answer(
    tx: Tx, batch: UsageBatchId, results: Sequence[ChargedUsage], answered_at: datetime
) -> None:
    rows = [
        {
            "which": each.id,
            "of_batch": batch,
            "new_state": (UsageState.REJECTED if each.error else UsageState.RATED).value,
            "new_account": each.account,
            "new_billing_account": each.billing_account,
            "new_journal_record": each.record,
            "new_charge_micros": None if each.charge is None else each.charge.micros,
            "new_currency": None if each.charge is None else each.charge.currency,
            "new_free": each.free,
            "new_label": each.label,
            "new_error": each.error,
            "new_answered_at": answered_at,
            "new_waived_micros": None if each.waived is None else each.waived.micros,
            "new_waiver": each.waiver,
        }
        for each in results
    ]
    if rows:
        tx.execute(_ANSWER, rows)


def recycle(tx: Tx, ids: Sequence[UsageId], batch: UsageBatchId) -> int:
    """Gives rejected usage to a new batch; how many there were."""
    return tx.execute(_RECYCLE, {"ids": list(ids), "new_batch": batch}).rowcount


def counts(r: Reader, sha256: str | None) -> dict[UsageState, int]:
    rows = r.execute(_COUNTS) if sha256 is None else r.execute(_COUNTS_OF_FILE, {"which": sha256})
    return {UsageState(row.state): row.how_many for row in rows}


def errors(r: Reader) -> dict[str, int]:
    return {row.error: row.how_many for row in r.execute(_ERRORS)}


def _file(row: Any) -> UsageFile:
    return UsageFile(
        sha256=row.sha256,
        source=row.source,
        name=row.name,
        size=row.size,
        accepted=row.accepted,
        duplicates=row.duplicates,
        rejected=row.rejected,
        started_at=row.started_at,
        finished_at=row.finished_at,
        serial=row.serial,
    )


def _circumstances(content: UsageRecord) -> dict[str, Any]:
    """Kept beside what the sender said, under names that nobody else can give."""
    found: dict[str, Any] = {}
    if content.service_identifier is not None:
        found[_IDENTIFIER] = content.service_identifier
    if content.where is not None:
        where = content.where
        found[_WHERE] = [where.dnn, where.slice, where.qos, where.network]
    return found


def _usage(row: Any) -> Usage:
    details = dict(row.details or {})
    where = details.pop(_WHERE, None)
    return Usage(
        id=UsageId(row.id),
        source=row.source,
        content=UsageRecord(
            record_id=row.record_id,
            service=service_of(row.service),
            subscriber=row.subscriber,
            start=row.start,
            quantity=row.quantity,
            called=row.called,
            rating_group=row.rating_group,
            service_identifier=details.pop(_IDENTIFIER, None),
            where=None if where is None else Circumstances(*where),
        ),
        file=row.file,
        line=row.line,
        state=UsageState(row.state),
        batch=UsageBatchId(row.batch),
        received_at=row.received_at,
        account=None if row.account is None else ChargingAccountId(row.account),
        billing_account=(
            None if row.billing_account is None else BillingAccountId(row.billing_account)
        ),
        journal_record=row.journal_record,
        charge=None if row.charge_micros is None else Money(row.charge_micros, row.currency),
        free=row.free,
        label=row.label,
        error=row.error,
        answered_at=row.answered_at,
        waived=None if row.waived_micros is None else Money(row.waived_micros, row.currency),
        waiver=row.waiver,
        description=row.description,
        specification=row.specification_id,
        details=details,
    )
