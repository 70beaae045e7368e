"""Bill runs as an operator asks for them: through a local day, and the PDFs of a run."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from trunkline import billing
from trunkline.app import System
from trunkline.app.founding import operator
from trunkline.billing import BillRunId, BillRunReport
from trunkline.kernel.time import local_midnight, zone

Progress = Callable[[int, int], None]


def bill_through(system: System, day: date | None, progress: Progress) -> BillRunReport:
    """Bills every month that ended when `day` (default: today, in the operator's zone) began."""
    now = system.clock.now()
    with system.books.read() as r:
        tz = zone(operator(r).market.time_zone)
    through = local_midnight(day or now.astimezone(tz).date(), tz)
    return billing.run_bills(
        system.books, system.charging, through=through, now=now, progress=progress
    )


def write_pdfs(system: System, run: BillRunId, folder: Path, progress: Progress) -> int:
    """A PDF for every invoice of a run, named by its number; returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    with system.books.read() as r:
        ids = billing.invoices_of_run(r, run)
        for done, invoice_id in enumerate(ids, start=1):
            invoice = billing.invoice(r, invoice_id)
            (folder / f"{invoice.number}.pdf").write_bytes(billing.render_pdf(invoice))
            progress(done, len(ids))
    return len(ids)
