"""Holds every successful write against what it announced: a write that clients see, and that
nobody who listens could hear of, is a fault."""

from collections.abc import Callable, Sequence
from typing import Any

from trunkline.platform.changes import Change, Changed
from trunkline.platform.db import Tx
from trunkline.tmf import Api

Announce = Callable[[Tx, Sequence[Changed]], None]

SILENT: dict[str, str] = {}
"""Types of resources whose writes announce nothing, and why."""

NOT_YET: frozenset[str] = frozenset()
"""Types whose domains don't say yet what they changed."""


class Recorder:
    """Stands as `Database.announce`, and passes on."""

    def __init__(self, announce: Announce, apis: Sequence[Api]) -> None:
        self.heard: list[Changed] = []
        self._announce = announce
        self._resources = [each for api in apis for each in api.resources]

    def __call__(self, tx: Tx, changes: Sequence[Changed]) -> None:
        self.heard += changes
        self._announce(tx, changes)

    def check(self, method: str, path: str, body: Any, since: int, *, changed: bool) -> None:
        """After a successful write at `path`; `since` is how much had been heard before it."""
        for resource in self._resources:
            if resource.type in SILENT or resource.type in NOT_YET:
                continue
            if method == "POST" and path == resource.path:
                # A repetition (Idempotency-Key) gives the first answer, which was announced.
                new = Changed(resource.type, body["id"], Change.CREATED)
                assert new in self.heard, f"{method} {path} announced no {new}"
            elif method != "POST" and path.rpartition("/")[0] == resource.path and changed:
                ident = path.rpartition("/")[2]
                heard = [
                    each.change
                    for each in self.heard[since:]
                    if (each.resource, each.id) == (resource.type, ident)
                ]
                wanted = {Change.DELETED} if method == "DELETE" else set(Change)
                assert wanted & set(heard), f"{method} {path} announced nothing of it"
