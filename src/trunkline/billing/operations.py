"""Writes: billing begun for accounts, bills issued."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from trunkline.billing import runs, store
from trunkline.billing.charges import Bill
from trunkline.billing.cycle import BillingCycle, month_to_bill
from trunkline.billing.events import InvoiceIssued
from trunkline.billing.issuing import Draft, entry_of, invoice_of, item_of
from trunkline.billing.model import BillFailure, BillRunId, Invoice, InvoiceId
from trunkline.billing.notices import tell_of_invoices
from trunkline.catalog import market_of_brand
from trunkline.customers import AccountNotFound, BillingAccountId, billing_accounts, customers
from trunkline.inventory import Product, products_of_accounts
from trunkline.kernel.money import Money
from trunkline.kernel.time import zone
from trunkline.ledger import LegalEntityId, post_many
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx
from trunkline.receivables import open_items, receivable_balances


class Issued(msgspec.Struct, frozen=True):
    """What `issue_bills` wrote."""

    accounts: int
    invoices: tuple[Invoice, ...]


def start_billing(tx: Tx, since: Mapping[BillingAccountId, datetime]) -> int:
    """Bills these accounts from the month that holds the given instant, their first activation
    (or, for a migrated base, the instant from which it is billed here). Those that are billed
    already stay as they are. Returns how many began; raises `AccountNotFound`."""
    if not since:
        return 0
    accounts = billing_accounts(tx, since)
    owners = customers(tx, {account.customer for account in accounts.values()})
    zones = {
        brand: zone(market_of_brand(tx, brand).time_zone)
        for brand in {customer.brand for customer in owners.values()}
    }
    cycles = []
    for account_id, instant in since.items():
        account = accounts.get(account_id)
        if account is None:
            raise AccountNotFound(f"there is no billing account {account_id[:60]}")
        fresh = BillingCycle(account_id, instant, None, instant)
        month = month_to_bill(
            fresh, cycle_day=account.cycle_day, tz=zones[owners[account.customer].brand]
        )
        cycles.append(msgspec.structs.replace(fresh, next_end=month.end))
    return runs.start_cycles(tx, cycles)


def bill_products(tx: Tx, products: Sequence[Product]) -> None:
    """Bills these products from their start. An account that is not billed yet is from the
    month in which its first product came into service; nothing before that is ever billed."""
    started = [each for each in products if each.start_date is not None]
    accounts = {BillingAccountId(each.billing_account) for each in started}
    fresh = accounts - runs.cycles(tx, accounts).keys()
    of_account = products_of_accounts(tx, sorted(fresh))
    start_billing(tx, {account: _first_start(of_account[account]) for account in sorted(fresh)})
    runs.await_products(tx, {each.id: each.billing_account for each in started})


def _first_start(products: Sequence[Product]) -> datetime:
    return min(each.start_date for each in products if each.start_date is not None)


def issue_bills(
    tx: Tx,
    drafts: Sequence[Draft],
    failures: Sequence[BillFailure],
    *,
    run: BillRunId | None,
    now: datetime,
) -> Issued:
    """Writes what a run, or somebody's demand, calculated for some accounts: their invoices with
    lines, entries and open items, and that these months are billed. A draft whose account was
    billed meanwhile is left out. The numbers are taken last, since their series stays locked
    until the commit."""
    standing = runs.lock_cycles(tx, [draft.cycle.account for draft in drafts])
    fresh = [draft for draft in drafts if standing.get(draft.cycle.account) == draft.cycle]
    if fresh:
        runs.move_cycles(tx, [draft.moved for draft in fresh])
        billed_usage = {
            charging_account: (draft.account.id, billed)
            for draft in fresh
            for charging_account, billed in draft.billed.items()
        }
        if billed_usage:
            runs.save_billed_usage(tx, billed_usage)
        runs.begin_products(
            tx, {product: draft.account.id for draft in fresh for product in draft.begins}
        )
    billed = [
        (tx.new_id(InvoiceId, now), draft, draft.bill) for draft in fresh if draft.bill is not None
    ]
    invoices = _issue(tx, billed, run, now) if billed else []
    if failures:
        runs.insert_failures(tx, failures)
    if run is not None:
        runs.advance_run(tx, run, accounts=len(fresh), invoices=len(invoices), failed=len(failures))
    return Issued(len(fresh), tuple(invoices))


def _issue(
    tx: Tx, billed: Sequence[tuple[InvoiceId, Draft, Bill]], run: BillRunId | None, now: datetime
) -> list[Invoice]:
    post_many(
        tx, [entry_of(draft, bill, invoice_id, now) for invoice_id, draft, bill in billed], now
    )
    store.insert_lines(tx, {invoice_id: bill.lines for invoice_id, _, bill in billed})
    owed = receivable_balances(tx, [draft.account.id for _, draft, _ in billed])
    by_entity: dict[LegalEntityId, list[tuple[InvoiceId, Draft, Bill]]] = {}
    for each in billed:
        by_entity.setdefault(each[1].entity.id, []).append(each)
    invoices = []
    for entity_id in sorted(by_entity):
        of_entity = by_entity[entity_id]
        prefix = of_entity[0][1].entity.invoice_prefix
        numbers = store.take_numbers(tx, entity_id, prefix, len(of_entity))
        for number, (invoice_id, draft, bill) in zip(numbers, of_entity, strict=True):
            none = Money.zero(draft.account.currency)
            invoices.append(
                invoice_of(
                    draft,
                    bill,
                    invoice_id=invoice_id,
                    number=number,
                    previous_balance=owed.get(draft.account.id, none),
                    run=run,
                    now=now,
                )
            )
    store.insert_invoices(tx, invoices)
    open_items(tx, [item_of(invoice) for invoice in invoices], now=now)
    for invoice in invoices:
        tx.changed("CustomerBill", invoice.id, Change.CREATED)
        tx.emit(
            InvoiceIssued(
                invoice=invoice.id,
                number=invoice.number,
                account=invoice.account,
                customer=invoice.customer,
                period=invoice.period,
                gross=invoice.gross,
                issued_at=invoice.issued_at,
                due_at=invoice.due_at,
            )
        )
    tell_of_invoices(tx, invoices)
    return invoices
