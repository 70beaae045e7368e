"""How long tickets may take is the operator's to say."""

from datetime import datetime, timedelta

import msgspec

from trunkline.app import System, tickets
from trunkline.customers import TICKETS, TicketId, change_ticket, open_ticket
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.messages import Routes
from trunkline.platform.settings import Settings, TicketSettings
from trunkline.tmf import documents

BODY = {"description": "No service", "severity": "Major", "ticketType": "incident"}


def declare(
    books: Database, charging: Database, routes: Routes, clock: DrivenClock, **minutes: int
) -> None:
    settings = msgspec.structs.replace(Settings(), tickets=TicketSettings(**minutes))
    tickets.declare(System(settings, books, charging, routes, clock))


def promised(body: dict[str, str]) -> tuple[str, str]:
    return body["expectedResponseDate"], body["expectedResolutionDate"]


def test_targets_are_settings(
    books: Database, charging: Database, routes: Routes, clock: DrivenClock, now: datetime
) -> None:
    with books.transaction() as tx:
        usual = open_ticket(tx, BODY, now=now)
    assert promised(usual) == ("2026-11-02T11:00:00.000Z", "2026-11-03T09:00:00.000Z")
    declare(
        books, charging, routes, clock, high_response_minutes=15, high_resolution_minutes=90,
        critical_resolution_minutes=45,
    )  # fmt: skip
    with books.transaction() as tx:
        quick = open_ticket(tx, BODY, now=now)
        assert promised(quick) == ("2026-11-02T09:15:00.000Z", "2026-11-02T10:30:00.000Z")
        assert documents.get(tx, TICKETS, usual["id"]) == usual, "what was promised stays"
        worse = change_ticket(
            tx, ticket=TicketId(quick["id"]), now=now + timedelta(minutes=1),
            changing=lambda body: {**body, "priority": "Critical"},
        )  # fmt: skip
        assert promised(worse) == ("2026-11-02T09:30:00.000Z", "2026-11-02T09:45:00.000Z")
    declare(books, charging, routes, clock)
    with books.transaction() as tx:
        assert promised(open_ticket(tx, BODY, now=now)) == promised(usual)
