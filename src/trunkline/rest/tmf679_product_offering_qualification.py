"""TMF679 Product Offering Qualification, v4.

A qualification is answered at once (`instantSyncQualification` makes no difference) and kept.
Without items it is about all that is on sale, or what of a category is. What was asked and
answered doesn't change; descriptions, notes and extensions may.
"""

from datetime import datetime
from typing import Literal

from msgspec import field

from trunkline import ordering
from trunkline.ordering import QUALIFICATION
from trunkline.platform.db import Tx
from trunkline.rest.forms.entities import Reference, RelatedParty, VersionedReference
from trunkline.rest.forms.sales import Place, Product, Relation, Remark, addressed, as_kept
from trunkline.rest.forms.wire import QUALIFICATIONS, Typed
from trunkline.tmf import Api, Body, Moment, documents, in_json, owned_by

_TaskState = Literal["acknowledged", "terminatedWithError", "inProgress", "done"]


class UnavailabilityReason(Typed, kw_only=True):
    code: str | None = None
    label: str | None = None


class Alternative(Typed, kw_only=True):
    id: str | None = None
    alternate_activation_date: Moment | None = None
    alternate_product: Product | None = None
    alternate_product_offering: Reference | None = None


class TerminationError(Typed, kw_only=True):
    id: str | None = None
    value: str | None = None


class QualificationItem(Typed, kw_only=True):
    id: str
    action: Literal["add", "modify", "delete", "noChange"] | None = None
    expected_activation_date: Moment | None = None
    qualification_item_result: str | None = None
    alternate_product_offering_proposal: tuple[Alternative, ...] = ()
    eligibility_unavailability_reason: tuple[UnavailabilityReason, ...] = ()
    note: tuple[Remark, ...] = ()
    product: Product | None = None
    product_offering: Reference | None = None
    qualification_item_relationship: tuple[Relation, ...] = ()
    state: _TaskState | None = None
    termination_error: tuple[TerminationError, ...] = ()


class QualificationForm(Typed, kw_only=True):
    description: str | None = None
    effective_qualification_date: Moment | None = None
    expected_poq_completion_date: Moment | None = field(
        name="expectedPOQCompletionDate", default=None
    )
    expiration_date: Moment | None = None
    instant_sync_qualification: bool | None = None
    product_offering_qualification_date: Moment | None = None
    provide_alternative: bool | None = None
    provide_only_available: bool | None = None
    provide_unavailability_reason: bool | None = None
    qualification_result: str | None = None
    requested_poq_completion_date: Moment | None = field(
        name="requestedPOQCompletionDate", default=None
    )
    category: VersionedReference | None = None
    channel: Reference | None = None
    note: tuple[Remark, ...] = ()
    place: tuple[Place, ...] = ()
    product_offering_qualification_item: tuple[QualificationItem, ...] = ()
    related_party: tuple[RelatedParty, ...] = ()
    state: _TaskState | None = None


def _replace(tx: Tx, ident: str, body: Body, now: datetime) -> None:
    documents.change(tx, QUALIFICATION, ident, lambda kept: as_kept(kept, body), now)


_table = QUALIFICATION.table
_ITEM = "productOfferingQualificationItem"

API = Api(
    number="TMF679",
    title="Product Offering Qualification",
    version="4.0.0",
    base=QUALIFICATIONS,
    resources=(
        documents.as_resource(
            QUALIFICATION,
            path=f"{QUALIFICATIONS}/productOfferingQualification",
            schema=QualificationForm,
            paths={
                "state": _table.c.state,
                "productOfferingQualificationDate": _table.c.qualified_at,
                "effectiveQualificationDate": _table.c.qualified_at,
                "qualificationResult": _table.c.result,
                "channel.id": _table.c.channel_id,
                "relatedParty.id": in_json(_table.c.body, "relatedParty.id"),
                "relatedParty.role": in_json(_table.c.body, "relatedParty.role"),
                "category.id": in_json(_table.c.body, "category.id"),
                "description": in_json(_table.c.body, "description"),
                f"{_ITEM}.productOffering.id": in_json(
                    _table.c.body, f"{_ITEM}.productOffering.id"
                ),
                f"{_ITEM}.qualificationItemResult": in_json(
                    _table.c.body, f"{_ITEM}.qualificationItemResult"
                ),
                f"{_ITEM}.state": in_json(_table.c.body, f"{_ITEM}.state"),
            },
            to_wire=addressed,
            create=lambda tx, body, now: ordering.qualify(tx, body, now)["id"],
            replace=_replace,
            owner=owned_by(_table.c.customer_id, claims="relatedParty"),
        ),
    ),
)
