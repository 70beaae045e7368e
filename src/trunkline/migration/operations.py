"""Taking on the customers of a file."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

import msgspec

from trunkline.billing import start_billing
from trunkline.catalog import (
    BrandId,
    Offering,
    RecurringPrice,
    brands,
    market_of_brand,
)
from trunkline.customers import (
    AccountKind,
    AgreementItem,
    BillingAccount,
    Customer,
    ExternalIdTaken,
    NewAgreement,
    NewBillingAccount,
    NewCustomer,
    NewIndividual,
    create_billing_accounts,
    create_customers,
    customers_by_external_id,
    register_parties,
    sign_agreements,
)
from trunkline.inventory import (
    NewProduct,
    PriceAlteration,
    PriceKind,
    ProductPrice,
    ProductStatus,
    create_products,
)
from trunkline.kernel.errors import Conflict, Invalid, Refused
from trunkline.kernel.money import Money
from trunkline.kernel.time import add_months, local_midnight, monthly_period, zone
from trunkline.ledger import LegalEntityId, legal_entities
from trunkline.migration import store
from trunkline.migration.model import ImportRefused, Remark, Report, Row
from trunkline.migration.price_list import ensure_price_list, listed_offerings
from trunkline.migration.rows import read_rows
from trunkline.payments import NewPaymentMethod, add_payment_methods
from trunkline.platform.db import Database, Reader, Tx

CHUNK = 50
"""Rows in one transaction."""
CYCLE_DAY = 1
ALTERATION = "Agreed price adjustment"

Progress = Callable[[int, int], None]
"""Called with how many lines after the header were dealt with, and how many there are."""


_OF_A_ROW = (Invalid, Refused, ExternalIdTaken)
"""What an operation raises because of a row; anything else is no row's fault."""


class NoOperator(Conflict):
    """Nobody to sell under: there is no brand or no legal entity."""

    code = "noOperator"


class _Seller(msgspec.Struct, frozen=True, kw_only=True):
    """Whose customers they become. They are billed here from `taken_over`, the beginning of a
    billing month."""

    brand: BrandId
    entity: LegalEntityId
    currency: str
    tz: ZoneInfo
    taken_over: datetime


Listed = Mapping[str, tuple[Offering, RecurringPrice]]


class _Tally:
    """The report as it grows."""

    def __init__(self) -> None:
        self.imported = 0
        self.unchanged = 0
        self.notices: list[Remark] = []
        self.changed: list[Remark] = []
        self.rejected: list[Remark] = []

    @property
    def faults(self) -> list[Remark]:
        return self.rejected + self.changed

    def report(self) -> Report:
        return Report(
            imported=self.imported,
            unchanged=self.unchanged,
            notices=tuple(sorted(self.notices, key=_place)),
            changed=tuple(sorted(self.changed, key=_place)),
            rejected=tuple(sorted(self.rejected, key=_place)),
        )


def _place(remark: Remark) -> int:
    return remark.line


def import_customers(
    books: Database,
    source: Path | Iterable[bytes | str],
    *,
    now: datetime,
    brand: BrandId | None = None,
    entity: LegalEntityId | None = None,
    billed_from: date | None = None,
    progress: Progress | None = None,
    all_or_nothing: bool = False,
) -> Report:
    """Takes on the customers of a CSV file (`rows.COLUMNS`): each row becomes a party, a
    customer, a postpaid billing account with its payment method, a product for each thing it
    has, and, where its monthly charge differs from the list's, an agreement that alters the
    main product's price by the difference.

    They are sold under `brand` and billed by `entity` (the first of each where not given) in
    the brand's market's currency, from the month that holds the day `billed_from` on (by default
    the present one; the system that they come from bills up to it). Rows come in by chunks of
    50, each a transaction; a row that is at fault is reported and leaves nothing; one that came
    in before, under its customerID, is not taken again. So an import that was killed is
    continued by another.

    With `all_or_nothing` the whole file is one transaction, which keeps other writers waiting,
    and a row that is at fault or changed raises `ImportRefused`. Raises `ImportRefused` too for
    a file or a header that can't be read, `NoOperator`, `PriceListDiffers`, and `Busy` while
    another import runs.
    """
    with books.exclusive("import customers"):
        with books.read() as r:
            seller = _seller(r, brand, entity, billed_from or now)
        if not isinstance(source, Path):
            given = list(source)
            return _import(books, seller, given, now, progress, len(given) - 1, all_or_nothing)
        with _opened(source) as lines:
            total = sum(1 for _ in lines) - 1
            lines.seek(0)
            return _import(books, seller, lines, now, progress, total, all_or_nothing)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise ImportRefused(error.strerror or str(error), path=str(path), remarks=[]) from None


