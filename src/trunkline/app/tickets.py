"""How long tickets may take, as the settings say."""

from datetime import timedelta

import msgspec

from trunkline.app import System
from trunkline.customers import USUAL_TARGETS, Targets, declare_targets


def declare(system: System) -> None:
    """Tells the books, where every process finds it."""
    minutes = msgspec.structs.asdict(system.settings.tickets)
    wanted = {
        priority: Targets(
            timedelta(minutes=minutes[f"{priority}_response_minutes"]),
            timedelta(minutes=minutes[f"{priority}_resolution_minutes"]),
        )
        for priority in USUAL_TARGETS
    }
    with system.books.transaction() as tx:
        declare_targets(tx, wanted)
