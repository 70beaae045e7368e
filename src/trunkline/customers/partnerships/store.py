"""Where partnerships and their specifications are kept."""

from typing import Any

import sqlalchemy as sa

from trunkline.customers.bodies import LONGEST, check_short
from trunkline.customers.known import known_agreement_specifications
from trunkline.customers.partnerships.model import (
    PartnershipId,
    PartnershipSpecificationId,
    PartnershipSpecificationInUse,
    complete_specification,
)
from trunkline.customers.roles.operations import ROLES
from trunkline.platform.db import Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body, Kind

partnership_specification = documents.table(
    "partnership_specification",
    sa.Column("name", sa.String(LONGEST), nullable=False),
    sa.Index("partnership_specification_by_name", "name", "id"),
)
partnership = documents.table(
    "partnership",
    sa.Column("name", sa.String(LONGEST), nullable=False),
    sa.Column("specification_id", sa.ForeignKey(partnership_specification.c.id), nullable=False),
    sa.Index("partnership_by_name", "name", "id"),
    sa.Index("partnership_by_specification", "specification_id"),
)
_OF_SPECIFICATION = (
    sa.select(partnership.c.id).where(partnership.c.specification_id == sa.bindparam("of")).limit(1)
)


def _specification_columns(body: Body) -> dict[str, Any]:
    check_short(body, ["name"])
    return {"name": body["name"]}


def _columns(body: Body) -> dict[str, Any]:
    return {**_specification_columns(body), "specification_id": body["specification"]["id"]}


def _unused(tx: Tx, body: Body) -> None:
    used = tx.execute(_OF_SPECIFICATION, {"of": body["id"]}).scalar()
    if used is not None:
        raise PartnershipSpecificationInUse(f"partnership {used} is made by it")


PARTNERSHIP_SPECIFICATIONS = Kind(
    name="PartnershipSpecification",
    ids=PartnershipSpecificationId,
    table=partnership_specification,
    columns=_specification_columns,
    complete=complete_specification,
    refers={"roleSpecification.agreementSpecification": known_agreement_specifications},
    deletable=_unused,
)
PARTNERSHIPS = Kind(
    name="Partnership",
    ids=PartnershipId,
    table=partnership,
    columns=_columns,
    refers={
        "specification": documents.known(PARTNERSHIP_SPECIFICATIONS),
        "partner": documents.known(ROLES),
    },
)
