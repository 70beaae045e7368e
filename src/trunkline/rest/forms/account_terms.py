"""What is agreed beside a billing account: its cycle, how bills come, whom to ask (TMF666)."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from trunkline import customers, payments
from trunkline.customers import (
    BILL_FORMATS,
    BILL_MEDIA,
    CYCLE_SPECIFICATIONS,
)
from trunkline.kernel.errors import Invalid
from trunkline.payments import PaymentMethodId
from trunkline.platform.db import Tx
from trunkline.rest.forms.account_documents import Contact, Relationship
from trunkline.rest.forms.wire import (
    RefIn,
    placed,
)
from trunkline.tmf import (
    Wire,
    documents,
    wire,
)


class CycleIn(Wire):
    id: str | None = None
    frequency: str = "monthly"
    billing_date_shift: int | None = None
    payment_due_date_offset: int | None = None


class BillStructureIn(Wire):
    cycle_specification: CycleIn = msgspec.field(default_factory=CycleIn)
    format: RefIn | None = None
    presentation_media: tuple[RefIn, ...] = ()


def details_of(
    tx: Tx,
    *,
    contact: Sequence[dict[str, Any]] | UnsetType | None = UNSET,
    relationship: Sequence[dict[str, Any]] | UnsetType | None = UNSET,
    method: RefIn | UnsetType | None = UNSET,
    structure: BillStructureIn | UnsetType = UNSET,
) -> dict[str, Any]:
    """What is kept beside an account, of what is given; None for what is taken away."""
    kept: dict[str, Any] = {}
    if not isinstance(contact, UnsetType):
        for each in contact or ():
            wire.convert({"contact": [each]}, _Contacts)
        kept["contact"] = list(contact or ()) or None
    if not isinstance(relationship, UnsetType):
        _check_relationships(tx, relationship or ())
        kept["accountRelationship"] = list(relationship or ()) or None
    if not isinstance(method, UnsetType):
        if method is not None:
            with placed(unknown="defaultPaymentMethod.id"):
                payments.payment_method(tx, PaymentMethodId(method.id))
        kept["defaultPaymentMethod"] = None if method is None else method.id
    if not isinstance(structure, UnsetType):
        kept |= _structure(tx, structure)
    return kept


class _Contacts(Wire):
    contact: tuple[Contact, ...]


class _Relationships(Wire):
    account_relationship: tuple[Relationship, ...]


def _check_relationships(tx: Tx, said: Sequence[dict[str, Any]]) -> None:
    plain = {"accountRelationship": list(said)}
    typed = wire.convert(plain, _Relationships).account_relationship
    named = [each.account.id for each in typed if each.account is not None]
    there = customers.known_accounts(tx, named)
    for index, each in enumerate(typed):
        if each.account is not None and each.account.id not in there:
            raise Invalid(
                f"there is no account {each.account.id[:60]}",
                path=f"accountRelationship[{index}].account.id",
            )


def _structure(tx: Tx, structure: BillStructureIn) -> dict[str, Any]:
    kept: dict[str, Any] = {"cycle": structure.cycle_specification.id}
    form = structure.format
    kept["format"] = None
    if form is not None:
        kept["format"] = _named(tx, BILL_FORMATS, form.id, "billStructure.format.id")
    kept["presentationMedia"] = [
        _named(tx, BILL_MEDIA, each.id, f"billStructure.presentationMedia[{index}].id")
        for index, each in enumerate(structure.presentation_media)
    ] or None
    return kept


def _named(tx: Tx, kind: documents.Kind, ident: str, path: str) -> dict[str, str]:
    found = documents.find(tx, kind, [ident])
    if not found:
        raise Invalid(f"there is no {kind.name} {ident[:60]}", path=path)
    return {"id": ident, "name": found[0]["name"]}


def terms_of(tx: Tx, cycle: CycleIn) -> tuple[int, int]:
    """The days of shift and of payment: those said, else the specification's."""
    found: dict[str, Any] = {}
    if cycle.frequency != "monthly":
        raise Invalid("bills are made monthly", path="billStructure.cycleSpecification.frequency")
    if cycle.id is not None:
        path = "billStructure.cycleSpecification.id"
        found = next(iter(documents.find(tx, CYCLE_SPECIFICATIONS, [cycle.id])), {})
        if not found:
            raise Invalid(f"there is no cycle specification {cycle.id[:60]}", path=path)
    shift, due = cycle.billing_date_shift, cycle.payment_due_date_offset
    return (
        found.get("billingDateShift", 0) if shift is None else shift,
        found.get("paymentDueDateOffset", 14) if due is None else due,
    )


def financial_of(tx: Tx, named: RefIn) -> str:
    if named.id not in customers.known_financial_accounts(tx, [named.id]):
        raise Invalid(f"there is no financial account {named.id[:60]}", path="financialAccount.id")
    return named.id
