"""How agreements and their specifications are kept."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from trunkline.catalog import DOCUMENTS, DocumentKind
from trunkline.customers.agreements.model import (
    AGREEMENT_LIFECYCLE,
    BEGINS,
    DELETABLE,
    SPECIFICATION_BEGINS,
    SPECIFICATION_LIFECYCLE,
    Agreement,
    AgreementId,
    AgreementInForce,
    AgreementSpecificationId,
    AgreementStatus,
    SpecificationInUse,
    complete_agreement,
    complete_specification,
    items_of,
)
from trunkline.customers.bodies import check_short
from trunkline.customers.known import known_agreement_specifications, known_agreements
from trunkline.customers.model import CustomerId, ExternalIdTaken, check_external_id
from trunkline.customers.references import check_parties, customer_of
from trunkline.customers.tables import agreement, agreement_specification
from trunkline.kernel.time import parse_instant
from trunkline.platform.collisions import collision
from trunkline.platform.db import Reader, Tx
from trunkline.tmf.documents import Body, Kind, remember

_OF_CUSTOMER = (
    sa.select(agreement)
    .where(agreement.c.customer_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(agreement.c.id)
)
_BY_IDS = sa.select(agreement).where(agreement.c.id.in_(sa.bindparam("ids", expanding=True)))
_BY_EXTERNAL_IDS = sa.select(agreement.c.id, agreement.c.external_id).where(
    agreement.c.external_id.in_(sa.bindparam("ids", expanding=True))
)
_OF_SPECIFICATION = (
    sa.select(agreement.c.id).where(agreement.c.specification_id == sa.bindparam("of")).limit(1)
)
_INSERT = sa.insert(agreement)
_OFFERINGS = sa.select(DOCUMENTS.c.id).where(
    DOCUMENTS.c.kind == DocumentKind.OFFERING,
    DOCUMENTS.c.id.in_(sa.bindparam("ids", expanding=True)),
)


def insert_signed(tx: Tx, bodies: Sequence[Body], now: datetime) -> None:
    """All of them in one statement."""
    row = {"revision": 1, "created_at": now, "updated_at": now}
    rows = [{"id": body["id"], **row, "body": body, **_columns(body)} for body in bodies]
    if rows:
        with collision(taken=_taken()):
            tx.execute(_INSERT, rows)
        remember(tx, AGREEMENTS, bodies)


def find_agreements(r: Reader, ids: Iterable[str]) -> dict[AgreementId, Agreement]:
    wanted = list(ids)
    rows = r.execute(_BY_IDS, {"ids": wanted}).all() if wanted else ()
    return {AgreementId(row.id): _agreement(row) for row in rows if row.customer_id}


def agreements_of(r: Reader, customers: Iterable[CustomerId]) -> list[Agreement]:
    wanted = list(customers)
    rows = r.execute(_OF_CUSTOMER, {"ids": wanted}) if wanted else ()
    return [_agreement(row) for row in rows]


def taken_external_ids(r: Reader, ids: Iterable[str | None]) -> dict[str, str]:
    """Of these external ids, those that are taken, and by which agreement."""
    wanted = [each for each in ids if each is not None]
    rows = r.execute(_BY_EXTERNAL_IDS, {"ids": wanted}) if wanted else ()
    return {row.external_id: row.id for row in rows}


def _taken() -> ExternalIdTaken:
    return ExternalIdTaken(
        "an agreement came in under this external id at the same moment", path="externalId"
    )


def _agreement(row: Any) -> Agreement:
    return Agreement(
        id=AgreementId(row.id),
        customer=CustomerId(row.customer_id),
        name=row.name,
        status=AgreementStatus(row.status),
        items=items_of(row.body),
        starts=row.starts,
        ends=row.ends,
        external_id=row.external_id,
        created_at=row.created_at,
    )


def _columns(body: Body) -> dict[str, Any]:
    check_short(body, ("name", "agreementType"))
    period = body.get("agreementPeriod", {})
    starts, ends = period.get("startDateTime"), period.get("endDateTime")
    return {
        "customer_id": customer_of(body, "engagedParty"),
        "name": body["name"],
        "type": body["agreementType"],
        "status": body["status"],
        "specification_id": body.get("agreementSpecification", {}).get("id"),
        "starts": parse_instant(starts or body["initialDate"], path="agreementPeriod"),
        "ends": None if ends is None else parse_instant(ends, path="agreementPeriod"),
        "external_id": body.get("externalId"),
    }


def _check(tx: Tx, body: Body, before: Body | None) -> None:
    check_parties(tx, body, before, "engagedParty")
    external_id = body.get("externalId")
    check_external_id(external_id)
    if taken_external_ids(tx, [external_id]).get(str(external_id), body["id"]) != body["id"]:
        raise ExternalIdTaken(f"an agreement came in as {external_id} already", path="externalId")


def _deletable(_tx: Tx, body: Body) -> None:
    if body["status"] not in DELETABLE:
        raise AgreementInForce(
            f"it is {body['status']}; only what is {', '.join(sorted(DELETABLE))} can be deleted",
            path="status",
        )


def _known_offerings(r: Reader, ids: Collection[str]) -> set[str]:
    return set(r.execute(_OFFERINGS, {"ids": list(ids)}).scalars())


AGREEMENTS = Kind(
    name="Agreement",
    ids=AgreementId,
    table=agreement,
    columns=_columns,
    complete=complete_agreement,
    refers={
        "agreementItem.productOffering": _known_offerings,
        "associatedAgreement": known_agreements,
        "agreementSpecification": known_agreement_specifications,
    },
    check=_check,
    deletable=_deletable,
    lifecycle=AGREEMENT_LIFECYCLE,
    begins=BEGINS,
    named=("engagedParty", "agreementItem.productOffering"),
)


def _specification_columns(body: Body) -> dict[str, Any]:
    check_short(body, ("name", "version"))
    return {
        "name": body["name"],
        "lifecycle_status": body["lifecycleStatus"],
        "version": body.get("version"),
    }


def _check_specification(tx: Tx, body: Body, before: Body | None) -> None:
    check_parties(tx, body, before, "relatedParty")


def _unused(tx: Tx, body: Body) -> None:
    used = tx.execute(_OF_SPECIFICATION, {"of": body["id"]}).scalar()
    if used is not None:
        raise SpecificationInUse(f"agreement {used} is made by it")


AGREEMENT_SPECIFICATIONS = Kind(
    name="AgreementSpecification",
    ids=AgreementSpecificationId,
    table=agreement_specification,
    columns=_specification_columns,
    complete=complete_specification,
    refers={"specificationRelationship": known_agreement_specifications},
    check=_check_specification,
    deletable=_unused,
    lifecycle=SPECIFICATION_LIFECYCLE,
    state="lifecycleStatus",
    begins=SPECIFICATION_BEGINS,
)
