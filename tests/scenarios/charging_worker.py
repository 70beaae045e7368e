"""A process that charges one phone's session until it is killed: URL FIRST LAST [PHONE], where
FIRST is the number of the first request that was not answered yet. Prints a line for each
answer."""

import sys
from datetime import UTC, datetime

from tests.unit.charging.builders import MB, asks, request
from trunkline.charging import GroupCommit, Kind, Result
from trunkline.platform.db import Database, charging_metadata

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
"""The tests' own, without all that their fixtures import."""


def main(url: str, first: int, last: int, phone: int = 1) -> None:
    network = GroupCommit(Database(url, metadata=charging_metadata, durable=False))
    at = int(NOW.timestamp())
    for number in range(first, last + 1):
        kind = Kind.UPDATE if number else Kind.INITIAL
        unit = asks(MB, used=MB if number else 0)
        message = request(kind, number, unit, session=f"s{phone}", subscriber=phone, at=at)
        [answer] = network.process([message], NOW)
        assert answer.result is Result.SUCCESS
        print(number, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
