"""What customers have: products, the services that realise them, and the numbers and SIMs that
these stand on.

Inventory is the truth about them and decides alone which number goes to whom: a resource is
reserved for one holder at a time, under concurrency too. It knows no orders; whoever delivers
(ordering, a migration) tells it what to create and to which status it moved.
"""

from trunkline.inventory.model import (
    NewProduct,
    PriceAlteration,
    PriceKind,
    Product,
    ProductId,
    ProductPrice,
    ProductStatus,
    Resource,
    ResourceId,
    ResourceKind,
    ResourceState,
    Service,
    ServiceCategory,
    ServiceId,
    ServiceState,
    UnfitProduct,
)
from trunkline.inventory.numbering import Iccid, Imsi, Msisdn, NotANumber

__all__ = [
    "Iccid",
    "Imsi",
    "Msisdn",
    "NewProduct",
    "NotANumber",
    "PriceAlteration",
    "PriceKind",
    "Product",
    "ProductId",
    "ProductPrice",
    "ProductStatus",
    "Resource",
    "ResourceId",
    "ResourceKind",
    "ResourceState",
    "Service",
    "ServiceCategory",
    "ServiceId",
    "ServiceState",
    "UnfitProduct",
]
