"""The first start: an operator comes to be in empty books."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec

from trunkline import catalog, customers, ledger, tax
from trunkline.app import System
from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import zone
from trunkline.platform import audit, security
from trunkline.platform.db import Reader, Tx
from trunkline.platform.settings import OperatorSettings

TAXED_SINCE = date(2000, 1, 1)
"""A first rate holds for everything that may be billed; later rates have their own dates."""


class Operator(msgspec.Struct, frozen=True):
    """What sells here: the first legal entity and the first brand with its market."""

    entity: ledger.LegalEntity
    brand: catalog.Brand
    market: catalog.Market


def found(system: System) -> str | None:
    """Creates the operator of the settings where the books hold none: legal entity with its
    chart of accounts, tax, market, brand, administrator. Returns the administrator's secret,
    which is shown once, or None where there was nothing to do."""
    now = system.clock.now()
    with system.books.transaction() as tx:
        if not ledger.legal_entities(tx):
            _found(tx, system.settings.operator, now)
        return security.ensure_administrator(tx, now)


def _found(tx: Tx, settings: OperatorSettings, now: datetime) -> None:
    entity = ledger.create_legal_entity(
        tx,
        name=settings.name,
        country=settings.country,
        currency=settings.currency,
        tax_number=settings.tax_number,
        invoice_prefix=settings.invoice_prefix,
        address=settings.address,
        now=now,
    )
    regime = tax.declare_regime(tx, code=settings.country)
    tax.set_rate(
        tx,
        regime=regime.code,
        category=catalog.STANDARD_TAX,
        name=settings.tax_name,
        millionths=int(Decimal(settings.tax_percent) * 10_000),
        valid_from=TAXED_SINCE,
    )
    market = catalog.create_market(
        tx,
        name=settings.country,
        currency=settings.currency,
        time_zone=settings.time_zone,
        country=settings.country,
        tax_regime=regime.code,
        languages=settings.languages,
        now=now,
    )
    catalog.create_brand(tx, name=settings.brand, market=market.id, now=now)
    customers.seed_privacy(tx, now)
    who = audit.operating_system_user()
    audit.record(tx, who=who, verb="found operator", what=entity, now=now)


def last_month(system: System) -> date:
    """The last day of the month before this one, where the operator lives."""
    with system.books.read() as r:
        tz = zone(operator(r).market.time_zone)
    return system.clock.now().astimezone(tz).date().replace(day=1) - timedelta(days=1)


def operator(r: Reader) -> Operator:
    """The operator of these books. Raises `Invalid` before it was founded."""
    entities, brands = ledger.legal_entities(r), catalog.brands(r)
    if not entities or not brands:
        raise Invalid("there is no operator in these books yet (trunkline serve creates it)")
    return Operator(entities[0], brands[0], catalog.market(r, brands[0].market))
