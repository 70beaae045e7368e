"""What the ledger does when it is told."""

from datetime import datetime

from trunkline.ledger.events import PostEntry
from trunkline.ledger.operations import post
from trunkline.platform.db import Tx
from trunkline.platform.messages import Reaction


def post_entry(tx: Tx, message: PostEntry, now: datetime) -> None:
    post(tx, message.entry, now)


REACTIONS: tuple[Reaction, ...] = (
    Reaction("ledger.post_entry", on=PostEntry, run=post_entry, database="books"),
)
