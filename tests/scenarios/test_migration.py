"""Another operator's customers come in: each row whole, or not at all, and once."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from tests.scenarios.migration_operator import found, products, real_file, taken_on
from tests.unit.migration.builders import HEADER, line, phone_only
from trunkline.billing import invoices_of, run_bills
from trunkline.catalog import (
    BrandId,
    DocumentKind,
    UnknownBrand,
    offering,
    offering_ids,
    patch_document,
    save_document,
)
from trunkline.customers import (
    AccountKind,
    CustomerId,
    NewIndividual,
    accounts_of,
    agreements_of,
    agreements_of_customers,
    count_customers,
    create_customer,
    party,
    register_party,
    search_customers,
)
from trunkline.inventory import ProductStatus
from trunkline.kernel.money import Money
from trunkline.ledger import trial_balance
from trunkline.migration import (
    PRICE_LIST,
    ImportRefused,
    NoOperator,
    PriceListDiffers,
    Report,
    import_customers,
    offering_id,
)
from trunkline.payments import PaymentMethodKind, payment_methods_of
from trunkline.platform.db import Database, Reader, books_metadata
from trunkline.platform.relay import Relay

TABLES = [
    "party",
    "customer",
    "customer_search",
    "billing_account",
    "payment_method",
    "agreement",
    "product",
    "product_price",
    "billing_cycle",
    "migrated_row",
    "catalog_document",
]


def counts(r: Reader) -> dict[str, int]:
    """How many rows each table has that an import writes to."""
    statements = {
        name: sa.select(sa.func.count()).select_from(books_metadata.tables[name]) for name in TABLES
    }
    return {name: r.execute(each).scalar_one() for name, each in statements.items()}


@pytest.fixture
def operator(books: Database, now: datetime) -> Database:
    found(books, now)
    return books


def test_a_row_becomes_a_customer_with_all_that_he_has(operator: Database, now: datetime) -> None:
    report = import_customers(operator, [HEADER, line(Churn="Yes")], now=now)
    assert report == Report(imported=1)
    with operator.read() as r:
        ada = taken_on(r, "1000-ADA")
        assert party(r, ada.party).name == "1000-ADA"
        assert ada.characteristics["churned"] is True
        assert ada.characteristics["totalCharges"] == "1096.20"
        assert search_customers(r, "1000-ada").customers == (ada,)

        (account,) = accounts_of(r, ada.id)
        assert (account.kind, account.currency) == (AccountKind.POSTPAID, "USD")
        assert (account.cycle_day, account.external_id) == (1, "1000-ADA")
        (method,) = payment_methods_of(r, account.id)
        assert (method.kind, method.automatic) == (PaymentMethodKind.CREDIT_CARD, True)

        by_name = {each.name: each for each in products(r, ada)}
        assert {name: str(each.prices[0].amount) for name, each in by_name.items()} == {
            "Fibre internet": "50.00 USD",
            "Phone line": "20.00 USD",
            "Second phone line": "5.00 USD",
            "Online backup": "5.00 USD",
            "Streaming TV": "10.00 USD",
        }
        assert {each.status for each in by_name.values()} == {ProductStatus.ACTIVE}
        # A customer for twelve months in November 2026, by New York's clock.
        assert {each.start_date for each in by_name.values()} == {
            datetime(2025, 11, 1, 4, tzinfo=UTC)
        }
        fibre = by_name["Fibre internet"]
        assert fibre.characteristics == {"contract": "One year", "contractMonths": "12"}

        # The list comes to 90.00 and he pays 91.35: he agreed to 1.35 more.
        (agreed,) = agreements_of(r, ada.id)
        assert agreed.items[0].recurring_alteration == Money.of("1.35", "USD")
        assert agreed.items[0].offering == offering_id("fibre")
        (alteration,) = fibre.prices[0].alterations
        assert (alteration.amount, alteration.agreement) == (Money.of("1.35", "USD"), agreed.id)
        assert sum(len(each.prices[0].alterations) for each in by_name.values()) == 1


def test_one_who_pays_the_list_price_has_no_agreement(operator: Database, now: datetime) -> None:
    import_customers(operator, [HEADER, phone_only()], now=now)
    with operator.read() as r:
        ada = taken_on(r, "1000-ADA")
        assert agreements_of(r, ada.id) == []
        assert [each.prices[0].alterations for each in products(r, ada)] == [()]


def test_one_may_pay_less_than_the_list(operator: Database, now: datetime) -> None:
    import_customers(operator, [HEADER, phone_only(MonthlyCharges="18.25")], now=now)
    with operator.read() as r:
        (agreed,) = agreements_of(r, taken_on(r, "1000-ADA").id)
    assert agreed.items[0].recurring_alteration == Money.of("-1.75", "USD")


def test_bad_rows_are_told_and_leave_nothing(operator: Database, now: datetime) -> None:
    alone = import_customers(operator, [HEADER, phone_only(customerID="a")], now=now)
    assert alone.imported == 1
    with operator.read() as r:
        one = counts(r)
    report = import_customers(
        operator,
        [
            HEADER,
            phone_only(customerID="b"),
            line(gender="?", MonthlyCharges="?"),
            b"\xff\n",
            phone_only(customerID="b"),
            "too,short\n",
            phone_only(customerID="c", tenure="0", TotalCharges=""),
        ],
        now=now,
    )
    assert (report.imported, report.unchanged, report.changed) == (2, 0, ())
    assert [(each.line, each.column) for each in report.rejected] == [
        (3, "gender"),
        (3, "MonthlyCharges"),
        (4, ""),
        (5, "customerID"),
        (6, ""),
    ]
    assert [(each.line, each.column) for each in report.notices] == [(7, "TotalCharges")]
    with operator.read() as r:
        three = counts(r)
    lasting = {"catalog_document"}
    assert three == {
        name: count if name in lasting else three[name] if name == "customer_search" else 3 * count
        for name, count in one.items()
    }


def test_importing_twice_changes_nothing(operator: Database, now: datetime) -> None:
    lines = [HEADER, *(line(customerID=f"c-{number}") for number in range(120))]
    assert import_customers(operator, lines, now=now).imported == 120
    with operator.read() as r:
        before = counts(r)
    later = now + timedelta(days=40)
    assert import_customers(operator, lines, now=later) == Report(unchanged=120)
    with operator.read() as r:
        assert counts(r) == before


def test_a_row_that_changed_is_told_and_not_applied(operator: Database, now: datetime) -> None:
    import_customers(operator, [HEADER, line()], now=now)
    report = import_customers(
        operator, [HEADER, line(MonthlyCharges="95", Churn="Yes"), line(customerID="2")], now=now
    )
    assert (report.imported, report.unchanged, report.rejected) == (1, 0, ())
    assert [str(each) for each in report.changed] == [
        "line 2, MonthlyCharges: was '91.35' when 1000-ADA came in, is '95' now; not applied",
        "line 2, Churn: was 'No' when 1000-ADA came in, is 'Yes' now; not applied",
    ]
    with operator.read() as r:
        assert taken_on(r, "1000-ADA").characteristics["churned"] is False


def test_a_customer_from_elsewhere_keeps_his_id(operator: Database, now: datetime) -> None:
    import_customers(operator, [HEADER, line()], now=now)
    with operator.transaction() as tx:
        brand = taken_on(tx, "1000-ADA").brand
        eve = register_party(tx, NewIndividual(given_name="Eve"), now=now)
        create_customer(tx, party=eve.id, brand=brand, external_id="e", now=now)
    report = import_customers(
        operator, [HEADER, line(customerID="e"), line(customerID="f")], now=now
    )
    assert report.imported == 1
    assert [(each.line, each.column) for each in report.rejected] == [(2, "customerID")]


def test_what_an_operation_refuses_takes_only_its_row(operator: Database, now: datetime) -> None:
    """An account of this external id is there, though no customer is: found out only when the
    chunk is written."""
    import_customers(operator, [HEADER, line()], now=now)
    with operator.transaction() as tx:
        tx.execute(sa.text("UPDATE billing_account SET external_id = 'x'"))
        tx.execute(sa.text("UPDATE agreement SET external_id = 'x'"))
    lines = [HEADER, *(line(customerID=each) for each in ("w", "x", "y"))]
    report = import_customers(operator, lines, now=now)
    assert report.imported == 2
    ((place, reason),) = [(each.line, each.reason) for each in report.rejected]
    assert place == 3
    assert "came in as x already" in reason
    with operator.read() as r:
        assert count_customers(r) == 3


def test_all_or_nothing(operator: Database, now: datetime) -> None:
    lines = [HEADER, *(line(customerID=f"c-{number}") for number in range(60))]
    with operator.read() as r:
        before = counts(r)
    with pytest.raises(ImportRefused, match="line 62, gender") as refused:
        import_customers(
            operator, [*lines, line(customerID="x", gender="")], now=now, all_or_nothing=True
        )
    assert refused.value.path == "line 62"
    with operator.read() as r:
        assert counts(r) == before
    assert import_customers(operator, lines, now=now, all_or_nothing=True).imported == 60
    with pytest.raises(ImportRefused, match="and 1 more"):
        import_customers(
            operator,
            [HEADER, line(customerID="c-1", gender="Male", Churn="Yes"), line(customerID="n")],
            now=now,
            all_or_nothing=True,
        )
    with pytest.raises(ImportRefused):
        import_customers(operator, [HEADER, "x\n"], now=now, all_or_nothing=True)
    with operator.read() as r:
        assert count_customers(r) == 60


def test_without_an_operator_nobody_comes_in(books: Database, now: datetime) -> None:
    with pytest.raises(NoOperator):
        import_customers(books, [HEADER, line()], now=now)


def test_a_file_without_header_changes_nothing(operator: Database, now: datetime) -> None:
    with operator.read() as r:
        before = counts(r)
    with pytest.raises(ImportRefused):
        import_customers(operator, ["customer,phone\n", "1,2\n"], now=now)
    with operator.read() as r:
        assert counts(r) == before


def test_the_price_list_becomes_offerings_that_stay(operator: Database, now: datetime) -> None:
    import_customers(operator, [HEADER, line()], now=now)
    with operator.read() as r:
        assert offering_ids(r) == sorted(offering_id(key) for key in PRICE_LIST)
        fibre = offering(r, offering_id("fibre"))
        assert fibre.is_on_sale(now)
    price = fibre.recurring_prices[0]
    with operator.transaction() as tx:
        patch_document(
            tx,
            kind=DocumentKind.PRICE,
            document_id=price.id,
            patch={"price": {"value": 60}},
            now=now,
        )
    # The list is dearer by ten now: who pays 91.35 agreed to 8.65 less.
    import_customers(operator, [HEADER, line(customerID="2")], now=now)
    with operator.read() as r:
        (agreed,) = agreements_of(r, taken_on(r, "2").id)
    assert agreed.items[0].recurring_alteration == Money.of("-8.65", "USD")


def test_a_list_that_is_another_in_the_catalogue_is_refused(
    operator: Database, now: datetime
) -> None:
    with operator.transaction() as tx:
        body = {"id": offering_id("fibre"), "name": "Fibre"}
        save_document(tx, kind=DocumentKind.OFFERING, body=body, now=now)
    with pytest.raises(PriceListDiffers, match="fibre"):
        import_customers(operator, [HEADER, line()], now=now)


def test_progress_is_told(operator: Database, now: datetime, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("".join([HEADER, *(line(customerID=f"c-{n}") for n in range(70))]))
    told: list[tuple[int, int]] = []
    import_customers(operator, path, now=now, progress=lambda *each: told.append(each))
    assert told == [(50, 70), (70, 70)]
    told.clear()
    import_customers(
        operator, [HEADER, line(), "bad\n"], now=now, progress=lambda *each: told.append(each)
    )
    assert told == [(1, 2), (2, 2)]


def test_a_file_that_can_not_be_opened_is_named(
    operator: Database, now: datetime, tmp_path: Path
) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(ImportRefused) as refused:
            import_customers(operator, path, now=now)
        assert refused.value.path == str(path)


@pytest.mark.slow
def test_the_real_file_bills_what_its_customers_paid(
    operator: Database, charging: Database, now: datetime
) -> None:
    """7,043 customers whose monthly charges sum to 456,116.60."""
    path = real_file()
    report = import_customers(operator, path, now=now)
    assert (report.imported, len(report.notices), report.rejected) == (7043, 11, ())
    with operator.read() as r:
        standing = counts(r)
        price, alteration = books_metadata.tables["product_price"], Money.zero("USD")
        listed = r.execute(sa.select(sa.cast(sa.func.sum(price.c.amount_micros), sa.BigInteger)))
        total = Money(listed.scalar_one(), "USD")
        ids = r.execute(sa.select(books_metadata.tables["customer"].c.id)).scalars()
        for agreed in agreements_of_customers(r, [CustomerId(each) for each in ids]).values():
            for agreement in agreed:
                alteration += agreement.items[0].recurring_alteration or Money.zero("USD")
    assert total + alteration == Money.of("456116.60", "USD")
    assert standing["customer"] == standing["billing_account"] == standing["party"] == 7043
    assert standing["agreement"] == 7043 - 181

    assert import_customers(operator, path, now=now).unchanged == 7043
    with operator.read() as r:
        assert counts(r) == standing

    december = datetime(2026, 12, 1, 5, tzinfo=UTC)
    bills = run_bills(operator, charging, through=december, now=december)
    (invoiced,) = bills.totals
    assert (bills.invoices, bills.failures) == (7043, ())
    assert invoiced.net == Money.of("456116.60", "USD")
    with operator.read() as r:
        assert sum(each.debit.micros - each.credit.micros for each in trial_balance(r)) == 0


@pytest.mark.slow
def test_killed_at_random_moments(operator: Database, now: datetime, tmp_path: Path) -> None:
    rows = 600
    path = tmp_path / "customers.csv"
    path.write_text("".join([HEADER, *(line(customerID=f"c-{n}") for n in range(rows))]))
    random = Random(20261102)
    url = operator.url.render_as_string(hide_password=False)
    for _ in range(5):
        kill_after(random.randrange(4), [url, str(path), now.isoformat()])
    report = import_customers(operator, path, now=now)
    assert report.imported + report.unchanged == rows
    assert not report.rejected
    with operator.read() as r:
        standing = counts(r)
    for table in ("party", "customer", "billing_account", "payment_method", "agreement"):
        assert standing[table] == rows
    assert standing["product"] == standing["product_price"] == 5 * rows


IMPORT = """
import sys
from datetime import datetime
from pathlib import Path
from trunkline.migration import import_customers
from trunkline.platform.db import Database, books_metadata

