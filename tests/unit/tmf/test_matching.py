"""Filters on plain JSON."""

from decimal import Decimal

import pytest

from trunkline.kernel.errors import Invalid
from trunkline.tmf import matching

ORDER = {
    "id": "po1",
    "state": "completed",
    "priority": "2",
    "isRush": True,
    "count": 3,
    "total": {"value": Decimal("12.50"), "unit": "EUR"},
    "orderDate": "2026-11-21T20:50:00.000Z",
    "note": [{"text": "first"}, {"text": "second, and last"}],
    "item": [{"state": "done", "part": [{"code": "a"}, {"code": "b"}]}, {"state": "held"}],
    "nothing": None,
}


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("state=completed", True),
        ("state=Completed", False),
        ("state=held,completed", True),
        ("state=held;completed", True),
        ("state=held&state=completed", True),
        ("state=completed&id=po2", False),
        ('state="completed"', True),
        ("state.ne=completed", False),
        ("state!=held", True),
        ("missing.ne=x", True),
        ("missing=x", False),
        ("nothing=x", False),
        ("nothing.ne=x", True),
        ("item.state=held", True),
        ("item.state.ne=held", False),
        ("item.part.code=b", True),
        ("item.part.code=c", False),
        ("item=held", False),
        ('note.text="second, and last"', True),
        ("note.text.regex=^sec", True),
        ("note.text.regex=^last", False),
        ("note.text*=and", True),
        ("count=3", True),
        ("count=3.0", True),
        ("count.gt=3", False),
        ("count.gte=3", True),
        ("count%3E2", True),
        ("count.lt=10", True),
        ("count=three", False),
        ("count.regex=3", False),
        ("total.value=12.5", True),
        ("total.value.gt=9", True),
        ("total.value.lte=12.49", False),
        ("priority.gt=10", True),  # a text is compared as one
        ("isRush=true", True),
        ("isRush=1", False),
        ("isRush.ne=false", True),
        ("orderDate=2026-11-21T20:50:00Z", True),
        ("orderDate=2026-11-21T21:50:00%2B01:00", True),
        ("orderDate.gt=2026-11-21T20:49:59.999Z", True),
        ("orderDate.lt=2026-11-21T20:50:00Z", False),
        ("orderDate.gt=2026", True),
        ("fields=id", True),
        ("?state=completed", True),
    ],
)
def test_a_filter_holds_or_not(query: str, holds: bool) -> None:
    assert matching.matches(ORDER, matching.parse(query).terms) is holds


@pytest.mark.parametrize(
    "query",
    ["state", "limit=3", "offset=1", "sort=id", "a..b=1", ".=1", "a b=1", "=1", "a.regex=(x)",
     "a.regex=" + "x" * 101, "x=%FF", "%00=1"],
)  # fmt: skip
def test_what_is_no_filter_is_refused(query: str) -> None:
    with pytest.raises(Invalid) as refused:
        matching.parse(query)
    assert refused.value.path
