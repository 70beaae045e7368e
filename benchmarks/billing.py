"""Accounts billed a second and invoices printed a second and core.

Bills one month of postpaid accounts, each with a plan, an option, an agreed discount and a
month's calls, on fsync'ing databases with all reactions in place; the ledger must balance and
the sum must be right, or no figure is reported. BENCH_BILLING_ACCOUNTS (5,000) changes the size.
"""

import io
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

import msgspec
from pypdf import PdfReader

from benchmarks.harness import BUILD, Figures, benchmark
from benchmarks.places import fresh, postgresql
from trunkline import billing, catalog, customers, inventory, ledger, tax
from trunkline.app import REACTIONS
from trunkline.charging import (
    MOST_EVENTS,
    ChargingAccountId,
    InstallTariff,
    OpenAccount,
    Service,
    UsageEvent,
    mediated,
    operations,
)
from trunkline.customers import AccountKind, BillingAccountId
from trunkline.inventory import NewProduct, PriceAlteration, PriceKind, ProductPrice, ProductStatus
from trunkline.kernel.money import Money, to_micros
from trunkline.ledger import LegalEntityId
from trunkline.platform import schema
from trunkline.platform.db import Database, books_metadata, charging_metadata
from trunkline.platform.messages import Routes
from trunkline.rating import (
    Increment,
    PlanSource,
    PriceStep,
    Rate,
    TariffSource,
    UsageRule,
    compile_tariff,
)

ACCOUNTS = int(os.environ.get("BENCH_BILLING_ACCOUNTS", "5000"))
CALLS = 10
"""For each account; a minute each, at 0.10."""
PDFS = 200
PHONES = 10
"""On an invoice that is printed; the lines then fill two pages."""
CHUNK = 250
MONTH = datetime(2026, 11, 1, tzinfo=UTC)
AFTER = datetime(2026, 12, 1, tzinfo=UTC)
PLACE = BUILD / "bench"


@benchmark("billing")
def on_sqlite() -> Figures:
    place = fresh(PLACE / "billing-sqlite")
    return _measure(lambda name: f"sqlite:///{place}/{name}.db", "")


@benchmark("billing.postgresql")
def on_postgresql() -> Figures:
    with postgresql(fresh(PLACE / "billing-postgresql")) as url:
        return _measure(url, ".postgresql")


def _measure(url: Callable[[str], str], suffix: str) -> Figures:
    schema.upgrade(url("books"), "books")
    schema.upgrade(url("charging"), "charging")
    routes = Routes(REACTIONS)
    books = Database(url("books"), metadata=books_metadata, routes=routes)
    charging = Database(url("charging"), metadata=charging_metadata, routes=routes)
    try:
        began = time.perf_counter()
        _provision(books, charging)
        print(f"   {ACCOUNTS:,} accounts in {time.perf_counter() - began:.0f} s", flush=True)
        began = time.perf_counter()
        report = billing.run_bills(books, charging, through=AFTER, now=AFTER)
        billed = time.perf_counter() - began
        print(f"   {report.summary}", flush=True)
        _agree(books, report)
        figures = {"billing.accounts_per_s": ACCOUNTS / billed}
        if not suffix:
            figures["billing.pdf_per_s"] = _print(books, report)
        return {name + suffix: value for name, value in figures.items()}
    finally:
        books.close()
        charging.close()


def _agree(books: Database, report: billing.BillRunReport) -> None:
    """30 and 5, less 2.50, and ten calls at 0.10 for everybody; a ledger that sums to zero."""
    net = Money.of("33.50", "EUR") * ACCOUNTS
    with books.read() as r:
        rest = sum(row.amount.micros for row in ledger.trial_balance(r))
    if report.failures or rest or [total.net for total in report.totals] != [net]:
        raise RuntimeError(f"the books differ: {report.summary}, {report.failed} failed")


def _print(books: Database, report: billing.BillRunReport) -> float:
    with books.read() as r:
        found = billing.invoices(r, billing.invoices_of_run(r, report.run)[:PDFS])
    two_pages = [_of_many_phones(each) for each in found]
    pages = len(PdfReader(io.BytesIO(billing.render_pdf(two_pages[0]))).pages)
    if pages != 2:
        raise RuntimeError(f"the invoice has {pages} pages")
    began = time.perf_counter()
    for each in two_pages:
        billing.render_pdf(each)
    return len(found) / (time.perf_counter() - began)


def _of_many_phones(invoice: billing.Invoice) -> billing.Invoice:
    """The invoice of somebody who has all of it so many times that it fills two pages."""
    return msgspec.structs.replace(
        invoice,
        lines=invoice.lines * PHONES,
        net=invoice.net * PHONES,
        tax=invoice.tax * PHONES,
        gross=invoice.gross * PHONES,
        taxes=tuple(
            msgspec.structs.replace(tax, base=tax.base * PHONES, tax=tax.tax * PHONES)
            for tax in invoice.taxes
        ),
    )


