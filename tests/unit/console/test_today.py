"""Today's figures are the domains' own."""

from datetime import timedelta

import sqlalchemy as sa

from tests.unit.console.office import Office, text_of
from trunkline import ledger
from trunkline.charging import (
    BalanceStands,
    ChargedUsage,
    ChargeRequest,
    ChargingAccountId,
    GroupCommit,
    Kind,
    RefusedPlan,
    Service,
)
from trunkline.charging.published import Published, keep_published
from trunkline.console.rendering import NONE
from trunkline.inventory import ProductId, services_of_customers
from trunkline.kernel.money import Money
from trunkline.ledger import Entry, LegalEntityId, Posting
from trunkline.platform import outbox
from trunkline.usage import Bar, BarState, Cause
from trunkline.usage.exposure.reactions import on_balance_stands
from trunkline.usage.exposure.store import count_waived, put_bar


def book(office: Office, reference: str, amount: str, currency: str = "EUR") -> None:
    money = Money.of(amount, currency)
    postings = (Posting(ledger.CASH, money), Posting(ledger.USAGE_REVENUE, -money))
    entry = Entry(
        LegalEntityId("ent_skerry"), "test", reference, postings, "Sold", office.clock.now()
    )
    with office.books.transaction() as tx:
        ledger.post(tx, entry, office.clock.now())


def test_an_operator_that_begins(office: Office) -> None:
    page = text_of(office.visitor("*").get("/console"))
    for said in (
        "No orders yet",
        "No requests in the last 24 hours",
        "Nothing is booked yet",
        "0 /s",
    ):
        assert said in page
    assert "parked" not in page


def test_figures(office: Office) -> None:
    office.subscriber()
    book(office, "1", "1234.505")
    book(office, "2", "99.9999", "USD")
    page = text_of(office.visitor("*").get("/console"))
    assert "Subscribers 1 active services" in page
    assert "Orders 1 0 in progress" in page
    assert "Revenue €1,234.51 + $100.00" in page
    assert "€1,234.50 5000" in page
    assert "in balance" in page
    assert page.count("Total") == 2


def test_what_was_used_beyond_balances_is_told_by_the_delay_of_files(office: Office) -> None:
    now, visitor = office.clock.now(), office.visitor("*")
    title = "Used past balances and limits"
    assert title not in text_of(visitor.get("/console"))

    def spent(account: str, minutes: int, amount: str) -> BalanceStands:
        return BalanceStands(
            account=ChargingAccountId(account),
            exhausted_at=now - timedelta(minutes=minutes),
            beyond=Money.of(amount, "EUR"),
        )

    _, stopped = office.subscriber()
    with office.books.transaction() as tx:
        on_balance_stands(tx, spent(stopped, 4, "0.25"), now)
        on_balance_stands(tx, spent("cac_2", 12, "1.50"), now)
        on_balance_stands(tx, spent("cac_3", 600, "20"), now)
    page = text_of(visitor.get("/console"))
    assert title in page
    assert "Prepaid balances within 5 min 1 0 4 min €0.25" in page
    assert f"Prepaid balances within 15 min 1 1 {NONE} €1.50" in page
    assert f"Prepaid balances later than 6 h 1 1 {NONE} €20.00" in page
    assert "not charged" not in page
    waived = ChargedUsage(id="usg_1", waived=Money.of("0.20", "EUR"), waiver="roamingLimit")
    with office.books.transaction() as tx:
        count_waived(tx, [waived], now)
    page = text_of(visitor.get("/console"))
    assert "Of data abroad past its limit, €0.20 was not charged." in page


def test_what_the_network_refuses_is_told_with_whose_it_is(office: Office) -> None:
    customer, account = office.subscriber()
    with office.books.transaction() as tx:
        [service] = services_of_customers(tx, [customer.id])
        refused = Bar(
            service=service.id,
            cause=Cause.ROAMING,
            product=ProductId(account),
            state=BarState.REFUSED,
            asked_at=office.clock.now(),
            attempts=2,
            reason="unknown subscriber",
            ticket="tkt_1",
        )
        put_bar(tx, refused)
    visitor = office.visitor("*")
    told = "Data abroad isn't stopped, the network refuses: unknown subscriber"
    page = text_of(visitor.get("/console"))
    assert f"{service.characteristics['msisdn']} {told} tkt_1 2" in page
    assert told in text_of(visitor.get(f"/console/customers/{customer.id}"))


def test_prices_that_could_not_be_charged_are_told_with_the_place(office: Office) -> None:
    title = "Prices that can't be charged"
    assert title not in text_of(office.visitor("*").get("/console"))
    path, reason = "plan poff_1, usage rule 1, zone", "no zone is called 'EU'"
    refused = RefusedPlan("poff_1", "tariffRefused", path, reason, False, office.clock.now())
    with office.books.transaction() as tx:
        keep_published(tx, Published(), (refused,))
    page = text_of(office.visitor("*").get("/console"))
    assert title in page
    assert f"poff_1 no prices {path} {reason}" in page


def test_charging_is_counted_in_the_operators_day(office: Office) -> None:
    customer, _ = office.subscriber()
    with office.books.read() as r:
        imsi = services_of_customers(r, [customer.id])[0].characteristics["imsi"]
    network, now = GroupCommit(office.charging), office.clock.now()
    # The clock stands at 09:00 in Dublin; the first are yesterday's there.
    for ago, count in (
        (timedelta(hours=9, minutes=5), 7),
        (timedelta(hours=8), 5),
        (timedelta(seconds=8), 20),
    ):
        at = now - ago
        requests = [
            ChargeRequest(
                session=f"{ago} {place}",
                number=0,
                kind=Kind.INITIAL,
                identities=(("imsi", imsi),),
                at=int(at.timestamp()),
                received=int(at.timestamp()),
                service=Service.DATA,
            )
            for place in range(count)
        ]
        network.process(requests, at)
    visitor = office.visitor("*")
    for path in ("/console", "/console/today/figures", "/console/today/charging"):
        page = text_of(visitor.get(path))
        assert "2 /s" in page
        assert "25 requests today" in page
    page = visitor.get("/console").text
    assert '"23:00","00:00","01:00"' in page
    # 23:55 of yesterday is in the hour from 23:00; this hour has had none yet.
    assert "7,0,5,0,0,0,0,0,0,20,0]" in page


def test_what_is_parked_is_told(office: Office) -> None:
    customer = office.customer()
    with office.books.transaction() as tx:
        tx.execute(
            sa.text(
                "INSERT INTO outbox (subscriber, topic, key, payload, created_at, due_at, state)"
                " VALUES ('nobody', 'x', :key, '{}', 0, 0, :parked)"
            ),
            {"key": customer.id, "parked": outbox.PARKED},
        )
    assert "1 delivery is parked and waits for a person" in text_of(
        office.visitor("*").get("/console/today/figures")
    )
