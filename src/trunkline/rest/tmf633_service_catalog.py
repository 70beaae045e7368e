"""TMF633 Service Catalog Management, v4: what customer-facing services are made of."""

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
from trunkline.rest.forms.wire import SERVICE_CATALOG
from trunkline.tmf import Api, Wire, in_json


class SpecificationRelationship(Wire):
    relationship_type: str
    id: str | None = None
    name: str | None = None
    role: str | None = None


class Characteristic(CharacteristicSpecification):
    characteristic_value_specification: tuple[CharacteristicValue, ...] = ()


class ServiceCatalog(Catalog):
    pass


class ServiceCategory(Category):
    service_candidate: tuple[CatalogRef, ...] = ()


class ServiceCandidate(Entry, kw_only=True):
    service_specification: CatalogRef
    category: tuple[CatalogRef, ...] = ()


class ServiceSpecification(Entry):
    is_bundle: bool | None = None
    spec_characteristic: tuple[Characteristic, ...] = ()
    feature_specification: tuple[Feature, ...] = ()
    related_party: tuple[RelatedParty, ...] = ()
    resource_specification: tuple[CatalogRef, ...] = ()
    service_level_specification: tuple[CatalogRef, ...] = ()
    service_spec_relationship: tuple[SpecificationRelationship, ...] = ()
    target_entity_schema: TargetSchema | None = None


API = Api(
    number="TMF633",
    title="Service Catalog Management",
    version="4.0.0",
    base=SERVICE_CATALOG,
    resources=(
        entries(
            SERVICE_CATALOG,
            DocumentKind.SERVICE_CATALOG,
            ServiceCatalog,
            in_body("category.id", "relatedParty.id", "relatedParty.role"),
        ),
        entries(
            SERVICE_CATALOG,
            DocumentKind.SERVICE_CATEGORY,
            ServiceCategory,
            {
                **in_body("parentId", "category.id", "serviceCandidate.id"),
                "isRoot": in_json(DOCUMENTS.c.body, "isRoot", "boolean"),
            },
        ),
        entries(
            SERVICE_CATALOG,
            DocumentKind.SERVICE_CANDIDATE,
            ServiceCandidate,
            in_body("serviceSpecification.id", "serviceSpecification.name", "category.id"),
        ),
        entries(
            SERVICE_CATALOG,
            DocumentKind.SERVICE_SPECIFICATION,
            ServiceSpecification,
            {
                **in_body(
                    "specCharacteristic.name",
                    "resourceSpecification.id",
                    "serviceSpecRelationship.id",
                    "serviceSpecRelationship.relationshipType",
                    "relatedParty.id",
                ),
                "isBundle": DOCUMENTS.c.is_bundle,
            },
        ),
        *jobs(SERVICE_CATALOG, Scope.SERVICE),
    ),
)
