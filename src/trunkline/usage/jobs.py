"""Long work on usage: taking in a file, trying again what charging could not rate."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from trunkline.charging import MOST_EVENTS
from trunkline.kernel.ids import Id
from trunkline.platform import jobs
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.usage import store
from trunkline.usage.model import (
    MOST_TOLD,
    FileOfOtherSource,
    ImportReport,
    RejectedLine,
    SerialKnown,
    UnreadableFile,
    UsageFile,
    UsageId,
    UsageRecord,
)
from trunkline.usage.operations import retry_usage, take_records
from trunkline.usage.queries import rejected_usages
from trunkline.usage.records import LONGEST_LINE, Columns, read_header, read_lines, read_record

Progress = Callable[[int, int], None]
"""Told how many lines are done, of how many."""


def import_cdr_file(
    books: Database,
    path: Path,
    *,
    now: datetime,
    source: str = "cdr",
    serial: int | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Takes in a file of usage records (`trunkline.usage.records` describes it) and sends them
    to charging, each (source, record id) once for ever.

    Lines that are no record are reported and left out. An import that was killed continues
    when it is started again; a file that is in already changes nothing. With its `serial` among
    the source's files, those that are missing between them are known. Raises `UnreadableFile`,
    `FileOfOtherSource`, `SerialKnown`, or `Busy` while another process takes it in.
    """
    Id.parse(source, path="source")
    try:
        with path.open("rb") as file:
            return _Intake(books, path, file, source, serial, now).run(progress)
    except OSError as error:
        raise UnreadableFile(error.strerror or str(error), path=str(path)) from None


class _Intake:
    """One import of one open file: what is there when it begins, whatever is appended."""

    def __init__(
        self,
        books: Database,
        path: Path,
        file: BinaryIO,
        source: str,
        serial: int | None,
        now: datetime,
    ) -> None:
        self.books = books
        self.path = path
        self.file = file
        self.source = source
        self.serial = serial
        self.now = now
        self.sha256, self.size, lines = _measure(file)
        self.total = max(lines - 1, 0)
        file.seek(0)
        header = file.readline(LONGEST_LINE + 1)
        self.begin = file.tell()
        try:
            self.columns: Columns = read_header(header)
        except UnreadableFile as error:
            raise UnreadableFile(error.reason, path=f"{path}: {error.path}") from None

    def run(self, progress: Progress | None) -> ImportReport:
        before = self.known()
        jobs.run(
            self.books,
            name=f"usage file {self.sha256}",
            step=self.step,
            clock=DrivenClock(self.now),
            progress=None if progress is None else (lambda job: progress(job.done, self.total)),
        )
        with self.books.read() as r:
            after = store.find_file(r, self.sha256)
            rejected = store.rejected_lines(r, self.sha256, MOST_TOLD)
        accepted = after.accepted - before.accepted
        return ImportReport(
            file=msgspec.structs.replace(after, serial=self.serial),
            accepted=accepted,
            duplicates=after.accepted + after.duplicates - accepted,
            rejected=tuple(rejected),
        )

    def known(self) -> UsageFile:
        """The file as it is here, with its number, before any more of it is taken in."""
        fresh = self.fresh(self.now)
        with self.books.transaction() as tx:
            store.insert_file(tx, fresh)
            known = store.find_file(tx, self.sha256)
            if self.serial is not None:
                sha256, name = store.take_serial(tx, fresh, self.serial)
                if sha256 != self.sha256:
                    raise SerialKnown(
                        f"file {self.serial} of {self.source!r} came in as {name!r}, and said"
                        " something else",
                        path=str(self.path),
                    )
            # Without records there is nothing that could be charged twice, and each source's
            # quiet hours are alike.
            if known.source != self.source and self.total:
                raise FileOfOtherSource(
                    f"this very file came in as {known.name!r} of {known.source!r}",
                    path=str(self.path),
                    source=known.source,
                )
        return known

    def step(self, tx: Tx, position: Any, now: datetime) -> jobs.Step:
        """Takes in the next lines; the position is the line and the offset that are done."""
        if position is None:
            position = {"line": 1, "offset": self.begin}
        self.file.seek(position["offset"])
        records: list[tuple[int, UsageRecord]] = []
        faults: list[RejectedLine] = []
        done = 0
        lines = read_lines(self.file, line=position["line"], end=self.size)
        for line, offset, raw in islice(lines, MOST_EVENTS):
            done += 1
            position = {"line": line, "offset": offset}
            record = read_record(raw, self.columns, line=line, now=now)
            if isinstance(record, RejectedLine):
                faults.append(record)
            elif record is not None:
                records.append((line, record))
        taken = take_records(tx, file=self.fresh(now), records=records, now=now)
        faults += taken.rejected
        store.insert_rejected_lines(tx, self.sha256, faults)
        finished = done < MOST_EVENTS
        store.count_on(
            tx,
            self.sha256,
            accepted=taken.accepted,
            duplicates=taken.duplicates,
            rejected=len(faults),
            finished=now if finished else None,
        )
        return jobs.Step(position, done, finished, self.total)

    def fresh(self, now: datetime) -> UsageFile:
        name = self.path.name[-200:]
        return UsageFile(self.sha256, self.source, name, self.size, 0, 0, 0, now, None, self.serial)


def _measure(file: BinaryIO) -> tuple[str, int, int]:
    """SHA-256, size and lines of what is there now."""
    digest = hashlib.sha256()
    size = lines = 0
    last = b"\n"
    while block := file.read(1 << 20):
        digest.update(block)
        size += len(block)
        lines += block.count(b"\n")
        last = block[-1:]
    return digest.hexdigest(), size, lines + (last != b"\n")


def retry_rejected(
    books: Database,
    *,
    now: datetime,
    error: str | None = None,
    progress: Progress | None = None,
) -> int:
    """Sends what charging has rejected so far (with this error) once more; how many. Those
    that it rejects again meanwhile are left alone."""
    sent = 0
    after: UsageId | None = None
    while True:
        with books.transaction() as tx:
            found = rejected_usages(tx, error=error, after=after, limit=MOST_EVENTS)
            if not found:
                return sent
            retry_usage(tx, usages=[each.id for each in found], now=now)
        after = found[-1].id
        sent += len(found)
        if progress is not None:
            progress(sent, sent)
