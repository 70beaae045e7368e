"""What a list shows is what its filters find: every path of every resource, with decoys.

In a town where two customers have something of everything, each value that an answer shows at a
declared path is asked for, and exactly the answers that show it must come. The model is plain
Python over the wire forms; it knows nothing of columns.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client
from tests.conformance.tmf.neighbours import two
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.rest import all_apis
from trunkline.tmf import Resource
from trunkline.tmf.paths import Op

MOST = 4
"""Values of one path that are asked for."""
AT = "2026-11-05T00:00:00.000Z"
LATER = "2027-11-05T00:00:00.000Z"
NOTE = [{"author": "Aoife", "text": "Called twice"}, {"author": "Brian", "text": "Closed"}]
SAID: dict[str, dict[str, Any]] = {
    "individual": {
        "@baseType": "Party", "countryOfBirth": "IE", "formattedName": "Ms Q", "gender": "female",
        "legalName": "Maeve Q", "location": "Cork", "maritalStatus": "single", "middleName": "A",
        "nationality": "Irish", "placeOfBirth": "Cork", "preferredGivenName": "May", "title": "Ms",
        "otherName": [{"familyName": "Before"}, {"familyName": "Between"}],
        "languageAbility": [{"languageCode": "ga"}, {"languageCode": "en"}],
        "skill": [{"skillCode": "welding", "skillName": "Welding"}],
        "disability": [{"disabilityCode": "d1", "disabilityName": "One"}],
        "externalReference": [{"name": "crm-1", "externalReferenceType": "crm"}],
        "individualIdentification": [
            {"identificationId": "P1", "identificationType": "passport"}
        ],
    },
    "troubleTicket": {
        "description": "d", "externalId": "T-1", "name": "No service", "note": NOTE,
        "requestedResolutionDate": AT, "statusChangeReason": "asked",
        "channel": {"id": "ch-1", "name": "Shop"},
    },
    "agreement": {
        "description": "a frame", "documentNumber": 7, "externalId": "A-1", "version": "2",
        "statementOfIntent": "to last", "characteristic": [{"name": "sla", "value": "gold"}],
        "agreementPeriod": {"startDateTime": AT, "endDateTime": LATER},
        "agreementAuthorization": [{"state": "approved", "date": AT}],
    },
    "partyInteraction": {"note": NOTE},
    "customer": {"@baseType": "PartyRole", "externalId": "C-1", "statusReason": "new"},
    "partyRole": {"statusReason": "new", "characteristic": [{"name": "tier", "value": "one"}]},
    "quote": {"description": "for you", "externalId": "Q-1", "category": "home"},
    "billingAccount": {"description": "the main one", "externalId": "B-1"},
    "productOffering": {
        "description": "all you need", "channel": [{"id": "web", "name": "Web"}],
        "marketSegment": [{"id": "young", "name": "Young"}],
    },
    "productOfferingPrice": {"description": "each month"},
    "paymentMethod": {"description": "hers", "statusReason": "new"},
    "communicationMessage": {"description": "a word", "priority": "1"},
    "partyPrivacyProfile": {"description": "agreed", "name": "Hers"},
    "partyPrivacyProfileSpecification": {"description": "for homes", "version": "3"},
}  # fmt: skip
ORDERED = {
    "description": "by phone", "externalId": "web-77", "priority": "1", "category": "home",
    "requestedStartDate": AT, "channel": [{"id": "web", "name": "Web"}],
}  # fmt: skip
"""What is said of the first of a collection beside what the town says: the others are decoys."""


def at(value: Any, steps: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from at(each, steps)
    elif not steps:
        if value is not None and not isinstance(value, dict):
            yield value
    elif isinstance(value, dict) and steps[0] in value:
        yield from at(value[steps[0]], steps[1:])


def text_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f'"{text}"' if isinstance(value, str) else text


@pytest.mark.slow
def test_what_is_shown_is_found_and_nothing_else(
    api: Client, books: Database, charging: Database, clock: DrivenClock, relay: Relay
) -> None:
    maeve, _ = two(api, books, charging, clock, relay)
    (offering,) = api.get(f"{shop.CATALOG}/productOffering").body
    order = shop.order_body(maeve.accounts["postpaid"], offering) | {"relatedParty": maeve.related}
    maeve.post(f"{shop.ORDERING}/productOrder", order | ORDERED)
    wrong: list[str] = []
    asked = 0
    for of in all_apis(books, charging, clock):
        for resource in of.resources:
            if resource.name in SAID:
                _say(api, resource, SAID[resource.name])
            answers = api.bare("GET", f"{resource.path}?limit=1000").body
            for name, path in resource.filters.items():
                found = _check(api, resource, name, answers, Op.EQ in path.operators)
                wrong += found[0]
                asked += found[1]
    assert asked > 500
    assert not wrong, "\n".join(wrong)


def _say(api: Client, resource: Resource[Any], said: dict[str, Any]) -> None:
    """What one doesn't take, another PATCH may."""
    first = api.bare("GET", f"{resource.path}?limit=1").body[0]["href"]
    taken = [name for name in said if api.patch(first, {name: said[name]}).status == 200]
    assert taken, f"{resource.name} takes nothing of what was said"


def _check(
    api: Client, resource: Resource[Any], name: str, answers: list[Any], by_equal: bool
) -> tuple[list[str], int]:
    if not by_equal:
        return [], 0
    shown = {each["id"]: list(at(each, name.split("."))) for each in answers}
    values = list(dict.fromkeys(value for each in shown.values() for value in each))
    wrong = []
    for value in [*values[: MOST - 1], *values[-1:]]:
        if value == "":
            continue
        wanted = {ident for ident, each in shown.items() if value in each}
        url = f"{resource.path}?limit=1000&{name}={quote(text_of(value))}"
        answer = api.bare("GET", url)
        told = {each["id"] for each in answer.body} if answer.status == 200 else answer.raw
        if told != wanted:
            wrong.append(f"{url}: {told!r}, where {wanted} show it")
    return wrong, min(len(values), MOST)
