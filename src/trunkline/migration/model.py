"""What an import reads, and what it tells about it."""

from typing import NamedTuple

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Money
from trunkline.payments import PaymentMethodKind


class Remark(NamedTuple):
    """Something about one place in a file. The header is line 1; `column` is empty where it is
    the whole line."""

    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        place = f"line {self.line}, {self.column}" if self.column else f"line {self.line}"
        return f"{place}: {self.reason}"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as a line of the file has him, every column checked. `items` are the keys of
    the price list that he has, the first of them the main one; `total` is None for a new
    customer, who was never billed."""

    line: int
    fields: dict[str, str]
    """The columns as they were written."""
    customer_id: str
    gender: str
    senior_citizen: bool
    partner: bool
    dependents: bool
    tenure_months: int
    items: tuple[str, ...]
    contract: str
    contract_months: int
    paperless: bool
    payment_method: PaymentMethodKind
    automatic: bool
    monthly: Money
    total: Money | None
    churned: bool


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did. `imported` and `unchanged` count customers; a row that differs from
    what came in under its id before is in `changed`, column by column, and is not applied; one
    at fault is in `rejected`, and nothing of it is left behind."""

    imported: int = 0
    unchanged: int = 0
    notices: tuple[Remark, ...] = ()
    changed: tuple[Remark, ...] = ()
    rejected: tuple[Remark, ...] = ()


class ImportRefused(Invalid):
    """The file as a whole can't be read, or all of it was wanted and a row is at fault.
    `fields["remarks"]` says why. Nothing was imported."""

    code = "importRefused"
