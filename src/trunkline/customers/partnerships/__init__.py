"""Partnerships (TMF668): parties that work together, by a specification of their roles."""

from trunkline.customers.partnerships.model import PartnershipId, PartnershipSpecificationId
from trunkline.customers.partnerships.operations import (
    change_partnership,
    find_partnerships,
    form_partnership,
)
from trunkline.customers.partnerships.store import (
    PARTNERSHIP_SPECIFICATIONS,
    PARTNERSHIPS,
    partnership,
    partnership_specification,
)

__all__ = [
    "PARTNERSHIPS",
    "PARTNERSHIP_SPECIFICATIONS",
    "PartnershipId",
    "PartnershipSpecificationId",
    "change_partnership",
    "find_partnerships",
    "form_partnership",
    "partnership",
    "partnership_specification",
]
