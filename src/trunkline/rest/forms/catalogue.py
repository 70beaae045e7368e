"""How the catalogue's documents are declared: what TMF620, 633, 634 and 671 share.

The bodies are kept whole, extension attributes too; what a schema declares is checked.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline import catalog, charging
from trunkline.catalog import (
    DOCUMENTS,
    EXPORT_JOBS,
    IMPORT_JOBS,
    Direction,
    DocumentKind,
    LifecycleStatus,
    OfferingId,
    Scope,
    job_kind,
)
from trunkline.kernel.errors import Invalid
from trunkline.platform.db import Reader, Tx
from trunkline.rest.forms.wire import PeriodIn
from trunkline.tmf import (
    PUBLIC,
    Body,
    Document,
    Moment,
    Paths,
    Wire,
    documents,
    in_json,
    published,
)


class CatalogRef(Wire):
    id: str
    href: str | None = None
    name: str | None = None
    version: str | None = None
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class RelatedParty(Wire):
    id: str
    referred_type: str = msgspec.field(name="@referredType")
    name: str | None = None
    role: str | None = None


_OFFERED = published(
    DOCUMENTS.c.lifecycle_status.not_in(
        [
            LifecycleStatus.IN_STUDY,
            LifecycleStatus.IN_DESIGN,
            LifecycleStatus.IN_TEST,
            LifecycleStatus.REJECTED,
        ]
    )
)
"""Subscribers don't see what is yet to be offered."""


class Entry(Wire):
    """What all entries of the catalogue have."""

    name: str
    description: str | None = None
    lifecycle_status: str | None = None
    version: str | None = None
    last_update: Moment | None = None
    valid_for: PeriodIn | None = None
    type: str | None = msgspec.field(name="@type", default=None)
    base_type: str | None = msgspec.field(name="@baseType", default=None)
    schema_location: str | None = msgspec.field(name="@schemaLocation", default=None)


class Catalog(Entry):
    category: tuple[CatalogRef, ...] = ()
    related_party: tuple[RelatedParty, ...] = ()


class Category(Entry):
    is_root: bool | None = None
    parent_id: str | None = None
    category: tuple[CatalogRef, ...] = ()


class CharacteristicSpecification(Wire):
    """But for the values that it may have: each document has a name of its own for them."""

    name: str | None = None
    description: str | None = None
    configurable: bool | None = None
    extensible: bool | None = None
    is_unique: bool | None = None
    value_type: str | None = None
    min_cardinality: int | None = None
    max_cardinality: int | None = None
    regex: str | None = None


class CharacteristicValue(Wire):
    value: Any = None
    is_default: bool | None = None
    value_type: str | None = None
    unit_of_measure: str | None = None
    value_from: int | None = None
    value_to: int | None = None
    range_interval: str | None = None
    regex: str | None = None


class FeatureCharacteristic(Wire):
    name: str
    value_type: str | None = None
    feature_spec_characteristic_value: tuple[CharacteristicValue, ...] = ()


class Feature(Wire):
    id: str | None = None
    name: str | None = None
    is_bundle: bool | None = None
    is_enabled: bool | None = None
    version: str | None = None
    feature_spec_characteristic: tuple[FeatureCharacteristic, ...] = ()


class TargetSchema(Wire):
    type: str = msgspec.field(name="@type")
    schema_location: str = msgspec.field(name="@schemaLocation")


def entries(base: str, kind: DocumentKind, schema: type[Entry], paths: Paths) -> Document:
    """The resource of one kind of document, in the API at `base`."""

    def find(r: Reader, ids: Sequence[str]) -> Iterable[Body]:
        return [dict(each.body) for each in catalog.documents(r, kind, ids).values()]

    def create(tx: Tx, body: Body, now: datetime) -> str:
        ident = catalog.create_document(tx, kind=kind, body=body, now=now).id
        for refusal in _refusals(tx, kind, ident, now).values():
            raise refusal
        return ident

    def replace(tx: Tx, ident: str, body: Body, now: datetime) -> None:
        before = _refusals(tx, kind, ident, now)
        catalog.change_document(tx, kind=kind, document_id=ident, change=lambda _: body, now=now)
        for offering, refusal in _refusals(tx, kind, ident, now).items():
            # What was wrong before may be put right one by one.
            if offering not in before:
                raise refusal

    def delete(tx: Tx, ident: str, now: datetime) -> None:  # noqa: ARG001
        catalog.delete_document(tx, kind=kind, document_id=ident)

    common: Paths = {
        "name": DOCUMENTS.c.name,
        "lifecycleStatus": DOCUMENTS.c.lifecycle_status,
        "version": DOCUMENTS.c.version,
        "lastUpdate": DOCUMENTS.c.last_update,
        "description": in_json(DOCUMENTS.c.body, "description"),
        "@type": in_json(DOCUMENTS.c.body, "@type"),
    }
    # TMF633 and TMF634 don't tell a change of state from another.
    apart = not kind.resource.startswith(("Service", "Resource"))
    return Document(
        path=f"{base}/{kind}",
        type=kind.resource,
        attribute_event="AttributeValueChangeEvent" if apart else "ChangeEvent",
        state_event="StateChangeEvent" if apart else "ChangeEvent",
        key=DOCUMENTS.c.id,
        where=DOCUMENTS.c.kind == kind.value,
        paths={**common, **paths},
        schema=schema,
        find=find,
        create=create,
        replace=replace,
        delete=delete,
        owner=_OFFERED if kind is DocumentKind.OFFERING else PUBLIC,
    )


def _refusals(
    r: Reader, kind: DocumentKind, ident: str, now: datetime
) -> dict[OfferingId, Invalid]:
    """Of the offerings that this document is, or is a price of: whose prices of use couldn't be
    charged."""
    if kind is DocumentKind.OFFERING:
        return charging.refusals(r, [OfferingId(ident)], now)
    if kind is DocumentKind.PRICE:
        return charging.refusals(r, catalog.offerings_with_price(r, ident), now)
    return {}


def in_body(*paths: str) -> Paths:
    """Paths of texts inside the body."""
    return {path: in_json(DOCUMENTS.c.body, path) for path in paths}


class JobEntry(Wire):
    """A job to import a catalogue from `url`, or to export it there."""

    url: str
    path: str | None = None
    content_type: str | None = None
    query: str | None = None
    type: str | None = msgspec.field(name="@type", default=None)
    base_type: str | None = msgspec.field(name="@baseType", default=None)
    schema_location: str | None = msgspec.field(name="@schemaLocation", default=None)


def jobs(base: str, scope: Scope) -> tuple[Document, ...]:
    """The import and export jobs of the API at `base`; nothing of them can be patched."""
    return tuple(
        documents.as_resource(
            job_kind(direction, scope),
            path=f"{base}/{direction[0].lower()}{direction[1:]}",
            schema=JobEntry,
            where=table.c.scope == scope.value,
            paths={
                "status": table.c.status,
                "creationDate": table.c.created_at,
                "url": in_json(table.c.body, "url"),
                "path": in_json(table.c.body, "path"),
            },
            changes=False,
        )
        for direction, table in ((Direction.IMPORT, IMPORT_JOBS), (Direction.EXPORT, EXPORT_JOBS))
    )
