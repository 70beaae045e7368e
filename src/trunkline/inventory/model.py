"""Products, the services that realise them, and the resources that these stand on.

Ids of other domains (customers, offerings, orders) are held as they come: as opaque text.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.kernel.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.money import Money
from trunkline.kernel.time import Period


class ProductId(Id):
    __slots__ = ()
    prefix = "prod"


class ServiceId(Id):
    __slots__ = ()
    prefix = "svc"


class ResourceId(Id):
    __slots__ = ()
    prefix = "res"


class ProductStatus(StrEnum):
    """TMF637 v4, ProductStatusType."""

    CREATED = "created"
    PENDING_ACTIVE = "pendingActive"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    PENDING_TERMINATE = "pendingTerminate"
    TERMINATED = "terminated"
    CANCELLED = "cancelled"
    ABORTED = "aborted"


PRODUCT_LIFECYCLE = Lifecycle(
    "product",
    {
        ProductStatus.CREATED: {
            ProductStatus.PENDING_ACTIVE,
            ProductStatus.ACTIVE,
            ProductStatus.CANCELLED,
            ProductStatus.ABORTED,
        },
        ProductStatus.PENDING_ACTIVE: {
            ProductStatus.ACTIVE,
            ProductStatus.CANCELLED,
            ProductStatus.ABORTED,
        },
        ProductStatus.ACTIVE: {
            ProductStatus.SUSPENDED,
            ProductStatus.PENDING_TERMINATE,
            ProductStatus.TERMINATED,
        },
        ProductStatus.SUSPENDED: {
            ProductStatus.ACTIVE,
            ProductStatus.PENDING_TERMINATE,
            ProductStatus.TERMINATED,
        },
        ProductStatus.PENDING_TERMINATE: {ProductStatus.ACTIVE, ProductStatus.TERMINATED},
        ProductStatus.TERMINATED: frozenset(),
        ProductStatus.CANCELLED: frozenset(),
        ProductStatus.ABORTED: frozenset(),
    },
)


class PriceKind(StrEnum):
    """TMF620 `priceType` of what a product itself costs; usage is priced by its tariff."""

    RECURRING = "recurring"
    ONE_TIME = "oneTime"


class PriceAlteration(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed to be added to a price, or, where negative, taken off it."""

    name: str
    amount: Money
    agreement: str | None = None


class ProductPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What this product costs: the offering's price as it was when the product was ordered.
    `period_months` counts for recurring prices; `offering_price` names the catalogue's. It holds
    from `valid_from` (None: from the product's start) up to, and without, `valid_until`."""

    kind: PriceKind
    name: str
    amount: Money
    period_months: int = 1
    offering_price: str | None = None
    tax_category: str = "standard"
    alterations: tuple[PriceAlteration, ...] = ()
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def within(self, period: Period) -> Period | None:
        """The part of `period` in which it holds, or None."""
        start = max(self.valid_from or period.start, period.start)
        end = min(self.valid_until or period.end, period.end)
        return Period(start, end) if start < end else None

    @property
    def altered(self) -> Money:
        """The amount with its alterations: what is charged for a whole period."""
        total = self.amount
        for alteration in self.alterations:
            total += alteration.amount
        return total


class NewProduct(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to create a product. One that is created active (a migrated one) says
    since when: `start_date`."""

    name: str
    offering: str
    offering_name: str
    customer: str
    billing_account: str
    prices: tuple[ProductPrice, ...] = ()
    status: ProductStatus = ProductStatus.CREATED
    start_date: datetime | None = None
    id: ProductId | None = None
    """A migrated base's own id; None for a fresh one."""
    order: str | None = None
    order_item: str | None = None
    order_date: datetime | None = None
    characteristics: Mapping[str, Any] = {}
    details: Mapping[str, Any] = {}


FEE_FROM, BALANCE = "feeFrom", "balance"
"""The characteristic of products whose monthly prices aren't billed, and its value."""


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's instance of an offering (TMF637). It is charged from `start_date` up to, and
    without, `termination_date`. One that is only known from elsewhere may have no offering,
    customer or account (then empty), and is charged by nobody here without an account.
    `details` is what its document says beside the rest, kept as it came."""

    id: ProductId
    name: str
    offering: str
    offering_name: str
    customer: str
    billing_account: str
    status: ProductStatus
    created_at: datetime
    start_date: datetime | None = None
    termination_date: datetime | None = None
    order: str | None = None
    order_item: str | None = None
    order_date: datetime | None = None
    characteristics: Mapping[str, Any] = {}
    prices: tuple[ProductPrice, ...] = ()
    details: Mapping[str, Any] = {}

    @property
    def fee_from_balance(self) -> bool:
        """Whether its monthly prices are taken from its prepaid balance, and not billed."""
        return self.characteristics.get(FEE_FROM) == BALANCE

    @property
    def present_prices(self) -> tuple[ProductPrice, ...]:
        """Without those that a change has ended."""
        return tuple(each for each in self.prices if each.valid_until is None)

    def service_period(self, within: Period) -> Period | None:
        """The part of `within` in which the product was in service, or None."""
        if self.start_date is None or self.start_date >= within.end:
            return None
        end = self.termination_date or within.end
        return within.overlap(Period(self.start_date, max(end, self.start_date)))


class ServiceCategory(StrEnum):
    """Customer facing or resource facing (TMF638 `category`)."""

    CFS = "CFS"
    RFS = "RFS"


class ServiceState(StrEnum):
    """TMF638 v4, ServiceStateType."""

    FEASIBILITY_CHECKED = "feasibilityChecked"
    DESIGNED = "designed"
    RESERVED = "reserved"
    INACTIVE = "inactive"
    ACTIVE = "active"
    TERMINATED = "terminated"


SERVICE_LIFECYCLE = Lifecycle(
    "service",
    {
        ServiceState.FEASIBILITY_CHECKED: {
            ServiceState.DESIGNED,
            ServiceState.RESERVED,
            ServiceState.TERMINATED,
        },
        ServiceState.DESIGNED: {
            ServiceState.RESERVED,
            ServiceState.INACTIVE,
            ServiceState.ACTIVE,
            ServiceState.TERMINATED,
        },
        ServiceState.RESERVED: {
            ServiceState.INACTIVE,
            ServiceState.ACTIVE,
            ServiceState.TERMINATED,
        },
        ServiceState.INACTIVE: {ServiceState.ACTIVE, ServiceState.TERMINATED},
        ServiceState.ACTIVE: {ServiceState.INACTIVE, ServiceState.TERMINATED},
        ServiceState.TERMINATED: frozenset(),
    },
)


class NewService(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to create a service, of a product (which must exist) or of none; `active`
    starts it."""

    product: ProductId | None
    customer: str
    name: str
    characteristics: Mapping[str, Any] = {}
    category: str = ServiceCategory.CFS
    state: ServiceState = ServiceState.ACTIVE
    specification: str | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    details: Mapping[str, Any] = {}


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What works on the network, usually for a product (TMF638). A mobile service's
    characteristics are `msisdn`, `imsi` and `iccid`. `details` is what its document says beside
    the rest, kept as it came."""

    id: ServiceId
    name: str
    category: str
    state: ServiceState
    product: ProductId | None
    customer: str
    created_at: datetime
    service_date: datetime
    """When it was asked for (TMF638 `serviceDate`)."""
    start_date: datetime | None = None
    end_date: datetime | None = None
    characteristics: Mapping[str, Any] = {}
    specification: str | None = None
    details: Mapping[str, Any] = {}


class ResourceKind(StrEnum):
    """What is kept in stock, and whatever else there is: `other`."""

    NUMBER = "number"
    SIM = "sim"
    OTHER = "other"


class ResourceState(StrEnum):
    """Where a number or a card stands. Somebody has taken a `suspended` one off the shelf."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    ASSIGNED = "assigned"
    QUARANTINED = "quarantined"
    SUSPENDED = "suspended"
    RETIRED = "retired"


RESOURCE_LIFECYCLE = Lifecycle(
    "resource",
    {
        ResourceState.AVAILABLE: {
            ResourceState.RESERVED,
            ResourceState.SUSPENDED,
            ResourceState.RETIRED,
        },
        ResourceState.RESERVED: {ResourceState.AVAILABLE, ResourceState.ASSIGNED},
        ResourceState.ASSIGNED: {ResourceState.QUARANTINED, ResourceState.RETIRED},
        ResourceState.QUARANTINED: {ResourceState.AVAILABLE, ResourceState.RETIRED},
        ResourceState.SUSPENDED: {ResourceState.AVAILABLE, ResourceState.RETIRED},
        ResourceState.RETIRED: frozenset(),
    },
)


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A number, a SIM or something else. `value` is the MSISDN or the ICCID, `imsi` a SIM's.
    Whoever reserved it is its `holder` (an order item); `product` is whom it was assigned to.
    The states behind `status` are TMF639's (ITU-T X.731); of numbers and SIMs they follow from
    `state`. `details` is what its document says beside the rest, kept as it came."""

    id: ResourceId
    kind: ResourceKind
    value: str
    state: ResourceState
    imsi: str | None = None
    holder: str | None = None
    product: ProductId | None = None
    quarantined_until: datetime | None = None
    name: str = ""
    category: str | None = None
    is_physical: bool = False
    status: str | None = None
    administrative_state: str | None = None
    operational_state: str | None = None
    usage_state: str | None = None
    details: Mapping[str, Any] = {}


class UnfitProduct(Invalid):
    code = "unfitProduct"


class ProductNotFound(NotFound):
    code = "productNotFound"


class ProductInUse(Conflict):
    """Something has come of it that deleting would lose."""

    code = "productInUse"


class OrderedElsewhere(Refused):
    """The change has consequences that an order brings about, or was agreed in one."""

    code = "orderedElsewhere"


class ServiceInUse(Conflict):
    """It works, or a product is realised by it."""

    code = "serviceInUse"


class ProductNotActive(Conflict):
    """It is not in service, or no longer."""

    code = "productNotActive"


class ServiceNotFound(NotFound):
    code = "serviceNotFound"


class ResourceNotFound(NotFound):
    code = "resourceNotFound"


class ResourceExists(Conflict):
    code = "resourceExists"


class ResourceInUse(Conflict):
    """Somebody has it, or holds it."""

    code = "resourceInUse"


class OutOfStock(Unavailable):
    """No number, or no SIM, is on the shelf."""

    code = "outOfStock"


class NotAvailable(Conflict):
    """The wished number or card is another's, or rests."""

    code = "notAvailable"


class SimMismatch(Conflict):
    """An ICCID or an IMSI is in stock already, with another partner."""

    code = "simMismatch"


def check_new_product(new: NewProduct, *, path: str = "product") -> None:
    """Raises `UnfitProduct` where status and start contradict each other, a price is in another
    currency than its alterations, or a period is no month."""
    started = new.status in (ProductStatus.ACTIVE, ProductStatus.SUSPENDED)
    if started != (new.start_date is not None):
        raise UnfitProduct(
            f"a product that is {new.status} {'needs a' if started else 'has no'} start date",
            path=f"{path}.startDate",
        )
    if PRODUCT_LIFECYCLE.is_final(new.status) or new.status is ProductStatus.PENDING_TERMINATE:
        raise UnfitProduct(f"a product can't begin as {new.status}", path=f"{path}.status")
    for index, price in enumerate(new.prices):
        at = f"{path}.productPrice[{index}]"
        if price.period_months < 1:
            raise UnfitProduct("a recurring price's period is at least one month", path=at)
        if any(each.amount.currency != price.amount.currency for each in price.alterations):
            raise UnfitProduct(f"an alteration is not in {price.amount.currency}", path=at)
