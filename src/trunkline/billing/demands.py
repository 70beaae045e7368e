"""Bills on demand: what an account owes up to today, before its month is over.

The month is cut at the last local midnight: its first part is billed now, in parts of the whole
for what is priced by the month, and the rest by the next bill. Usage is billed up to this moment.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.billing import runs
from trunkline.billing.charges import calculate_bill
from trunkline.billing.cycle import BillingCycle
from trunkline.billing.gathering import Gathered, Gatherer
from trunkline.billing.model import Invoice, InvoiceLine
from trunkline.billing.operations import issue_bills
from trunkline.customers import BillingAccountId, billing_account, known_accounts, known_parties
from trunkline.kernel.errors import Conflict, TrunklineError
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.time import Period, format_instant
from trunkline.platform.db import Database, Reader, Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body

_MOST_MONTHS = 36


class BilledMeanwhile(Conflict):
    """A bill run has billed the account at the same moment."""

    code = "billedMeanwhile"


class DemandId(Id):
    __slots__ = ()
    prefix = "bod"


class DemandState(StrEnum):
    """TMF678's StateValues."""

    IN_PROGRESS = "inProgress"
    REJECTED = "rejected"
    DONE = "done"
    FAILED = "terminatedWithError"


LIFECYCLE: Lifecycle[DemandState] = Lifecycle(
    "bill on demand",
    {
        DemandState.IN_PROGRESS: {DemandState.REJECTED, DemandState.DONE, DemandState.FAILED},
        DemandState.REJECTED: set(),
        DemandState.DONE: set(),
        DemandState.FAILED: set(),
    },
)

_table = documents.table(
    "customer_bill_on_demand",
    sa.Column("billing_account_id", sa.String(100)),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("name", sa.String(200)),
    sa.Index("customer_bill_on_demand_by_account", "billing_account_id", "id"),
)


def _columns(body: Body) -> dict[str, Any]:
    account = body.get("billingAccount")
    name = body.get("name")
    return {
        "billing_account_id": account["id"] if account else None,
        "state": body["state"],
        "name": None if name is None else name[:200],
    }


def _complete(body: Body, _before: Body | None, now: datetime) -> Body:
    return body | {"lastUpdate": format_instant(now)}


DEMANDS = documents.Kind(
    name="CustomerBillOnDemand",
    ids=DemandId,
    table=_table,
    columns=_columns,
    complete=_complete,
    refers={"billingAccount": known_accounts, "relatedParty": known_parties},
    lifecycle=LIFECYCLE,
    state="state",
    begins=(DemandState.IN_PROGRESS.value,),
)


def demand_bill(tx: Tx, charging: Database, body: Body, *, now: datetime) -> Body:
    """Keeps the demand and bills its account at once: `done` with its last invoice as
    `customerBill`, or `rejected` where there is nothing to bill or the account can't be billed,
    with a `statusReason`. Raises what `documents.create` does, and `BilledMeanwhile`."""
    told = {name: each for name, each in body.items() if name not in ("customerBill", "state")}
    kept = documents.create(tx, DEMANDS, told, now)
    account = kept.get("billingAccount")
    if account is None:
        return _end(tx, kept, DemandState.REJECTED, now, statusReason="it names no billing account")
    try:
        invoices = bill_account(tx, charging, BillingAccountId(account["id"]), now=now)
    except BilledMeanwhile:
        raise
    except TrunklineError as error:
        return _end(tx, kept, DemandState.REJECTED, now, statusReason=str(error))
    if not invoices:
        reason = "nothing has been used or served since the last bill"
        return _end(tx, kept, DemandState.REJECTED, now, statusReason=reason)
    last = invoices[-1]
    return _end(tx, kept, DemandState.DONE, now, customerBill={"id": last.id})


def _end(tx: Tx, kept: Body, state: DemandState, now: datetime, **others: Any) -> Body:
    return documents.move(tx, DEMANDS, kept["id"], state.value, now, **others)


def bill_account(
    tx: Tx, charging: Database, account: BillingAccountId, *, now: datetime
) -> list[Invoice]:
    """Bills all that is due of an account up to the last local midnight: its months that are
    over, and the running one in part. Raises what can't be billed."""
    invoices: list[Invoice] = []
    cycle = runs.cycles(tx, [account]).get(account)
    for _ in range(_MOST_MONTHS):
        gathered = None if cycle is None else _next_month(tx, charging, cycle, now)
        if gathered is None:
            break
        bill = calculate_bill(gathered.to_bill)
        draft = msgspec.structs.replace(gathered.draft, bill=bill)
        if bill is None and draft.month.end < draft.cycle.next_end:
            break
        issued = issue_bills(tx, [draft], [], run=None, now=now)
        if issued.accounts != 1:
            raise BilledMeanwhile(f"account {account} is being billed", path="billingAccount")
        invoices += issued.invoices
        cycle = draft.moved
    return invoices


def unbilled_lines(
    r: Reader, charging: Database, account: BillingAccountId, *, now: datetime
) -> tuple[Period, tuple[InvoiceLine, ...]] | None:
    """What a bill on demand would hold of the account's next month, with its period; None where
    no day of it is over. Raises `AccountNotFound`, and what can't be billed."""
    billing_account(r, account)
    cycle = runs.cycles(r, [account]).get(account)
    gathered = None if cycle is None else _next_month(r, charging, cycle, now)
    if gathered is None:
        return None
    bill = calculate_bill(gathered.to_bill)
    return gathered.draft.month, () if bill is None else bill.lines


def _next_month(
    r: Reader, charging: Database, cycle: BillingCycle, now: datetime
) -> Gathered | None:
    """The account's next month, or the part of it that is over; None where no day is."""
    gatherer = Gatherer(r.database, charging)
    for _, gathered in gatherer.gather([cycle], until=now, reader=r):
        if isinstance(gathered, TrunklineError):
            raise gathered
        month = gathered.draft.month
        return gathered if month.start < month.end else None
    return None
