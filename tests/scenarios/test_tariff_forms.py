"""What offerings can say of prices, from the catalogue to what usage costs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.scenarios.price_shop import Shop, offering
from tests.unit.catalog.builders import data_allowance
from tests.unit.charging.builders import MB, imsi, opening
from trunkline.catalog import create_market
from trunkline.charging import (
    Action,
    ChargeRequest,
    ChargeUsage,
    ChargingAccountId,
    Circumstances,
    GroupCommit,
    Kind,
    Result,
    Service,
    TopUp,
    UnitRequest,
    UsageEvent,
    records,
)
from trunkline.charging.explanation import explain
from trunkline.customers import AccountKind
from trunkline.kernel.money import Money
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.rating import service_code

ACCOUNT = ChargingAccountId("cac_1")
EU = {"name": "EU", "networks": ["208", "262"]}


def price(id_: str, service: str, value: str, per: str = "", **more: Any) -> dict[str, Any]:
    units = per or {"data": "MB", "voice": "minute", "sms": "message", "mms": "message"}.get(
        service, "event"
    )
    return {
        "@type": "UsagePrice",
        "id": id_,
        "name": id_,
        "service": service,
        "price": {"unit": "EUR", "value": value},
        "unitOfMeasure": {"amount": 1, "units": units},
        **more,
    }


class Town(Shop):
    """A shop with one subscriber, whose usage is told after the fact or by the network."""

    def use(
        self,
        service: int,
        units: int,
        at: datetime | None = None,
        where: Circumstances | None = None,
        **more: Any,
    ) -> int:
        """Micros that it was charged; explained as well."""
        self.used = getattr(self, "used", 0) + 1
        event = UsageEvent(
            id=f"use{self.used}",
            identities=(("imsi", imsi(1)),),
            service=service,
            at=at or self.clock.now(),
            units=units,
            where=where,
            **more,
        )
        with self.books.transaction() as tx:
            tx.emit(ChargeUsage(batch_id=event.id, events=(event,)))
        self.relay.drain()
        with self.charging.read() as r:
            found = [e for e in records(r, ACCOUNT, limit=1000) if e.session == event.id]
            assert explain(r, ACCOUNT, found[-1].seq).holds
        return found[-1].charge.micros

    def ask(self, money: int, action: Action = Action.DIRECT_DEBIT) -> tuple[Result, int | None]:
        self.used = getattr(self, "used", 0) + 1
        at = int(self.clock.now().timestamp())
        request = ChargeRequest(
            session=f"ask{self.used}",
            number=0,
            kind=Kind.EVENT,
            identities=(("imsi", imsi(1)),),
            at=at,
            received=at,
            service=Service.SMS,
            action=action,
            money=money,
            units=(UnitRequest(),),
        )
        [answer] = GroupCommit(self.charging).process([request], self.clock.now())
        return answer.result, answer.cost


@pytest.fixture
def town(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Town:
    with books.transaction() as tx:
        create_market(
            tx,
            name="Europe",
            currency="EUR",
            time_zone="Europe/Stockholm",
            country="SE",
            tax_regime="SE",
            now=clock.now(),
        )
    return Town(books, charging, relay, clock)


def test_roaming_zones_slices_and_data_networks(town: Town) -> None:
    """Home 0.01 a megabyte; in the EU 0.02, but one network there, listed with more digits, is
    far away: 1.00. IMS is free, and the most specific price counts."""
    town.offer(
        offering(
            "plan",
            price("home", "data", "0.01"),
            price("eu", "data", "0.02", zone=EU),
            price("far", "data", "1.00", zone={"name": "far", "networks": ["310", "26299"]}),
            price("ims", "data", "0", dnn="IMS"),
            price("fast", "data", "0.05", slice="1-0000AA", qos=5),
            price("eu-group", "data", "0.03", ratingGroup=7, zone="EU"),
        )
    )
    town.open("plan")
    costs = [
        town.use(Service.DATA, MB, None, where, **more)
        for where, more in (
            (None, {}),
            (Circumstances(network="24001"), {}),
            (Circumstances(network="26201"), {}),
            (Circumstances(network="26299"), {}),
            (Circumstances(network="26201", dnn="ims"), {}),
            (Circumstances(dnn="ims"), {}),
            (Circumstances(slice="1-0000aa", qos=5), {}),
            (Circumstances(slice="1-0000aa", qos=9), {}),
            (Circumstances(network="20801"), {"rating_group": 7}),
            (Circumstances(network="24001"), {"rating_group": 7}),
        )
    ]
    assert costs == [
        10_000, 10_000, 20_000, 1_000_000, 20_000, 0, 50_000, 10_000, 30_000, 10_000
    ]  # fmt: skip


def test_evenings_and_holidays(town: Town) -> None:
    """In Stockholm's time: 0.10 a minute, 0.05 from 20:00 on, 0.01 all of a holiday. A call over
    the midnight of Christmas is priced on both sides."""
    town.offer(
        offering(
            "plan",
            price(
                "calls",
                "voice",
                "0.10",
                windows=[
                    {"days": ["monday", "tuesday", "wednesday", "thursday", "friday"],
                     "from": "20:00", "price": {"unit": "EUR", "value": "0.05"}},
                    {"days": ["holiday"], "price": {"unit": "EUR", "value": "0.01"}},
                ],
                holidays=["2026-12-25"],
            ),
        )
    )  # fmt: skip
    town.open("plan")
    day = datetime(2026, 12, 24, 0, tzinfo=UTC)
    assert town.use(Service.VOICE, 60, at=day + timedelta(hours=12)) == 100_000
    assert town.use(Service.VOICE, 60, at=day + timedelta(hours=19)) == 50_000
    assert town.use(Service.VOICE, 120, at=day + timedelta(hours=22, minutes=59)) == 60_000
    assert town.use(Service.VOICE, 60, at=day + timedelta(hours=44)) == 10_000
    assert town.use(Service.VOICE, 60, at=day + timedelta(hours=48)) == 100_000


def test_volume_across_sessions_and_a_new_month(town: Town) -> None:
    """100 megabytes at 0.02 and 10.00 flat; beyond them all at 0.01, with what was charged
    before given back; roaming data beside doesn't count."""
    town.offer(
        offering(
            "plan",
            price(
                "volume",
                "data",
                "0",
                tierMode="volume",
                tierPeriod="month",
                tiers=[
                    {"from": 0, "price": {"unit": "EUR", "value": "0.02"},
                     "flat": {"unit": "EUR", "value": "10"}},
                    {"from": {"amount": 100, "units": "MB"},
                     "price": {"unit": "EUR", "value": "0.01"}},
                ],
            ),
            price("abroad", "data", "0.50", zone=EU),
        )
    )  # fmt: skip
    town.open("plan")
    assert town.use(Service.DATA, MB) == 10_020_000
    assert town.use(Service.DATA, 500 * MB, where=Circumstances(network="26201")) == 250_000_000
    assert town.use(Service.DATA, 99 * MB) == 1_980_000
    assert town.use(Service.DATA, 100 * MB) == 2_000_000 - 12_000_000
    late = town.clock.now()
    town.clock.advance(timedelta(days=32))
    assert town.use(Service.DATA, MB) == 10_020_000
    assert town.use(Service.DATA, MB, at=late) == 10_000


