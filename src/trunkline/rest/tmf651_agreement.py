"""TMF651 Agreement Management, v4.

Extensions: an agreement's `externalId`, the name under which it came in, and an item's
`recurringAlteration`, Money that is added to its offering's recurring price each period.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from trunkline import customers
from trunkline.customers import (
    AGREEMENT_SPECIFICATIONS,
    AGREEMENTS,
    AgreementId,
    AgreementSpecificationId,
)
from trunkline.platform.db import Tx
from trunkline.rest.forms.agreement import AgreementAttributes, AgreementItem
from trunkline.rest.forms.entities import DescribedReference
from trunkline.rest.forms.party_types import REFERRED, Attachment, addressed, unaddressed
from trunkline.rest.forms.references import check_entities
from trunkline.rest.forms.wire import MoneyIn, PeriodIn, Some, Typed
from trunkline.tmf import PUBLIC, Api, Moment, documents, in_json, owned_by

_BASE = "/tmf-api/agreementManagement/v4"
_AGREEMENTS = AGREEMENTS.table.c
_SPECIFICATIONS = AGREEMENT_SPECIFICATIONS.table.c
_REFERENCES = ("engagedParty", "associatedAgreement", "agreementSpecification")
_bare = unaddressed(*_REFERENCES)
_specification_bare = unaddressed("relatedParty")


class NamedParty(Typed, kw_only=True):
    """RelatedParty, which in this document has a name."""

    id: str
    name: str
    referred_type: str = msgspec.field(name=REFERRED)
    href: str | None = None
    role: str | None = None


class PricedItem(AgreementItem, kw_only=True):
    recurring_alteration: MoneyIn | None = None


class Agreement(AgreementAttributes, kw_only=True):
    agreement_item: Some[PricedItem]
    engaged_party: Some[NamedParty]
    external_id: str | None = None


class SpecificationValue(Typed, kw_only=True):
    default: bool | None = None
    unit_of_measure: str | None = None
    value_from: str | None = None
    value_to: str | None = None
    value_type: str | None = None
    valid_for: PeriodIn | None = None
    value: Any = None


class SpecificationCharacteristic(Typed, kw_only=True):
    configurable: bool | None = None
    description: str | None = None
    name: str | None = None
    value_type: str | None = None
    spec_characteristic_value: tuple[SpecificationValue, ...] | None = None
    valid_for: PeriodIn | None = None


class SpecificationRelationship(Typed, kw_only=True):
    id: str | None = None
    href: str | None = None
    name: str | None = None
    relationship_type: str | None = None
    valid_for: PeriodIn | None = None


class AgreementSpecification(Typed, kw_only=True):
    name: str
    attachment: Some[Attachment]
    description: str | None = None
    is_bundle: bool | None = None
    last_update: Moment | None = None
    lifecycle_status: str | None = None
    version: str | None = None
    related_party: tuple[NamedParty, ...] | None = None
    service_category: DescribedReference | None = None
    specification_characteristic: tuple[SpecificationCharacteristic, ...] | None = None
    specification_relationship: tuple[SpecificationRelationship, ...] | None = None
    valid_for: PeriodIn | None = None


def _create(tx: Tx, body: dict[str, Any], now: datetime) -> str:
    _check(tx, body, None)
    customers.remember_customers(tx, body, "engagedParty", now=now)
    return str(customers.draw_up_agreement(tx, _bare(body), now=now)["id"])


def _replace(tx: Tx, ident: str, body: dict[str, Any], now: datetime) -> None:
    def changing(before: Mapping[str, Any]) -> Mapping[str, Any]:
        _check(tx, body, before)
        customers.remember_customers(tx, body, "engagedParty", now=now)
        return _bare(body)

    customers.change_agreement(tx, agreement=AgreementId(ident), changing=changing, now=now)


def _check(tx: Tx, body: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    check_entities(tx, body, before, "agreementItem.product", default="product")


def _create_specification(tx: Tx, body: dict[str, Any], now: datetime) -> str:
    return str(customers.specify_agreement(tx, _specification_bare(body), now=now)["id"])


def _replace_specification(tx: Tx, ident: str, body: dict[str, Any], now: datetime) -> None:
    customers.change_agreement_specification(
        tx,
        specification=AgreementSpecificationId(ident),
        changing=lambda _: _specification_bare(body),
        now=now,
    )


API = Api(
    number="TMF651",
    title="Agreement Management",
    version="4.0.0",
    base=_BASE,
    resources=(
        documents.as_resource(
            AGREEMENTS,
            path=f"{_BASE}/agreement",
            schema=Agreement,
            paths={
                "name": _AGREEMENTS.name,
                "status": _AGREEMENTS.status,
                "agreementType": _AGREEMENTS.type,
                "agreementSpecification.id": _AGREEMENTS.specification_id,
                "agreementPeriod.startDateTime": _AGREEMENTS.starts,
                "agreementPeriod.endDateTime": _AGREEMENTS.ends,
                "engagedParty.id": documents.naming(AGREEMENTS, "engagedParty"),
                "agreementItem.productOffering.id": documents.naming(
                    AGREEMENTS, "agreementItem.productOffering"
                ),
                "externalId": _AGREEMENTS.external_id,
                "documentNumber": in_json(_AGREEMENTS.body, "documentNumber", "number"),
                **{
                    path: in_json(_AGREEMENTS.body, path)
                    for path in (
                        "description", "version", "statementOfIntent", "engagedParty.name",
                        "engagedParty.role", "associatedAgreement.id", "agreementItem.product.id",
                        "agreementAuthorization.state", "characteristic.name", "@type",
                    )
                },
            },
            owner=owned_by(_AGREEMENTS.customer_id, writes=False),
            create=_create,
            replace=_replace,
            to_wire=addressed(*_REFERENCES),
        ),
        documents.as_resource(
            AGREEMENT_SPECIFICATIONS,
            path=f"{_BASE}/agreementSpecification",
            schema=AgreementSpecification,
            paths={
                "name": _SPECIFICATIONS.name,
                "lifecycleStatus": _SPECIFICATIONS.lifecycle_status,
                "version": _SPECIFICATIONS.version,
                "lastUpdate": _SPECIFICATIONS.updated_at,
                "isBundle": in_json(_SPECIFICATIONS.body, "isBundle", "boolean"),
                **{
                    path: in_json(_SPECIFICATIONS.body, path)
                    for path in (
                        "description", "relatedParty.id", "serviceCategory.id",
                        "specificationRelationship.id", "@type",
                    )
                },
            },
            owner=PUBLIC,
            create=_create_specification,
            replace=_replace_specification,
            to_wire=addressed("relatedParty"),
        ),
    ),
)  # fmt: skip
