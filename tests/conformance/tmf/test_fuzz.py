"""Schemathesis over every API: whatever it sends, the answer is one that the documents tell of.

Requests are made of our own OpenAPI documents and of TM Forum's; answers are held against both.
In half of them ids are those of things that are there: the tests' shop has sold something, and
what earlier requests created is there too. `make fuzz` sends far more.
"""

import copy
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks as openapi_checks

from tests.conformance.tmf import shop, tally
from tests.conformance.tmf.client import Answer, Client, documents
from tests.conformance.tmf.conftest import MakeClient
from tests.effort import examples
from trunkline import ledger
from trunkline.platform.clock import SystemClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.rest import all_apis, open_apis
from trunkline.tmf import Api
from trunkline.tmf.openapi import document

CHECKS: list[Callable[..., Any]] = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]
APIS: tuple[Api, ...] = all_apis(None, None, SystemClock())  # type: ignore[arg-type]
NUMBERS = [each.number for each in APIS]
OPEN = [each.number for each in open_apis(None, None, SystemClock())]  # type: ignore[arg-type]
EFFORT = {"sqlite": 6, "postgresql": 1}
"""Requests to each operation."""
OFTEN_MEANT = {
    "relatedparty": "customer",
    "engagedparty": "individual",
    "account": "billingaccount",
    "financialaccount": "billingaccount",
    "productorderitem": "productorder",
    "offering": "productoffering",
}
"""Which resources attributes refer to that aren't called after them."""

NAMED = {"account": "product"}
"""Which resources a path's parameters name that aren't called after them."""

Ids = dict[str, list[str]]


@pytest.fixture
def sold(api: Client) -> None:
    """A customer with a product, so that there is something to be asked for."""
    payer = shop.account(api)
    shop.order(api, payer, shop.offer(api))


@pytest.fixture
def kiosk(api: Client, make_client: MakeClient, books: Database, relay: Relay) -> None:
    """A dealer with credit, vouchers of theirs, and a batch that was asked for."""
    with books.read() as r:
        entity = str(ledger.legal_entities(r)[0].id)
    role = shop.made(
        api.post(
            "/tmf-api/partyRoleManagement/v4/partyRole",
            {"name": "Kiosk", "@type": "Dealer", "status": "active"},
        )
    )
    euro = {"unit": "EUR", "value": 100}
    dealer = {"id": role["id"], "legalEntity": entity, "currency": "EUR", "creditLimit": euro}
    shop.made(api.post(f"{VOUCHERS}/dealer", dealer))
    new = {
        "name": "Spring", "legalEntity": entity, "face": {"unit": "EUR", "value": 5},
        "count": 9, "expiresAt": "2090-01-01T00:00:00Z", "passphrase": "correct horse battery",
    }  # fmt: skip
    batch = shop.made(api.post(f"{VOUCHERS}/voucherBatch", new))
    other = make_client("vouchers:*")
    assert other.patch(batch["href"], {"state": "generating"}).status == 200
    relay.drain()
    sealed = other.post(f"{batch['href']}/sealedFile", {}).raw
    printed = {"state": "exported", "sha256": hashlib.sha256(sealed).hexdigest()}
    assert other.patch(batch["href"], printed).status == 200
    span = {"first": batch["firstSerial"], "last": batch["firstSerial"] + 4, "dealer": role["id"]}
    assert other.post(f"{batch['href']}/sell", span).status == 200
    shop.made(api.post(f"{VOUCHERS}/voucherBatch", new))


def declared(number: str) -> Api:
    (found,) = (each for each in APIS if each.number == number)
    return found


def look(client: Client, apis: Sequence[Api], ids: Ids) -> None:
    """The ids of the latest few of each collection, by its name in small letters."""
    for api in apis:
        for resource in api.resources:
            listed = client.get(f"{resource.path}?limit=3&fields=none")
            if listed.status < 300:
                ids[resource.name.lower()] = [each["id"] for each in listed.body]


VOUCHERS = "/trunkline/vouchers/v1"
CONFIG = {"generation": {"allow-x00": False}}


@pytest.mark.slow
@pytest.mark.hypothesis
@pytest.mark.parametrize("number", NUMBERS)
def test_whatever_our_document_allows(
    number: str, api: Client, app: Any, sold: None, engine: str, request: pytest.FixtureRequest
) -> None:
    own = declared(number)
    if number not in OPEN:
        request.getfixturevalue("kiosk")
    run(document([own], title=own.title, version=own.version), own, api, app, EFFORT[engine])