def _seller(
    r: Reader, brand: BrandId | None, entity: LegalEntityId | None, since: date | datetime
) -> _Seller:
    known_brands, known_entities = brands(r), legal_entities(r)
    if (brand is None and not known_brands) or (entity is None and not known_entities):
        raise NoOperator("there is no brand or no legal entity to take customers on for")
    brand = brand or known_brands[0].id
    market = market_of_brand(r, brand)
    tz = zone(market.time_zone)
    first = since if isinstance(since, datetime) else local_midnight(since, tz)
    return _Seller(
        brand=brand,
        entity=entity or known_entities[0].id,
        currency=market.currency,
        tz=tz,
        taken_over=monthly_period(first, cycle_day=CYCLE_DAY, tz=tz).start,
    )


def _import(
    books: Database,
    seller: _Seller,
    lines: Iterable[bytes | str],
    now: datetime,
    progress: Progress | None,
    total: int,
    all_or_nothing: bool,
) -> Report:
    tally = _Tally()
    reading = _good_rows(lines, seller.currency, tally)
    done = 0
    while chunk := list(reading if all_or_nothing else islice(reading, CHUNK)):
        if all_or_nothing:
            _import_all(books, seller, chunk, tally, now)
        else:
            _import_chunk(books, seller, chunk, tally, now)
        done = chunk[-1].line - 1
        if progress is not None:
            progress(done, total)
    if progress is not None and done < total:
        progress(total, total)
    if all_or_nothing:
        _refuse_faults(tally)
    return tally.report()


def _good_rows(lines: Iterable[bytes | str], currency: str, tally: _Tally) -> Iterator[Row]:
    for row, remarks in read_rows(lines, currency=currency):
        if row is not None:
            tally.notices += remarks
            yield row
        elif remarks[0].line == 1:
            tally.notices += remarks
        else:
            tally.rejected += remarks


def _import_all(
    books: Database, seller: _Seller, rows: list[Row], tally: _Tally, now: datetime
) -> None:
    with books.transaction() as tx:
        for start in range(0, len(rows), CHUNK):
            fresh = _fresh(tx, rows[start : start + CHUNK], tally)
            if not tally.faults:
                _take_on(tx, seller, fresh, now)
                tally.imported += len(fresh)
        _refuse_faults(tally)


def _refuse_faults(tally: _Tally) -> None:
    if not tally.faults:
        return
    faults = sorted(tally.faults, key=_place)
    more = f"; and {len(faults) - 1} more" if len(faults) > 1 else ""
    raise ImportRefused(
        f"nothing was imported: {faults[0]}{more}", path=f"line {faults[0].line}", remarks=faults
    )


def _import_chunk(
    books: Database, seller: _Seller, rows: Sequence[Row], tally: _Tally, now: datetime
) -> None:
    """One transaction for all of them; where an operation refuses one, one for each."""
    fresh: list[Row] = []
    try:
        with books.transaction() as tx:
            fresh = _fresh(tx, rows, tally)
            _take_on(tx, seller, fresh, now)
        tally.imported += len(fresh)
    except _OF_A_ROW:
        for row in fresh:
            try:
                with books.transaction() as tx:
                    # One who was killed may have brought it in a moment ago.
                    own = _fresh(tx, [row], tally)
                    _take_on(tx, seller, own, now)
                tally.imported += len(own)
            except _OF_A_ROW as error:
                tally.rejected.append(Remark(row.line, "", str(error)))


def _fresh(tx: Tx, rows: Sequence[Row], tally: _Tally) -> list[Row]:
    """The rows that are to come in; the others are tallied."""
    ids = [row.customer_id for row in rows]
    came = store.fields_of(tx, ids)
    others = customers_by_external_id(tx, [each for each in ids if each not in came])
    fresh = []
    for row in rows:
        before = came.get(row.customer_id)
        if before is not None:
            differing = [name for name, text in row.fields.items() if before.get(name) != text]
            tally.unchanged += not differing
            tally.changed += [
                Remark(
                    row.line,
                    name,
                    f"was {before.get(name)!r} when {row.customer_id} came in, "
                    f"is {row.fields[name][:40]!r} now; not applied",
                )
                for name in differing
            ]
        elif row.customer_id in others:
            reason = f"{row.customer_id} is a customer who did not come from such a file"
            tally.rejected.append(Remark(row.line, "customerID", reason))
        else:
            fresh.append(row)
    return fresh