books = Database(sys.argv[1], metadata=books_metadata)
print("ready", flush=True)
import_customers(books, Path(sys.argv[2]), now=datetime.fromisoformat(sys.argv[3]),
                 progress=lambda done, total: print(done, flush=True))
"""


def kill_after(chunks: int, arguments: list[str]) -> None:
    """Starts an import in a process of its own and kills it while it is at the next chunk."""
    with subprocess.Popen(
        [sys.executable, "-c", IMPORT, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(chunks):
            process.stdout.readline()
        process.kill()


def test_a_clock_is_not_asked(operator: Database) -> None:
    """What is written bears the instant that the import was given."""
    at = datetime(2030, 1, 15, tzinfo=UTC)
    import_customers(operator, [HEADER, line()], now=at)
    with operator.read() as r:
        assert taken_on(r, "1000-ADA").created_at == at


def test_one_is_billed_from_the_month_that_is_named(
    operator: Database, charging: Database, relay: Relay, now: datetime
) -> None:
    """Taken on in November, billed here from October on: a whole month at 91.35, though his
    products are in service for a year."""
    import_customers(operator, [HEADER, line()], now=now, billed_from=date(2026, 10, 15))
    relay.drain()
    with operator.read() as r:
        starts = {each.start_date for each in products(r, taken_on(r, "1000-ADA"))}
    assert starts == {datetime(2025, 10, 1, 4, tzinfo=UTC)}
    bills = run_bills(operator, charging, through=now, now=now)
    assert [each.net for each in bills.totals] == [Money.of("91.35", "USD")]


def test_the_dearest_and_the_cheapest(
    operator: Database, charging: Database, relay: Relay, now: datetime
) -> None:
    """One pays nothing: his agreement takes 90 off a main product of 50. One has agreed to more
    than an invoice can hold with its tax: he alone is set aside."""
    report = import_customers(
        operator,
        [
            HEADER,
            line(customerID="free", MonthlyCharges="0.00"),
            line(customerID="dear", MonthlyCharges="9000000000000"),
            line(customerID="ada"),
        ],
        now=now,
    )
    assert (report.imported, report.rejected) == (3, ())
    relay.drain()
    december = datetime(2026, 12, 1, 5, tzinfo=UTC)
    bills = run_bills(operator, charging, through=december, now=december)
    with operator.read() as r:
        accounts = {
            name: accounts_of(r, taken_on(r, name).id)[0].id for name in ("free", "dear", "ada")
        }
        nets = {
            name: [each.net for each in invoices_of(r, account)]
            for name, account in accounts.items()
        }
        assert sum(each.amount.micros for each in trial_balance(r)) == 0
    usd = "USD"
    assert nets == {"free": [Money.zero(usd)], "dear": [], "ada": [Money.of("91.35", usd)]}
    assert [each.account for each in bills.failures] == [accounts["dear"]]


def test_an_unknown_brand_is_refused(operator: Database, now: datetime) -> None:
    with pytest.raises(UnknownBrand):
        import_customers(operator, [HEADER, line()], now=now, brand=BrandId("none"))
