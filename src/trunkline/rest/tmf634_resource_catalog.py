"""TMF634 Resource Catalog Management, v4.1: what services run on."""

from typing import Any

from trunkline.catalog import DOCUMENTS, DocumentKind, Scope
from trunkline.rest.forms.catalogue import (
    Catalog,
    CatalogRef,
    Category,
    CharacteristicSpecification,
    CharacteristicValue,
    Entry,
    Feature,
    RelatedParty,
    TargetSchema,
    entries,
    in_body,
    jobs,
)
from trunkline.rest.forms.wire import RESOURCE_CATALOG
from trunkline.tmf import Api, Wire, in_json


class Characteristic(CharacteristicSpecification):
    resource_spec_characteristic_value: tuple[CharacteristicValue, ...] = ()


class SpecificationRelationship(Wire):
    relationship_type: str | None = None
    id: str | None = None
    name: str | None = None
    role: str | None = None
    default_quantity: int | None = None
    minimum_quantity: int | None = None
    maximum_quantity: int | None = None


class ResourceCatalog(Catalog):
    pass


class ResourceCategory(Category):
    related_party: tuple[RelatedParty, ...] = ()
    resource_candidate: tuple[CatalogRef, ...] = ()


class ResourceCandidate(Entry):
    resource_specification: CatalogRef | None = None
    category: tuple[CatalogRef, ...] = ()


class ResourceSpecification(Entry):
    """Its `@type` says of what: LogicalResourceSpecification, PhysicalResourceSpecification or
    the operator's own, whose other attributes are kept."""

    is_bundle: bool | None = None
    category: str | None = None
    feature_specification: tuple[Feature, ...] = ()
    related_party: tuple[RelatedParty, ...] = ()
    resource_spec_characteristic: tuple[Characteristic, ...] = ()
    resource_spec_relationship: tuple[SpecificationRelationship, ...] = ()
    target_resource_schema: TargetSchema | None = None
    attachment: tuple[dict[str, Any], ...] = ()


API = Api(
    number="TMF634",
    title="Resource Catalog Management",
    version="4.1.0",
    base=RESOURCE_CATALOG,
    resources=(
        entries(
            RESOURCE_CATALOG,
            DocumentKind.RESOURCE_CATALOG,
            ResourceCatalog,
            in_body("category.id", "relatedParty.id", "relatedParty.role"),
        ),
        entries(
            RESOURCE_CATALOG,
            DocumentKind.RESOURCE_CATEGORY,
            ResourceCategory,
            {
                **in_body("parentId", "category.id", "resourceCandidate.id", "relatedParty.id"),
                "isRoot": in_json(DOCUMENTS.c.body, "isRoot", "boolean"),
            },
        ),
        entries(
            RESOURCE_CATALOG,
            DocumentKind.RESOURCE_CANDIDATE,
            ResourceCandidate,
            in_body("resourceSpecification.id", "resourceSpecification.name", "category.id"),
        ),
        entries(
            RESOURCE_CATALOG,
            DocumentKind.RESOURCE_SPECIFICATION,
            ResourceSpecification,
            {
                **in_body(
                    "category",
                    "resourceSpecCharacteristic.name",
                    "resourceSpecRelationship.id",
                    "resourceSpecRelationship.relationshipType",
                    "relatedParty.id",
                ),
                "isBundle": DOCUMENTS.c.is_bundle,
            },
        ),
        *jobs(RESOURCE_CATALOG, Scope.RESOURCE),
    ),
)
