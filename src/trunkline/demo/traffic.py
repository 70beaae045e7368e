"""What the demonstration's phones do in a month: data sessions, calls and messages.

Pure and reproducible: the same subscriber with the same number does the same things.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from io import StringIO
from random import Random
from typing import NamedTuple

from trunkline.demo.gateway import Attachment
from trunkline.demo.offers import Plan
from trunkline.kernel.time import Period, format_instant

SESSIONS = 6
"""Data sessions of one subscriber in a whole month; a few large ones stand for many small."""
CALLS = 14
MESSAGES = 8

_DESTINATIONS = (
    ("3538", 9, 24), ("3531", 8, 12), ("447", 10, 10), ("44", 10, 6), ("33", 9, 4),
    ("49", 10, 4), ("4850", 7, 5), ("48", 9, 5), ("1", 10, 5), ("55", 10, 3), ("234", 9, 2),
    ("91", 10, 2), ("61", 9, 2),
)  # fmt: skip
"""Prefix, digits that follow, weight."""


class Subscriber(NamedTuple):
    """A phone in service since `since`; `number` makes its habits its own."""

    number: int
    plan: Plan
    imsi: str
    msisdn: str
    since: datetime


def data_sessions(subscriber: Subscriber, month: Period) -> list[Attachment]:
    """Its data sessions in the part of the month that it has been in service for."""
    random = Random(f"data {subscriber.number}")  # noqa: S311 - reproducible, not secret
    in_service = _in_service(subscriber, month)
    thirst = subscriber.plan.thirst * _seconds(in_service) // _seconds(month)
    sessions = []
    for index in range(SESSIONS):
        octets = int(thirst * random.lognormvariate(0, 0.6)) // SESSIONS
        start = _moment(random, in_service)
        if octets > 0:
            sessions.append(
                Attachment(
                    f"pgw1.demo;{subscriber.imsi};{index}",
                    subscriber.imsi,
                    subscriber.msisdn,
                    start,
                    octets,
                )
            )
    return sorted(sessions, key=lambda session: session.start)


def call_records(subscribers: Iterable[Subscriber], month: Period) -> list[dict[str, object]]:
    """Calls and messages of all, in the order of their start, as rows of a CDR file."""
    rows: list[dict[str, object]] = []
    for subscriber in subscribers:
        random = Random(f"calls {subscriber.number}")  # noqa: S311 - reproducible, not secret
        in_service = _in_service(subscriber, month)
        share = Fraction(_seconds(in_service), _seconds(month))
        for index in range(round(CALLS * share)):
            duration = max(1, round(random.expovariate(1 / 160)))
            rows.append(_row(subscriber, "voice", index, random, in_service, duration))
        rows += [
            _row(subscriber, "sms", index, random, in_service, 1)
            for index in range(round(MESSAGES * share))
        ]
    return sorted(rows, key=lambda row: str(row["start"]))


def cdr_file(rows: Sequence[dict[str, object]]) -> str:
    """The rows as a CSV file with its header."""
    text = StringIO()
    writer = csv.DictWriter(
        text, ["record_id", "service", "subscriber", "called", "start", "quantity"]
    )
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _in_service(subscriber: Subscriber, month: Period) -> Period:
    return Period(max(subscriber.since, month.start), month.end)


def _seconds(period: Period) -> int:
    return (period.end - period.start) // timedelta(seconds=1)


def _moment(random: Random, within: Period) -> datetime:
    return within.start + timedelta(seconds=random.randrange(max(1, _seconds(within) - 3600)))


def _row(
    subscriber: Subscriber,
    service: str,
    index: int,
    random: Random,
    in_service: Period,
    quantity: int,
) -> dict[str, object]:
    prefix, digits, _ = random.choices(
        _DESTINATIONS, weights=[weight for _, _, weight in _DESTINATIONS]
    )[0]
    called = prefix + "".join(str(random.randrange(10)) for _ in range(digits))
    return {
        "record_id": f"msc1-{service}-{subscriber.msisdn}-{index}",
        "service": service,
        "subscriber": subscriber.msisdn,
        "called": called,
        "start": format_instant(_moment(random, in_service)),
        "quantity": quantity,
    }
