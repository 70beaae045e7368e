"""What happened in the catalogue."""

from typing import ClassVar

from trunkline.catalog.model import OfferingId
from trunkline.platform.messages import Message


class PricesChanged(Message, frozen=True, kw_only=True):
    """Something that this offering's tariff is compiled from is new or differs: its prices,
    their documents, or a rate sheet that they name. `offering` is gone where it was deleted."""

    topic: ClassVar[str] = "catalog.prices_changed"

    offering: OfferingId

    @property
    def key(self) -> str:
        return self.offering
