"""A process that charges one phone's session until it is killed: URL FIRST LAST, where FIRST is
the number of the first request that was not answered yet. Prints a line for each answer."""

import sys

from tests.conftest import NOW
from tests.unit.charging.builders import MB, asks, request
from trunkline.charging import GroupCommit, Kind, Result
from trunkline.platform.db import Database, charging_metadata


def main(url: str, first: int, last: int) -> None:
    network = GroupCommit(Database(url, metadata=charging_metadata, durable=False))
    at = int(NOW.timestamp())
    for number in range(first, last + 1):
        kind = Kind.UPDATE if number else Kind.INITIAL
        unit = asks(MB, used=MB if number else 0)
        [answer] = network.process([request(kind, number, unit, at=at)], NOW)
        assert answer.result is Result.SUCCESS
        print(number, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
