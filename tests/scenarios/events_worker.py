"""A process that sends what is due at an instant until it is killed: URL INSTANT."""

import sys
from datetime import datetime

from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, books_metadata
from trunkline.tmf.hub import CallbackRule, Dispatcher


def main(url: str, instant: str) -> None:
    clock = DrivenClock(datetime.fromisoformat(instant))
    books = Database(url, metadata=books_metadata, clock=clock, durable=False)
    dispatcher = Dispatcher(books, clock, CallbackRule(allow_private=True))
    print("ready", flush=True)  # noqa: T201
    dispatcher.drain()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
