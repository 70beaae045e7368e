"""Trouble tickets: their states, their clock, and who may do what when (TMF621).

The clock runs from a ticket's opening to its resolution, and stands while it is pending on the
customer. Its priority says how long it may run until somebody takes the ticket up, and until it
is resolved.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any

import msgspec

from trunkline.customers.bodies import numbered
from trunkline.kernel.errors import Conflict, Forbidden
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.time import format_instant, parse_instant

Body = dict[str, Any]


class TicketId(Id):
    __slots__ = ()
    prefix = "tkt"


class TicketStatus(StrEnum):
    """TMF621 v4, TroubleTicketStatusType."""

    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    PENDING = "pending"
    HELD = "held"
    IN_PROGRESS = "inProgress"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    RESOLVED = "resolved"


_S = TicketStatus
TICKET_LIFECYCLE = Lifecycle(
    "the ticket",
    {
        _S.ACKNOWLEDGED: {
            _S.IN_PROGRESS, _S.PENDING, _S.HELD, _S.RESOLVED, _S.REJECTED, _S.CANCELLED,
        },
        _S.IN_PROGRESS: {_S.PENDING, _S.HELD, _S.RESOLVED, _S.CANCELLED},
        _S.PENDING: {_S.IN_PROGRESS, _S.HELD, _S.RESOLVED, _S.CANCELLED},
        _S.HELD: {_S.IN_PROGRESS, _S.PENDING, _S.RESOLVED, _S.CANCELLED},
        _S.RESOLVED: {_S.CLOSED, _S.IN_PROGRESS},
        _S.CLOSED: frozenset(),
        _S.CANCELLED: frozenset(),
        _S.REJECTED: frozenset(),
    },
)  # fmt: skip
BEGINS = (_S.ACKNOWLEDGED, _S.IN_PROGRESS, _S.PENDING, _S.HELD)
OPEN = frozenset(BEGINS)
THEIRS: Mapping[TicketStatus, frozenset[TicketStatus]] = {
    _S.ACKNOWLEDGED: frozenset({_S.CANCELLED}),
    _S.IN_PROGRESS: frozenset({_S.CANCELLED}),
    _S.HELD: frozenset({_S.CANCELLED}),
    _S.PENDING: frozenset({_S.IN_PROGRESS, _S.CANCELLED}),
    _S.RESOLVED: frozenset({_S.IN_PROGRESS, _S.CLOSED}),
}
"""What subscribers may do with their tickets: withdraw them, answer what they are asked, and say
whether what is resolved is well."""
STAFFS = ("priority", "severity", "ticketType", "expectedResolutionDate")
"""What subscribers don't change."""
DELETABLE = frozenset({_S.ACKNOWLEDGED, _S.REJECTED, _S.CANCELLED})

REOPENABLE = timedelta(days=14)
"""For so long a resolved ticket may be taken up again; then it closes by itself."""


class Target(StrEnum):
    RESPONSE = "response"
    RESOLUTION = "resolution"


class Targets(msgspec.Struct, frozen=True):
    """How long the clock may run until somebody has taken the ticket up, and until it is
    resolved."""

    response: timedelta
    resolution: timedelta


USUAL_TARGETS: Mapping[str, Targets] = {
    "critical": Targets(timedelta(minutes=30), timedelta(hours=4)),
    "high": Targets(timedelta(hours=2), timedelta(hours=24)),
    "medium": Targets(timedelta(hours=8), timedelta(days=3)),
    "low": Targets(timedelta(hours=24), timedelta(days=10)),
}
"""By priority, where the operator has set no others."""
_PRIORITIES = {"critical": "Critical", "blocker": "Critical", "major": "High", "high": "High",
               "minor": "Medium", "medium": "Medium"}  # fmt: skip
_LOWEST = "Low"
SUPPLIED = ("creationDate", "lastUpdate", "resolutionDate", "statusChangeDate", "statusChange",
         "responseDate", "expectedResponseDate", "breach")  # fmt: skip
"""What the server supplies, and clients don't change."""
_STANDING = (_S.PENDING, _S.RESOLVED)
"""The clock stands in these."""


class TooLateToReopen(Conflict):
    code = "tooLateToReopen"


class StaffDecide(Forbidden):
    """A subscriber can't say this of a ticket."""

    code = "staffDecide"


class NotDeletable(Conflict):
    code = "notDeletable"


def priority_of(severity: str) -> str:
    """The priority that follows from a severity."""
    return _PRIORITIES.get(severity.strip().lower(), _LOWEST)


def targets_of(priority: str, known: Mapping[str, Targets] = USUAL_TARGETS) -> Targets:
    """An operator's own words take the times of what they mean, if that is known, else the
    lowest."""
    word = priority.strip().lower()
    return known.get(word) or known[priority_of(word).lower()]


