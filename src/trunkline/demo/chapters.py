"""The chapters of the demonstration's month. Each may be begun again after a stop: it goes on
from what the databases hold, through external ids and references that stay the same.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from random import Random

from trunkline import billing, catalog, customers, inventory, ordering, payments, receivables, usage
from trunkline.app import System
from trunkline.app.founding import Operator, operator
from trunkline.charging import ChargingAccountId
from trunkline.customers import AccountKind, Email, PostalAddress
from trunkline.demo.gateway import Outcome, run_sessions
from trunkline.demo.offers import CURRENCY, PLANS, RATE_SHEET, Plan, documents
from trunkline.demo.people import person
from trunkline.demo.traffic import Subscriber, call_records, cdr_file, data_sessions
from trunkline.inventory import Iccid, Imsi, Msisdn, luhn_digit
from trunkline.kernel.money import Money
from trunkline.kernel.time import Period, zone
from trunkline.ordering import Action, ItemRequest
from trunkline.payments import PaymentMethodKind, Purpose
from trunkline.platform.db import Tx
from trunkline.platform.relay import Relay

Progress = Callable[[int, int], None]

COUNTRY = "IE"
FIRST_NUMBER = 353_830_000_000
FIRST_IMSI = 272_990_000_000_000
FIRST_ICCID = 89_353_990_000_000_000
SPARE = 50
"""SIMs and numbers in stock beyond those that sign-ups will need."""
GROUP = 20
"""Sign-ups between two deliveries."""


def stock_up(system: System, start: datetime, sign_ups: int) -> None:
    """The catalogue, the rate sheet, and numbers and SIMs on the shelf."""
    lines = files("trunkline.demo").joinpath("rates.csv").read_text().splitlines(keepends=True)
    with system.books.transaction() as tx:
        catalog.import_rate_sheet(tx, sheet=RATE_SHEET, lines=lines, currency=CURRENCY, now=start)
    with system.books.transaction() as tx:
        for kind, body in documents():
            catalog.save_document(tx, kind=kind, body=body, now=start)
    count = sign_ups + SPARE
    with system.books.transaction() as tx:
        inventory.add_numbers(tx, first=Msisdn(str(FIRST_NUMBER)), count=count, now=start)
    with system.books.transaction() as tx:
        inventory.add_sims(tx, sims=[_sim(index) for index in range(count)], now=start)
    system.relay().drain(start)


def _sim(index: int) -> tuple[Iccid, Imsi]:
    body = str(FIRST_ICCID + index)
    return Iccid(body + luhn_digit(body)), Imsi(str(FIRST_IMSI + index))


def external_id(number: int) -> str:
    """By which the `number`th customer is known again."""
    return f"demo-{number:05}"


def plan_of(number: int) -> Plan:
    """What the `number`th customer chooses."""
    random = Random(f"plan {number}")  # noqa: S311 - reproducible, not secret
    return random.choices(PLANS, weights=[plan.share for plan in PLANS])[0]


def sign_up_instant(number: int, count: int, month: Period) -> datetime:
    """Most come in the first days, the others over the month."""
    part = number / count
    share = part / 8 if part < 0.7 else 0.0875 + (part - 0.7) * 2.6
    return month.start + timedelta(hours=9) + (month.end - month.start) * share


def sign_up(system: System, month: Period, count: int, progress: Progress) -> None:
    """`count` people become customers and order a plan; who chose prepaid tops up."""
    with system.books.read() as r:
        seller = operator(r)
        known = customers.customers_by_external_id(r, map(external_id, range(count)))
    relay = system.relay()
    for first in range(0, count, GROUP):
        numbers = range(first, min(first + GROUP, count))
        new = [number for number in numbers if external_id(number) not in known]
        if not new and external_id(numbers[-1] + 1) in known:
            continue  # delivered long ago; what waits is the last group's, at its own time
        now = sign_up_instant(numbers[-1], count, month)
        with system.books.transaction() as tx:
            for number in new:
                _sign_up_one(tx, seller, number, sign_up_instant(number, count, month), month)
        relay.drain(now)
        _top_up_prepaid(system, relay, numbers, now)
        progress(numbers[-1] + 1, count)


def _sign_up_one(tx: Tx, seller: Operator, number: int, now: datetime, month: Period) -> None:
    who, plan = person(number), plan_of(number)
    address = PostalAddress(
        street1=who.street, post_code=who.postcode, city=who.town, country=COUNTRY
    )
    party = customers.register_party(
        tx,
        customers.NewIndividual(
            given_name=who.given,
            family_name=who.family,
            contact_media=(Email(address=who.email, preferred=True), address),
            external_id=external_id(number),
        ),
        now=now,
    )
    customer = customers.create_customer(
        tx, party=party.id, brand=seller.brand.id, external_id=external_id(number), now=now
    )
    account = customers.create_billing_account(
        tx,
        customer=customer.id,
        name=f"{who.given} {who.family}",
        legal_entity=seller.entity.id,
        currency=CURRENCY,
        kind=AccountKind.PREPAID if plan.prepaid else AccountKind.POSTPAID,
        cycle_day=_cycle_day(month, seller),
        now=now,
    )
    payments.add_payment_method(
        tx, account=account.id, kind=PaymentMethodKind.BANK_TRANSFER, now=now
    )
    ordering.place_order(
        tx,
        customer=customer.id,
        billing_account=account.id,
        items=[ItemRequest(action=Action.ADD, offering=plan.offering)],
        external_id=external_id(number),
        now=now,
    )


def _cycle_day(month: Period, seller: Operator) -> int:
    return month.end.astimezone(zone(seller.market.time_zone)).day


def _top_up_prepaid(system: System, relay: Relay, numbers: Sequence[int], now: datetime) -> None:
    prepaid = [number for number in numbers if plan_of(number).prepaid]
    with system.books.transaction() as tx:
        for subscriber_number, product in _products(tx, prepaid).items():
            random = Random(f"top-up {subscriber_number}")  # noqa: S311 - reproducible
            payments.receive_payment(
                tx,
                account=customers.BillingAccountId(product.billing_account),
                amount=Money.of(random.choice((10, 15, 20, 30)), CURRENCY),
                method=PaymentMethodKind.CREDIT_CARD,
                reference=f"{external_id(subscriber_number)}-top-up",
                purpose=Purpose.TOP_UP,
                subscriber=ChargingAccountId(product.id),
                source="demo",
                now=now,
            )
    relay.drain(now)


def _products(tx: Tx, numbers: Sequence[int]) -> dict[int, inventory.Product]:
    """The first product of each of these customers, by their number."""
    known = customers.customers_by_external_id(tx, map(external_id, numbers))
    found = {}
    for number in numbers:
        held = inventory.products_of_customer(tx, known[external_id(number)].id)
        found[number] = held[0]
    return found


def subscribers(system: System, count: int) -> list[Subscriber]:
    """The phones that are in service."""
    found = []
    with system.books.read() as r:
        known = customers.customers_by_external_id(r, map(external_id, range(count)))
        for number in range(count):
            products = inventory.products_of_customer(r, known[external_id(number)].id)
            for service in inventory.services_of(r, [product.id for product in products]):
                traits = service.characteristics
                if service.start_date is not None:
                    found.append(
                        Subscriber(
                            number,
                            plan_of(number),
                            traits["imsi"],
                            traits["msisdn"],
                            service.start_date,
                        )
                    )
    return found


def browse(
    system: System, phones: Sequence[Subscriber], month: Period, progress: Progress
) -> Outcome:
    """Data sessions over the Diameter connection of the charging process."""
    sessions = sorted(
        (session for phone in phones for session in data_sessions(phone, month)),
        key=lambda session: session.start,
    )
    settings = system.settings.charging
    total = Outcome(0, 0, 0)
    for first in range(0, len(sessions), 500):
        part = sessions[first : first + 500]
        done = asyncio.run(run_sessions(settings.host, settings.port, part))
        total = Outcome(*(one + other for one, other in zip(total, done, strict=True)))
        progress(first + len(part), len(sessions))
    return total


def call(
    system: System,
    phones: Sequence[Subscriber],
    month: Period,
    folder: Path,
    progress: Progress,
) -> int:
    """Calls and messages: a switch writes a CDR file for each week, mediation takes them in.
    Returns the records taken in."""
    rows = call_records(phones, month)
    folder.mkdir(parents=True, exist_ok=True)
    relay = system.relay()
    size, accepted = -(-len(rows) // 4), 0
    for week, first in enumerate(range(0, len(rows), size)):
        file = folder / f"msc1-week{week + 1}.csv"
        file.write_text(cdr_file(rows[first : first + size]))
        report = usage.import_cdr_file(system.books, file, now=month.end, source="msc1")
        accepted += report.accepted
        relay.drain(month.end)
        progress(min(first + size, len(rows)), len(rows))
    return accepted


def pay(system: System, now: datetime, progress: Progress) -> None:
    """Most invoices are paid in full, some in part, some not at all."""
    with system.books.read() as r:
        invoices = [
            invoice
            for run in billing.bill_runs(r)
            for invoice in billing.invoices(r, billing.invoices_of_run(r, run.id))
        ]
        items = receivables.open_items_for(r, [invoice.id for invoice in invoices])
    relay = system.relay()
    for done, invoice in enumerate(invoices, start=1):
        random = Random(f"payment {invoice.number}")  # noqa: S311 - reproducible, not secret
        luck = random.random()
        item = items.get(invoice.id)
        if item is None or luck < 0.12:
            continue
        amount = item.amount if luck > 0.2 else item.amount.scaled(1, 2).rounded()
        with system.books.transaction() as tx:
            payments.receive_payment(
                tx,
                account=invoice.account,
                amount=amount,
                method=PaymentMethodKind.BANK_TRANSFER,
                reference=f"payment of {invoice.number}",
                source="demo",
                invoice=invoice.id,
                now=now,
            )
        if done % GROUP == 0:
            relay.drain(now)
            progress(done, len(invoices))
    relay.drain(now)
    progress(len(invoices), len(invoices))
