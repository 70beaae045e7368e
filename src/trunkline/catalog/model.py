"""What can be bought, at what price, under which brand, in which market.

A catalogue's resource is kept whole as a `Document`; what the rest of the system reckons with
is the typed view of it, `Offering` and its prices.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.catalog.eligibility import EVERYBODY, Eligibility
from trunkline.catalog.usage import (
    STANDARD_TAX,
    Allowance,
    Priced,
    UsageCounter,
    UsageDiscount,
    UsagePrice,
)
from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.money import Money


class BrandId(Id):
    __slots__ = ()
    prefix = "brd"


class MarketId(Id):
    __slots__ = ()
    prefix = "mkt"


class OfferingId(Id):
    __slots__ = ()
    prefix = "off"


class SpecificationId(Id):
    __slots__ = ()
    prefix = "psp"


class CategoryId(Id):
    __slots__ = ()
    prefix = "cat"


class CatalogId(Id):
    __slots__ = ()
    prefix = "ctl"


class ServiceSpecificationId(Id):
    __slots__ = ()
    prefix = "ssp"


class ServiceCandidateId(Id):
    __slots__ = ()
    prefix = "scd"


class ServiceCategoryId(Id):
    __slots__ = ()
    prefix = "sca"


class ServiceCatalogId(Id):
    __slots__ = ()
    prefix = "sct"


class ResourceSpecificationId(Id):
    __slots__ = ()
    prefix = "rsp"


class ResourceCandidateId(Id):
    __slots__ = ()
    prefix = "rcd"


class ResourceCategoryId(Id):
    __slots__ = ()
    prefix = "rca"


class ResourceCatalogId(Id):
    __slots__ = ()
    prefix = "rct"


class PromotionId(Id):
    __slots__ = ()
    prefix = "pro"


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are sold: what money, clock, tax and languages hold there."""

    id: MarketId
    name: str
    currency: str
    time_zone: str
    country: str
    """ISO 3166-1 alpha-2."""
    tax_regime: str
    languages: tuple[str, ...] = ()


class Brand(msgspec.Struct, frozen=True, kw_only=True):
    """A name that is sold under, in one market."""

    id: BrandId
    name: str
    market: MarketId


class DocumentKind(StrEnum):
    """The resources of TMF620, 633, 634 and 671 v4, by their paths."""

    CATALOG = "catalog"
    CATEGORY = "category"
    SPECIFICATION = "productSpecification"
    OFFERING = "productOffering"
    PRICE = "productOfferingPrice"
    SERVICE_CATALOG = "serviceCatalog"
    SERVICE_CATEGORY = "serviceCategory"
    SERVICE_CANDIDATE = "serviceCandidate"
    SERVICE_SPECIFICATION = "serviceSpecification"
    RESOURCE_CATALOG = "resourceCatalog"
    RESOURCE_CATEGORY = "resourceCategory"
    RESOURCE_CANDIDATE = "resourceCandidate"
    RESOURCE_SPECIFICATION = "resourceSpecification"
    PROMOTION = "promotion"

    @property
    def resource(self) -> str:
        """Its TM Forum type."""
        return self[0].upper() + self[1:]


class LifecycleStatus(StrEnum):
    """TMF620 v4, section "Product Catalog life cycle". `Active` is ready but not yet on sale;
    `Launched` is on sale; `Retired` is kept by those who have it; `Obsolete` by nobody."""

    IN_STUDY = "In study"
    IN_DESIGN = "In design"
    IN_TEST = "In test"
    ACTIVE = "Active"
    LAUNCHED = "Launched"
    REJECTED = "Rejected"
    RETIRED = "Retired"
    OBSOLETE = "Obsolete"


CATALOG_LIFECYCLE = Lifecycle(
    "the catalogue entry",
    {
        LifecycleStatus.IN_STUDY: {LifecycleStatus.IN_DESIGN, LifecycleStatus.REJECTED},
        LifecycleStatus.IN_DESIGN: {
            LifecycleStatus.IN_STUDY,
            LifecycleStatus.IN_TEST,
            LifecycleStatus.REJECTED,
        },
        LifecycleStatus.IN_TEST: {
            LifecycleStatus.IN_DESIGN,
            LifecycleStatus.ACTIVE,
            LifecycleStatus.REJECTED,
        },
        LifecycleStatus.ACTIVE: {
            LifecycleStatus.IN_TEST,
            LifecycleStatus.LAUNCHED,
            LifecycleStatus.RETIRED,
        },
        LifecycleStatus.LAUNCHED: {LifecycleStatus.RETIRED},
        LifecycleStatus.RETIRED: {LifecycleStatus.LAUNCHED, LifecycleStatus.OBSOLETE},
        LifecycleStatus.REJECTED: {LifecycleStatus.IN_DESIGN},
        LifecycleStatus.OBSOLETE: frozenset(),
    },
)

ON_SALE = frozenset({LifecycleStatus.ACTIVE, LifecycleStatus.LAUNCHED})
"""The states in which every price must be one that can be reckoned with."""

IN_USE = frozenset({LifecycleStatus.LAUNCHED, LifecycleStatus.RETIRED})
"""The states in which customers may hold an offering, so that it can't be deleted."""

