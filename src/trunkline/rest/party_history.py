"""Who changed which attribute of a party or a customer, and when: for staff to read, beside
TM Forum's APIs. It can't be written; erasing what was said leaves that something was.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from trunkline.customers import party_change
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Reader
from trunkline.rest.forms.references import address
from trunkline.tmf import Aggregate, Api, Entity, Timestamp, href

_BASE = "/trunkline/v1"
_CHANGES = f"{_BASE}/partyChange"
_c = party_change.c
_BY_IDS = sa.select(party_change).where(_c.id.in_(sa.bindparam("ids", expanding=True)))


class PartyChange(Entity, kw_only=True, tag="PartyChange"):
    """`before` or `after` is absent where there was nothing, and where `isErased`."""

    resource_type: str
    resource_id: str
    resource_href: str
    date: Timestamp
    who: str
    attribute: str
    before: Any = None
    after: Any = None
    is_erased: bool


def _find(r: Reader, ids: Sequence[str]) -> list[Any]:
    return list(r.execute(_BY_IDS, {"ids": list(ids)}))


def _change(row: Any) -> PartyChange:
    return PartyChange(
        id=row.id,
        href=href(_CHANGES, row.id),
        resource_type=row.resource,
        resource_id=row.resource_id,
        resource_href=address(row.resource, row.resource_id) or "",
        date=format_instant(row.at),
        who=row.who,
        attribute=_camel(row.attribute),
        before=row.before,
        after=row.after,
        is_erased=row.is_erased,
    )


def _camel(name: str) -> str:
    """An attribute as clients call it; what a document said is called as it said."""
    outer, dot, inner = name.partition(".")
    if dot and outer == "details":
        return inner
    first, *rest = outer.split("_")
    return first + "".join(word.capitalize() for word in rest) + dot + inner


API = Api(
    number="HISTORY",
    title="History of parties and customers",
    version="1.0.0",
    base=_BASE,
    resources=(
        Aggregate(
            path=_CHANGES,
            type="PartyChange",
            key=_c.id,
            paths={
                "resourceType": _c.resource,
                "resourceId": _c.resource_id,
                "date": _c.at,
                "who": _c.who,
                "isErased": _c.is_erased,
            },
            find=_find,
            to_wire=_change,
            form=PartyChange,
        ),
    ),
    hub=False,
)
