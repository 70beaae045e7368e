"""Where interactions are kept."""

from typing import Any

import sqlalchemy as sa

from trunkline.customers.bodies import LONGEST, check_short
from trunkline.customers.interactions.model import (
    BEGINS,
    INTERACTION_LIFECYCLE,
    InteractionId,
    complete_interaction,
)
from trunkline.customers.references import check_parties, customer_of
from trunkline.kernel.time import parse_instant
from trunkline.platform.db import Instant, Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body, Kind

party_interaction = documents.table(
    "party_interaction",
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("direction", sa.String(20), nullable=False),
    sa.Column("reason", sa.String(LONGEST), nullable=False),
    sa.Column("customer_id", sa.String(100)),
    sa.Column("status_changed_at", Instant, nullable=False),
    sa.Column("starts", Instant),
    sa.Column("ends", Instant),
    sa.Index("party_interaction_by_customer", "customer_id", "id"),
    sa.Index("party_interaction_by_status", "status", "id"),
    sa.Index("party_interaction_by_created", "created_at", "id"),
    sa.Index("party_interaction_by_start", "starts", "id"),
)


def _columns(body: Body) -> dict[str, Any]:
    check_short(body, ["reason"])
    period = body["interactionDate"]
    dates = {"starts": "startDateTime", "ends": "endDateTime"}
    return {
        "status": body["status"],
        "direction": body["direction"],
        "reason": body["reason"],
        "customer_id": customer_of(body),
        "status_changed_at": parse_instant(body["statusChangeDate"]),
        **{
            column: parse_instant(period[name], path=f"interactionDate.{name}")
            if name in period
            else None
            for column, name in dates.items()
        },
    }


def _check(tx: Tx, body: Body, before: Body | None) -> None:
    check_parties(tx, body, before, "relatedParty", "interactionItem.relatedParty")
    related = list(documents.references(body, "interactionRelationship"))
    there = documents.known(INTERACTIONS)(tx, {ident for _, ident in related})
    for place, ident in related:
        if ident == body["id"] or ident not in there:
            raise documents.UnknownReference(
                f"there is no other interaction {ident[:100]!r}", path=f"{place}.id"
            )


INTERACTIONS = Kind(
    name="PartyInteraction",
    ids=InteractionId,
    table=party_interaction,
    columns=_columns,
    complete=complete_interaction,
    check=_check,
    lifecycle=INTERACTION_LIFECYCLE,
    begins=BEGINS,
    named=("relatedParty", "interactionItem.item"),
)
