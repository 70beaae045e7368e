"""Usage on bills: every record exactly once, whenever it comes, and the ledger cleared to the
micro. Calls cost 0.10 a begun minute and 0.05 to connect."""

import itertools
from datetime import date, datetime, timedelta

import pytest

from tests.scenarios.billing_town import (
    ENTITY,
    at,
    eur,
    found_town,
    give_product,
    move_in,
    recurring,
)
from tests.unit.catalog.builders import offering_body, save_offering, save_price, voice_usage
from tests.unit.charging.builders import HUNDRED_MINUTES, compiled, plan
from trunkline.billing import LineKind, invoice, invoices_of, run_bills
from trunkline.charging import (
    ChargeUsage,
    ChargingAccountId,
    InstallTariff,
    OpenAccount,
    Service,
    UsageEvent,
)
from trunkline.customers import AccountKind, BillingAccountId
from trunkline.ledger import PREPAID, RECEIVABLES, UNBILLED, USAGE_REVENUE, balance, trial_balance
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.messages import Message
from trunkline.platform.relay import Relay
from trunkline.tax import set_rate

NOV = at("2026-11-01")
serial = itertools.count()


class Town:
    """Both databases and their relay; phones ring."""

    def __init__(self, books: Database, charging: Database, relay: Relay, clock: DrivenClock):
        self.books, self.charging, self.relay, self.clock = books, charging, relay, clock
        clock.set(NOV)
        with books.transaction() as tx:
            found_town(tx, NOV)
        tariff = compiled(plan(), plan(HUNDRED_MINUTES, id_="talk"), start=NOV)
        self.tell(InstallTariff(version=tariff.version, effective_from=NOV, body=tariff.encode()))

    def tell(self, message: Message) -> None:
        with self.books.transaction() as tx:
            tx.emit(message)
        self.relay.drain()

    def phone(
        self,
        account: BillingAccountId,
        number: str,
        *,
        plan: str = "plan",
        kind: AccountKind = AccountKind.POSTPAID,
    ) -> ChargingAccountId:
        """A subscription of this account's from November on, for 10 a month."""
        with self.books.transaction() as tx:
            product = give_product(tx, account, [recurring("Plan", "10")], NOV, name=number)
        subscriber = ChargingAccountId(product.id)
        self.tell(
            OpenAccount(
                account=subscriber,
                billing_account=account,
                legal_entity=ENTITY,
                currency="EUR",
                kind=kind,
                plan=plan,
                cycle_day=1,
                time_zone="UTC",
                identities=(("msisdn", number),),
                opened_at=NOV,
            )
        )
        return subscriber

    def call(self, number: str, when: datetime, seconds: int = 60) -> None:
        event = UsageEvent(
            id=f"e{next(serial)}",
            identities=(("msisdn", number),),
            service=Service.VOICE,
            at=when,
            units=seconds,
            called="4940123456",
        )
        self.tell(ChargeUsage(batch_id=event.id, events=(event,)))

    def bill(self, when: datetime) -> None:
        self.clock.set(when)
        report = run_bills(self.books, self.charging, through=when, now=when)
        assert report.failures == ()
        with self.books.read() as r:
            assert sum(row.amount.micros for row in trial_balance(r)) == 0

    def usage_on_bills(self, account: BillingAccountId) -> list[list[tuple[str, int, str]]]:
        """The usage lines of each bill, the first bill first."""
        with self.books.read() as r:
            found = [invoice(r, each.id) for each in reversed(invoices_of(r, account))]
        return [
            [
                (line.text, line.events, str(line.amount.to_decimal()))
                for line in each.lines
                if line.kind is LineKind.USAGE
            ]
            for each in found
        ]


