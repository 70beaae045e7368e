"""What the APIs' wire forms share: TM Forum's data types, references, and their way in."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UnsetType

from trunkline.kernel import errors, money
from trunkline.kernel.time import format_instant
from trunkline.tmf import Moment, Number, Timestamp, Wire, href

CATALOG = "/tmf-api/productCatalogManagement/v4"
ORDERING = "/tmf-api/productOrderingManagement/v4"
QUALIFICATIONS = "/tmf-api/productOfferingQualification/v4"
QUOTES = "/tmf-api/quoteManagement/v4"
CARTS = "/tmf-api/shoppingCart/v4"
CUSTOMER = "/tmf-api/customerManagement/v4"
PARTY = "/tmf-api/party/v4"
PRODUCTS = "/tmf-api/productInventory/v4"
SERVICES = "/tmf-api/serviceInventory/v4"
RESOURCES = "/tmf-api/resourceInventoryManagement/v4"
ACTIVATION = "/tmf-api/ServiceActivationAndConfiguration/v4"
SERVICE_ORDERING = "/tmf-api/serviceOrdering/v4"
STOCK = "/tmf-api/stock/v4"
BALANCE = "/tmf-api/prepayBalanceManagement/v4"
ACCOUNT = "/tmf-api/accountManagement/v4"
PAYMENT = "/payment/v4"
METHOD = "/tmf-api/paymentMethod/v4"
CONSUMPTION = "/tmf-api/usageConsumption/v4"
USAGE = "/tmf-api/usageManagement/v4"
BILL = "/tmf-api/customerBillManagement/v4"
EVENT = "/tmf-api/event/v4"
PERMISSIONS = "/tmf-api/rolesAndPermissionsManagement/v4"
SERVICE_CATALOG = "/tmf-api/serviceCatalogManagement/v4"
RESOURCE_CATALOG = "/tmf-api/resourceCatalog/v4"
PROMOTION = "/tmf-api/promotionManagement/v4"
PRIVACY = "/tmf-api/privacyManagement/v4"
COMMUNICATION = "/tmf-api/communicationManagement/v4"


Value = TypeVar("Value")
_NO_PLACES: Mapping[str, str] = {}


class Money(Wire):
    """TMF Money: `value` in main units of the currency `unit`."""

    unit: str
    value: Decimal

    @classmethod
    def of(cls, amount: money.Money) -> "Money":
        return cls(unit=amount.currency, value=amount.to_decimal())


class MoneyIn(Wire):
    """TMF Money as a client gives it."""

    unit: str
    value: Number

    def parsed(self, path: str) -> money.Money:
        return money.Money.of(self.value, self.unit, path=path)


class Quantity(Wire):
    amount: Decimal
    units: str


class QuantityIn(Wire):
    amount: Number
    units: str


class Period(Wire):
    """TimePeriod on its way out."""

    start_date_time: Timestamp | None = None
    end_date_time: Timestamp | None = None


class Since(Wire):
    """TimePeriod without an end."""

    start_date_time: Timestamp


Item = TypeVar("Item")
Some = Annotated[tuple[Item, ...], msgspec.Meta(min_length=1)]
"""At least one."""


class Typed(Wire):
    """Extensible: what TMF630 lets every object say of its type."""

    type: str | None = msgspec.field(name="@type", default=None)
    base_type: str | None = msgspec.field(name="@baseType", default=None)
    schema_location: str | None = msgspec.field(name="@schemaLocation", default=None)


class PeriodIn(Wire):
    """TimePeriod on its way in."""

    start_date_time: Moment | None = None
    end_date_time: Moment | None = None


class Ref(Wire):
    """A reference to another resource."""

    id: str
    href: str | None = None
    name: str | None = None
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class Party(Wire):
    """RelatedParty: who, in which role."""

    id: str
    referred_type: str = msgspec.field(name="@referredType")
    href: str | None = None
    name: str | None = None
    role: str | None = None


class RefIn(Wire):
    """A reference as a client gives it."""

    id: str
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class PartyIn(Wire):
    id: str
    name: str | None = None
    role: str | None = None
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class Characteristic(Wire):
    """A name and a value of any type."""

    name: str
    value: Any
    value_type: str | None = None


def ref(base: str, type_: str, ident: str, name: str | None = None) -> Ref:
    """A reference to the `type_` with this id in the API at `base`."""
    path = f"{base}/{type_[0].lower()}{type_[1:]}"
    return Ref(id=ident, href=href(path, ident), name=name, referred_type=type_)


def customer_party(ident: str, name: str | None = None) -> Party:
    """The customer that a resource belongs to."""
    return Party(
        id=ident,
        href=href(f"{CUSTOMER}/customer", ident),
        name=name,
        role="customer",
        referred_type="Customer",
    )


def customer_among(parties: Iterable[PartyIn]) -> str | None:
    """The id of the related party that is the customer."""
    for party in parties:
        if "customer" in ((party.role or "").lower(), (party.referred_type or "").lower()):
            return party.id
    return None


def given(value: Value | UnsetType) -> Value | None:
    """None for what a patch leaves as it is."""
    return None if isinstance(value, UnsetType) else value


def instant(moment: datetime | None) -> str | None:
    return None if moment is None else format_instant(moment)


def characteristics(values: Mapping[str, Any]) -> tuple[Characteristic, ...]:
    return tuple(Characteristic(name=name, value=value) for name, value in values.items())


def values_of(given: Iterable[Mapping[str, Any]], path: str) -> dict[str, Any]:
    """Characteristics, as they came in, by name; raises `Invalid` for one that comes twice."""
    values: dict[str, Any] = {}
    for index, each in enumerate(given):
        name = each["name"]
        if name in values:
            raise errors.Invalid(
                f"there are two values of {name[:40]!r}", path=f"{path}[{index}].name"
            )
        values[name] = each.get("value")
    return values


@contextmanager
def placed(places: Mapping[str, str] = _NO_PLACES, *, unknown: str | None = None) -> Iterator[None]:
    """Errors of an operation name its arguments; these are their paths on the wire. `unknown`
    is the path of what isn't found, where the error doesn't say it."""
    try:
        yield
    except errors.TrunklineError as error:
        if error.path is not None:
            head, dot, rest = error.path.partition(".")
            error.path = places.get(error.path, places.get(head, head) + dot + rest)
        elif isinstance(error, errors.NotFound):
            error.path = unknown
        raise
