"""A service that the operator named, from a gateway's own context to its price and back."""

from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import compiled, imsi, plan, rule
from tests.unit.diameter.builders import ccr, mscc, subscription
from trunkline.app.gy import gy_settings
from trunkline.charging import ChargingAccountId, records
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.diameter.answers import Identity
from trunkline.diameter.gy_answer import CreditAnswers, result_of
from trunkline.diameter.gy_request import read
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.platform.settings import Settings
from trunkline.platform.settings_policy import PolicySettings, ServiceSettings
from trunkline.rating import service_code

CONTEXT = "api@gateway.example"
NAMED = ServiceSettings(service="api-call", contexts=(CONTEXT,))
SETTINGS = gy_settings(Settings(policy=PolicySettings(services=(NAMED,))))


def units(code: int, amount: int) -> bytes:
    return codec.grouped(code, codec.u64(d.CC_SERVICE_SPECIFIC_UNITS, amount))


def granted(answer: bytes) -> int:
    """Service-specific units in the answer's only MSCC."""
    [services] = [
        part for part in codec.avps(answer) if part.code == d.MULTIPLE_SERVICES_CREDIT_CONTROL
    ]
    [grant] = [part for part in codec.avps(services.data, 0) if part.code == d.GRANTED_SERVICE_UNIT]
    [amount] = codec.avps(grant.data, 0)
    assert amount.code == d.CC_SERVICE_SPECIFIC_UNITS
    return int.from_bytes(amount.data, "big")


def test_calls_of_an_api(
    books: Database, charging: Database, relay: Relay, clock: DrivenClock
) -> None:
    """Two cents each: a euro pays for fifty."""
    operator = Operator(books, charging, relay, clock)
    priced = plan(rules=(rule("api-call", "0.02", 1),))
    operator.install(compiled(priced, version=2, start=clock.now()))
    operator.open(1)
    operator.top_up(1, "1", "pay_1")
    answers = CreditAnswers(Identity("ocs.example", "example"))

    def ask(kind: int, number: int, *parts: bytes) -> bytes:
        who = subscription(d.END_USER_IMSI, imsi(1))
        message = ccr(kind, number, who, mscc(*parts, group=7), context=CONTEXT)
        reading = read(message, operator.epoch, services=SETTINGS.services)
        [answer] = operator.network.process([reading.request], clock.now())
        return answers.encode(reading, answer, result_of(reading, answer))

    assert granted(ask(1, 0, units(d.REQUESTED_SERVICE_UNIT, 10))) == 10
    used, wanted = units(d.USED_SERVICE_UNIT, 10), units(d.REQUESTED_SERVICE_UNIT, 100)
    assert granted(ask(2, 1, used, wanted)) == 20, "half of what is left"
    ask(3, 2, units(d.USED_SERVICE_UNIT, 15))
    assert operator.money(1) == 1_000_000 - 25 * 20_000
    with charging.read() as r:
        [last, *_] = records(r, ChargingAccountId("cac_1"), limit=1)
    assert (last.service, last.units) == (service_code("api-call"), 15)