@pytest.fixture
def town(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Town:
    return Town(books, charging, relay, clock)


def lives_in(town: Town, name: str, kind: AccountKind = AccountKind.POSTPAID) -> BillingAccountId:
    with town.books.transaction() as tx:
        return move_in(tx, name, NOV, kind=kind)


def test_calls_are_billed_with_their_month(town: Town) -> None:
    """Two calls of a minute: 0.30. Nothing is unbilled afterwards."""
    ada = lives_in(town, "Ada")
    town.phone(ada, "491")
    for day in ("2026-11-03", "2026-11-04"):
        town.call("491", at(day))
    with town.books.read() as r:
        assert balance(r, UNBILLED, "EUR") == eur("0.30")
    town.bill(at("2026-12-01"))
    assert town.usage_on_bills(ada) == [[("Voice", 2, "0.30")]]
    with town.books.read() as r:
        assert balance(r, UNBILLED, "EUR") == eur("0")
        assert balance(r, USAGE_REVENUE, "EUR") == eur("-0.30")
        assert balance(r, RECEIVABLES, "EUR") == eur("12.36")


def test_the_next_months_calls_wait_for_the_next_bill(town: Town) -> None:
    ada = lives_in(town, "Ada")
    town.phone(ada, "491")
    town.call("491", at("2026-11-30T23:59:59"))
    town.clock.set(at("2026-12-01T00:00:10"))
    town.call("491", at("2026-12-01"))
    town.bill(at("2026-12-01T06:00"))
    town.bill(at("2027-01-01T06:00"))
    assert town.usage_on_bills(ada) == [[("Voice", 1, "0.15")], [("Voice", 1, "0.15")]]


def test_late_records_come_with_the_next_bill(town: Town) -> None:
    """A record of November that arrives after its bill is on December's, however old."""
    ada = lives_in(town, "Ada")
    town.phone(ada, "491")
    town.call("491", at("2026-11-10"))
    town.bill(at("2026-12-01"))
    town.call("491", at("2026-11-11"), seconds=120)
    town.bill(at("2027-01-01"))
    town.bill(at("2027-02-01"))
    town.call("491", at("2026-11-12"), seconds=180)
    town.bill(at("2027-03-01"))
    assert town.usage_on_bills(ada) == [
        [("Voice", 1, "0.15")],
        [("Voice", 1, "0.25")],
        [],
        [("Voice", 1, "0.35")],
    ]
    with town.books.read() as r:
        assert balance(r, UNBILLED, "EUR") == eur("0")


def test_an_allowance_shows_what_it_covered(town: Town) -> None:
    """A hundred minutes: three calls of 40 minutes leave 20 to pay, and 0.05 to connect."""
    ada = lives_in(town, "Ada")
    town.phone(ada, "491", plan="talk")
    for day in range(1, 4):
        town.call("491", NOV + timedelta(days=day), seconds=2400)
    town.bill(at("2026-12-01"))
    with town.books.read() as r:
        found = invoice(r, invoices_of(r, ada)[0].id)
        clear = balance(r, UNBILLED, "EUR")
    (line,) = [each for each in found.lines if each.kind is LineKind.USAGE]
    assert (line.quantity, line.included, line.events, line.unit) == (7200, 6000, 3, "seconds")
    assert line.amount == eur("2.05")
    assert clear == eur("0")


def test_two_phones_on_one_bill_are_told_apart(town: Town) -> None:
    ada = lives_in(town, "Ada")
    town.phone(ada, "491")
    town.phone(ada, "492")
    town.call("491", at("2026-11-10"))
    town.call("492", at("2026-11-10"), seconds=120)
    town.bill(at("2026-12-01"))
    with town.books.read() as r:
        found = invoice(r, invoices_of(r, ada)[0].id)
    lines = {
        (line.detail, str(line.amount.to_decimal()))
        for line in found.lines
        if line.kind is LineKind.USAGE
    }
    assert lines == {("491", "0.15"), ("492", "0.25")}


def test_a_long_name_does_not_stop_the_bill(town: Town) -> None:
    """What tells two subscriptions apart is cut to what a line holds."""
    ada = lives_in(town, "Ada")
    town.phone(ada, "491" + "0" * 150)
    town.phone(ada, "492")
    town.call("492", at("2026-11-10"))
    town.call("491" + "0" * 150, at("2026-11-10"))
    town.bill(at("2026-12-01"))
    with town.books.read() as r:
        found = invoice(r, invoices_of(r, ada)[0].id)
    assert max(len(line.detail) for line in found.lines) == 100


@pytest.mark.parametrize(
    ("name", "expected"), [("Voice", "reduced"), ("Calls", "reduced"), ("", "standard")]
)
def test_usage_is_taxed_by_its_price(town: Town, name: str, expected: str) -> None:
    """By the plan's price of its name, else as the service is: calls to a destination of a rate
    sheet are lines of their own. A plan that the catalogue lacks is taxed as usual."""
    with town.books.transaction() as tx:
        set_rate(
            tx,
            regime="town",
            category="reduced",
            name="VAT",
            millionths=70_000,
            valid_from=date(2020, 1, 1),
        )
        if name:
            price = voice_usage(name=name, tax=[{"taxCategory": "reduced"}])
            save_price(tx, price, NOV)
            save_offering(tx, offering_body("plan", "calls"), NOV)
    ada = lives_in(town, "Ada")
    town.phone(ada, "491")
    town.call("491", at("2026-11-10"))
    town.bill(at("2026-12-01"))
    with town.books.read() as r:
        found = invoice(r, invoices_of(r, ada)[0].id)
    assert [line.tax_category for line in found.lines if line.kind is LineKind.USAGE] == [expected]
    taxes = {item.category: item.tax for item in found.taxes}
    assert taxes[expected] == (eur("0.01") if expected == "reduced" else eur("2.03"))


def test_prepaid_usage_is_paid_for_already(town: Town) -> None:
    ada = lives_in(town, "Ada", AccountKind.PREPAID)
    town.phone(ada, "491", kind=AccountKind.PREPAID)
    town.call("491", at("2026-11-10"))
    town.bill(at("2026-12-01"))
    assert town.usage_on_bills(ada) == [[]]
    with town.books.read() as r:
        assert balance(r, PREPAID, "EUR") == eur("0.15")
        assert invoices_of(r, ada)[0].net == eur("10")


def test_months_that_were_missed_have_their_own_usage(town: Town) -> None:
    """Billed in one run in February: each month's bill holds its own calls."""
    ada = lives_in(town, "Ada")
    town.phone(ada, "491")
    for month, minutes in (("2026-11", 1), ("2026-12", 2), ("2027-01", 3)):
        when = at(f"{month}-10")
        town.clock.set(when)
        town.call("491", when, seconds=60 * minutes)
    town.bill(at("2027-02-01"))
    assert town.usage_on_bills(ada) == [
        [("Voice", 1, "0.15")],
        [("Voice", 1, "0.25")],
        [("Voice", 1, "0.35")],
    ]
