"""A brand with its legal entity, and customers with accounts."""

from datetime import datetime
from typing import Any, NamedTuple

from tests.unit.catalog.builders import northstar
from trunkline.catalog import BrandId
from trunkline.customers import (
    AccountKind,
    BillingAccount,
    ContactMedium,
    Customer,
    Individual,
    NewIndividual,
    create_billing_account,
    create_customer,
    register_party,
)
from trunkline.ledger import LegalEntityId, create_legal_entity
from trunkline.platform.db import Tx


class Operator(NamedTuple):
    """Who sells, and whose books it goes to."""

    brand: BrandId
    entity: LegalEntityId


def operator(tx: Tx, now: datetime) -> Operator:
    entity = create_legal_entity(
        tx, name="Northstar GmbH", country="DE", currency="EUR", tax_number="DE123", now=now
    )
    return Operator(northstar(tx, now).id, entity)


def person(
    tx: Tx, now: datetime, given: str, family: str, *media: ContactMedium, **more: Any
) -> Individual:
    new = NewIndividual(given_name=given, family_name=family, contact_media=media, **more)
    party = register_party(tx, new, now=now)
    assert isinstance(party, Individual)
    return party


def customer_of(
    tx: Tx, now: datetime, seller: Operator, given: str, family: str, *media: ContactMedium
) -> Customer:
    party = person(tx, now, given, family, *media)
    return create_customer(tx, party=party.id, brand=seller.brand, now=now)


def account_of(
    tx: Tx, now: datetime, seller: Operator, customer: Customer, **more: Any
) -> BillingAccount:
    terms: dict[str, Any] = {"kind": AccountKind.POSTPAID, "currency": "EUR", "cycle_day": 1}
    return create_billing_account(
        tx,
        customer=customer.id,
        name=customer.name,
        legal_entity=seller.entity,
        now=now,
        **(terms | more),
    )
