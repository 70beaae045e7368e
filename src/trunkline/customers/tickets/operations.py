"""Writes on trouble tickets."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from trunkline.customers.bodies import check_supplied
from trunkline.customers.references import customer_of
from trunkline.customers.tickets.events import (
    CheckTarget,
    CloseResolved,
    TicketBreached,
    TicketOpened,
    TicketStatusChanged,
)
from trunkline.customers.tickets.model import (
    REOPENABLE,
    SUPPLIED,
    USUAL_TARGETS,
    Target,
    Targets,
    TicketId,
    TicketStatus,
    check_subscriber,
    due,
    with_breach,
)
from trunkline.customers.tickets.store import TICKETS, kind_by, set_targets, targets
from trunkline.platform.db import Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body


def declare_targets(tx: Tx, wanted: Mapping[str, Targets]) -> None:
    """How long tickets may take from now on, by priority: critical, high, medium and low. What
    was promised stays."""
    assert wanted.keys() == USUAL_TARGETS.keys(), "all of them"
    if dict(targets(tx)) != dict(wanted):
        set_targets(tx, wanted)


def open_ticket(tx: Tx, body: Mapping[str, Any], *, now: datetime) -> Body:
    """Opens a ticket; its body needs description, severity and ticketType. Raises
    `UnknownReference`, `UnknownState`, `InvalidDocument`, and `StaffDecide` for a subscriber's."""
    if tx.by_subscriber:
        check_subscriber(body, None)
    ticket = documents.create(tx, kind_by(targets(tx)), body, now)
    tx.emit(TicketOpened(ticket=TicketId(ticket["id"]), customer=customer_of(ticket)))
    _set_timers(tx, ticket, {})
    return ticket


def change_ticket(
    tx: Tx, *, ticket: TicketId, changing: Callable[[Body], Mapping[str, Any]], now: datetime
) -> Body:
    """Puts what `changing` makes of the body in its place. Raises `DocumentNotFound`,
    `IllegalTransition`, `TooLateToReopen`, `SuppliedByServer`, and what `open_ticket` raises.
    """
    seen: Body = {}

    def changed(body: Body) -> Mapping[str, Any]:
        seen.update(body)
        wanted = dict(changing(dict(body)))
        check_supplied(wanted, body, *SUPPLIED)
        if tx.by_subscriber:
            check_subscriber(wanted, body)
        if wanted.get("status") != body["status"]:
            reason = wanted.get("statusChangeReason")
            if reason == body.get("statusChangeReason"):
                wanted.pop("statusChangeReason", None)
        return wanted

    after = documents.change(tx, kind_by(targets(tx)), ticket, changed, now)
    if after != seen:
        _follow(tx, after, seen, now)
    return after


def move_ticket(
    tx: Tx, *, ticket: TicketId, to: TicketStatus, reason: str | None = None, now: datetime
) -> Body:
    """Raises what `change_ticket` raises."""
    said = {} if reason is None else {"statusChangeReason": reason}
    return change_ticket(
        tx, ticket=ticket, changing=lambda body: {**body, **said, "status": to.value}, now=now
    )


def miss_target(
    tx: Tx, *, ticket: TicketId, target: Target, at: datetime, now: datetime
) -> Body | None:
    """Puts a missed target on the ticket's record, if it was due at `at` and still is; None
    where it isn't."""
    if not documents.find(tx, TICKETS, [ticket]):
        return None
    missed = False

    def missing(body: Body) -> Body:
        nonlocal missed
        missed = due(body).get(target) == at
        return with_breach(body, target, now) if missed else body

    after = documents.change(tx, TICKETS, ticket, missing, now)
    if not missed:
        return None
    tx.emit(TicketBreached(ticket=ticket, customer=customer_of(after), target=target))
    return after


def _follow(tx: Tx, after: Body, before: Body, now: datetime) -> None:
    ticket = TicketId(after["id"])
    _set_timers(tx, after, due(before))
    if after["status"] == before["status"]:
        return
    tx.emit(
        TicketStatusChanged(
            ticket=ticket,
            customer=customer_of(after),
            previous=TicketStatus(before["status"]),
            status=TicketStatus(after["status"]),
        )
    )
    if after["status"] == TicketStatus.RESOLVED:
        tx.emit(CloseResolved(ticket=ticket, since=now), not_before=now + REOPENABLE)


def _set_timers(tx: Tx, ticket: Body, before: Mapping[Target, datetime]) -> None:
    for target, at in due(ticket).items():
        if before.get(target) != at:
            tx.emit(
                CheckTarget(ticket=TicketId(ticket["id"]), target=target, due=at), not_before=at
            )
