"""Writes on party roles."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from trunkline.customers.bodies import check_short
from trunkline.customers.known import known_accounts, known_agreements
from trunkline.customers.references import check_parties
from trunkline.customers.roles.model import (
    BEGINS,
    ROLE_LIFECYCLE,
    PartyRoleId,
    complete_role,
    meant,
)
from trunkline.customers.tables import party_role
from trunkline.platform.db import Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body, Kind

PARTY_ROLE = "PartyRole"


def _columns(body: Body) -> dict[str, Any]:
    check_short(body, ("name", "@type"))
    return {
        "name": body["name"],
        "type": body.get("@type", PARTY_ROLE),
        "status": body["status"],
        "party_id": body.get("engagedParty", {}).get("id"),
    }


def _check(tx: Tx, body: Body, before: Body | None) -> None:
    check_parties(tx, body, before, "engagedParty", "relatedParty")


ROLES = Kind(
    name=PARTY_ROLE,
    ids=PartyRoleId,
    table=party_role,
    columns=_columns,
    complete=complete_role,
    refers={"account": known_accounts, "agreement": known_agreements},
    check=_check,
    lifecycle=ROLE_LIFECYCLE,
    begins=BEGINS,
    named=("relatedParty",),
)


def give_role(tx: Tx, body: Mapping[str, Any], *, now: datetime) -> Body:
    """Lets a party play a part; the body needs a name. Raises `UnknownReference`,
    `UnknownState`, `InvalidDocument`."""
    return documents.create(tx, ROLES, meant(dict(body)), now)


def change_role(
    tx: Tx, *, role: PartyRoleId, changing: Callable[[Body], Mapping[str, Any]], now: datetime
) -> Body:
    """Raises `DocumentNotFound`, `IllegalTransition`, and what `give_role` raises."""

    def changed(body: Body) -> Body:
        wanted = meant(dict(changing(dict(body))))
        same = wanted.get("statusReason") == body.get("statusReason")
        if wanted.get("status") != body["status"] and same:
            wanted.pop("statusReason", None)
        return wanted

    return documents.change(tx, ROLES, role, changed, now)
