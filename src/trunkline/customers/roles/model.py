"""The parts that parties play beside customers': suppliers, dealers, agents, partners (TMF669)."""

from datetime import datetime
from enum import StrEnum

from trunkline.customers.bodies import InvalidDocument, check_period, in_words
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.time import format_instant
from trunkline.tmf.documents import Body


class PartyRoleId(Id):
    __slots__ = ()
    prefix = "rol"


class RoleStatus(StrEnum):
    """Where a role stands (TMF669 leaves the words to the operator, and names Rejected)."""

    INITIALIZED = "initialized"
    APPROVED = "approved"
    REJECTED = "rejected"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"


_S = RoleStatus
ROLE_LIFECYCLE = Lifecycle(
    "the role",
    {
        _S.INITIALIZED: {_S.APPROVED, _S.REJECTED, _S.ACTIVE, _S.TERMINATED},
        _S.APPROVED: {_S.ACTIVE, _S.SUSPENDED, _S.TERMINATED},
        _S.REJECTED: {_S.INITIALIZED, _S.TERMINATED},
        _S.ACTIVE: {_S.SUSPENDED, _S.TERMINATED},
        _S.SUSPENDED: {_S.ACTIVE, _S.TERMINATED},
        _S.TERMINATED: frozenset(),
    },
)
BEGINS = (_S.INITIALIZED, _S.APPROVED, _S.ACTIVE)
_CUSTOMER = "customer"


def meant(body: Body) -> Body:
    """With its status in our words."""
    return in_words(body, "status", RoleStatus)


def complete_role(body: Body, before: Body | None, now: datetime) -> Body:
    """The role as it is kept; it is valid from now on where nothing else is said."""
    if str(body.get("@type")).lower() == _CUSTOMER:
        raise InvalidDocument("customers are kept by TMF629", path="@type")
    check_period(body, "validFor")
    if before is None and not body.get("validFor"):
        return {**body, "validFor": {"startDateTime": format_instant(now)}}
    if before is not None and body["status"] != before["status"]:
        return _ended(body, now) if _S(body["status"]) is _S.TERMINATED else body
    return body


def _ended(body: Body, now: datetime) -> Body:
    """What is terminated is valid no longer."""
    period = {"endDateTime": format_instant(now), **body.get("validFor", {})}
    return {**body, "validFor": period}
