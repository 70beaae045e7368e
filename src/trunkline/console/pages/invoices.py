"""Invoices as PDF."""

from typing import ClassVar

import falcon

from trunkline import billing
from trunkline.billing import InvoiceId
from trunkline.console.web import Console


class InvoicePdf:
    """Rendered from the issued invoice, which never changes: the same bytes each time."""

    scopes: ClassVar[dict[str, str]] = {"GET": "tmf678:read"}

    def __init__(self, console: Console) -> None:
        self._console = console

    def on_get(self, _req: falcon.Request, resp: falcon.Response, invoice: str) -> None:
        with self._console.books.read() as r:
            found = billing.invoice(r, InvoiceId.parse(invoice, path="invoice"))
        resp.content_type = "application/pdf"
        resp.set_header("Content-Disposition", f'inline; filename="{found.number}.pdf"')
        resp.data = billing.render_pdf(found)
