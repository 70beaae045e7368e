"""The tables of billing cycles, of what usage was billed, and of bill runs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.billing.cycle import BilledUsage, BillingCycle
from trunkline.billing.model import BillFailure, BillRun, BillRunId, BillRunState
from trunkline.charging import ChargingAccountId
from trunkline.customers import BillingAccountId
from trunkline.inventory import ProductId
from trunkline.platform.db import Instant, Reader, Tx, books_metadata

billing_cycle = sa.Table(
    "billing_cycle",
    books_metadata,
    sa.Column("billing_account_id", sa.String(100), primary_key=True),
    sa.Column("since", Instant, nullable=False),
    sa.Column("next_start", Instant),
    sa.Column("next_end", Instant, nullable=False),
    sa.Index("billing_cycle_due", "next_end", "billing_account_id"),
)

usage_table = sa.Table(
    "billed_usage",
    books_metadata,
    sa.Column("charging_account_id", sa.String(100), primary_key=True),
    sa.Column("billing_account_id", sa.String(100), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("period", sa.Integer, nullable=False),
    sa.Index("billed_usage_by_account", "billing_account_id"),
)

# What has come into service, and whether a bill has had it: one that was missed (its activation
# was still on its way, or it was entered late) comes with the next.
product_table = sa.Table(
    "billed_product",
    books_metadata,
    sa.Column("product_id", sa.String(100), primary_key=True),
    sa.Column("billing_account_id", sa.String(100), nullable=False),
    sa.Column("begun", sa.Boolean, nullable=False),
    sa.Index("billed_product_by_account", "billing_account_id"),
)

bill_run = sa.Table(
    "bill_run",
    books_metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("through", Instant, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("accounts", sa.Integer, nullable=False),
    sa.Column("invoices", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
)

bill_failure = sa.Table(
    "bill_failure",
    books_metadata,
    sa.Column("run_id", sa.ForeignKey(bill_run.c.id), primary_key=True),
    sa.Column("billing_account_id", sa.String(100), primary_key=True),
    sa.Column("code", sa.String(60), nullable=False),
    sa.Column("reason", sa.String(400), nullable=False),
    sa.Column("failed_at", Instant, nullable=False),
    sa.Index("bill_failure_by_account", "billing_account_id"),
)

# PostgreSQL's construct renders the clauses that both engines understand.
_START_CYCLE = postgresql.insert(billing_cycle).on_conflict_do_nothing(
    index_elements=["billing_account_id"]
)
_DUE = (
    sa.select(billing_cycle)
    .where(
        billing_cycle.c.next_end <= sa.bindparam("through", type_=Instant),
        billing_cycle.c.billing_account_id > sa.bindparam("after"),
    )
    .order_by(billing_cycle.c.billing_account_id)
    .limit(sa.bindparam("limit"))
)
_COUNT_DUE = (
    sa.select(sa.func.count())
    .select_from(billing_cycle)
    .where(billing_cycle.c.next_end <= sa.bindparam("through", type_=Instant))
)
_CYCLES = (
    sa.select(billing_cycle)
    .where(billing_cycle.c.billing_account_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(billing_cycle.c.billing_account_id)
)
_LOCK_CYCLES = _CYCLES.with_for_update()
_MOVE_CYCLE = (
    sa.update(billing_cycle)
    .where(billing_cycle.c.billing_account_id == sa.bindparam("of_account"))
    .values(
        next_start=sa.bindparam("start", type_=Instant), next_end=sa.bindparam("end", type_=Instant)
    )
)
_BILLED_USAGE = sa.select(usage_table).where(
    usage_table.c.billing_account_id.in_(sa.bindparam("ids", expanding=True))
)
_insert_billed_usage = postgresql.insert(usage_table)
_SAVE_BILLED_USAGE = _insert_billed_usage.on_conflict_do_update(
    index_elements=["charging_account_id"],
    set_={"seq": _insert_billed_usage.excluded.seq, "period": _insert_billed_usage.excluded.period},
)
_BEGUN = sa.select(product_table.c.product_id, product_table.c.begun).where(
    product_table.c.billing_account_id.in_(sa.bindparam("ids", expanding=True))
)
_insert_product = postgresql.insert(product_table)
_AWAIT_PRODUCT = _insert_product.on_conflict_do_nothing(index_elements=["product_id"])
_BEGIN_PRODUCT = _insert_product.on_conflict_do_update(
    index_elements=["product_id"], set_={"begun": True}
)
_INSERT_RUN = sa.insert(bill_run)
_ADVANCE_RUN = (
    sa.update(bill_run)
    .where(bill_run.c.id == sa.bindparam("run"))
    .values(
        accounts=bill_run.c.accounts + sa.bindparam("billed"),
        invoices=bill_run.c.invoices + sa.bindparam("issued"),
        failed=bill_run.c.failed + sa.bindparam("set_aside"),
    )
)
_FINISH_RUN = (
    sa.update(bill_run)
    .where(bill_run.c.id == sa.bindparam("run"))
    .values(state=BillRunState.COMPLETED.value, finished_at=sa.bindparam("at", type_=Instant))
)
_RUN = sa.select(bill_run).where(bill_run.c.id == sa.bindparam("run"))
_RUNS = (
    sa.select(bill_run)
    .order_by(bill_run.c.started_at.desc(), bill_run.c.id.desc())
    .limit(sa.bindparam("limit"))
)
_INSERT_FAILURE = sa.insert(bill_failure)
_FAILURES = (
    sa.select(bill_failure)
    .where(bill_failure.c.run_id == sa.bindparam("run"))
    .order_by(bill_failure.c.billing_account_id)
)
_FAILURES_OF = (
    sa.select(bill_failure)
    .where(bill_failure.c.billing_account_id == sa.bindparam("account"))
    .order_by(bill_failure.c.run_id.desc())
)


def start_cycles(tx: Tx, cycles: Sequence[BillingCycle]) -> int:
    """Those that have not started yet; how many that were."""
    result = tx.execute(
        _START_CYCLE,
        [
            {
                "billing_account_id": cycle.account,
                "since": cycle.since,
                "next_start": cycle.next_start,
                "next_end": cycle.next_end,
            }
            for cycle in cycles
        ],
    )
    return int(result.rowcount)


def due_cycles(
    r: Reader, through: datetime, after: BillingAccountId | None, limit: int
) -> list[BillingCycle]:
    values = {"through": through, "after": after or "", "limit": limit}
    return [_cycle(row) for row in r.execute(_DUE, values)]


def count_due(r: Reader, through: datetime) -> int:
    return int(r.execute(_COUNT_DUE, {"through": through}).scalar_one())


def cycles(r: Reader, accounts: Iterable[BillingAccountId]) -> dict[BillingAccountId, BillingCycle]:
    found = map(_cycle, r.execute(_CYCLES, {"ids": list(accounts)}))
    return {each.account: each for each in found}


def lock_cycles(
    tx: Tx, accounts: Iterable[BillingAccountId]
) -> dict[BillingAccountId, BillingCycle]:
    found = map(_cycle, tx.execute(_LOCK_CYCLES, {"ids": list(accounts)}))
    return {each.account: each for each in found}


def move_cycles(tx: Tx, moved: Sequence[BillingCycle]) -> None:
    tx.execute(
        _MOVE_CYCLE,
        [
            {"of_account": cycle.account, "start": cycle.next_start, "end": cycle.next_end}
            for cycle in moved
        ],
    )


def billed_usage(
    r: Reader, accounts: Sequence[BillingAccountId]
) -> dict[ChargingAccountId, BilledUsage]:
    return {
        ChargingAccountId(row.charging_account_id): BilledUsage(row.seq, row.period)
        for row in r.execute(_BILLED_USAGE, {"ids": list(accounts)})
    }


def save_billed_usage(
    tx: Tx, new: Mapping[ChargingAccountId, tuple[BillingAccountId, BilledUsage]]
) -> None:
    tx.execute(
        _SAVE_BILLED_USAGE,
        [
            {
                "charging_account_id": charging_account,
                "billing_account_id": account,
                "seq": billed.seq,
                "period": billed.period,
            }
            for charging_account, (account, billed) in new.items()
        ],
    )


def begun(r: Reader, accounts: Sequence[BillingAccountId]) -> dict[ProductId, bool]:
    """The products of these accounts that have come into service, as far as billing was told,
    and whether a bill has had them."""
    rows = r.execute(_BEGUN, {"ids": list(accounts)})
    return {ProductId(row.product_id): row.begun for row in rows}


def await_products(tx: Tx, products: Mapping[ProductId, str]) -> None:
    """Products, with their billing accounts, that a bill is to have."""
    _write_products(tx, _AWAIT_PRODUCT, products, begun=False)


def begin_products(tx: Tx, products: Mapping[ProductId, str]) -> None:
    """Products, with their billing accounts, that a bill has."""
    _write_products(tx, _BEGIN_PRODUCT, products, begun=True)


def _write_products(
    tx: Tx, statement: sa.Executable, products: Mapping[ProductId, str], *, begun: bool
) -> None:
    if products:
        tx.execute(
            statement,
            [
                {"product_id": product, "billing_account_id": account, "begun": begun}
                for product, account in sorted(products.items())
            ],
        )


def insert_run(tx: Tx, run: BillRun) -> None:
    tx.execute(
        _INSERT_RUN,
        {
            "id": run.id,
            "through": run.through,
            "state": run.state.value,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "accounts": run.accounts,
            "invoices": run.invoices,
            "failed": run.failed,
        },
    )


def advance_run(tx: Tx, run: BillRunId, *, accounts: int, invoices: int, failed: int) -> None:
    values = {"run": run, "billed": accounts, "issued": invoices, "set_aside": failed}
    tx.execute(_ADVANCE_RUN, values)


def finish_run(tx: Tx, run: BillRunId, at: datetime) -> None:
    tx.execute(_FINISH_RUN, {"run": run, "at": at})


def find_run(r: Reader, run: BillRunId) -> BillRun | None:
    row = r.execute(_RUN, {"run": run}).first()
    return _run(row) if row else None


def latest_runs(r: Reader, limit: int) -> list[BillRun]:
    return [_run(row) for row in r.execute(_RUNS, {"limit": limit})]


def insert_failures(tx: Tx, failures: Sequence[BillFailure]) -> None:
    tx.execute(
        _INSERT_FAILURE,
        [
            {
                "run_id": each.run,
                "billing_account_id": each.account,
                "code": each.code,
                "reason": each.reason[:400],
                "failed_at": each.failed_at,
            }
            for each in failures
        ],
    )


def failures(r: Reader, run: BillRunId) -> list[BillFailure]:
    return [_failure(row) for row in r.execute(_FAILURES, {"run": run})]


def failures_of(r: Reader, account: BillingAccountId) -> list[BillFailure]:
    return [_failure(row) for row in r.execute(_FAILURES_OF, {"account": account})]


def _cycle(row: Any) -> BillingCycle:
    return BillingCycle(
        account=BillingAccountId(row.billing_account_id),
        since=row.since,
        next_start=row.next_start,
        next_end=row.next_end,
    )


def _run(row: Any) -> BillRun:
    return BillRun(
        id=BillRunId(row.id),
        through=row.through,
        state=BillRunState(row.state),
        started_at=row.started_at,
        finished_at=row.finished_at,
        accounts=row.accounts,
        invoices=row.invoices,
        failed=row.failed,
    )


def _failure(row: Any) -> BillFailure:
    return BillFailure(
        run=BillRunId(row.run_id),
        account=BillingAccountId(row.billing_account_id),
        code=row.code,
        reason=row.reason,
        failed_at=row.failed_at,
    )
