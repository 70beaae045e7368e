"""Which products a bill charges for, and from when: none is forgotten, none charged twice."""

from datetime import datetime

import pytest

from tests.scenarios.billing_town import (
    at,
    end_product,
    found_town,
    give_product,
    move_in,
    once,
    recurring,
)
from trunkline import inventory
from trunkline.billing import (
    Invoice,
    LineKind,
    billing_cycles,
    invoice,
    invoices_of,
    run_bills,
    start_billing,
)
from trunkline.customers import AccountKind, BillingAccountId
from trunkline.inventory import NewProduct, Product, ProductPrice
from trunkline.inventory import ProductStatus as Status
from trunkline.kernel.money import Money
from trunkline.ledger import ROUNDING, balance, trial_balance
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay

NOV = at("2026-11-01")
DEC = at("2026-12-01")
JAN = at("2027-01-01")
FEB = at("2027-02-01")
PLAN = (recurring("Plan", "30"), once("Activation", "19"))


@pytest.fixture
def ada(books: Database) -> BillingAccountId:
    """Ada has an account, and nothing yet."""
    with books.transaction() as tx:
        found_town(tx, NOV)
        return move_in(tx, "Ada Byron", NOV)


def bill(books: Database, charging: Database, now: datetime) -> None:
    assert run_bills(books, charging, through=now, now=now).failures == ()
    with books.read() as r:
        assert sum(row.amount.micros for row in trial_balance(r)) == 0


def create(
    books: Database,
    account: BillingAccountId,
    *prices: ProductPrice,
    status: Status = Status.CREATED,
    since: datetime | None = None,
) -> Product:
    new = NewProduct(
        name="Mobile",
        offering="off",
        offering_name="Mobile",
        customer="cus",
        billing_account=account,
        prices=prices or PLAN,
        status=status,
        start_date=since,
    )
    with books.transaction() as tx:
        return inventory.create_product(tx, new, now=since or NOV)


def move(books: Database, product: Product, to: Status, when: datetime) -> None:
    with books.transaction() as tx:
        inventory.change_product_status(tx, product=product.id, status=to, now=when)


def charged(books: Database, account: BillingAccountId) -> list[list[tuple[str, str, str]]]:
    """The lines of each of the account's invoices, the first invoice first."""
    with books.read() as r:
        heads = [invoice(r, head.id) for head in reversed(invoices_of(r, account))]
    return [_lines(head) for head in heads]


def _lines(head: Invoice) -> list[tuple[str, str, str]]:
    return [(line.text, line.detail, f"{line.amount.to_decimal():f}") for line in head.lines]


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.SUSPENDED])
def test_one_that_is_created_in_service_is_billed_from_its_start(
    books: Database, charging: Database, relay: Relay, ada: BillingAccountId, status: Status
) -> None:
    create(books, ada, status=status, since=at("2026-11-16"))
    relay.drain()
    bill(books, charging, DEC)
    assert charged(books, ada) == [
        [("Plan", "15 of 30 days", "15.00"), ("Activation", "", "19.00")],
    ]


def test_an_account_begins_with_its_first_product_whichever_is_told_first(
    books: Database, charging: Database, relay: Relay, ada: BillingAccountId
) -> None:
    with books.transaction() as tx:
        for since in ("2026-12-17", "2026-11-16"):
            inventory.create_product(
                tx,
                NewProduct(
                    name="Mobile",
                    offering="off",
                    offering_name="Mobile",
                    customer="cus",
                    billing_account=ada,
                    prices=(recurring("Plan", "30"),),
                    status=Status.ACTIVE,
                    start_date=at(since),
                ),
                now=at("2026-12-20"),
            )
    relay.drain()
    bill(books, charging, JAN)
    assert [sorted(line[1] for line in lines) for lines in charged(books, ada)] == [
        ["15 of 30 days"],
        ["", "15 of 31 days"],
    ]


