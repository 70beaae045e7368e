"""Documents: what is read out of their bodies, and what they refer to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from trunkline.catalog.eligibility import component_counts, eligibility_of
from trunkline.catalog.model import (
    BrandId,
    CatalogId,
    CategoryId,
    Document,
    DocumentKind,
    InvalidDocument,
    LifecycleStatus,
    Offering,
    OfferingId,
    Price,
    PromotionId,
    ResourceCandidateId,
    ResourceCatalogId,
    ResourceCategoryId,
    ResourceSpecificationId,
    ServiceCandidateId,
    ServiceCatalogId,
    ServiceCategoryId,
    ServiceSpecificationId,
    SpecificationId,
)
from trunkline.catalog.reading import at, valid_for
from trunkline.catalog.usage import (
    PriceId,
)
from trunkline.kernel.ids import Id
from trunkline.kernel.time import format_instant

Body = Mapping[str, Any]

ID_KINDS: Mapping[DocumentKind, type[Id]] = {
    DocumentKind.CATALOG: CatalogId,
    DocumentKind.CATEGORY: CategoryId,
    DocumentKind.SPECIFICATION: SpecificationId,
    DocumentKind.OFFERING: OfferingId,
    DocumentKind.PRICE: PriceId,
    DocumentKind.SERVICE_CATALOG: ServiceCatalogId,
    DocumentKind.SERVICE_CATEGORY: ServiceCategoryId,
    DocumentKind.SERVICE_CANDIDATE: ServiceCandidateId,
    DocumentKind.SERVICE_SPECIFICATION: ServiceSpecificationId,
    DocumentKind.RESOURCE_CATALOG: ResourceCatalogId,
    DocumentKind.RESOURCE_CATEGORY: ResourceCategoryId,
    DocumentKind.RESOURCE_CANDIDATE: ResourceCandidateId,
    DocumentKind.RESOURCE_SPECIFICATION: ResourceSpecificationId,
    DocumentKind.PROMOTION: PromotionId,
}

_REFERENCES: Mapping[DocumentKind, Mapping[str, DocumentKind]] = {
    DocumentKind.CATALOG: {"category": DocumentKind.CATEGORY},
    DocumentKind.CATEGORY: {
        "subCategory": DocumentKind.CATEGORY,
        "productOffering": DocumentKind.OFFERING,
    },
    DocumentKind.SPECIFICATION: {
        "bundledProductSpecification": DocumentKind.SPECIFICATION,
        "productSpecificationRelationship": DocumentKind.SPECIFICATION,
        "serviceSpecification": DocumentKind.SERVICE_SPECIFICATION,
        "resourceSpecification": DocumentKind.RESOURCE_SPECIFICATION,
    },
    DocumentKind.OFFERING: {
        "productSpecification": DocumentKind.SPECIFICATION,
        "productOfferingPrice": DocumentKind.PRICE,
        "category": DocumentKind.CATEGORY,
        "bundledProductOffering": DocumentKind.OFFERING,
        "productOfferingRelationship": DocumentKind.OFFERING,
    },
    DocumentKind.PRICE: {
        "bundledPopRelationship": DocumentKind.PRICE,
        "popRelationship": DocumentKind.PRICE,
    },
    DocumentKind.SERVICE_CATALOG: {"category": DocumentKind.SERVICE_CATEGORY},
    DocumentKind.SERVICE_CATEGORY: {
        "category": DocumentKind.SERVICE_CATEGORY,
        "serviceCandidate": DocumentKind.SERVICE_CANDIDATE,
    },
    DocumentKind.SERVICE_CANDIDATE: {
        "category": DocumentKind.SERVICE_CATEGORY,
        "serviceSpecification": DocumentKind.SERVICE_SPECIFICATION,
    },
    DocumentKind.SERVICE_SPECIFICATION: {
        "resourceSpecification": DocumentKind.RESOURCE_SPECIFICATION,
        "serviceSpecRelationship": DocumentKind.SERVICE_SPECIFICATION,
    },
    DocumentKind.RESOURCE_CATALOG: {"category": DocumentKind.RESOURCE_CATEGORY},
    DocumentKind.RESOURCE_CATEGORY: {
        "category": DocumentKind.RESOURCE_CATEGORY,
        "resourceCandidate": DocumentKind.RESOURCE_CANDIDATE,
    },
    DocumentKind.RESOURCE_CANDIDATE: {
        "category": DocumentKind.RESOURCE_CATEGORY,
        "resourceSpecification": DocumentKind.RESOURCE_SPECIFICATION,
    },
    DocumentKind.RESOURCE_SPECIFICATION: {
        "resourceSpecRelationship": DocumentKind.RESOURCE_SPECIFICATION,
    },
    DocumentKind.PROMOTION: {},
}
"""The attributes that name other documents: lists of objects with an `id`, and `_SINGLE`."""
_SINGLE = frozenset(
    {
        (DocumentKind.OFFERING, "productSpecification"),
        (DocumentKind.SERVICE_CANDIDATE, "serviceSpecification"),
        (DocumentKind.RESOURCE_CANDIDATE, "resourceSpecification"),
    }
)
"""Those that are one object."""
_LOOSE = frozenset({"serviceSpecRelationship", "resourceSpecRelationship"})
"""Those whose items may name nothing."""
_PARENTS = frozenset(
    {DocumentKind.CATEGORY, DocumentKind.SERVICE_CATEGORY, DocumentKind.RESOURCE_CATEGORY}
)
"""Those whose `parentId` names another of the same kind."""
_BUNDLES = frozenset(
    {
        DocumentKind.OFFERING,
        DocumentKind.PRICE,
        DocumentKind.SPECIFICATION,
        DocumentKind.SERVICE_SPECIFICATION,
        DocumentKind.RESOURCE_SPECIFICATION,
    }
)

_STATUSES = {status.replace(" ", "").lower(): status for status in LifecycleStatus}
_LONGEST_NAME = 200
_LONGEST_VERSION = 40


class Reference(msgspec.Struct, frozen=True):
    """At `path` of a document stands the id of another."""

    path: str
    kind: DocumentKind
    id: str


def read_document(
    kind: DocumentKind, body: Body, *, document_id: Id, now: datetime, revision: int
) -> Document:
    """The document that `body` makes, completed with what the server supplies: `id`,
    `lifecycleStatus`, `version`, `lastUpdate`, and `@type`. Raises `InvalidDocument`."""
    name = body.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        raise InvalidDocument(f"a name of 1 to {_LONGEST_NAME} characters is needed", path="name")
    status = read_status(body)
    version = _text(body, "version") or "1.0"
    if len(version) > _LONGEST_VERSION:
        raise InvalidDocument(f"longer than {_LONGEST_VERSION} characters", path="version")
    is_bundle = _flag(body, "isBundle", default=False)
    valid_for(body)
    brand = _text(body, "brand") if kind is DocumentKind.OFFERING else None
    supplied: dict[str, Any] = {
        "id": str(document_id),
        "lifecycleStatus": status.value,
        "version": version,
        "lastUpdate": format_instant(now),
        "@type": _text(body, "@type") or kind.resource,
    }
    if kind in _BUNDLES:
        supplied["isBundle"] = is_bundle
    if kind is DocumentKind.OFFERING:
        supplied["isSellable"] = _flag(body, "isSellable", default=True)
    kept = {key: value for key, value in body.items() if key != "href"}
    return Document(
        kind=kind,
        id=document_id,
        body=kept | supplied,
        name=name,
        lifecycle_status=status,
        version=version,
        last_update=now,
        is_bundle=is_bundle,
        brand=None if brand is None else BrandId(brand),
        revision=revision,
    )


def read_status(body: Body) -> LifecycleStatus:
    """`lifecycleStatus`, whatever its case and spaces; In study where there is none."""
    text = _text(body, "lifecycleStatus")
    if text is None:
        return LifecycleStatus.IN_STUDY
    status = _STATUSES.get(text.replace(" ", "").replace("_", "").lower())
    if status is None:
        names = ", ".join(LifecycleStatus)
        raise InvalidDocument(f"{text[:40]!r} is none of {names}", path="lifecycleStatus")
    return status


def references(kind: DocumentKind, body: Body) -> list[Reference]:
    """What the document refers to. Raises `InvalidDocument` for a reference without an id."""
    found = []
    for name, target in _REFERENCES[kind].items():
        value = body.get(name)
        if value is None:
            continue
        is_single = (kind, name) in _SINGLE
        if isinstance(value, list) is is_single:
            shape = "an object" if is_single else "a list"
            raise InvalidDocument(f"is not {shape}", path=name)
        items = [(name, value)]
        if isinstance(value, list):
            items = [(f"{name}[{index}]", each) for index, each in enumerate(value)]
        for path, each in items:
            identifier = each.get("id") if isinstance(each, Mapping) else None
            if identifier is None and name in _LOOSE:
                continue
            if not isinstance(identifier, str) or not identifier:
                raise InvalidDocument("a reference needs an id", path=at(path, "id"))
            found.append(Reference(at(path, "id"), target, identifier))
    if kind in _PARENTS and body.get("parentId") is not None:
        found.append(Reference("parentId", kind, _text(body, "parentId") or ""))
    return found


def inline_prices(body: Body) -> list[int]:
    """The places in an offering's `productOfferingPrice` that hold a price itself instead of a
    reference to one (TMF620 v4, ProductOfferingPriceRefOrValue): those without an id."""
    listed = body.get("productOfferingPrice")
    if not isinstance(listed, list):
        return []
    return [i for i, each in enumerate(listed) if isinstance(each, Mapping) and "id" not in each]


def offering_of(document: Document, prices: tuple[Price, ...]) -> Offering:
    """The typed view of an offering's document, with the prices that it refers to."""
    body = document.body
    start, end = valid_for(body)
    refers_to = references(document.kind, body)
    specifications = [e.id for e in refers_to if e.kind is DocumentKind.SPECIFICATION]
    values = characteristics(body)
    return Offering(
        id=OfferingId(document.id),
        name=document.name,
        brand=document.brand,
        status=document.lifecycle_status,
        is_bundle=document.is_bundle,
        is_sellable=_flag(body, "isSellable", default=True),
        valid_from=start,
        valid_until=end,
        specification=SpecificationId(specifications[0]) if specifications else None,
        components=tuple(
            OfferingId(reference.id)
            for reference in refers_to
            if reference.path.startswith("bundledProductOffering[")
        ),
        component_counts=component_counts(body),
        prices=prices,
        characteristics=values,
        eligibility=eligibility_of(body, values),
        revision=document.revision,
    )


def characteristics(body: Body) -> dict[str, Any]:
    """The values of `prodSpecCharValueUse` by name: the default, or the only one."""
    values: dict[str, Any] = {}
    uses = body.get("prodSpecCharValueUse") or []
    if not isinstance(uses, list):
        raise InvalidDocument("is not a list", path="prodSpecCharValueUse")
    for index, use in enumerate(uses):
        path = f"prodSpecCharValueUse[{index}]"
        if not isinstance(use, Mapping) or not isinstance(use.get("name"), str):
            raise InvalidDocument("a characteristic needs a name", path=at(path, "name"))
        options = use.get("productSpecCharacteristicValue") or []
        if not isinstance(options, list) or not all(isinstance(o, Mapping) for o in options):
            raise InvalidDocument(
                "is not a list of values", path=at(path, "productSpecCharacteristicValue")
            )
        chosen = [option for option in options if option.get("isDefault")] or options
        if len(chosen) == 1:
            values[use["name"]] = chosen[0].get("value")
    return values


def _text(body: Body, name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidDocument("is not a string", path=name)
    return value


def _flag(body: Body, name: str, *, default: bool) -> bool:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InvalidDocument("is neither true nor false", path=name)
    return value
