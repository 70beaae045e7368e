"""A client that a public generator makes of /openapi.json, alone with a running server."""

import importlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from tests.conformance.tmf import shop
from tests.conformance.tmf.client import Client

PACKAGE = "generated_trunkline_client"


@pytest.fixture(params=["sqlite"])
def engine(request: pytest.FixtureRequest) -> str:
    """What the client sees is the same on both."""
    return str(request.param)


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return


@pytest.fixture
def url(app: Any) -> Iterator[str]:
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def generated(app: Any, api: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package that the generator makes, imported."""
    (tmp_path / "openapi.json").write_bytes(api._http.simulate_get("/openapi.json").content)
    (tmp_path / "config.yml").write_text("post_hooks: []\n")
    made = subprocess.run(
        [
            str(Path(sys.executable).with_name("openapi-python-client")), "generate",
            "--path", "openapi.json", "--output-path", PACKAGE, "--meta", "none",
            "--config", "config.yml",
        ],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = set(re.findall(r"components/schemas/(\w+)", made.stdout + made.stderr))
    assert not said, made.stdout
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module(PACKAGE)
    for name in [each for each in sys.modules if each.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


class Caller:
    """Calls operations of the generated package by their names."""

    def __init__(self, generated: Any, url: str, key: str) -> None:
        self._package = generated.__name__
        self.client = generated.AuthenticatedClient(base_url=url, token=key)

    def model(self, name: str, body: dict[str, Any]) -> Any:
        models = importlib.import_module(f"{self._package}.models")
        return getattr(models, name).from_dict(body)

    def __call__(self, operation: str, *args: Any, status: int = 200, **kwargs: Any) -> Any:
        module = importlib.import_module(f"{self._package}.api.{operation}")
        answer = module.sync_detailed(*args, client=self.client, **kwargs)
        assert answer.status_code == status, answer.content
        return answer.parsed


@pytest.mark.slow
def test_a_generated_client_signs_up_orders_and_reads(
    api: Client, generated: Any, url: str
) -> None:
    offering = shop.offer(api)
    call = Caller(generated, url, api._key or "")
    with call.client:
        person = call(
            "tmf632.create_individual", status=201,
            body=call.model("IndividualCreate", {"givenName": "Maeve", "familyName": "Doyle"}),
        )  # fmt: skip
        engaged = {"id": person.id, "@referredType": "Individual"}
        customer = call(
            "tmf629.create_customer", status=201,
            body=call.model("CustomerCreate", {"name": "Maeve", "engagedParty": engaged}),
        )  # fmt: skip
        party = {"id": customer.id, "role": "customer", "@referredType": "Customer"}
        account = call(
            "tmf666.create_billing_account", status=201,
            body=call.model(
                "BillingAccountCreate",
                {"name": "Main", "accountType": "postpaid", "relatedParty": [party]},
            ),
        )  # fmt: skip
        body = shop.order_body(account.to_dict(), offering)
        order = call(
            "tmf622.create_product_order", status=201, idempotency_key="first",
            body=call.model("ProductOrderCreate", body),
        )  # fmt: skip
        (listed,) = call("tmf622.list_product_order", state="acknowledged", limit=5)
        assert listed.to_dict() == order.to_dict()
        (product,) = call("tmf637.list_product", related_party_id=customer.id)
        assert call("tmf637.retrieve_product", product.id).to_dict() == product.to_dict()
        assert product.product_offering.id == offering["id"]
        rate = {
            "@type": "AppliedCustomerBillingRate", "type": "recurringCharge", "id": "inv~1",
            "href": "/x", "name": "Fee", "date": "2026-11-02T09:00:00+00:00", "isBilled": True,
            "billingAccount": {"id": account.id, "href": "/y", "@referredType": "BillingAccount"},
            "taxExcludedAmount": {"unit": "EUR", "value": 5},
        }  # fmt: skip
        assert call.model("AppliedCustomerBillingRate", rate).to_dict() == rate
        refused = call("tmf637.retrieve_product", "nobody", status=404)
        assert (refused.code, refused.status) == ("notFound", "404")
