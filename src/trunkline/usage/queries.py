"""Reads of usage."""

from collections.abc import Sequence

from trunkline.customers import BillingAccountId
from trunkline.kernel.time import Period
from trunkline.platform.db import Reader
from trunkline.usage import store
from trunkline.usage.model import (
    MOST_TOLD,
    MissingFiles,
    RejectedLine,
    UnknownUsage,
    Usage,
    UsageFile,
    UsageId,
    UsageState,
)

USAGES = store.usage
"""The table, for lists that are filtered by its columns."""


def some_usages(r: Reader, ids: Sequence[str]) -> list[Usage]:
    """Those that exist, in any order."""
    return store.some(r, [UsageId(each) for each in ids]) if ids else []


def usage(r: Reader, usage_id: UsageId) -> Usage:
    """One record. Raises `UnknownUsage`."""
    found = store.some(r, [usage_id])
    if not found:
        raise UnknownUsage(f"there is no usage {usage_id}", usage=usage_id)
    return found[0]


def usages(
    r: Reader,
    *,
    state: UsageState | None = None,
    error: str | None = None,
    file: str | None = None,
    after: UsageId | None = None,
    limit: int = 100,
) -> list[Usage]:
    """In the order of their arrival, those after `after`."""
    table = store.usage.c
    wanted = store.ALL.order_by(table.id).limit(limit)
    if state is not None:
        wanted = wanted.where(table.state == state.value)
    if error is not None:
        wanted = wanted.where(table.error == error)
    if file is not None:
        wanted = wanted.where(table.file == file)
    if after is not None:
        wanted = wanted.where(table.id > after)
    return store.select(r, wanted)


def usages_of(
    r: Reader, account: BillingAccountId, *, within: Period | None = None, limit: int = 100
) -> list[Usage]:
    """A billing account's rated records by the instant of their start, the latest first."""
    table = store.usage.c
    wanted = store.ALL.where(table.billing_account == account)
    if within is not None:
        wanted = wanted.where(table.start >= within.start, table.start < within.end)
    return store.select(r, wanted.order_by(table.start.desc(), table.id.desc()).limit(limit))


def rejected_usages(
    r: Reader, *, error: str | None = None, after: UsageId | None = None, limit: int = 100
) -> list[Usage]:
    """What waits for a person, in the order of arrival."""
    return usages(r, state=UsageState.REJECTED, error=error, after=after, limit=limit)


def usage_counts(r: Reader, *, file: str | None = None) -> dict[UsageState, int]:
    """How many records are in each state, of one file or of all."""
    return store.counts(r, file)


def rejection_counts(r: Reader) -> dict[str, int]:
    """How many rejected records there are, by their error."""
    return store.errors(r)


def usage_files(r: Reader, *, limit: int = 50) -> list[UsageFile]:
    """The files that came in last: one that came under several numbers stands under each, with
    what became of its lines in all."""
    return store.files(r, limit)


def missing_files(r: Reader, *, limit: int = 50) -> list[MissingFiles]:
    """What hasn't come of files that are numbered, by source."""
    return store.missing_files(r, limit)


def rejected_lines(r: Reader, file: str, *, limit: int = MOST_TOLD) -> list[RejectedLine]:
    """The lines of a file of which nothing was taken."""
    return store.rejected_lines(r, file, limit)
