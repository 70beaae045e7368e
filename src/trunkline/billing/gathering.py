"""Reads all that the bills of a chunk of accounts are made from, in bulk."""

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from trunkline.billing import runs
from trunkline.billing.charges import ToBill
from trunkline.billing.cycle import BillingCycle, first_month, month_after, month_to_bill
from trunkline.billing.issuing import Draft, buyer_of
from trunkline.billing.usage import AccountUsage, read_usage
from trunkline.catalog import Brand, BrandId, brand, market_of_brand
from trunkline.customers import (
    AccountNotFound,
    BillingAccount,
    BillingAccountId,
    Customer,
    CustomerId,
    Party,
    PartyId,
    billing_accounts,
    customers,
    parties,
)
from trunkline.inventory import Product, ProductId, products, products_for_billing
from trunkline.kernel.errors import TrunklineError
from trunkline.kernel.time import Period, local_midnight, zone
from trunkline.ledger import LegalEntity, LegalEntityId, legal_entity
from trunkline.platform.db import Database, Reader
from trunkline.tax import TaxTable, tax_table


class Market(msgspec.Struct, frozen=True):
    """What a brand's customers are billed by."""

    brand: Brand
    tz: ZoneInfo
    taxes: TaxTable


class Gathered(msgspec.Struct, frozen=True):
    """One account's month: what to calculate, and the draft that the bill goes into."""

    draft: Draft
    to_bill: ToBill


class _Chunk(msgspec.Struct, frozen=True):
    accounts: Mapping[BillingAccountId, BillingAccount]
    owners: Mapping[CustomerId, Customer]
    parties: Mapping[PartyId, Party]
    months: Mapping[BillingAccountId, Period]
    products: Mapping[str, list[Product]]
    begun: Set[str]
    usage: Mapping[BillingAccountId, AccountUsage]


class Gatherer:
    """Reads chunk by chunk, and keeps for its life what many accounts share: brands with their
    markets and tax tables, legal entities. Make one for each run."""

    def __init__(self, books: Database, charging: Database) -> None:
        self._books = books
        self._charging = charging
        self._markets: dict[BrandId, Market | TrunklineError] = {}
        self._entities: dict[LegalEntityId, LegalEntity] = {}

    def gather(
        self,
        cycles: Sequence[BillingCycle],
        *,
        until: datetime | None = None,
        reader: Reader | None = None,
    ) -> Iterator[tuple[BillingCycle, Gathered | TrunklineError]]:
        """Each cycle with what its bill is made from, or with why it can't be made. `until` cuts
        a month that goes beyond it: at the local midnight before. A `reader` that is given sees
        what its transaction has written."""
        if not cycles:
            return
        if reader is not None:
            chunk = self._read(reader, cycles, until)
        else:
            with self._books.snapshot() as r:
                chunk = self._read(r, cycles, until)
        for cycle in cycles:
            try:
                yield cycle, self._gathered(cycle, chunk)
            except TrunklineError as error:
                yield cycle, error

    def _read(self, r: Reader, cycles: Sequence[BillingCycle], until: datetime | None) -> _Chunk:
        accounts = billing_accounts(r, [cycle.account for cycle in cycles])
        owners = customers(r, {account.customer for account in accounts.values()})
        for customer in owners.values():
            if customer.brand not in self._markets:
                self._markets[customer.brand] = _market(r, customer.brand)
        for account in accounts.values():
            if account.legal_entity not in self._entities:
                self._entities[account.legal_entity] = legal_entity(r, account.legal_entity)
        zones = {
            account.id: market.tz
            for account in accounts.values()
            if isinstance(market := self._markets[owners[account.customer].brand], Market)
        }
        months = {
            cycle.account: _cut(
                month_to_bill(
                    cycle, cycle_day=accounts[cycle.account].cycle_day, tz=zones[cycle.account]
                ),
                until,
                zones[cycle.account],
            )
            for cycle in cycles
            if cycle.account in zones
        }
        begun = runs.begun(r, list(months))
        products = _products(r, months, begun)
        return _Chunk(
            accounts=accounts,
            owners=owners,
            parties=parties(r, {customer.party for customer in owners.values()}),
            months=months,
            products=products,
            begun={product for product, is_begun in begun.items() if is_begun},
            usage=read_usage(
                r,
                self._charging,
                accounts,
                zones,
                months,
                runs.billed_usage(r, list(months)),
                products,
            ),
        )

    def _gathered(self, cycle: BillingCycle, chunk: _Chunk) -> Gathered:
        account = chunk.accounts.get(cycle.account)
        if account is None:
            raise AccountNotFound(f"there is no billing account {cycle.account[:60]}")
        customer = chunk.owners[account.customer]
        market = self._markets[customer.brand]
        if isinstance(market, TrunklineError):
            raise market
        entity = self._entities[account.legal_entity]
        month = chunk.months[account.id]
        following = month_after(month, cycle_day=account.cycle_day, tz=market.tz)
        usage = chunk.usage.get(account.id, AccountUsage())
        products = chunk.products.get(account.id, ())
        last_day = month.end.astimezone(market.tz).date() - timedelta(days=1)
        return Gathered(
            draft=Draft(
                cycle=cycle,
                moved=msgspec.structs.replace(cycle, next_start=month.end, next_end=following.end),
                month=month,
                account=account,
                entity=entity,
                brand=market.brand.name,
                buyer=buyer_of(customer, chunk.parties[customer.party], entity.country),
                tz=market.tz,
                bill=None,
                begins=[
                    product.id
                    for product in products
                    if product.id not in chunk.begun and _has_started(product, month)
                ],
                billed=usage.billed,
            ),
            to_bill=ToBill(
                currency=account.currency,
                month=month,
                since=first_month(cycle, cycle_day=account.cycle_day, tz=market.tz).start,
                begun=chunk.begun,
                cycle_day=account.cycle_day,
                tz=market.tz,
                products=products,
                usage=usage.charges,
                regime=market.taxes.regime,
                rates=market.taxes.on(last_day),
            ),
        )


def _products(
    r: Reader, months: Mapping[BillingAccountId, Period], begun: Mapping[ProductId, bool]
) -> dict[str, list[Product]]:
    """The products in service in each account's month, and those that bills have missed."""
    by_month: dict[Period, list[BillingAccountId]] = {}
    for account_id, month in months.items():
        by_month.setdefault(month, []).append(account_id)
    found: dict[str, list[Product]] = {}
    for month, ids in by_month.items():
        found |= products_for_billing(r, ids, month)
    read = {product.id for of_account in found.values() for product in of_account}
    missed = [
        product for product, is_begun in begun.items() if not is_begun and product not in read
    ]
    for product in products(r, missed):
        found.setdefault(product.billing_account, []).append(product)
    return found


def _has_started(product: Product, month: Period) -> bool:
    return product.start_date is not None and product.start_date < month.end


def _cut(month: Period, until: datetime | None, tz: ZoneInfo) -> Period:
    if until is None or until >= month.end:
        return month
    midnight = local_midnight(until.astimezone(tz).date(), tz)
    return Period(month.start, max(month.start, midnight))


def _market(r: Reader, brand_id: BrandId) -> Market | TrunklineError:
    """Or why its customers can't be billed, which is each account's own failure."""
    try:
        market = market_of_brand(r, brand_id)
        taxes = tax_table(r, market.tax_regime)
        return Market(brand(r, brand_id), zone(market.time_zone), taxes)
    except TrunklineError as error:
        return error
