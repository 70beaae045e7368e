"""Builds the little operator that orders are placed at: two offers, customers, some stock."""

from datetime import datetime
from typing import Any

from trunkline import catalog, customers, inventory, ledger
from trunkline.catalog import DocumentKind
from trunkline.charging import ChargingAccountId, store
from trunkline.customers import AccountKind, BillingAccountId, CustomerId
from trunkline.inventory import Iccid, Imsi, Msisdn
from trunkline.ordering import Action, ItemRequest
from trunkline.platform.db import Database, Tx

FIRST_NUMBER = Msisdn("353850000000")
MOBILE = "off_mobile"
ADD_ON = "off_protection"
DRAFT = "off_draft"
FIBRE = "off_fibre"

_MOBILE_PRICES: list[dict[str, Any]] = [
    {"id": "pop_setup", "name": "Activation", "priceType": "oneTime", "price": "5"},
    {"id": "pop_fee", "name": "Monthly fee", "priceType": "recurring", "price": "20"},
    {"id": "pop_data", "name": "Data", "@type": "UsagePrice", "service": "data", "price": "1.00",
     "unitOfMeasure": {"amount": 1, "units": "GB"}},
]  # fmt: skip


def _price(plain: dict[str, Any]) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if plain.get("priceType") == "recurring":
        extra = {"recurringChargePeriodType": "month", "recurringChargePeriodLength": 1}
    return {
        "priceType": "usage",
        "lifecycleStatus": "Launched",
        **plain,
        **extra,
        "price": {"unit": "EUR", "value": plain["price"]},
    }


def _offering(ident: str, name: str, prices: list[dict[str, Any]], **rest: Any) -> dict[str, Any]:
    return {
        "id": ident,
        "name": name,
        "isBundle": False,
        "isSellable": True,
        "lifecycleStatus": "Launched",
        "productOfferingPrice": [{"id": each["id"], "name": each["name"]} for each in prices],
        **rest,
    }


def _kind(value: str) -> list[dict[str, Any]]:
    values = [{"value": value, "isDefault": True}]
    return [{"name": "serviceKind", "productSpecCharacteristicValue": values}]


def open_shop(tx: Tx, now: datetime) -> None:
    """Legal entity, market, brand and offers."""
    entity = ledger.create_legal_entity(
        tx,
        name="Skerry Mobile",
        country="IE",
        currency="EUR",
        tax_number="IE1234567T",
        now=now,
        entity_id=ledger.LegalEntityId("ent_skerry"),
    )
    assert entity == "ent_skerry"
    market = catalog.create_market(
        tx,
        name="Ireland",
        currency="EUR",
        time_zone="Europe/Dublin",
        country="IE",
        tax_regime="ie",
        now=now,
    )
    for name in ("skerry", "other"):
        catalog.create_brand(
            tx, name=name, market=market.id, brand_id=catalog.BrandId(f"brd_{name}"), now=now
        )
    insurance = {"id": "pop_safe", "name": "Protection", "priceType": "recurring", "price": "3"}
    for price in (*_MOBILE_PRICES, insurance):
        catalog.save_document(tx, kind=DocumentKind.PRICE, body=_price(price), now=now)
    for body in (
        _offering(MOBILE, "Mobile M", _MOBILE_PRICES, prodSpecCharValueUse=_kind("mobile")),
        _offering(ADD_ON, "Device protection", [insurance]),
        _offering(DRAFT, "Not yet", [insurance], lifecycleStatus="In design"),
        _offering(FIBRE, "Fibre", [insurance], prodSpecCharValueUse=_kind("fibre")),
    ):
        catalog.save_document(tx, kind=DocumentKind.OFFERING, body=body, now=now)


def sign_up(
    tx: Tx, now: datetime, *, currency: str = "EUR", brand: str = "brd_skerry"
) -> tuple[CustomerId, BillingAccountId]:
    """A customer with a postpaid account."""
    party = customers.register_party(
        tx, customers.NewIndividual(given_name="Maeve", family_name="Doyle"), now=now
    )
    customer = customers.create_customer(tx, party=party.id, brand=catalog.BrandId(brand), now=now)
    account = customers.create_billing_account(
        tx,
        customer=customer.id,
        name="Main",
        legal_entity=ledger.LegalEntityId("ent_skerry"),
        currency=currency,
        kind=AccountKind.POSTPAID,
        now=now,
    )
    return customer.id, account.id


def fill_shelf(
    tx: Tx, now: datetime, *, numbers: int, sims: int | None = None, first: int = 0
) -> None:
    """Adds numbers from the `first`th on, and SIMs, as many unless told otherwise."""
    if numbers:
        start = Msisdn(str(int(FIRST_NUMBER) + first))
        inventory.add_numbers(tx, first=start, count=numbers, now=now)
    serials = range(first, first + (numbers if sims is None else sims))
    pairs = [(Iccid.of(f"893530000000{each:07}"), Imsi(f"27201{each:010}")) for each in serials]
    if pairs:
        inventory.add_sims(tx, sims=pairs, now=now)


def add(offering: str = MOBILE, **changes: Any) -> ItemRequest:
    return ItemRequest(action=Action.ADD, offering=offering, **changes)


def delete(product: str) -> ItemRequest:
    return ItemRequest(action=Action.DELETE, product=product)


def account_is_open(charging: Database, product: str) -> bool:
    """Whether the network may be charged for this product now."""
    with charging.read() as r:
        found = store.account(r, ChargingAccountId(product))
    return found is not None and not found.state.closed