def check_subscriber(body: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Raises `StaffDecide` for what subscribers may not say of their tickets."""
    if before is None:
        for name in ("status", "priority", "expectedResolutionDate"):
            if body.get(name) is not None:
                raise StaffDecide("is for the operator to say", path=name)
        return
    for name in STAFFS:
        if body.get(name) != before.get(name):
            raise StaffDecide("is for the operator to change", path=name)
    was, to = _S(before["status"]), body.get("status")
    if to != was and to not in THEIRS.get(was, ()):
        raise StaffDecide(f"what is {was} can't be {str(to)[:40]} by a subscriber", path="status")


def due(body: Mapping[str, Any]) -> dict[Target, datetime]:
    """When a ticket's targets are missed, as long as its clock runs for them."""
    found = {}
    if body["status"] == _S.ACKNOWLEDGED:
        found[Target.RESPONSE] = parse_instant(body["expectedResponseDate"])
    if body["status"] in OPEN and body["status"] not in _STANDING:
        found[Target.RESOLUTION] = parse_instant(body["expectedResolutionDate"])
    return {target: at for target, at in found.items() if not is_breached(body, target)}


def is_breached(body: Mapping[str, Any], target: Target) -> bool:
    return any(each["target"] == target for each in body.get("breach", ()))


def with_breach(body: Body, target: Target, now: datetime) -> Body:
    """The ticket with a missed target on its record."""
    missed = {"target": target.value, "date": format_instant(now)}
    return {**body, "breach": [*body.get("breach", ()), missed]}


def complete_ticket(
    body: Body,
    before: Body | None,
    now: datetime,
    *,
    targets: Mapping[str, Targets] = USUAL_TARGETS,
) -> Body:
    """The ticket as it is kept: with its priority, its targets, its dates and its history."""
    body = {
        **body,
        "lastUpdate": format_instant(now),
        "note": numbered(body.get("note"), now, dated="date"),
    }
    if not body["note"]:
        del body["note"]
    if before is None:
        return _opened(body, now, targets)
    if not isinstance(body.get("priority"), str):
        body["priority"] = priority_of(body["severity"])
    if body["status"] != before["status"]:
        body = _moved(body, before, now)
    said = body.get("expectedResolutionDate")
    if said is None or (
        body["priority"] != before["priority"] and said == before["expectedResolutionDate"]
    ):
        promised = _promises(body, targets)
        if "responseDate" in body:
            del promised["expectedResponseDate"]
        body |= promised
    return body


def _opened(body: Body, now: datetime, targets: Mapping[str, Targets]) -> Body:
    for name in SUPPLIED:
        body.pop(name, None)
    said = format_instant(now)
    body |= {"creationDate": said, "lastUpdate": said}
    body["priority"] = body.get("priority") or priority_of(body["severity"])
    body |= _entered(body, now)
    return _promises(body, targets) | body


def _moved(body: Body, before: Body, now: datetime) -> Body:
    was, to = _S(before["status"]), _S(body["status"])
    since = parse_instant(before["statusChangeDate"])
    if was is _S.RESOLVED and to is _S.IN_PROGRESS and now - since > REOPENABLE:
        raise TooLateToReopen(
            f"it was resolved more than {REOPENABLE.days} days ago: open another that refers to it",
            path="status",
        )
    body |= _entered(body, now)
    if was in _STANDING and to in OPEN:
        promised = parse_instant(before["expectedResolutionDate"])
        if body.get("expectedResolutionDate") == before["expectedResolutionDate"]:
            body["expectedResolutionDate"] = format_instant(promised + (now - since))
        body.pop("resolutionDate", None)
    if to is _S.RESOLVED:
        body["resolutionDate"] = format_instant(now)
    return body


def _entered(body: Body, now: datetime) -> Body:
    """What a ticket has when it comes into its status."""
    change = {"status": body["status"], "changeDate": format_instant(now)}
    if reason := body.get("statusChangeReason"):
        change["changeReason"] = reason
    entered: Body = {
        "statusChangeDate": format_instant(now),
        "statusChange": [*body.get("statusChange", ()), change],
    }
    if body["status"] != _S.ACKNOWLEDGED and "responseDate" not in body:
        entered["responseDate"] = format_instant(now)
    return entered


def _promises(body: Body, known: Mapping[str, Targets]) -> Body:
    """By when it is to be taken up, and to be resolved."""
    targets = targets_of(body["priority"], known)
    opened = parse_instant(body["creationDate"])
    return {
        "expectedResponseDate": format_instant(opened + targets.response),
        "expectedResolutionDate": format_instant(opened + targets.resolution + _stood(body)),
    }


def _stood(body: Body) -> timedelta:
    """How long the clock has stood, up to the last time that it went on."""
    stood = timedelta()
    history = body.get("statusChange", ())
    for each, following in pairwise(history):
        if each["status"] in _STANDING:
            stood += parse_instant(following["changeDate"]) - parse_instant(each["changeDate"])
    return stood
