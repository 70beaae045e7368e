"""The bill run: every account whose month is over is billed, in chunks.

A chunk is read, calculated without a transaction, and written in one short transaction. A run
that is killed leaves whole chunks behind it and nothing else; the next one begins where the
accounts' cycles stand, so that no month is billed twice or forgotten.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import msgspec
import structlog

from trunkline.billing import runs, store
from trunkline.billing.charges import calculate_bill
from trunkline.billing.cycle import BillingCycle
from trunkline.billing.gathering import Gathered, Gatherer
from trunkline.billing.issuing import Draft
from trunkline.billing.model import (
    BillFailure,
    BillRun,
    BillRunId,
    BillRunReport,
    BillRunState,
    NotYetOver,
)
from trunkline.billing.operations import Issued, issue_bills
from trunkline.customers import BillingAccountId
from trunkline.kernel.errors import TrunklineError
from trunkline.platform.db import Database

log = structlog.get_logger(__name__)

CHUNK = 200
"""Accounts in one transaction."""

Progress = Callable[[int, int], None]
"""Called with how many months are done, and how many there are by present knowledge."""


def run_bills(
    books: Database,
    charging: Database,
    *,
    through: datetime,
    now: datetime,
    progress: Progress | None = None,
    chunk: int = CHUNK,
) -> BillRunReport:
    """Bills every month that ended by `through`, of every account; several months of an account
    one after the other. An account that can't be billed is set aside with its reason and tried
    again by the next run. Raises `NotYetOver` for the future, `Busy` beside another run."""
    if through > now:
        raise NotYetOver(f"{through.isoformat()} is not over yet", path="through")
    with books.exclusive("bill run"):
        with books.transaction() as tx:
            run = BillRun(
                id=tx.new_id(BillRunId, now),
                through=through,
                state=BillRunState.RUNNING,
                started_at=now,
                finished_at=None,
                accounts=0,
                invoices=0,
                failed=0,
            )
            runs.insert_run(tx, run)
        failures = _bill_all(books, charging, run, now, progress, chunk)
        with books.transaction() as tx:
            runs.finish_run(tx, run.id, now)
    with books.read() as r:
        finished = runs.find_run(r, run.id)
        assert finished is not None
        return BillRunReport(
            run=run.id,
            accounts=finished.accounts,
            invoices=finished.invoices,
            failures=tuple(failures),
            totals=tuple(store.run_totals(r, run.id)),
        )


def _bill_all(
    books: Database,
    charging: Database,
    run: BillRun,
    now: datetime,
    progress: Progress | None,
    chunk: int,
) -> list[BillFailure]:
    failures: list[BillFailure] = []
    set_aside: set[BillingAccountId] = set()
    gatherer = Gatherer(books, charging)
    done = 0
    with books.read() as r:
        total = runs.count_due(r, run.through)
    while True:
        billed = 0
        for cycles in _due(books, run.through, chunk):
            due = [cycle for cycle in cycles if cycle.account not in set_aside]
            drafts, failed = _drafts(gatherer, due, run, now)
            issued, unwritten = _write(books, drafts, failed, run, now)
            failed += unwritten
            set_aside.update(each.account for each in failed)
            failures += failed
            billed += issued
            done += issued + len(failed)
            if progress is not None:
                progress(done, max(total, done))
        # Another pass, for accounts of which more than one month was due.
        if billed == 0:
            return failures


def _due(books: Database, through: datetime, chunk: int) -> Iterator[list[BillingCycle]]:
    after: BillingAccountId | None = None
    while True:
        with books.read() as r:
            cycles = runs.due_cycles(r, through, after, chunk)
        if not cycles:
            return
        yield cycles
        after = cycles[-1].account


def _drafts(
    gatherer: Gatherer, cycles: Sequence[BillingCycle], run: BillRun, now: datetime
) -> tuple[list[Draft], list[BillFailure]]:
    """The bills of a chunk, and the accounts that could not be billed."""
    drafts: list[Draft] = []
    failures: list[BillFailure] = []
    for cycle, gathered in gatherer.gather(cycles):
        try:
            drafts.append(_draft(gathered))
        except Exception as error:
            failures.append(_failure(cycle.account, error, run.id, now))
    return drafts, failures


def _draft(gathered: Gathered | TrunklineError) -> Draft:
    if isinstance(gathered, TrunklineError):
        raise gathered
    return msgspec.structs.replace(gathered.draft, bill=calculate_bill(gathered.to_bill))


def _write(
    books: Database,
    drafts: Sequence[Draft],
    failures: Sequence[BillFailure],
    run: BillRun,
    now: datetime,
) -> tuple[int, list[BillFailure]]:
    """Writes a chunk; where that fails, its accounts one by one, so that one that can't be
    written is set aside alone. How many months were billed, and those."""
    if not drafts and not failures:
        return 0, []
    try:
        return _issue(books, drafts, failures, run, now).accounts, []
    except Exception:
        log.warning("a chunk could not be written; its accounts follow one by one", run=run.id)
    billed = 0
    unwritten: list[BillFailure] = []
    if failures:
        _issue(books, (), failures, run, now)
    for draft in drafts:
        try:
            billed += _issue(books, (draft,), (), run, now).accounts
        except Exception as error:
            failure = _failure(draft.account.id, error, run.id, now)
            _issue(books, (), (failure,), run, now)
            unwritten.append(failure)
    return billed, unwritten


def _issue(
    books: Database,
    drafts: Sequence[Draft],
    failures: Sequence[BillFailure],
    run: BillRun,
    now: datetime,
) -> Issued:
    with books.transaction() as tx:
        return issue_bills(tx, drafts, failures, run=run.id, now=now)


def _failure(
    account: BillingAccountId, error: Exception, run: BillRunId, now: datetime
) -> BillFailure:
    if isinstance(error, TrunklineError):
        return BillFailure(run, account, error.code, str(error), now)
    log.error("an account could not be billed", account=account, exc_info=error)
    # A database's error without the statement and its values, which may be personal.
    reason = f"{type(error).__name__}: {getattr(error, 'orig', error)}"
    return BillFailure(run, account, "internalError", reason, now)
