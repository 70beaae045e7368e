"""What the ledger is told from afar."""

from typing import ClassVar

from trunkline.ledger.model import Entry
from trunkline.platform.messages import Message


class PostEntry(Message, frozen=True):
    """A command: post this entry to the books. Sent across databases, and idempotent by the
    entry's (kind, reference)."""

    topic: ClassVar[str] = "ledger.post_entry"

    entry: Entry

    @property
    def key(self) -> str:
        return f"{self.entry.kind}/{self.entry.reference}"
