"""Party roles (TMF669): what parties are to the operator, other than its customers."""

from trunkline.customers.roles.model import ROLE_LIFECYCLE, PartyRoleId, RoleStatus
from trunkline.customers.roles.operations import ROLES, change_role, give_role
from trunkline.customers.tables import party_role

__all__ = [
    "ROLES",
    "ROLE_LIFECYCLE",
    "PartyRoleId",
    "RoleStatus",
    "change_role",
    "give_role",
    "party_role",
]
