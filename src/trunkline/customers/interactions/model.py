"""Interactions with parties: a call, a visit, a message, and what it was about (TMF683)."""

from datetime import datetime
from enum import StrEnum

from trunkline.customers.bodies import InvalidDocument, check_period, check_supplied, numbered
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.time import format_instant
from trunkline.tmf.documents import Body


class InteractionId(Id):
    __slots__ = ()
    prefix = "int"


class InteractionStatus(StrEnum):
    """TMF683 v4 says "opened" in its text and "open" in its example: either begins one."""

    OPEN = "open"
    OPENED = "opened"
    IN_PROGRESS = "inProgress"
    COMPLETED = "completed"


class Direction(StrEnum):
    """Who began it: the party, or the operator."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


_S = InteractionStatus
INTERACTION_LIFECYCLE = Lifecycle(
    "the interaction",
    {
        _S.OPEN: {_S.IN_PROGRESS, _S.COMPLETED},
        _S.OPENED: {_S.IN_PROGRESS, _S.COMPLETED},
        _S.IN_PROGRESS: {_S.COMPLETED},
        _S.COMPLETED: frozenset(),
    },
)
BEGINS = tuple(_S)


def complete_interaction(body: Body, before: Body | None, now: datetime) -> Body:
    """The interaction as it is kept: its items and notes numbered and dated."""
    if before is not None:
        check_supplied(body, before, "creationDate", "statusChangeDate")
        if body.get("direction") != before.get("direction"):
            raise InvalidDocument("can't be changed", path="direction")
    said = str(body.get("direction"))
    if said.lower() not in tuple(Direction):
        raise InvalidDocument(f"is one of {', '.join(Direction)}", path="direction")
    check_period(body, "interactionDate")
    moved = before is None or body["status"] != before["status"]
    body = {
        **body,
        "creationDate": format_instant(now) if before is None else before["creationDate"],
        "statusChangeDate": format_instant(now) if before is None or moved
        else before["statusChangeDate"],
    }  # fmt: skip
    for name, dated in (("note", "date"), ("interactionItem", "creationDate")):
        if body.get(name):
            body[name] = numbered(body[name], now, dated=dated)
    return body