def test_one_who_was_taken_over_is_billed_from_then_on(
    books: Database, charging: Database, relay: Relay, ada: BillingAccountId
) -> None:
    """The system that he comes from has billed him up to November."""
    create(books, ada, status=Status.ACTIVE, since=at("2019-05-01"))
    with books.transaction() as tx:
        start_billing(tx, {ada: NOV})
    relay.drain()
    bill(books, charging, DEC)
    assert charged(books, ada) == [[("Plan", "", "30.00")]]


def test_an_activation_that_the_run_could_not_see_comes_with_the_next(
    books: Database, charging: Database, relay: Relay, ada: BillingAccountId
) -> None:
    """It was made on 30 November, and committed only when November had been billed."""
    with books.transaction() as tx:
        give_product(tx, ada, [recurring("Line", "10")], NOV)
    late = create(books, ada)
    bill(books, charging, DEC)
    move(books, late, Status.ACTIVE, at("2026-11-30T23:59:59"))
    relay.drain()
    bill(books, charging, JAN)
    bill(books, charging, FEB)
    # Products of one moment have their ids, and so their lines, in no order.
    assert [sorted(lines) for lines in charged(books, ada)] == [
        [("Line", "", "10.00")],
        [
            ("Activation", "", "19.00"),
            ("Line", "", "10.00"),
            ("Plan", "", "30.00"),
            ("Plan", "1 of 30 days", "1.00"),
        ],
        [("Line", "", "10.00"), ("Plan", "", "30.00")],
    ]


@pytest.mark.parametrize("told", ["before the bill", "after the bill"])
def test_one_that_was_missed_and_has_ended_is_billed_all_the_same(
    books: Database, charging: Database, relay: Relay, ada: BillingAccountId, told: str
) -> None:
    with books.transaction() as tx:
        give_product(tx, ada, [recurring("Line", "10")], NOV)
    late = create(books, ada)
    bill(books, charging, DEC)
    move(books, late, Status.ACTIVE, at("2026-11-28"))
    move(books, late, Status.TERMINATED, at("2026-11-30"))
    if told == "before the bill":
        relay.drain()
    bill(books, charging, JAN)
    relay.drain()
    bill(books, charging, FEB)
    missed = [("Plan", "2 of 30 days", "2.00"), ("Activation", "", "19.00")]
    line = ("Line", "", "10.00")
    november, *later = charged(books, ada)
    assert november == [line]
    assert sorted(each for lines in later for each in lines) == sorted([line, line, *missed])
    bill(books, charging, at("2027-03-01"))
    assert charged(books, ada)[3] == [line]


def test_one_that_was_billed_before_billing_was_told_is_billed_once(
    books: Database, charging: Database, relay: Relay, ada: BillingAccountId
) -> None:
    with books.transaction() as tx:
        give_product(tx, ada, PLAN, NOV)
    bill(books, charging, DEC)
    relay.drain()
    bill(books, charging, JAN)
    assert charged(books, ada) == [
        [("Plan", "", "30.00"), ("Activation", "", "19.00")],
        [("Plan", "", "30.00")],
    ]


def test_what_never_came_into_service_is_not_billed(
    books: Database, charging: Database, relay: Relay, ada: BillingAccountId
) -> None:
    """A cancelled order's product, one that was given up, and one that is still to come."""
    for status in (Status.CANCELLED, Status.ABORTED, Status.PENDING_ACTIVE):
        move(books, create(books, ada), status, at("2026-11-20"))
    relay.drain()
    bill(books, charging, FEB)
    assert charged(books, ada) == []
    with books.read() as r:
        assert billing_cycles(r, [ada]) == {}


def test_a_suspended_product_is_charged_until_it_ends(
    books: Database, charging: Database, relay: Relay, ada: BillingAccountId
) -> None:
    """Its line and its number are kept for the customer: only its end ends its price."""
    product = create(books, ada, recurring("Plan", "30"), status=Status.ACTIVE, since=NOV)
    move(books, product, Status.SUSPENDED, at("2026-11-10"))
    relay.drain()
    bill(books, charging, DEC)
    move(books, product, Status.ACTIVE, at("2026-12-05"))
    move(books, product, Status.PENDING_TERMINATE, at("2026-12-20"))
    move(books, product, Status.TERMINATED, at("2027-01-11"))
    relay.drain()
    bill(books, charging, FEB)
    assert charged(books, ada) == [
        [("Plan", "", "30.00")],
        [("Plan", "", "30.00")],
        [("Plan", "10 of 31 days", "9.68")],
    ]


