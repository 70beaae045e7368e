"""What mediation does when charging has answered."""

from datetime import datetime

from trunkline.charging.events import UsageCharged
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction
from trunkline.usage.model import UsageBatchId
from trunkline.usage.operations import note_answers


def _note(tx: Tx, event: UsageCharged, now: datetime) -> None:
    note_answers(tx, batch=UsageBatchId(event.batch_id), results=event.results, now=now)


REACTIONS: tuple[Reaction, ...] = (Reaction("usage.note_answers", UsageCharged, _note, "books"),)
