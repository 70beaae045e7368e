"""Writes on agreements and their specifications."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from trunkline.customers import store as parties
from trunkline.customers.agreements import store
from trunkline.customers.agreements.events import AgreementSigned, AgreementTerminated
from trunkline.customers.agreements.model import (
    Agreement,
    AgreementId,
    AgreementItem,
    AgreementSpecificationId,
    AgreementStatus,
    NewAgreement,
    body_of,
    check_agreement,
    meant,
    specification_meant,
)
from trunkline.customers.agreements.store import AGREEMENT_SPECIFICATIONS, AGREEMENTS
from trunkline.customers.model import (
    Customer,
    CustomerId,
    CustomerNotFound,
    ExternalIdTaken,
    at,
    check_external_id,
)
from trunkline.customers.references import customer_of
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body


def sign_agreement(
    tx: Tx,
    *,
    customer: CustomerId,
    name: str,
    items: tuple[AgreementItem, ...],
    starts: datetime,
    ends: datetime | None = None,
    external_id: str | None = None,
    now: datetime,
) -> Agreement:
    """Records what was settled with a customer. Its alterations take effect in the prices of
    the products that are made with it. Raises `CustomerNotFound`, `InvalidAgreement`,
    `ExternalIdTaken`."""
    new = NewAgreement(
        customer=customer,
        name=name,
        items=items,
        starts=starts,
        ends=ends,
        external_id=external_id,
    )
    return _sign(tx, [new], [""], now)[0]


def sign_agreements(
    tx: Tx, agreements: Sequence[NewAgreement], *, now: datetime
) -> list[Agreement]:
    """All of them, or none: the errors are those of `sign_agreement`, their paths begin with
    `[i]`."""
    return _sign(tx, agreements, [f"[{index}]" for index in range(len(agreements))], now)


def draw_up_agreement(tx: Tx, body: Mapping[str, Any], *, now: datetime) -> Body:
    """An agreement as a document: it needs a name, agreementType, agreementItem and
    engagedParty. Raises `InvalidAgreement`, `UnknownReference`, `UnknownState`,
    `ExternalIdTaken`."""
    drawn_up = documents.create(tx, AGREEMENTS, meant(dict(body)), now)
    _tell(tx, drawn_up, {})
    return drawn_up


def change_agreement(
    tx: Tx,
    *,
    agreement: AgreementId,
    changing: Callable[[Body], Mapping[str, Any]],
    now: datetime,
) -> Body:
    """Raises `DocumentNotFound`, `IllegalTransition`, and what `draw_up_agreement` raises."""
    before: Body = {}

    def changed(body: Body) -> Body:
        before.update(body)
        return meant(dict(changing(dict(body))))

    after = documents.change(tx, AGREEMENTS, agreement, changed, now)
    _tell(tx, after, before)
    return after


def specify_agreement(tx: Tx, body: Mapping[str, Any], *, now: datetime) -> Body:
    """A template of agreements; it needs a name. Raises `UnknownReference`, `UnknownState`."""
    return documents.create(tx, AGREEMENT_SPECIFICATIONS, specification_meant(dict(body)), now)


def change_agreement_specification(
    tx: Tx,
    *,
    specification: AgreementSpecificationId,
    changing: Callable[[Body], Mapping[str, Any]],
    now: datetime,
) -> Body:
    """Raises `DocumentNotFound`, `IllegalTransition`, and what `specify_agreement` raises."""
    return documents.change(
        tx,
        AGREEMENT_SPECIFICATIONS,
        specification,
        lambda body: specification_meant(dict(changing(body))),
        now,
    )


def _tell(tx: Tx, after: Body, before: Body) -> None:
    status = after["status"]
    if status == before.get("status"):
        return
    agreement, customer = AgreementId(after["id"]), customer_of(after, "engagedParty")
    owner = None if customer is None else CustomerId(customer)
    if status == AgreementStatus.ACTIVE:
        tx.emit(AgreementSigned(agreement=agreement, customer=owner))
    elif status == AgreementStatus.TERMINATED:
        tx.emit(AgreementTerminated(agreement=agreement, customer=owner))


def _sign(
    tx: Tx, agreements: Sequence[NewAgreement], paths: Sequence[str], now: datetime
) -> list[Agreement]:
    customers = parties.find_customers(tx, {new.customer for new in agreements})
    _refuse_taken(tx, agreements, paths)
    signed = [
        _signed(tx, new, path, customers, now) for new, path in zip(agreements, paths, strict=True)
    ]
    bodies = [body_of(each, customers[each.customer].name) for each in signed]
    store.insert_signed(tx, bodies, now)
    for each in signed:
        tx.changed(AGREEMENTS.name, each.id, Change.CREATED)
        tx.emit(AgreementSigned(agreement=each.id, customer=each.customer))
    return signed


def _signed(
    tx: Tx, new: NewAgreement, path: str, customers: Mapping[CustomerId, Customer], now: datetime
) -> Agreement:
    if new.customer not in customers:
        raise CustomerNotFound(
            f"there is no customer {new.customer[:60]}", path=at(path, "engagedParty[0].id")
        )
    check_agreement(new, path=path)
    return Agreement(
        id=tx.new_id(AgreementId, now),
        customer=new.customer,
        name=new.name,
        status=AgreementStatus.ACTIVE,
        items=new.items,
        starts=new.starts,
        ends=new.ends,
        external_id=new.external_id,
        created_at=now,
    )


def _refuse_taken(tx: Tx, agreements: Sequence[NewAgreement], paths: Sequence[str]) -> None:
    for new, path in zip(agreements, paths, strict=True):
        check_external_id(new.external_id, path=path)
    taken = set(store.taken_external_ids(tx, [new.external_id for new in agreements]))
    for new, path in zip(agreements, paths, strict=True):
        if new.external_id is None:
            continue
        if new.external_id in taken:
            raise ExternalIdTaken(
                f"an agreement came in as {new.external_id} already", path=at(path, "externalId")
            )
        taken.add(new.external_id)
