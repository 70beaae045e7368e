"""Writes on partnerships. A partner is a party role: one that comes with a partnership is made
with it, and is kept as a role alone; the partnership holds whose they are.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from trunkline.customers.bodies import InvalidDocument
from trunkline.customers.partnerships.model import PartnershipId
from trunkline.customers.partnerships.store import PARTNERSHIPS
from trunkline.customers.roles.model import PartyRoleId
from trunkline.customers.roles.operations import ROLES, change_role, give_role
from trunkline.platform.db import Reader, Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body

PARTNER = "Partner"


def form_partnership(tx: Tx, body: Mapping[str, Any], *, now: datetime) -> Body:
    """Needs a name and a specification. Partners without an id become party roles. Raises
    `UnknownReference`, and what `give_role` raises, its paths in the partner."""
    partners = [
        _partner(tx, each, index, {}, now) for index, each in enumerate(body.get("partner") or ())
    ]
    _check_engaged(tx, partners)
    return documents.create(tx, PARTNERSHIPS, _with(body, partners), now)


def change_partnership(
    tx: Tx, *, partnership: PartnershipId, to: Mapping[str, Any], now: datetime
) -> Body:
    """Puts `to` in the place of the partnership; what it says of partners is said of their
    roles. Raises `DocumentNotFound`, and what `form_partnership` raises."""
    present = find_partnerships(tx, [partnership])
    before = {each["id"]: each for found in present for each in found.get("partner", ())}
    partners = [
        _partner(tx, each, index, before, now) for index, each in enumerate(to.get("partner") or ())
    ]
    _check_engaged(tx, partners)
    return documents.change(tx, PARTNERSHIPS, partnership, lambda _: _with(to, partners), now)


def find_partnerships(r: Reader, ids: Collection[str]) -> list[Body]:
    """Those that exist, with their partners as they stand."""
    found = documents.find(r, PARTNERSHIPS, ids)
    wanted = {each["id"] for body in found for each in body.get("partner", ())}
    roles = {role["id"]: role for role in documents.find(r, ROLES, wanted)}
    return [
        {**body, "partner": [roles.get(each["id"], each) for each in body["partner"]]}
        if "partner" in body
        else body
        for body in found
    ]


def _with(body: Mapping[str, Any], partners: list[str]) -> Body:
    kept = {name: each for name, each in body.items() if name != "partner"}
    return {**kept, "partner": [{"id": each} for each in partners]} if partners else kept


def _partner(
    tx: Tx, said: Mapping[str, Any], index: int, before: Mapping[str, Body], now: datetime
) -> str:
    """The id of the role that a partner is."""
    with documents.placed(f"partner[{index}]"):
        ident = said.get("id")
        for name in ("name", "engagedParty"):
            if ident is None and said.get(name) is None:
                raise InvalidDocument("is required", path=name)
        if ident is None:
            role = give_role(tx, {"@type": PARTNER, **_own(said)}, now=now)
            return str(role["id"])
        told = _own(said)
        if ident in before and told != _own(before[ident]):
            change_role(
                tx,
                role=PartyRoleId(ident),
                changing=lambda body: {**told, "id": body["id"]},
                now=now,
            )
        return str(ident)


def _check_engaged(tx: Tx, partners: Sequence[str]) -> None:
    """A partner is somebody; a role may do without."""
    roles = {role["id"]: role for role in documents.find(tx, ROLES, partners)}
    for index, ident in enumerate(partners):
        if ident in roles and "engagedParty" not in roles[ident]:
            raise InvalidDocument("nobody plays this role", path=f"partner[{index}].id")


def _own(said: Mapping[str, Any]) -> Body:
    return {name: each for name, each in said.items() if name not in ("id", "href")}
