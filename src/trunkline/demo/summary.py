"""The table at the end of the month: what came of it, and that the books balance."""

from rich.console import Console
from rich.table import Table

from trunkline import billing, customers, ledger, ordering, receivables, usage
from trunkline.app import System
from trunkline.demo.diary import Diary
from trunkline.demo.offers import CURRENCY
from trunkline.kernel.money import Money
from trunkline.ordering import OrderState


def print_summary(system: System, diary: Diary, console: Console) -> None:
    """Two tables: the month's figures, and the trial balance."""
    with system.books.read() as r:
        orders = ordering.orders_by_state(r)
        invoices = billing.invoiced(r)
        table = Table(title="The month", show_header=False)
        table.add_column()
        table.add_column(justify="right")
        for name, value in (
            ("Customers", f"{customers.count_customers(r):,}"),
            ("Orders completed", f"{orders.get(OrderState.COMPLETED, 0):,}"),
            ("Orders in other states", f"{_others(orders):,}"),
            ("Charging requests over Gy", f"{diary.requests:,}"),
            ("CDRs", f"{sum(usage.usage_counts(r).values()):,}"),
            ("Invoices", f"{sum(count for count, _ in invoices):,}"),
            ("Invoiced, with tax", str(_sum([amount for _, amount in invoices]))),
            ("Cash", str(ledger.balance(r, ledger.CASH, CURRENCY))),
            ("Receivables", str(_sum([owed for _, owed, _ in receivables.receivable_totals(r)]))),
        ):
            table.add_row(name, value)
        console.print(table)
        console.print(_trial_balance(ledger.trial_balance(r)))


def _others(orders: dict[OrderState, int]) -> int:
    return sum(count for state, count in orders.items() if state is not OrderState.COMPLETED)


def _sum(amounts: list[Money]) -> Money:
    return sum(amounts, start=Money.zero(CURRENCY))


def _trial_balance(lines: list[ledger.AccountBalance]) -> Table:
    table = Table(title="Trial balance")
    table.add_column("Account")
    table.add_column("Name")
    table.add_column("Debit", justify="right")
    table.add_column("Credit", justify="right")
    zero = Money.zero(CURRENCY)
    debit = credit = zero
    for line in lines:
        is_debit = line.amount.micros >= 0
        debit += line.amount if is_debit else zero
        credit += zero if is_debit else -line.amount
        amount = str(line.amount if is_debit else -line.amount)
        table.add_row(line.account, line.name, *((amount, "") if is_debit else ("", amount)))
    table.add_section()
    table.add_row("", "Total", str(debit), str(credit))
    return table
