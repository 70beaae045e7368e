"""What is known of who changed a party, and what is left of it once the party is forgotten."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.unit.customers.builders import customer_of, operator, person
from trunkline.catalog import OfferingId
from trunkline.customers import (
    CircularRelationship,
    CustomerInUse,
    CustomerStatus,
    NewIndividual,
    NewOrganization,
    PartyInUse,
    change_customer_status,
    change_party,
    delete_customer,
    delete_party,
    erase_party,
    give_role,
    personal_data,
    place_organization,
    register_party,
    sign_agreement,
)
from trunkline.customers.agreements.model import AgreementItem
from trunkline.customers.history import changes_of
from trunkline.kernel.money import Money
from trunkline.platform.db import Database


def test_changes_are_told_until_they_are_erased(books: Database, now: datetime) -> None:
    later = now + timedelta(days=1)
    with books.transaction() as tx:
        seller = operator(tx, now)
        buyer = customer_of(tx, now, seller, "Ada", "Byron")
        to = NewIndividual(given_name="Ada", family_name="King", details={"title": "Lady"})
        change_party(tx, party=buyer.party, to=to, now=later)
        change_customer_status(
            tx, customer=buyer.id, to=CustomerStatus.CLOSED, reason="moved", now=later
        )
        engaged = {"id": buyer.party, "name": "Ada King", "@referredType": "Individual"}
        role = give_role(tx, {"name": "Agent", "engagedParty": engaged}, now=later)
    with books.read() as r:
        told = changes_of(r, [buyer.party, buyer.id])
        known = personal_data(r, buyer.party)
    assert {(each["attribute"], each["before"], each["after"]) for each in told} == {
        ("family_name", "Byron", "King"),
        ("name", "Ada Byron", "Ada King"),
        ("details.title", None, "Lady"),
        ("status", "active", "closed"),
        ("status_reason", None, "moved"),
    }
    assert known["changes"] == told
    assert [each["id"] for each in known["partyRoles"]] == [role["id"]]
    with books.transaction() as tx:
        erase_party(tx, party=buyer.party, now=later)
    with books.read() as r:
        left: list[dict[str, Any]] = changes_of(r, [buyer.party, buyer.id])
        known = personal_data(r, buyer.party)
    assert [each["attribute"] for each in left] == [each["attribute"] for each in told]
    assert {(each["before"], each["after"]) for each in left} == {(None, None)}
    assert known["partyRoles"][0]["engagedParty"] == {
        "id": buyer.party, "@referredType": "Individual", "name": "erased"}  # fmt: skip


def test_what_is_dealt_with_stays(books: Database, now: datetime) -> None:
    item = AgreementItem(
        name="x", offering=OfferingId("o"), recurring_alteration=Money.of("1", "EUR")
    )
    with books.transaction() as tx:
        buyer = customer_of(tx, now, operator(tx, now), "Ada", "Byron")
        with pytest.raises(PartyInUse):
            delete_party(tx, party=buyer.party)
        sign_agreement(tx, customer=buyer.id, name="x", items=(item,), starts=now, now=now)
        with pytest.raises(CustomerInUse):
            delete_customer(tx, customer=buyer.id)
        alone = person(tx, now, "Eva", "Byron")
        delete_party(tx, party=alone.id)


def test_no_organization_is_a_part_of_itself(books: Database, now: datetime) -> None:
    with books.transaction() as tx:
        firms = [register_party(tx, NewOrganization(name=name), now=now).id for name in "abc"]
        for part, whole in zip(firms[1:], firms, strict=False):
            place_organization(tx, organization=part, parent=whole, now=now)
        with pytest.raises(CircularRelationship):
            place_organization(tx, organization=firms[0], parent=firms[2], now=now)
        placed = place_organization(tx, organization=firms[1], parent=None, now=now)
        assert placed.parent is None
        place_organization(tx, organization=firms[0], parent=firms[2], now=now)
