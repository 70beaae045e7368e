"""Events out of the house: what announces them, and what sends them."""

from collections.abc import Callable, Sequence
from functools import cache

from trunkline.platform.changes import Changed
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database, Tx
from trunkline.platform.settings import HubSettings
from trunkline.tmf import hub


def announcer(
    books: Database, charging: Database, clock: Clock
) -> Callable[[Tx, Sequence[Changed]], None]:
    """The books' announcer, over all APIs. They are loaded with the first change: who makes none
    (the charging process) has no use for them."""

    @cache
    def made() -> hub.Announcer:
        from trunkline.rest import all_apis

        return hub.Announcer(all_apis(books, charging, clock))

    def announce(tx: Tx, changes: Sequence[Changed]) -> None:
        made()(tx, changes)

    return announce


def callback_rule(settings: HubSettings) -> hub.CallbackRule:
    """Where events may be sent. Raises `Invalid` for what is no network."""
    return hub.CallbackRule.of(
        allow_private=settings.allow_private, networks=settings.allow_networks
    )


def dispatcher(books: Database, clock: Clock, settings: HubSettings) -> hub.Dispatcher:
    """Sends what was announced."""
    return hub.Dispatcher(books, clock, callback_rule(settings))
