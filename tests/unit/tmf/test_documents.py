"""The rules that all kinds of documents have in common, through a kind of the house's."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from trunkline.customers import INTERACTIONS, TICKETS, change_ticket, open_ticket
from trunkline.customers.tickets.model import TicketId
from trunkline.kernel.errors import Invalid
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.platform.changes import Change, Changed
from trunkline.platform.db import Database, Reader
from trunkline.tmf import documents
from trunkline.tmf.documents import (
    DocumentExists,
    DocumentNotFound,
    UnknownReference,
    UnknownState,
    at,
    present,
    references,
)
from trunkline.tmf.paths import Op

TICKET: Mapping[str, Any] = {"description": "x", "severity": "Minor", "ticketType": "q"}


def test_what_has_no_value_is_absent() -> None:
    body = {"a": None, "b": [{"c": None, "d": 1}], "e": {"value": None, "name": "n"}}
    assert present(body) == {"b": [{"d": 1}], "e": {"value": None, "name": "n"}}


def test_places_walk_through_lists_and_objects() -> None:
    body = {"a": [{"b": {"id": "1"}}, {"b": [{"id": "2"}, {"id": 3}, "4"]}], "c": {"id": "5"}}
    assert list(references(body, "a.b")) == [("a[0].b", "1"), ("a[1].b[0]", "2")]
    assert list(references(body, "c")) == [("c", "5")]
    assert list(references(body, "c.d.e")) == []
    assert [place for place, _ in at(body, "a")] == ["a[0]", "a[1]"]


def test_a_document_has_an_id_of_its_kind_or_the_one_it_brings(
    books: Database, now: datetime
) -> None:
    with books.transaction() as tx:
        made = documents.create(tx, TICKETS, TICKET, now)
        brought = documents.create(tx, TICKETS, {**TICKET, "id": "old-1"}, now)
        assert made["id"].startswith("tkt_")
        assert brought["id"] == "old-1"
        assert documents.known(TICKETS)(tx, [made["id"], "none"]) == {made["id"]}
        assert documents.get(tx, TICKETS, "old-1") == brought
        with pytest.raises(DocumentExists):
            documents.create(tx, TICKETS, {**TICKET, "id": "old-1"}, now)
        for wrong in ("a b", "a/b", "", 5):
            with pytest.raises(Invalid) as refused:
                documents.create(tx, TICKETS, {**TICKET, "id": wrong}, now)
            assert refused.value.path == "id"
        with pytest.raises(DocumentNotFound):
            documents.get(tx, TICKETS, "none")


def test_changes_are_told_and_what_changes_nothing_is_not(books: Database, now: datetime) -> None:
    later = now + timedelta(minutes=1)
    with books.transaction() as tx:
        ticket = open_ticket(tx, TICKET, now=now)
        assert list(tx.changes) == [Changed("TroubleTicket", ticket["id"], Change.CREATED)]
    ident = TicketId(ticket["id"])

    def change(**to: Any) -> list[Changed]:
        with books.transaction() as tx:
            change_ticket(tx, ticket=ident, changing=lambda body: {**body, **to}, now=later)
            return list(tx.changes)

    assert change() == []
    assert change(name="n") == [Changed("TroubleTicket", ident, Change.ATTRIBUTES)]
    assert change(status="inProgress") == [Changed("TroubleTicket", ident, Change.STATE)]
    with books.read() as r:
        rows = r.execute(TICKETS.table.select()).all()
    assert [(row.revision, row.created_at, row.updated_at) for row in rows] == [(3, now, later)]


def test_states_follow_the_table(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        ticket = documents.create(tx, TICKETS, TICKET, now)
        ident = ticket["id"]
        with pytest.raises(IllegalTransition) as refused:
            documents.move(tx, TICKETS, ident, "closed", now)
        assert "rejected" in str(refused.value)
        for word in ("nowhere", 5, None, ["closed"]):
            with pytest.raises(UnknownState):
                documents.move(tx, TICKETS, ident, word, now)  # type: ignore[arg-type]
            with pytest.raises(UnknownState):
                documents.create(tx, TICKETS, {**TICKET, "status": word or 0}, now)
        with pytest.raises(Invalid) as fixed:
            documents.change(tx, TICKETS, ident, lambda body: {**body, "id": "other"}, now)
        assert fixed.value.path == "id"


def test_only_new_references_are_asked_for(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        first = documents.create(tx, TICKETS, TICKET, now)
        link = [{"id": first["id"], "relationshipType": "follows"}]
        second = documents.create(tx, TICKETS, {**TICKET, "troubleTicketRelationship": link}, now)
        with pytest.raises(UnknownReference) as refused:
            documents.create(
                tx, TICKETS, {**TICKET, "troubleTicketRelationship": [{"id": "x"}]}, now
            )
        assert refused.value.path == "troubleTicketRelationship[0].id"
        assert documents.find(tx, TICKETS, [second["id"], "none"]) == [second]


def test_a_document_is_deleted_once(books: Database, now: datetime) -> None:
    body = {
        "reason": "x", "status": "open", "direction": "inbound", "interactionDate": {},
        "channel": [],
    }  # fmt: skip
    with books.transaction() as tx:
        made = documents.create(tx, INTERACTIONS, body, now)
    with books.transaction() as tx:
        documents.delete(tx, INTERACTIONS, made["id"])
        assert list(tx.changes) == [Changed("PartyInteraction", made["id"], Change.DELETED)]
        with pytest.raises(DocumentNotFound):
            documents.delete(tx, INTERACTIONS, made["id"])
        with pytest.raises(DocumentNotFound):
            documents.change(tx, INTERACTIONS, made["id"], dict, now)


def test_errors_inside_a_part_name_their_place() -> None:
    with pytest.raises(Invalid) as refused, documents.placed("partner[2]"):
        raise Invalid("wrong", path="name")
    assert refused.value.path == "partner[2].name"
    with pytest.raises(Invalid) as refused, documents.placed("partner[2]"):
        raise Invalid("wrong")
    assert refused.value.path == "partner[2]"


def test_documents_are_found_by_whom_they_name(books: Database, now: datetime) -> None:
    agent = {"id": "agent-7", "role": "agent", "@referredType": "Employee"}
    other = {**agent, "id": "agent-8"}
    by_party = documents.naming(TICKETS, "relatedParty")

    def found(r: Reader, ident: str) -> list[str]:
        where = by_party.matches(Op.EQ, [ident], "relatedParty.id")
        return sorted(r.execute(sa.select(TICKETS.table.c.id).where(where)).scalars())

    with books.transaction() as tx:
        one = documents.create(tx, TICKETS, {**TICKET, "relatedParty": [agent, agent]}, now)["id"]
        two = documents.create(tx, TICKETS, {**TICKET, "relatedParty": [agent, other]}, now)["id"]
        documents.create(tx, TICKETS, TICKET, now)
        assert found(tx, "agent-7") == sorted([one, two])
        assert found(tx, "agent-8") == [two]
        documents.change(tx, TICKETS, one, lambda body: {**body, "relatedParty": [other]}, now)
        documents.change(tx, TICKETS, two, lambda body: {**body, "name": "same"}, now)
        assert (found(tx, "agent-7"), found(tx, "agent-8")) == ([two], sorted([one, two]))
        documents.delete(tx, TICKETS, two)
        assert (found(tx, "agent-7"), found(tx, "agent-8")) == ([], [one])
        assert found(tx, "x" * 500) == []
