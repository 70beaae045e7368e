"""One customer's token never reaches another customer's data, whatever it asks for."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Answer, Client, routes
from tests.conformance.tmf.neighbours import CONSUMPTION, Neighbour, told, two, values
from tests.conformance.tmf.test_edge import METHODS
from trunkline.platform import security
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.platform.security import Binding
from trunkline.rest import all_apis
from trunkline.tmf import PUBLIC, Resource
from trunkline.tmf.paths import Op

REFUSED = {400, 403, 404, 405, 409, 422}
CLOSED = {
    "exportJob", "importJob", "partnership", "partnershipSpecification", "permission", "resource",
    "productStock", "adjustProductStock", "checkProductStock", "queryProductStock",
    "reserveProductStock",
    "logicalResource", "physicalResource", "topic", "userRole",
    "partyChange", "voucherBatch", "voucher", "dealer", "retailTopUp",
}  # fmt: skip
"""What is the operator's own: no subscriber's token reaches it."""


class Town:
    """Both customers, their tokens, and what staff sees of either."""

    def __init__(
        self, app: Any, api: Client, books: Database, charging: Database, clock: DrivenClock,
        relay: Relay,
    ) -> None:  # fmt: skip
        self.api = api
        self.maeve, self.una = two(api, books, charging, clock, relay)
        self.resources = [each for of in all_apis(books, charging, clock) for each in of.resources]
        self.hers: dict[str, set[str]] = {}
        self.theirs: dict[str, set[str]] = {}
        self.traces = {"maeve": self.maeve.traces, "una": self.una.traces}
        while self._learn():
            pass
        self.token = self._client(app, books, clock, self.maeve)

    def _client(self, app: Any, books: Database, clock: DrivenClock, whose: Neighbour) -> Client:
        binding = Binding(whose.customer["id"], whose.party["id"])
        with books.transaction() as tx:
            key = security.create_api_key(
                tx, name="app", scopes=["*"], binding=binding, now=clock.now()
            )
        return Client(app, key.secret)

    def _learn(self) -> bool:
        """What names one of the two and not the other is theirs, and so is its id."""
        before = sum(map(len, self.traces.values()))
        for resource in self.resources:
            for each in self.all_of(resource):
                said = values(each)
                maeves, unas = (
                    any(trace in text for text in said for trace in self.traces[name])
                    for name in ("maeve", "una")
                )
                if maeves and not unas:
                    self.hers.setdefault(resource.path, set()).add(each["id"])
                    self.traces["maeve"].add(each["id"])
                if unas and not maeves:
                    self.theirs.setdefault(resource.path, set()).add(each["id"])
                    self.traces["una"].add(each["id"])
        return sum(map(len, self.traces.values())) > before

    def all_of(self, resource: Resource[Any]) -> list[Any]:
        answer = self.api.get(f"{resource.path}?limit=1000")
        assert answer.status == 200, answer.raw
        found: list[Any] = answer.body
        return found

    def check(self, answer: Answer, *sent: str) -> None:
        """Nothing of the other's is told, but what was asked with."""
        said = told(answer)
        for each in sorted(sent, key=len, reverse=True):
            said = said.replace(each, "")
        leaked = [trace for trace in self.traces["una"] if trace in said]
        assert not leaked, (leaked, answer.raw)

    def ids(self, answer: Answer) -> set[str]:
        assert answer.status in (200, 206), answer.raw
        return {each["id"] for each in answer.body}


@pytest.fixture
def town(
    app: Any, api: Client, books: Database, charging: Database, clock: DrivenClock, relay: Relay
) -> Town:
    return Town(app, api, books, charging, clock, relay)


def test_a_token_reads_nothing_of_anothers(town: Town, app: Any) -> None:
    """In one town, which takes a while to build, and is changed by none of these."""
    _there_is_enough_to_be_seen(town)
    _what_states_no_owner_is_closed(town)
    _lists_hold_what_is_the_callers_and_count_it(town)
    _catalogues_are_everybodys(town)
    _no_filter_and_no_order_finds_what_is_anothers(town)
    _anothers_things_are_as_if_they_did_not_exist(town)
    _routes_that_do_not_know_of_subscribers_are_closed_to_them(town, app)


def owned(town: Town) -> Iterator[Resource[Any]]:
    for each in town.resources:
        if each.owner is not None and each.owner is not PUBLIC and each.name != "productOffering":
            yield each


def _there_is_enough_to_be_seen(town: Town) -> None:
    """All else here would hold in an empty town."""
    for of in (town.hers, town.theirs):
        seen = {path.rpartition("/")[2] for path in of}
        assert seen >= {
            "individual", "customer", "billingAccount", "productOrder", "product", "service",
            "bucket", "topupBalance", "payment", "customerBill", "appliedCustomerBillingRate",
            "troubleTicket", "partyInteraction", "agreement", "paymentMethod", "partyRole",
            "partyPrivacyProfile", "productOfferingQualification", "quote", "shoppingCart",
            "queryUsageConsumption", "communicationMessage", "usage", "refund",
        }  # fmt: skip


