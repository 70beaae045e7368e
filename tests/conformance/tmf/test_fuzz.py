"""Schemathesis over every API, by its own OpenAPI document: whatever it sends, the answer is one
that the document tells of, and TM Forum's too.

Half of the requests name resources that are there: the tests' shop has sold something before.
`make fuzz` sends far more of them.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Answer, Client
from tests.effort import examples
from trunkline.platform.clock import SystemClock
from trunkline.rest import all_apis
from trunkline.tmf import Api
from trunkline.tmf.openapi import document

CHECKS: list[Callable[..., Any]] = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]
APIS: tuple[Api, ...] = all_apis(None, SystemClock())  # type: ignore[arg-type]
EFFORT = {"sqlite": 8, "postgresql": 3}
"""Requests to each operation; each engine's own budget."""


@pytest.fixture
def sold(api: Client) -> None:
    """A customer with a product, so that there is something to be asked for."""
    payer = shop.account(api)
    shop.order(api, payer, shop.offer(api))


def known_ids(client: Client, api: Api) -> dict[str, list[str]]:
    """The ids of the first few of each collection, by its path."""
    return {
        resource.path: [
            each["id"] for each in client.get(f"{resource.path}?limit=3&fields=none").body
        ]
        for resource in api.resources
    }


@pytest.mark.slow
@pytest.mark.parametrize("number", [each.number for each in APIS])
def test_whatever_is_asked_the_answer_is_one_that_the_document_tells_of(
    number: str, api: Client, app: Any, sold: None, engine: str
) -> None:
    (declared,) = (each for each in APIS if each.number == number)
    schema = schemathesis.openapi.from_dict(
        document([declared], title=declared.title, version=declared.version)
    )
    schema.app = app
    ids = known_ids(api, declared)
    for found in schema.get_all_operations():
        fuzz(found.ok(), api, ids, examples(EFFORT[engine]))


def fuzz(operation: Any, api: Client, ids: dict[str, list[str]], times: int) -> None:
    there = ids.get(operation.path.rpartition("/{")[0], [])

    @settings(
        max_examples=times,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(case=operation.as_strategy(), which=st.integers(0, 2 * len(there)))
    def ask(case: Any, which: int) -> None:
        if which < len(there) and case.path_parameters:
            case.path_parameters["id"] = there[which]
        answer = case.call(headers={"Authorization": f"Bearer {api._key}"})
        case.validate_response(answer, checks=CHECKS)
        hold(api, case, answer)

    ask()


def hold(client: Client, case: Any, response: Any) -> None:
    """Holds an answer against TM Forum's document of the API too."""
    answer = Answer(
        SimpleNamespace(
            status_code=response.status_code,
            headers={name.lower(): ", ".join(each) for name, each in response.headers.items()},
            content=response.content,
        )
    )
    query = urlencode(case.query or {}, doseq=True)
    client._validate(case.method.upper(), case.formatted_path, query, answer)