def test_graduated_by_month_and_a_discount(town: Town) -> None:
    """The first 10 messages of a month at 0.10, then 0.05; 10 % off calls after 2 minutes."""
    town.offer(
        offering(
            "plan",
            price(
                "texts",
                "sms",
                "0",
                tierPeriod="month",
                tiers=[
                    {"from": 0, "price": {"unit": "EUR", "value": "0.10"}},
                    {"from": 10, "price": {"unit": "EUR", "value": "0.05"}},
                ],
            ),
            price("calls", "voice", "0.60", connectionFee={"unit": "EUR", "value": "0.10"}),
            {
                "@type": "UsageDiscount",
                "id": "loyal",
                "name": "loyal",
                "service": "voice",
                "percentage": 10,
                "from": {"amount": 2, "units": "minutes"},
            },
            {"@type": "UsageCounter", "id": "spent", "name": "spent", "measure": "money"},
        )
    )
    town.open("plan")
    assert [town.use(Service.SMS, 4) for _ in range(3)] == [400_000, 400_000, 300_000]
    assert [town.use(Service.VOICE, 90) for _ in range(3)] == [
        1_000_000, 100_000 + 300_000 + 540_000, 100_000 + 810_000
    ]  # fmt: skip


def test_what_is_spent_in_the_month_makes_more_cheaper(town: Town) -> None:
    """Calls at 0.60 a minute until 1.00 was spent on them in the month, then at 0.30; 50 % off
    messages at 0.10 once 2.00 was spent on anything. A new month begins anew."""
    town.offer(
        offering(
            "plan",
            price(
                "calls",
                "voice",
                "0",
                tierPeriod="month",
                tiers=[
                    {"from": 0, "price": {"unit": "EUR", "value": "0.60"}},
                    {"from": {"unit": "EUR", "value": "1.00"},
                     "price": {"unit": "EUR", "value": "0.30"}},
                ],
            ),
            price("texts", "sms", "0.10"),
            {
                "@type": "UsageDiscount",
                "id": "spender",
                "name": "spender",
                "percentage": 50,
                "from": {"unit": "EUR", "value": 2},
            },
        )
    )  # fmt: skip
    town.open("plan")
    # 100 s at a cent each, and 100 s at half of one.
    assert town.use(Service.VOICE, 200) == 1_000_000 + 500_000
    assert town.use(Service.SMS, 4) == 400_000
    # The first of them brings 2.00.
    assert town.use(Service.SMS, 3) == 100_000 + 2 * 50_000
    town.clock.advance(timedelta(days=32))
    assert town.use(Service.VOICE, 60) == 600_000
    assert town.use(Service.SMS, 1) == 100_000


def test_services_of_the_operators_own_and_content(town: Town) -> None:
    """An api call at 0.002, MMS at 0.30; premium content at 110 % of its price, the first euro
    of it free of that."""
    town.offer(
        offering(
            "plan",
            price("calls", "api-call", "0.002"),
            price("mms", "mms", "0.30"),
            {
                "@type": "UsagePrice",
                "id": "premium",
                "name": "premium",
                "service": "content",
                "currency": "EUR",
                "percentage": 110,
            },
            data_allowance("calls-free", service="api-call",
                           unitOfMeasure={"amount": 10, "units": "events"}),
        )
    )  # fmt: skip
    with town.books.transaction() as tx:
        tx.emit(opening(1, plan="plan", kind=AccountKind.PREPAID, opened_at=town.clock.now()))
        tx.emit(TopUp(account=ACCOUNT, payment_id="pay_1", amount=Money.of(10, "EUR")))
    town.relay.drain()
    assert town.use(service_code("api-call"), 15) == 10_000
    assert town.use(Service.MMS, 2) == 600_000
    assert town.ask(2_000_000, Action.PRICE_ENQUIRY) == (Result.SUCCESS, 2_200_000)
    assert town.ask(2_000_000) == (Result.SUCCESS, 2_200_000)
    assert town.ask(7_000_000) == (Result.CREDIT_LIMIT, 0)
