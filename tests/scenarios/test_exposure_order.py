"""What is told of an end, and of what ends it, arrives in the order in which it happened: whatever
fails on its way is waited for."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.conftest import NOW
from tests.ear import Ear
from tests.scenarios.charging_operator import Operator
from tests.scenarios.light_operator import INSTEAD, Host
from tests.scenarios.test_usage_exposure import (
    ACCOUNT,
    MINUTES,
    bars,
    exposure,
    go_abroad,
    host,
    line,
    operator,
    send_file,
    settle,
    terms,
)
from tests.unit.platform.test_schema import NewDatabase
from trunkline import network, usage
from trunkline.app import METADATA, REACTIONS
from trunkline.charging import ChargingAccountId, ConsentToRoam
from trunkline.charging.pools.events import JoinPool
from trunkline.inventory import ServiceState
from trunkline.kernel.errors import Unavailable
from trunkline.kernel.time import to_micros
from trunkline.platform import outbox, schema
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx, with_driver
from trunkline.platform.deliveries import backlog
from trunkline.platform.messages import Message, Reaction, Routes
from trunkline.platform.relay import Relay
from trunkline.usage import Cause

__all__ = ["host", "operator", "settle", "terms"]


class Stumbling:
    """The first end that each reaction is told of it fails to note."""

    def __init__(self) -> None:
        self.stumbled: list[str] = []

    def over(self, reaction: Reaction) -> Reaction:
        def run(tx: Tx, message: Message, now: datetime) -> None:
            reaction.run(tx, message, now)
            is_end = getattr(message, "beyond", None) is not None
            if is_end and reaction.name not in self.stumbled:
                self.stumbled.append(reaction.name)
                raise Unavailable("the network is away")

        return Reaction(reaction.name, reaction.on, run, reaction.database)


@pytest.fixture
def stumbling() -> Stumbling:
    return Stumbling()


@pytest.fixture
def routes(stumbling: Stumbling) -> Routes:
    exposing = map(stumbling.over, usage.EXPOSURE)
    return Routes((*Ear(INSTEAD).among(REACTIONS), *network.CONNECTED, *exposing))


def test_who_has_paid_meanwhile_goes_on(
    operator: Operator, stumbling: Stumbling, host: Host, settle: Callable[..., None]
) -> None:
    send_file(operator, "one", *MINUTES)
    assert stumbling.stumbled
    operator.top_up(1, "1", "pay_2")
    settle(minutes=1)
    settle()
    assert exposure(operator).restored_at is not None
    assert (bars(operator), line(operator).state) == ([], ServiceState.ACTIVE)
    send_file(operator, "two", *(MINUTES[2],) * 12)
    settle()
    assert host.told[-1] == "suspend"


def test_who_has_joined_a_pool_meanwhile_goes_on(
    operator: Operator, stumbling: Stumbling, settle: Callable[..., None]
) -> None:
    operator.open(9, shared=True, identities=())
    operator.top_up(9, "5", "pay_pool")
    send_file(operator, "one", *MINUTES)
    assert stumbling.stumbled
    operator.tell(JoinPool(account=ACCOUNT, pool=ChargingAccountId("cac_9"), money=True))
    settle(minutes=1)
    settle()
    assert exposure(operator).restored_at is not None
    assert (bars(operator), line(operator).state) == ([], ServiceState.ACTIVE)


def test_who_has_consented_meanwhile_goes_on(
    operator: Operator, stumbling: Stumbling, settle: Callable[..., None]
) -> None:
    operator.top_up(1, "10", "pay_2")
    go_abroad(operator, "one", 120, timedelta(minutes=10))
    assert stumbling.stumbled
    operator.tell(ConsentToRoam(account=ACCOUNT, given=True))
    settle(minutes=1)
    settle()
    assert (exposure(operator).cause, bars(operator)) == (Cause.ROAMING, [])
    assert exposure(operator).restored_at is not None
    assert line(operator).characteristics["dataRoaming"] == "allowed"


BEFORE = "charging_0010"
_END = (
    '{"account":"%s","billing_account":"acc_1","at":"2026-01-01T00:00:00Z","phone":null,'
    '"%s":"2026-01-01T00:00:00Z","beyond":{"micros":70000,"currency":"EUR"}%s}'
)
_UNTIL = ',"until":"2099-02-01T00:00:00Z"'
_CONSENT = '{"account":"cac_1","billing_account":"acc_1","at":"2026-01-01T00:00:00Z","phone":null}'
_TOLD = (
    ("usage.spent_beyond", "cac_1", _END % ("cac_1", "exhausted_at", ""), 1),
    ("usage.roamed_beyond", "cac_1", _END % ("cac_1", "reached_at", _UNTIL), 1),
    ("usage.spent_beyond", "cac_2", _END % ("cac_2", "exhausted_at", ""), 0),
    ("usage.credit_came", "cac_1", '{"account":"cac_1"}', 0),
    ("usage.consented_to_roam", "cac_1", _CONSENT, 0),
)
"""(subscriber, key, payload, attempts), as they were told."""


def test_what_waited_from_before_is_delivered_in_order(
    new_database: NewDatabase, books: Database, clock: DrivenClock
) -> None:
    """Each end was told of by a message of its own, and so was what ended it: what failed once is
    waited for now by what came behind it."""
    url = new_database("before", empty=True)
    schema.upgrade(url, "charging", BEFORE)
    engine = sa.create_engine(with_driver(sa.make_url(url)))
    with engine.begin() as connection:
        table = sa.Table("outbox", sa.MetaData(), autoload_with=connection)
        connection.execute(sa.insert(table), [_row(*each) for each in _TOLD])
    engine.dispose()
    schema.upgrade(url, "charging")
    routes = Routes(usage.EXPOSURE)
    charging = Database(url, metadata=METADATA["charging"], routes=routes, clock=clock)
    relay = Relay({"books": books, "charging": charging}, routes, clock, jitter=lambda: 0.0)
    relay.drain()
    with charging.read() as r:
        assert backlog(r, clock.now())[:3] == (2, 2, 0)
    clock.advance(timedelta(minutes=2))
    relay.drain()
    with charging.read() as r:
        assert backlog(r, clock.now())[:3] == (0, 0, 0)
    charging.close()
    with books.read() as r:
        ends = {(each.account, each.cause): each.restored_at for each in usage.latest_exposures(r)}
    assert ends == {
        ("cac_1", Cause.BALANCE): clock.now(),
        ("cac_1", Cause.ROAMING): clock.now(),
        ("cac_2", Cause.BALANCE): None,
    }


def _row(subscriber: str, key: str, payload: str, attempts: int) -> dict[str, Any]:
    return {
        "subscriber": subscriber,
        "topic": subscriber.replace("usage", "charging"),
        "key": key,
        "payload": payload,
        "created_at": to_micros(NOW),
        "due_at": to_micros(NOW + timedelta(minutes=attempts)),
        "attempts": attempts,
        "state": outbox.PENDING,
    }
