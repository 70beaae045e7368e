"""What the system itself writes down of its dealings with parties."""

from collections.abc import Sequence
from datetime import datetime

from trunkline.customers.interactions.model import Direction, InteractionStatus
from trunkline.customers.interactions.store import INTERACTIONS
from trunkline.customers.model import CustomerId
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body


def record_interaction(
    tx: Tx,
    *,
    customer: CustomerId,
    direction: Direction,
    channel: str,
    reason: str,
    description: str | None = None,
    about: Sequence[tuple[str, str]] = (),
    now: datetime,
) -> Body:
    """Writes down that the customer and the operator have dealt with one another, now, and is
    done with it. `about` are the types and ids of what it was about. Raises
    `UnknownReference`."""
    at = format_instant(now)
    body: Body = {
        "direction": direction.value,
        "reason": reason,
        "description": description,
        "status": InteractionStatus.COMPLETED.value,
        "interactionDate": {"startDateTime": at, "endDateTime": at},
        "channel": [{"id": channel, "name": channel, "href": f"urn:trunkline:channel:{channel}"}],
        "relatedParty": [{"id": customer, "role": "customer", "@referredType": "Customer"}],
        "interactionItem": [
            {"reason": reason, "item": {"id": ident, "role": "subject", "@referredType": type_}}
            for type_, ident in about
        ],
    }
    return documents.create(tx, INTERACTIONS, body, now)