def _provision(books: Database, charging: Database) -> None:
    with books.transaction() as tx:
        entity = ledger.create_legal_entity(
            tx, name="Bench Mobile", country="DE", currency="EUR", tax_number="DE1", now=MONTH
        )
        tax.declare_regime(tx, code="bench")
        tax.set_rate(
            tx,
            regime="bench",
            category="standard",
            name="VAT",
            millionths=190_000,
            valid_from=date(2020, 1, 1),
        )
        market = catalog.create_market(
            tx,
            name="Bench",
            currency="EUR",
            time_zone="Europe/Berlin",
            country="DE",
            tax_regime="bench",
            now=MONTH,
        )
        brand = catalog.create_brand(tx, name="Bench Mobile", market=market.id, now=MONTH)
    tariff = compile_tariff(_prices(), version=1, effective_from=MONTH)
    install = InstallTariff(version=1, effective_from=MONTH, body=tariff.encode())
    with charging.transaction() as tx:
        operations.install_tariff(tx, install, MONTH)
    for first in range(0, ACCOUNTS, CHUNK):
        numbers = range(first, min(first + CHUNK, ACCOUNTS))
        accounts, subscribers = _take_on(books, brand.id, entity, numbers)
        _use(charging, entity, accounts, subscribers, numbers)


def _take_on(
    books: Database, brand: catalog.BrandId, entity: LegalEntityId, numbers: Sequence[int]
) -> tuple[list[BillingAccountId], list[str]]:
    """Customers with their products in service; their accounts and plans' ids."""
    with books.transaction() as tx:
        parties = customers.register_parties(
            tx, [customers.NewIndividual(full_name=f"Customer {n}") for n in numbers], now=MONTH
        )
        owners = customers.create_customers(
            tx, [customers.NewCustomer(party=each.id, brand=brand) for each in parties], now=MONTH
        )
        accounts = customers.create_billing_accounts(
            tx,
            [
                customers.NewBillingAccount(
                    customer=each.id,
                    name=each.name,
                    legal_entity=entity,
                    currency="EUR",
                    kind=AccountKind.POSTPAID,
                )
                for each in owners
            ],
            now=MONTH,
        )
        plans = inventory.create_products(
            tx, [_product(each, "Plan", "30", agreed="-2.50") for each in accounts], now=MONTH
        )
        inventory.create_products(
            tx, [_product(each, "Option", "5") for each in accounts], now=MONTH
        )
        billing.start_billing(tx, {each.id: MONTH for each in accounts})
    return [each.id for each in accounts], [each.id for each in plans]


def _product(
    account: customers.BillingAccount, name: str, amount: str, agreed: str | None = None
) -> NewProduct:
    alterations: tuple[PriceAlteration, ...] = ()
    if agreed is not None:
        alterations = (PriceAlteration(name="As agreed", amount=Money.of(agreed, "EUR")),)
    return NewProduct(
        name=name,
        offering="off_bench",
        offering_name=name,
        customer=account.customer,
        billing_account=account.id,
        prices=(
            ProductPrice(
                kind=PriceKind.RECURRING,
                name=name,
                amount=Money.of(amount, "EUR"),
                alterations=alterations,
            ),
        ),
        status=ProductStatus.ACTIVE,
        start_date=datetime(2026, 10, 31, 23, tzinfo=UTC),
    )


def _use(
    charging: Database,
    entity: LegalEntityId,
    accounts: Sequence[BillingAccountId],
    subscribers: Sequence[str],
    numbers: Sequence[int],
) -> None:
    identities = [(("msisdn", f"49{number:08}"),) for number in numbers]
    with charging.transaction() as tx:
        operations.open_accounts(
            tx,
            [
                OpenAccount(
                    account=ChargingAccountId(subscriber),
                    billing_account=account,
                    legal_entity=entity,
                    currency="EUR",
                    kind=AccountKind.POSTPAID,
                    plan="plan",
                    cycle_day=1,
                    time_zone="Europe/Berlin",
                    identities=identity,
                    opened_at=MONTH,
                )
                for account, subscriber, identity in zip(
                    accounts, subscribers, identities, strict=True
                )
            ],
        )
    for call in range(CALLS):
        events = [
            UsageEvent(
                id=f"{call}",
                identities=identity,
                service=Service.VOICE,
                at=MONTH.replace(day=2 + call),
                units=60,
                called="4930123456",
            )
            for identity in identities
        ]
        for some in range(0, len(events), MOST_EVENTS):
            with charging.transaction() as tx:
                mediated.charge_usage(tx, events[some : some + MOST_EVENTS], AFTER)


def _prices() -> TariffSource:
    rate = Rate(
        label="Calls",
        per=60,
        steps=(PriceStep(0, to_micros("0.10")),),
        increments=(Increment(0, 60),),
    )
    rule = UsageRule(service="voice", rate=rate)
    return TariffSource(
        plans=(PlanSource(id="plan", currency="EUR", rules=(rule,), allowances=()),)
    )