@pytest.mark.slow
@pytest.mark.hypothesis
@pytest.mark.parametrize("number", OPEN)
def test_whatever_the_document_of_tm_forum_allows(
    number: str, api: Client, app: Any, sold: None, engine: str
) -> None:
    own = declared(number)
    if own.base not in documents():
        pytest.skip(f"../shared/specs/tmf has no document of {number} at {own.base}")
    run(offered_of(documents()[own.base], own.base, app), own, api, app, EFFORT[engine])


def offered_of(theirs: Any, base: str, app: Any) -> Any:
    """The document with the operations that we have; the calls to listeners are not ours."""
    kept = copy.deepcopy(theirs)
    kept["basePath"] = base
    for path in list(kept["paths"]):
        found = app._router.find(f"{base}{path}".replace("{id}", "any"))
        if found is None or "/listener/" in path:
            del kept["paths"][path]
            continue
        has = {
            method.lower()
            for method, does in found[1].items()
            if does.__name__ != "method_not_allowed"
        }
        for method in list(kept["paths"][path]):
            if method not in has:
                del kept["paths"][path][method]
    return kept


def run(document: Any, own: Api, client: Client, app: Any, effort: int) -> None:
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(CONFIG))
    schema.app = app
    ids: Ids = {}
    look(client, APIS, ids)
    operations: list[Any] = [found.ok() for found in schema.get_all_operations()]  # type: ignore[union-attr]
    operations.sort(key=lambda each: each.method.upper() != "POST")
    for operation in operations:
        fuzz(own.number, operation, client, ids, examples(effort))
        if operation.method.upper() == "POST":
            look(client, [own], ids)


def fuzz(number: str, operation: Any, client: Client, ids: Ids, times: int) -> None:
    collection = operation.path.rpartition("/{")[0].rpartition("/")[2]

    @settings(
        max_examples=times,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=times < 50,  # `make test` asks the same each time
    )
    @given(case=operation.as_strategy(), which=st.integers(0, 5))
    def ask(case: Any, which: int) -> None:
        for name in case.path_parameters or ():
            there = ids.get(collection.lower() if name == "id" else NAMED.get(name, name))
            if which > 1 and there:
                case.path_parameters[name] = there[which % len(there)]
        if which > 1 and isinstance(case.body, dict | list):
            case.body = grounded(case.body if which < 4 else tamed(case.body), ids, which)
        tally.fuzzed[number] += 1
        headers = {"Authorization": f"Bearer {client._key}"}
        with stated(case):
            answer = case.call(headers=headers)
            case.validate_response(
                answer, checks=CHECKS if "openapi" in operation.schema.raw_schema else CHECKS[:1]
            )
            hold(client, case, answer)

    ask()


@contextmanager
def stated(case: Any) -> Iterator[None]:
    """A failure tells the request."""
    try:
        yield
    except Exception as error:
        error.add_note(f"{case.method} {case.formatted_path} {case.query} {case.body!r}"[:3000])
        raise


LIVES = {"lifecycleStatus", "status", "state"}


def tamed(value: Any) -> Any:
    """The body as somebody sane would send it: texts that can be printed, numbers that can be
    counted, no attributes that nobody knows, no state that nobody has heard of."""
    if isinstance(value, str):
        return "".join(filter(str.isprintable, value)).strip()[:80] or "text"
    if isinstance(value, float | int) and not isinstance(value, bool):
        return value if abs(value) < 1e9 else 7
    if isinstance(value, list):
        return [tamed(each) for each in value[:3]]
    if isinstance(value, dict):
        known = {key for key in value if key.isascii() and key.lstrip("@").isalpha()}
        return {key: tamed(value[key]) for key in value if key in known - LIVES}
    return value


def grounded(value: Any, ids: Ids, which: int, name: str = "") -> Any:
    """The body with references to what is there."""
    if isinstance(value, list):
        return [grounded(each, ids, which, name) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: grounded(each, ids, which, key) for key, each in value.items()}
    there = ids.get(OFTEN_MEANT.get(name.lower(), name.lower()))
    if there and "id" in found:
        found["id"] = there[which % len(there)]
        if name == "relatedParty":
            found |= {"role": "customer", "@referredType": "Customer"}
    return found


def hold(client: Client, case: Any, response: Any) -> None:
    """Holds an answer against TM Forum's document of the API, and ours."""
    answer = Answer(
        SimpleNamespace(
            status_code=response.status_code,
            headers={name.lower(): ", ".join(each) for name, each in response.headers.items()},
            content=response.content,
        )
    )
    query = urlencode(case.query or {}, doseq=True)
    base = case.operation.schema.raw_schema.get("basePath", "")
    client._validate(case.method.upper(), f"{base}{case.formatted_path}", query, answer)