PRICED = ON_SALE | IN_USE
"""The states of the offerings whose prices of use are in tariffs."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as it was given: `body` is the whole JSON, unknown attributes included,
    without `href`. The other fields are what lists are filtered by; `revision` counts changes
    from 1."""

    kind: DocumentKind
    id: str
    body: Mapping[str, Any]
    name: str
    lifecycle_status: LifecycleStatus
    version: str
    last_update: datetime
    is_bundle: bool
    brand: BrandId | None
    revision: int


class RecurringPrice(Priced, frozen=True, kw_only=True, tag="recurring"):
    """`amount` for every `period_months` months."""

    amount: Money
    period_months: int = 1
    tax_category: str = STANDARD_TAX


class OneTimePrice(Priced, frozen=True, kw_only=True, tag="oneTime"):
    """`amount`, once."""

    amount: Money
    tax_category: str = STANDARD_TAX


Price = RecurringPrice | OneTimePrice | UsagePrice | Allowance | UsageDiscount | UsageCounter


class Offering(msgspec.Struct, frozen=True, kw_only=True):
    """A product offering as the rest of the system reckons with it. `brand` None means any;
    `components` are the offerings of a bundle and `component_counts` how many of each it holds;
    `characteristics` are the default values of `prodSpecCharValueUse`, by name; `eligibility` is
    whom it is for."""

    id: OfferingId
    name: str
    brand: BrandId | None
    status: LifecycleStatus
    is_bundle: bool = False
    is_sellable: bool = True
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    specification: SpecificationId | None = None
    components: tuple[OfferingId, ...] = ()
    component_counts: tuple[int, ...] = ()
    prices: tuple[Price, ...] = ()
    characteristics: Mapping[str, Any] = {}
    eligibility: Eligibility = EVERYBODY
    revision: int = 1

    @property
    def recurring_prices(self) -> tuple[RecurringPrice, ...]:
        return tuple(price for price in self.prices if isinstance(price, RecurringPrice))

    @property
    def one_time_prices(self) -> tuple[OneTimePrice, ...]:
        return tuple(price for price in self.prices if isinstance(price, OneTimePrice))

    @property
    def usage_prices(self) -> tuple[UsagePrice, ...]:
        return tuple(price for price in self.prices if isinstance(price, UsagePrice))

    @property
    def allowances(self) -> tuple[Allowance, ...]:
        return tuple(price for price in self.prices if isinstance(price, Allowance))

    @property
    def usage_discounts(self) -> tuple[UsageDiscount, ...]:
        return tuple(price for price in self.prices if isinstance(price, UsageDiscount))

    @property
    def usage_counters(self) -> tuple[UsageCounter, ...]:
        return tuple(price for price in self.prices if isinstance(price, UsageCounter))

    def priced_at(self, at: datetime) -> "Offering":
        """The offering with those of its prices that hold at this instant."""
        if all(price.holds_at(at) for price in self.prices):
            return self
        return msgspec.structs.replace(
            self, prices=tuple(price for price in self.prices if price.holds_at(at))
        )

    @property
    def charged_services(self) -> frozenset[str]:
        """The services that it prices or includes; where there are any, whoever buys it needs
        an account in charging."""
        return frozenset(
            price.service for price in self.prices if isinstance(price, UsagePrice | Allowance)
        )

    def is_on_sale(self, at: datetime) -> bool:
        """Launched, sellable, and within its validity at this instant."""
        return (
            self.status is LifecycleStatus.LAUNCHED
            and self.is_sellable
            and (self.valid_from is None or self.valid_from <= at)
            and (self.valid_until is None or at < self.valid_until)
        )


class RateSheetEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What a call to numbers that begin with `prefix` costs: the connection charge, plus the
    price a minute for the duration counted up to whole `charge_period`s (seconds). Of several
    prefixes that fit, the longest counts."""

    prefix: str
    """Digits of an international number, without a plus."""
    destination: str
    price_per_minute: Money
    connection_charge: Money
    charge_period: int


class RateSheet(msgspec.Struct, frozen=True, kw_only=True):
    """A list of call prices by destination, replaced as a whole. `entries` are in the order of
    their prefixes; `revision` counts from 1."""

    name: str
    currency: str
    revision: int
    imported_at: datetime
    entries: tuple[RateSheetEntry, ...]


class InvalidDocument(Invalid):
    code = "invalidDocument"


class ZoneContradiction(Invalid):
    """Two prices say different networks of one zone."""

    code = "zoneContradiction"


class UnknownReference(Invalid):
    """A document names another that doesn't exist."""

    code = "unknownReference"


class DocumentNotFound(NotFound):
    code = "documentNotFound"


class DocumentExists(Conflict):
    code = "documentExists"


def document_exists(kind: DocumentKind, document_id: str) -> DocumentExists:
    return DocumentExists(f"there is a {kind} {document_id} already", path="id")


class DocumentInUse(Conflict):
    """It can't be deleted: another document names it, or customers may hold it."""

    code = "documentInUse"


class UnknownBrand(NotFound):
    code = "unknownBrand"


class UnknownMarket(NotFound):
    code = "unknownMarket"


class NameTaken(Conflict):
    code = "nameTaken"


def name_taken(what: str, name: str) -> NameTaken:
    return NameTaken(f"there is a {what} {name[:60]} already", path="name")


class UnknownRateSheet(NotFound):
    code = "unknownRateSheet"


class RateSheetRejected(Invalid):
    """Nothing of the sheet was taken. `fields["lines"]` holds (line, column, reason) of every
    line at fault."""

    code = "rateSheetRejected"