def test_a_change_of_plan_leaves_no_day_out_and_counts_none_twice(
    books: Database, charging: Database, relay: Relay, ada: BillingAccountId
) -> None:
    """From 30 to 60 on the 16th, at noon: 15 days of each, the 16th at the new price."""
    old = create(books, ada, recurring("Small", "30"), status=Status.ACTIVE, since=NOV)
    noon = at("2026-11-16T12:00")
    move(books, old, Status.TERMINATED, noon)
    create(books, ada, recurring("Large", "60"), status=Status.ACTIVE, since=noon)
    relay.drain()
    bill(books, charging, DEC)
    assert charged(books, ada) == [
        [("Small", "15 of 30 days", "15.00"), ("Large", "15 of 30 days", "30.00")]
    ]


def test_one_that_ends_on_the_day_of_its_start_pays_its_activation_alone(
    books: Database, charging: Database, relay: Relay, ada: BillingAccountId
) -> None:
    product = create(books, ada, status=Status.ACTIVE, since=at("2026-11-16T08:00"))
    move(books, product, Status.TERMINATED, at("2026-11-16T18:00"))
    relay.drain()
    bill(books, charging, DEC)
    assert charged(books, ada) == [[("Activation", "", "19.00")]]


def test_one_that_ends_on_a_months_first_day_makes_no_empty_invoice(
    books: Database, charging: Database, ada: BillingAccountId
) -> None:
    with books.transaction() as tx:
        product = give_product(tx, ada, [recurring("Plan", "30")], NOV)
    bill(books, charging, DEC)
    with books.transaction() as tx:
        end_product(tx, product, at("2026-12-01T09:00"))
    bill(books, charging, FEB)
    assert charged(books, ada) == [[("Plan", "", "30.00")]]


def test_what_a_prepaid_account_has_beside_its_usage_is_invoiced(
    books: Database, charging: Database, relay: Relay, ada: BillingAccountId
) -> None:
    """The balance pays for usage alone."""
    with books.transaction() as tx:
        account = move_in(tx, "Bo", NOV, kind=AccountKind.PREPAID)
    create(books, account, status=Status.ACTIVE, since=NOV)
    relay.drain()
    bill(books, charging, DEC)
    with books.read() as r:
        (head,) = invoices_of(r, account)
        kinds = [line.kind for line in invoice(r, head.id).lines]
    assert kinds == [LineKind.RECURRING, LineKind.ONE_TIME]


@pytest.mark.parametrize(
    ("currency", "price", "line", "tax"),
    [
        ("JPY", "999", "500", "100"),
        ("KWD", "9.999", "5.000", "1.000"),
        ("CLF", "0.0003", "0.0002", "0.0000"),
        ("EUR", "9.99", "5.00", "1.00"),
    ],
)
def test_a_bill_is_in_the_minor_units_of_its_currency(
    books: Database,
    charging: Database,
    ada: BillingAccountId,
    currency: str,
    price: str,
    line: str,
    tax: str,
) -> None:
    """Half a month: 499.5 yen, 4.9995 dinar, 0.00015 unidades and 4.995 euros, each half up; the
    other half of the unit is rounding. 20 % of 0.0002 is nothing."""
    with books.transaction() as tx:
        bo = move_in(tx, "Bo", NOV, currency=currency)
        give_product(tx, bo, [recurring("Plan", price, currency=currency)], at("2026-11-16"))
    bill(books, charging, DEC)
    with books.read() as r:
        (head,) = invoices_of(r, bo)
        assert (str(head.net), str(head.tax)) == (f"{line} {currency}", f"{tax} {currency}")
        half = Money.of(line, currency) - Money.of(price, currency).scaled(1, 2)
        assert half
        assert balance(r, ROUNDING, currency) == -half
        sums: dict[str, int] = {}
        for row in trial_balance(r):
            sums[row.amount.currency] = sums.get(row.amount.currency, 0) + row.amount.micros
    assert not any(sums.values())