def _what_states_no_owner_is_closed(town: Town) -> None:
    closed = [each for each in town.resources if each.owner is None]
    assert {each.name for each in closed} <= CLOSED
    for each in closed:
        for answer in (
            town.token.get(each.path),
            town.token.get(f"{each.path}/any"),
            town.token.post(each.path, {}),
        ):
            assert answer.status in (403, 405), answer.raw
            if answer.status == 403:
                assert answer.body["code"] == "closedToSubscribers"


def _lists_hold_what_is_the_callers_and_count_it(town: Town) -> None:
    for resource in owned(town):
        answer = town.token.get(f"{resource.path}?limit=1000")
        assert town.ids(answer) == town.hers.get(resource.path, set()), resource.path
        assert answer.headers["x-total-count"] == str(len(answer.body))
        town.check(answer)
        page = town.token.get(f"{resource.path}?limit=1&fields=none")
        assert page.headers["x-total-count"] == answer.headers["x-total-count"]
        nothing = town.token.get(f"{resource.path}?limit=0")
        assert nothing.headers["x-total-count"] == answer.headers["x-total-count"]


def _catalogues_are_everybodys(town: Town) -> None:
    for resource in town.resources:
        if resource.owner is PUBLIC:
            answer = town.token.get(f"{resource.path}?limit=1000")
            assert len(answer.body) == len(town.all_of(resource))
            town.check(answer)
            assert town.token.post(resource.path, {"name": "x"}).status in (403, 405)


def test_what_is_not_offered_yet_is_not_shown(town: Town) -> None:
    path = f"{shop.CATALOG}/productOffering"
    draft = shop.offer(town.api, "Secret plan", lifecycleStatus="In design")
    gone = shop.offer(town.api, "Old plan")
    shop.made(town.api.post(path, {"name": "Untold"}))
    town.api.patch(gone["href"], {"lifecycleStatus": "Retired"})
    names = {each["name"] for each in town.token.get(path).body}
    assert names == {"Mobile M", "Old plan"}
    assert town.token.get(draft["href"]).status == 404
    assert town.token.get(gone["href"]).status == 200
    order = shop.order_body(town.maeve.accounts["postpaid"], draft)
    refused = town.token.post(f"{shop.ORDERING}/productOrder", order)
    assert (refused.status, refused.body["code"]) == (400, "unknownReference")


def _no_filter_and_no_order_finds_what_is_anothers(town: Town) -> None:
    baits = sorted(town.traces["una"], key=len)[:3] + sorted(town.theirs.get(shop.PRODUCT, ()))
    for resource in owned(town):
        hers = town.hers.get(resource.path, set())
        theirs = sorted(town.theirs.get(resource.path, ()))[:2]
        for name, path in resource.filters.items():
            queries = [f"sort={name}&limit=1", f"sort=-{name}&limit=1"]
            if path.kind == "string":
                queries += [f"{name}={quote(bait)}" for bait in [*baits, *theirs]]
                queries += [f"{name}={','.join(map(quote, theirs))}"] if theirs else []
                if Op.NE in path.operators:
                    queries += [f"{name}.ne=nothing", f"{name}.gte=+", f"{name}.regex=."]
            if path.kind == "date-time":
                queries += [f"{name}.gt=2000-01-01T00:00:00Z"]
            for query in queries:
                answer = town.token.get(f"{resource.path}?{query}")
                if answer.status == 400:
                    continue
                assert town.ids(answer) <= hers, (resource.path, query)
                town.check(answer)


def _anothers_things_are_as_if_they_did_not_exist(town: Town) -> None:
    for resource in owned(town):
        for ident in sorted(town.theirs.get(resource.path, ())):
            where, nowhere = (f"{resource.path}/{quote(each)}" for each in (ident, "nothing"))
            for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
                answer = town.token.send(method, where, body)
                assert answer.status in (404, 403, 405), (method, where, answer.raw)
                other = town.token.send(method, nowhere, body)
                assert json.loads(told(answer).replace(ident, "nothing")) == other.body
                town.check(answer, ident)
            assert town.token.get(f"{where}?fields=none").status == 404
    for ident in town.theirs[f"{shop.BILL}/customerBill"]:
        pdf = f"{shop.BILL}/customerBill/{ident}/billDocument"
        assert town.api.get(pdf).status == 200
        assert town.token.get(pdf).status == 404
    for ident in town.hers[f"{shop.BILL}/customerBill"]:
        assert town.token.get(f"{shop.BILL}/customerBill/{ident}/billDocument").status == 200


