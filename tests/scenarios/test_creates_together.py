"""Two create the same thing at the same moment: one of them does, the other is told so in the
operation's own words, whichever engine keeps them apart."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import pytest

from tests.locks import both
from tests.unit.catalog.builders import northstar
from trunkline import catalog, customers, ledger, messaging, tax
from trunkline.catalog import BrandId, Document, DocumentExists, DocumentKind, NameTaken
from trunkline.customers import AccountKind, AgreementItem, CustomerId, ExternalIdTaken, PartyId
from trunkline.kernel.errors import Conflict, TrunklineError
from trunkline.kernel.money import Money
from trunkline.ledger import Entry, InvoicePrefixTaken, LegalEntityId, PostedMeanwhile, Posting
from trunkline.messaging import ChannelName, Purpose, QuietHours
from trunkline.platform.db import Database, Tx

NOW = datetime.fromisoformat("2026-11-02T09:00:00Z")
ENTITY = LegalEntityId("le_1")
BRAND = BrandId("brd_1")
HOUR = timedelta(hours=1)
GREETING = messaging.Declaration(
    key="greeting", purpose=Purpose.SERVICE, channels=(ChannelName.SMS,), variables={}
)
Create = Callable[[Tx], object]


class Standing:
    """What the creations refer to."""

    party: PartyId
    customer: CustomerId


@pytest.fixture
def standing(books: Database) -> Standing:
    made = Standing()
    with books.transaction() as tx:
        brand = northstar(tx, NOW)
        ledger.create_legal_entity(
            tx,
            name="Town",
            country="DE",
            currency="EUR",
            tax_number="1",
            entity_id=ENTITY,
            now=NOW,
        )
        made.party = customers.register_party(
            tx, customers.NewIndividual(full_name="Ada"), now=NOW
        ).id
        made.customer = customers.create_customer(tx, party=made.party, brand=brand.id, now=NOW).id
        tax.declare_regime(tx, code="town")
        catalog.create_document(
            tx, kind=DocumentKind.CATEGORY, body={"id": "phones", "name": "Phones"}, now=NOW
        )
    return made


def person(_: Standing) -> Create:
    return lambda tx: customers.register_party(
        tx, customers.NewIndividual(full_name="Ada", external_id="crm-1"), now=NOW
    )


def many_people(_: Standing) -> Create:
    names = ("crm-0", "crm-1")
    new = [customers.NewIndividual(full_name=name, external_id=name) for name in names]
    return lambda tx: customers.register_parties(tx, new, now=NOW)


def changed_person(standing: Standing) -> Create:
    to = customers.NewIndividual(full_name="Ada", external_id="crm-1")
    return lambda tx: customers.change_party(tx, party=standing.party, to=to, now=NOW)


def customer(standing: Standing) -> Create:
    return lambda tx: customers.create_customer(
        tx, party=standing.party, brand=northstar_of(tx), external_id="crm-1", now=NOW
    )


def northstar_of(tx: Tx) -> BrandId:
    return catalog.brands(tx)[0].id


def account(standing: Standing) -> Create:
    return lambda tx: customers.create_billing_account(
        tx,
        customer=standing.customer,
        name="Ada",
        legal_entity=ENTITY,
        currency="EUR",
        kind=AccountKind.POSTPAID,
        external_id="crm-1",
        now=NOW,
    )


def agreement(standing: Standing) -> Create:
    off = AgreementItem(
        name="Less",
        offering=catalog.OfferingId("off"),
        recurring_alteration=Money.of("-1", "EUR"),
    )
    return lambda tx: customers.sign_agreement(
        tx,
        customer=standing.customer,
        name="Loyal",
        items=(off,),
        starts=NOW,
        external_id="crm-1",
        now=NOW,
    )


def document(_: Standing) -> Create:
    body = {"id": "voice", "name": "Voice"}
    return lambda tx: catalog.create_document(tx, kind=DocumentKind.CATEGORY, body=body, now=NOW)


def saved_document(_: Standing) -> Create:
    body = {"id": "voice", "name": "Voice"}
    return lambda tx: catalog.save_document(tx, kind=DocumentKind.CATEGORY, body=body, now=NOW)


def market(_: Standing) -> Create:
    return lambda tx: catalog.create_market(
        tx,
        name="Town",
        currency="EUR",
        time_zone="UTC",
        country="DE",
        tax_regime="town",
        now=NOW,
    )


def brand(_: Standing) -> Create:
    return lambda tx: catalog.create_brand(
        tx, name="Town Mobile", market=catalog.markets(tx)[0].id, now=NOW
    )


def sheet(_: Standing) -> Create:
    lines = (
        "Target Pattern Name,Prefix,Per minute charge,Connection charge,Charge period\n",
        "Germany,49,0.1,0,60\n",
    )
    return lambda tx: catalog.import_rate_sheet(
        tx, sheet="voice", lines=lines, currency="EUR", now=NOW
    )


def entity(_: Standing) -> Create:
    return lambda tx: ledger.create_legal_entity(
        tx, name="Village", country="DE", currency="EUR", tax_number="2", now=NOW
    )


def entry(_: Standing) -> Create:
    cash = Money.of("1", "EUR")
    new = Entry(
        entity=ENTITY,
        kind="payment",
        reference="pay_1",
        postings=(Posting(ledger.CASH, cash), Posting(ledger.CUSTOMER_CREDITS, -cash)),
        description="",
        booked_at=NOW,
    )
    return lambda tx: ledger.post(tx, new, NOW)


def regime(_: Standing) -> Create:
    return lambda tx: tax.declare_regime(tx, code="village")


def channels(_: Standing) -> Create:
    return lambda tx: messaging.declare_channels(tx, [ChannelName.SMS, ChannelName.APP], NOW)


def ticket_targets(_: Standing) -> Create:
    wanted = dict.fromkeys(customers.USUAL_TARGETS, customers.Targets(HOUR, HOUR))
    return lambda tx: customers.declare_targets(tx, wanted)


def quiet_hours(_: Standing) -> Create:
    night = QuietHours(time(22), time(7))
    return lambda tx: messaging.set_quiet_hours(tx, market=catalog.markets(tx)[0].id, quiet=night)


def template(_: Standing) -> Create:
    return lambda tx: messaging.declare_template(tx, GREETING, now=NOW)


def wording(_: Standing) -> Create:
    def save(tx: Tx) -> None:
        template(_)(tx)
        messaging.save_template(tx, key=GREETING.key, language="en", sms="Hello", now=NOW)

    return save


@pytest.mark.parametrize(
    ("create", "refusal"),
    [
        (person, ExternalIdTaken),
        (many_people, ExternalIdTaken),
        (customer, ExternalIdTaken),
        (account, ExternalIdTaken),
        (agreement, ExternalIdTaken),
        (document, DocumentExists),
        (market, NameTaken),
        (brand, NameTaken),
        (entity, InvoicePrefixTaken),
    ],
)
def test_the_second_is_refused(
    books: Database,
    standing: Standing,
    create: Callable[[Standing], Create],
    refusal: type[TrunklineError],
) -> None:
    refused = both(books, create(standing), create(standing))
    assert type(refused) is refusal


@pytest.mark.parametrize("order", [(person, changed_person), (changed_person, person)])
def test_a_change_into_what_is_being_created_is_refused(
    books: Database, standing: Standing, order: tuple[Callable[[Standing], Create], ...]
) -> None:
    one, other = (each(standing) for each in order)
    assert type(both(books, one, other)) is ExternalIdTaken


@pytest.mark.parametrize(
    ("create", "refusal"),
    [
        (saved_document, DocumentExists),
        (sheet, NameTaken),
        (entry, PostedMeanwhile),
        (regime, tax.RegimeExists),
        (channels, None),
        (ticket_targets, None),
        (quiet_hours, None),
        (template, None),
        (wording, Conflict),
    ],
)
def test_what_may_be_said_twice_is_done_or_refused(
    books: Database,
    standing: Standing,
    create: Callable[[Standing], Create],
    refusal: type[TrunklineError] | None,
) -> None:
    """The second finds it there, or is refused and finds it there when it tries again."""
    refused = both(books, create(standing), create(standing))
    assert refused is None or type(refused) is refusal
    with books.transaction() as tx:
        create(standing)(tx)


def test_what_is_deleted_meanwhile_can_not_be_named(books: Database, standing: Standing) -> None:
    body = {"name": "Prepaid phones", "parentId": "phones"}

    def name_it(tx: Tx) -> Document:
        return catalog.create_document(tx, kind=DocumentKind.CATEGORY, body=body, now=NOW)

    def delete_it(tx: Tx) -> None:
        catalog.delete_document(tx, kind=DocumentKind.CATEGORY, document_id="phones")

    assert type(both(books, delete_it, name_it)) is catalog.UnknownReference
    with books.transaction() as tx:
        catalog.create_document(
            tx, kind=DocumentKind.CATEGORY, body={"id": "phones", "name": "Phones"}, now=NOW
        )
    assert type(both(books, name_it, delete_it)) is catalog.DocumentInUse


def test_two_rates_that_end_the_same_one_leave_no_day_with_both(
    books: Database, standing: Standing
) -> None:
    def set_from(day: date) -> Create:
        return lambda tx: tax.set_rate(
            tx, regime="town", category="standard", name="VAT", millionths=day.year, valid_from=day
        )

    with books.transaction() as tx:
        set_from(date(2020, 1, 1))(tx)
    first, second = set_from(date(2027, 1, 1)), set_from(date(2028, 1, 1))
    assert both(books, first, second) is None
    with books.read() as r:
        table = tax.tax_table(r, "town")
    for year in range(2020, 2030):
        assert len(table.on(date(year, 6, 1))["standard"]) == 1
