"""Partnerships: which parties work together, in what roles, by which specification (TMF668)."""

from datetime import datetime

from trunkline.customers.bodies import InvalidDocument
from trunkline.kernel.errors import Conflict
from trunkline.kernel.ids import Id
from trunkline.tmf.documents import Body


class PartnershipId(Id):
    __slots__ = ()
    prefix = "psh"


class PartnershipSpecificationId(Id):
    __slots__ = ()
    prefix = "pss"


class PartnershipSpecificationInUse(Conflict):
    code = "partnershipSpecificationInUse"


def complete_specification(body: Body, _before: Body | None, _now: datetime) -> Body:
    """Raises `InvalidDocument` for two roles of one name."""
    seen: set[str] = set()
    for index, role in enumerate(body.get("roleSpecification", ())):
        if role["name"] in seen:
            raise InvalidDocument("comes twice", path=f"roleSpecification[{index}].name")
        seen.add(role["name"])
    return body