def pairs(town: Town) -> dict[str, str]:
    """What is hers, and the same of the other's."""
    found = {
        mine: other
        for (path, _, mine), (same, _, other) in zip(
            town.maeve.posted, town.una.posted, strict=True
        )
        if path == same
    }
    for kind in ("postpaid", "prepaid"):
        found[town.maeve.product(kind)["id"]] = town.una.product(kind)["id"]
    return found


def mutants(body: Any, swaps: dict[str, str]) -> Iterator[tuple[Any, str]]:
    """The body with one id of hers replaced by the other's, each in turn, and all at once."""
    text = json.dumps(body)
    present = [mine for mine in swaps if f'"{mine}"' in text]
    for mine in present:
        yield json.loads(text.replace(f'"{mine}"', f'"{swaps[mine]}"')), swaps[mine]
    if len(present) > 1:
        for mine in present:
            text = text.replace(f'"{mine}"', f'"{swaps[mine]}"')
        yield json.loads(text), swaps[present[0]]


def test_nothing_is_created_for_another(town: Town) -> None:
    swaps = pairs(town)
    created, tried = set(), 0
    before = {each.path: len(town.all_of(each)) for each in town.resources}
    for path, body, _ in town.maeve.posted:
        for mutant, sent in mutants(body, swaps):
            answer = town.token.post(path, mutant)
            assert answer.status in REFUSED, (path, mutant, answer.raw)
            town.check(answer, sent)
            tried += 1
    assert {each.path: len(town.all_of(each)) for each in town.resources} == before
    assert tried > 20
    for path, body, _ in town.maeve.posted:
        answer = town.token.post(path, body)
        town.check(answer)
        if answer.status == 201:
            created.add(path.rpartition("/")[2])
            assert town.token.get(answer.body["href"]).status == 200
    assert created >= {
        "productOrder", "troubleTicket", "partyInteraction", "productOfferingQualification",
        "quote", "shoppingCart", "queryUsageConsumption",
    }  # fmt: skip


def test_nothing_of_hers_comes_to_name_another(town: Town) -> None:
    swaps = pairs(town)
    tried = 0
    for resource in owned(town):
        if "PATCH" not in resource.owner.methods or not resource.changes:  # type: ignore[union-attr]
            continue
        for ident in sorted(town.hers.get(resource.path, ())):
            item = town.token.get(f"{resource.path}/{quote(ident)}").body
            for name, value in item.items():
                for mutant, sent in mutants(value, swaps):
                    answer = town.token.patch(item["href"], {name: mutant})
                    assert answer.status in REFUSED, (item["href"], name, answer.raw)
                    town.check(answer, sent)
                    tried += 1
    assert tried > 5


def _which_numbers_others_have_is_not_told(town: Town) -> None:
    for number in (town.una.msisdn("postpaid"), "353859999999"):
        criteria = {"logicalResource": [{"id": number}]}
        asked = shop.made(town.token.post(CONSUMPTION, {"searchCriteria": criteria}))
        assert asked.get("usageConsumption", []) == []


def _who_owns_it_is_put_in(town: Town) -> None:
    """An app needn't know its customer's id."""
    for path, body, _ in town.maeve.posted:
        if path.endswith(("troubleTicket", "partyInteraction")):
            less = {name: value for name, value in body.items() if name != "relatedParty"}
            made = shop.made(town.token.post(path, less))
            assert town.maeve.customer["id"] in values(made["relatedParty"])


def test_answers_that_are_remembered_are_the_callers(town: Town, app: Any, books: Database,
                                                     clock: DrivenClock) -> None:  # fmt: skip
    other = town._client(app, books, clock, town.una)
    body = {"description": "No service", "severity": "Major", "ticketType": "incident"}
    path = "/tmf-api/troubleTicket/v4/troubleTicket"
    mine = town.token.post(path, body, Idempotency_Key="k")
    theirs = other.post(path, body, Idempotency_Key="k")
    assert (mine.status, theirs.status) == (201, 201)
    assert mine.body["id"] != theirs.body["id"]
    assert town.token.post(path, body, Idempotency_Key="k").body == mine.body
    assert town.token.get(theirs.body["href"]).status == 404
    _who_owns_it_is_put_in(town)
    _which_numbers_others_have_is_not_told(town)


def _routes_that_do_not_know_of_subscribers_are_closed_to_them(town: Town, app: Any) -> None:
    seen = 0
    for path, resource in routes(app):
        if getattr(resource, "is_open", False):
            continue
        for method in METHODS:
            if not hasattr(resource, f"on_{method}"):
                continue
            if method.upper() in getattr(resource, "for_bound", ()):
                continue
            where = path.replace("{ident}", "any")
            body: Any = {} if method in ("post", "patch") else None
            answer = town.token.send(method.upper(), where, body)
            assert (answer.status, answer.body["code"]) == (403, "closedToSubscribers"), path
            seen += 1
    assert seen > 50
