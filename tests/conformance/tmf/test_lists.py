"""Lists that grow: filtered by what is indexed, they are found in an index alone, in its order."""

import pytest
import sqlalchemy as sa

from trunkline.platform.clock import SystemClock
from trunkline.platform.db import Database
from trunkline.rest import all_apis
from trunkline.tmf import Resource
from trunkline.tmf.paths import Op

EXPECTED = {
    "product": {
        "status", "productOffering.id", "billingAccount.id", "relatedParty.id",
        "productOrderItem.productOrderId",
    },
    "service": {"state", "relatedParty.id", "relatedEntity.id", "serviceSpecification.id"},
    "resource": {"resourceStatus", "value", "name", "category", "usageState"},
    "productOrder": {"state", "billingAccount.id"},
    "customer": {"status", "name", "engagedParty.id"},
    "billingAccount": {"state", "relatedParty.id"},
    "payment": {"status"},
    "customerBill": {"billingAccount.id"},
    "troubleTicket": {"status"},
    "partyInteraction": {"status"},
    "communicationMessage": {"state"},
}  # fmt: skip
"""Of collections that grow with the customers: the paths by which they are asked for."""
RESOURCES = {
    resource.name: resource
    for api in all_apis(None, None, SystemClock())  # type: ignore[arg-type]
    for resource in api.resources
    if resource.database == "books"
}


@pytest.fixture(params=["sqlite"])
def engine(request: pytest.FixtureRequest) -> str:
    """PostgreSQL's plans depend on what it has counted."""
    return str(request.param)


def plan(books: Database, statement: sa.Select[tuple[str]]) -> str:
    compiled = statement.compile(books.engine, compile_kwargs={"render_postcompile": True})
    values = tuple(compiled.params[name] for name in compiled.positiontup or ())
    with books.read() as r:
        rows = r.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values).all()
    return "; ".join(str(row[-1]) for row in rows)


def listed(resource: Resource[object], path: str) -> sa.Select[tuple[str]]:
    """As a page far down the list is found, and its total."""
    condition = resource.filters[path].matches(Op.EQ, ["x"], path)
    return sa.select(resource.key).where(condition).order_by(*resource.stable).offset(9).limit(1)


@pytest.mark.parametrize(("name", "paths"), EXPECTED.items())
def test_lists_that_grow_are_found_in_an_index_alone(
    books: Database, name: str, paths: set[str]
) -> None:
    for path in sorted(paths):
        found = plan(books, listed(RESOURCES[name], path))
        assert found.startswith("SEARCH"), (path, found)
        assert "COVERING INDEX" in found, (path, found)
        assert "TEMP B-TREE" not in found, (path, found)


@pytest.mark.parametrize("name", ["topupBalance", "balanceActionHistory"])
@pytest.mark.parametrize("path", ["product.id", "partyAccount.id", "relatedParty.id"])
def test_what_was_done_to_balances_is_found_in_each_tables_index(
    books: Database, name: str, path: str
) -> None:
    found = plan(books, listed(RESOURCES[name], path))
    assert "SEARCH payment" in found
    assert "SCAN" not in found