def _take_on(tx: Tx, seller: _Seller, rows: Sequence[Row], now: datetime) -> None:
    if not rows:
        return
    ensure_price_list(tx, currency=seller.currency, now=now)
    listed = listed_offerings(tx, currency=seller.currency)
    parties = register_parties(
        tx, [NewIndividual(full_name=row.customer_id, gender=row.gender) for row in rows], now=now
    )
    customers = create_customers(
        tx,
        [
            NewCustomer(
                party=party.id,
                brand=seller.brand,
                external_id=row.customer_id,
                characteristics=_characteristics(row),
            )
            for row, party in zip(rows, parties, strict=True)
        ],
        now=now,
    )
    accounts = create_billing_accounts(
        tx,
        [
            NewBillingAccount(
                customer=customer.id,
                name=customer.name,
                legal_entity=seller.entity,
                currency=seller.currency,
                kind=AccountKind.POSTPAID,
                cycle_day=CYCLE_DAY,
                external_id=row.customer_id,
            )
            for row, customer in zip(rows, customers, strict=True)
        ],
        now=now,
    )
    add_payment_methods(
        tx,
        [
            NewPaymentMethod(account.id, row.payment_method, automatic=row.automatic)
            for row, account in zip(rows, accounts, strict=True)
        ],
        now=now,
    )
    _give_products(tx, seller, listed, rows, customers, accounts, now)
    start_billing(tx, {account.id: seller.taken_over for account in accounts})
    store.insert_rows(
        tx,
        {
            row.customer_id: (customer.id, row.fields)
            for row, customer in zip(rows, customers, strict=True)
        },
        now,
    )


def _give_products(
    tx: Tx,
    seller: _Seller,
    listed: Listed,
    rows: Sequence[Row],
    customers: Sequence[Customer],
    accounts: Sequence[BillingAccount],
    now: datetime,
) -> None:
    differences = {
        row.customer_id: difference
        for row in rows
        if (difference := row.monthly - _list_price(listed, row))
    }
    agreed = sign_agreements(
        tx,
        [
            NewAgreement(
                customer=customer.id,
                name=f"Price agreement {row.customer_id}",
                items=(
                    AgreementItem(
                        name=ALTERATION,
                        offering=listed[row.items[0]][0].id,
                        recurring_alteration=differences[row.customer_id],
                    ),
                ),
                starts=_customer_since(seller, row),
                external_id=row.customer_id,
            )
            for row, customer in zip(rows, customers, strict=True)
            if row.customer_id in differences
        ],
        now=now,
    )
    alterations = {
        each.customer: PriceAlteration(
            name=ALTERATION, amount=each.items[0].recurring_alteration, agreement=each.id
        )
        for each in agreed
    }
    create_products(
        tx,
        [
            _product(
                seller,
                listed[item],
                row,
                account,
                alterations.get(customer.id) if item == row.items[0] else None,
            )
            for row, customer, account in zip(rows, customers, accounts, strict=True)
            for item in row.items
        ],
        now=now,
    )


def _product(
    seller: _Seller,
    listed: tuple[Offering, RecurringPrice],
    row: Row,
    account: BillingAccount,
    alteration: PriceAlteration | None,
) -> NewProduct:
    offering, price = listed
    return NewProduct(
        name=offering.name,
        offering=offering.id,
        offering_name=offering.name,
        customer=account.customer,
        billing_account=account.id,
        status=ProductStatus.ACTIVE,
        start_date=_customer_since(seller, row),
        characteristics={"contract": row.contract, "contractMonths": str(row.contract_months)},
        prices=(
            ProductPrice(
                kind=PriceKind.RECURRING,
                name=price.name,
                amount=price.amount,
                offering_price=price.id,
                tax_category=price.tax_category,
                alterations=() if alteration is None else (alteration,),
            ),
        ),
    )


def _characteristics(row: Row) -> dict[str, object]:
    """What the file knows of a customer beyond what he has. One who left is taken on all the
    same and marked: whether to end his contract is not the import's to decide."""
    return {
        "seniorCitizen": row.senior_citizen,
        "partner": row.partner,
        "dependents": row.dependents,
        "paperlessBilling": row.paperless,
        "churned": row.churned,
        "tenureMonths": row.tenure_months,
        "totalCharges": None if row.total is None else str(row.total.to_decimal()),
    }


def _list_price(listed: Listed, row: Row) -> Money:
    total = Money.zero(row.monthly.currency)
    for item in row.items:
        total += listed[item][1].amount
    return total


def _customer_since(seller: _Seller, row: Row) -> datetime:
    """The beginning of the month, as many before the take-over's as he has been a customer."""
    first = seller.taken_over.astimezone(seller.tz).date()
    return local_midnight(add_months(first, -row.tenure_months), seller.tz)
