"""What happened in the catalogue."""

from typing import Any, ClassVar

from trunkline.catalog.model import DocumentKind, LifecycleStatus, OfferingId
from trunkline.platform.messages import Message


class PricesChanged(Message, frozen=True, kw_only=True):
    """Something that this offering's tariff is compiled from is new or differs: its prices,
    their documents, or a rate sheet that they name. `offering` is gone where it was deleted."""

    topic: ClassVar[str] = "catalog.prices_changed"

    offering: OfferingId

    @property
    def key(self) -> str:
        return self.offering


class _AboutDocument(Message, frozen=True, kw_only=True):
    kind: DocumentKind
    id: str
    body: dict[str, Any]
    """The document as it is after the fact; as it was, after a deletion."""

    @property
    def key(self) -> str:
        return self.id


class DocumentCreated(_AboutDocument, frozen=True, kw_only=True):
    topic: ClassVar[str] = "catalog.document_created"


class DocumentChanged(_AboutDocument, frozen=True, kw_only=True):
    topic: ClassVar[str] = "catalog.document_changed"


class DocumentStateChanged(_AboutDocument, frozen=True, kw_only=True):
    """Its lifecycle status moved; other attributes may have changed with it."""

    topic: ClassVar[str] = "catalog.document_state_changed"

    previous: LifecycleStatus


class DocumentDeleted(_AboutDocument, frozen=True, kw_only=True):
    topic: ClassVar[str] = "catalog.document_deleted"
