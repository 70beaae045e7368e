"""What was said about consents."""

from typing import ClassVar

from trunkline.customers.model import PartyId
from trunkline.platform.messages import Message


class _Said(Message, frozen=True, kw_only=True):
    party: PartyId
    purpose: str
    channel: str

    @property
    def key(self) -> str:
        return self.party


class ConsentGiven(_Said, frozen=True, kw_only=True):
    topic: ClassVar[str] = "customers.consent_given"


class ConsentRefused(_Said, frozen=True, kw_only=True):
    """Refused from the start, or withdrawn."""

    topic: ClassVar[str] = "customers.consent_refused"
