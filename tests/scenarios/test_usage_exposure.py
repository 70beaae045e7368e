"""A light MVNO: balances follow files, and what was used between a balance's end and the host's
stop is measured."""

from datetime import timedelta

import pytest

from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import imsi
from trunkline import inventory, network, usage
from trunkline.app import REACTIONS
from trunkline.charging import ChargeUsage, ChargingAccountId, Service, UsageEvent
from trunkline.inventory import NewProduct, NewService, ProductId, ProductStatus, ServiceState
from trunkline.kernel.money import Money
from trunkline.network import Answer, Courier, Instruction, InstructionState
from trunkline.platform import telemetry
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.messages import Routes
from trunkline.platform.relay import Relay


class Host:
    """The host's activation system: carries out what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def carry_out(self, instruction: Instruction) -> Answer:
        self.told.append(instruction.wish.verb.value)
        return Answer(state=InstructionState.DONE, remote=instruction.wish.service)

    def ask(self, instruction: Instruction) -> Answer:
        raise AssertionError("it answers at once")

    def state_of(self, remote: str) -> str | None:
        raise AssertionError("nobody asks")


@pytest.fixture
def routes() -> Routes:
    return Routes((*REACTIONS, *network.CONNECTED, *usage.EXPOSURE))


@pytest.fixture
def operator(books: Database, charging: Database, relay: Relay, clock: DrivenClock) -> Operator:
    operator = Operator(books, charging, relay, clock)
    operator.open(1)
    operator.top_up(1, "0.20", "pay_1")
    with books.transaction() as tx:
        inventory.create_products(
            tx,
            [
                NewProduct(
                    id=ProductId("cac_1"),
                    name="Mobile",
                    offering="off",
                    offering_name="Mobile",
                    customer="cus",
                    billing_account="bac_1",
                    prices=(),
                    status=ProductStatus.ACTIVE,
                    start_date=clock.now(),
                )
            ],
            now=clock.now(),
        )
        inventory.create_services(
            tx,
            [
                NewService(
                    product=ProductId("cac_1"),
                    customer="cus",
                    name="Mobile line",
                    characteristics={"imsi": imsi(1)},
                    state=ServiceState.ACTIVE,
                )
            ],
            now=clock.now(),
        )
    return operator


def send_file(operator: Operator, batch: str, *messages: timedelta) -> None:
    """Messages at nine cents, sent so long ago."""
    now = operator.clock.now()
    operator.tell(
        ChargeUsage(
            batch_id=batch,
            events=tuple(
                UsageEvent(
                    id=f"{batch}-{index}",
                    identities=(("imsi", imsi(1)),),
                    service=Service.SMS,
                    at=now - ago,
                    units=1,
                    called="467",
                )
                for index, ago in enumerate(messages)
            ),
        )
    )


def exposure(operator: Operator) -> usage.Exposure:
    with operator.books.read() as r:
        [found] = usage.latest_exposures(r)
    return found


def test_what_is_used_until_the_host_stops_it_is_measured(
    operator: Operator, clock: DrivenClock
) -> None:
    """0.20 pays for two messages. A third takes the balance to -0.07, a fourth, which a later
    file tells of, to -0.16; the host stops the service twelve minutes after the third."""
    host = Host()
    courier = Courier(operator.books, host, clock)
    minutes = [timedelta(minutes=each) for each in (30, 20, 10)]
    send_file(operator, "one", *minutes)
    found = exposure(operator)
    assert found.account == ChargingAccountId("cac_1")
    assert found.exhausted_at == clock.now() - timedelta(minutes=10)
    assert (found.barred_at, found.seconds) == (None, None)
    assert found.beyond == Money.of("0.07", "EUR")
    with operator.books.read() as r:
        [total] = usage.exposed(r)
    assert (total.balances, total.unbarred) == (1, 1)

    clock.advance(timedelta(minutes=2))
    courier.drain()
    operator.relay.drain()
    assert host.told == ["suspend"]
    assert exposure(operator).seconds == 12 * 60
    with operator.books.read() as r:
        [band] = usage.exposed_by_delay(r, clock.now())
        usage.measure_exposure(r, clock.now())
    assert (band.within, band.balances, band.unbarred, band.longest) == (900, 1, 0, 720)
    told = telemetry.metrics({}, clock.now()).decode()
    for line in (
        'trunkline_exposure_balances{currency="EUR",state="open"} 0.0',
        'trunkline_exposure_beyond_micros{currency="EUR"} 70000.0',
        'trunkline_exposure_late_balances{seconds="900"} 1.0',
        "trunkline_exposure_longest_seconds 720.0",
    ):
        assert line in told

    send_file(operator, "two", timedelta(minutes=5))
    found = exposure(operator)
    assert (found.beyond, found.seconds) == (Money.of("0.16", "EUR"), 12 * 60)
    courier.drain()
    assert host.told == ["suspend"]

    operator.top_up(1, "0.10", "pay_2")
    courier.drain()
    assert host.told == ["suspend"]
    operator.top_up(1, "1", "pay_3")
    courier.drain()
    operator.relay.drain()
    assert host.told == ["suspend", "resume"]
    assert exposure(operator).restored_at == clock.now()
    with operator.books.read() as r:
        [service] = inventory.services_of(r, [ProductId("cac_1")])
        [total] = usage.exposed(r)
    assert service.state is ServiceState.ACTIVE
    assert (total.unbarred, total.beyond) == (0, Money.of("0.16", "EUR"))


def test_a_balance_that_lasts_is_no_exposure(operator: Operator) -> None:
    send_file(operator, "one", timedelta(minutes=1), timedelta(minutes=1))
    with operator.books.read() as r:
        assert usage.exposed(r) == []
