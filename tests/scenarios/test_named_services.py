"""Services that the operator named, from what asks for them to their price and back."""

from typing import Any

import msgspec
import pytest

from tests.scenarios.charging_operator import Operator
from tests.unit.charging.builders import MB, compiled, imsi, plan, rule
from tests.unit.diameter.builders import asked, ccr, mscc, subscription, used
from tests.unit.nchf.calls import request
from trunkline.app.gy import gy_settings
from trunkline.app.nchf import nchf_settings
from trunkline.charging import ChargingAccountId, Kind, Service, explain, records
from trunkline.diameter import codec
from trunkline.diameter import dictionary as d
from trunkline.diameter.answers import Identity
from trunkline.diameter.gy_answer import CreditAnswers, result_of
from trunkline.diameter.gy_request import read
from trunkline.kernel.errors import Invalid
from trunkline.nchf.reading import Reading, continued, created, decoded
from trunkline.nchf.references import named as named_by
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database
from trunkline.platform.relay import Relay
from trunkline.platform.settings import Settings
from trunkline.platform.settings_policy import PolicySettings, ServiceSettings
from trunkline.rating import service_code

NOON = 1_793_620_800
SPECIFIC = {"serviceSpecificUnits": 5}
CONTEXT = "api@gateway.example"
API, TIME = 500, 600
NAMED = (
    ServiceSettings(service="api-call", contexts=(CONTEXT,), rating_groups=(API,)),
    ServiceSettings(service="voice", rating_groups=(TIME,)),
)
SETTINGS = Settings(policy=PolicySettings(services=NAMED))
SERVICES = gy_settings(SETTINGS).services


def units(code: int, amount: int) -> bytes:
    return codec.grouped(code, codec.u64(d.CC_SERVICE_SPECIFIC_UNITS, amount))


def grants(answer: bytes) -> dict[int, dict[int, int]]:
    """By rating group, what is granted: by the AVP's code, how much."""
    found: dict[int, dict[int, int]] = {}
    for part in codec.avps(answer):
        if part.code != d.MULTIPLE_SERVICES_CREDIT_CONTROL:
            continue
        inner = {each.code: each for each in codec.avps(part.data, 0)}
        grant = inner.get(d.GRANTED_SERVICE_UNIT)
        amounts = () if grant is None else codec.avps(grant.data, 0)
        found[inner[d.RATING_GROUP].u32()] = {
            each.code: int.from_bytes(each.data, "big") for each in amounts
        }
    return found


class Gateway:
    """Asks for the operator's only subscriber, in one session."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._answers = CreditAnswers(Identity("ocs.example", "example"), 0, SERVICES.groups)

    def ask(
        self, kind: int, number: int, *parts: bytes, context: str = "32251@3gpp.org"
    ) -> dict[int, dict[int, int]]:
        operator = self._operator
        message = ccr(kind, number, subscription(d.END_USER_IMSI, imsi(1)), *parts, context=context)
        reading = read(message, operator.epoch, services=SERVICES)
        [answer] = operator.network.process([reading.request], operator.clock.now())
        return grants(self._answers.encode(reading, answer, result_of(reading, answer)))


def test_calls_of_an_api(
    books: Database, charging: Database, relay: Relay, clock: DrivenClock
) -> None:
    """Two cents each: a euro pays for fifty."""
    operator = Operator(books, charging, relay, clock)
    priced = plan(rules=(rule("api-call", "0.02", 1),))
    operator.install(compiled(priced, version=2, start=clock.now()))
    operator.open(1)
    operator.top_up(1, "1", "pay_1")
    gateway = Gateway(operator)

    def ask(kind: int, number: int, *parts: bytes) -> dict[int, dict[int, int]]:
        return gateway.ask(kind, number, mscc(*parts, group=7), context=CONTEXT)

    calls = d.CC_SERVICE_SPECIFIC_UNITS
    assert ask(1, 0, units(d.REQUESTED_SERVICE_UNIT, 10)) == {7: {calls: 10}}
    before, wanted = units(d.USED_SERVICE_UNIT, 10), units(d.REQUESTED_SERVICE_UNIT, 100)
    assert ask(2, 1, before, wanted) == {7: {calls: 20}}, "half of what is left"
    ask(3, 2, units(d.USED_SERVICE_UNIT, 15))
    assert operator.money(1) == 1_000_000 - 25 * 20_000
    with charging.read() as r:
        [last, *_] = records(r, ChargingAccountId("cac_1"), limit=1)
    assert (last.service, last.units) == (service_code("api-call"), 15)


def test_several_services_in_one_session(
    books: Database, charging: Database, relay: Relay, clock: DrivenClock
) -> None:
    """A data session whose rating groups have services of their own: a cent for each megabyte,
    two for each call of an API, ten for each minute of what is counted in time."""
    operator = Operator(books, charging, relay, clock)
    rules = (rule("data", "0.01", MB), rule("api-call", "0.02", 1), rule("voice", "0.10", 60))
    operator.install(compiled(plan(rules=rules), version=2, start=clock.now()))
    operator.open(1)
    operator.top_up(1, "2", "pay_1")
    gateway = Gateway(operator)
    first = gateway.ask(
        1,
        0,
        mscc(asked(10 * MB), group=1),
        mscc(units(d.REQUESTED_SERVICE_UNIT, 10), group=API),
        mscc(asked(seconds=120), group=TIME),
    )
    assert first == {
        1: {d.CC_TOTAL_OCTETS: 10 * MB},
        API: {d.CC_SERVICE_SPECIFIC_UNITS: 10},
        TIME: {d.CC_TIME: 120},
    }
    second = gateway.ask(
        2,
        1,
        mscc(used(3 * MB), asked(5 * MB), group=1),
        mscc(units(d.USED_SERVICE_UNIT, 4), units(d.REQUESTED_SERVICE_UNIT, 5), group=API),
    )
    assert second == {1: {d.CC_TOTAL_OCTETS: 5 * MB}, API: {d.CC_SERVICE_SPECIFIC_UNITS: 5}}
    gateway.ask(
        3, 2, mscc(used(MB), group=1), mscc(units(d.USED_SERVICE_UNIT, 1), group=API),
        mscc(used(seconds=90), group=TIME),
    )  # fmt: skip
    assert operator.money(1) == 2_000_000 - 4 * 10_000 - 5 * 20_000 - 150_000
    with charging.read() as r:
        lines = [each for each in records(r, ChargingAccountId("cac_1"), limit=20) if each.units]
        assert {(each.service, each.units) for each in lines} == {
            (Service.DATA, 3 * MB),
            (service_code("api-call"), 4),
            (Service.DATA, MB),
            (service_code("api-call"), 1),
            (Service.VOICE, 90),
        }
        for each in lines:
            assert explain(r, ChargingAccountId("cac_1"), each.seq).holds


def test_over_nchf() -> None:
    """By rating group, specification, kind of information and function, in this order."""
    named = {
        "api-call": {"rating_groups": (API,), "contexts": ("32.254",)},
        "register": {"information": ("registrationChargingInformation",)},
        "slice-hour": {"functions": ("AMF", "MnS_Producer")},
    }
    services = tuple(ServiceSettings(service=name, **told) for name, told in named.items())  # type: ignore[arg-type]
    ways = nchf_settings(Settings(policy=PolicySettings(services=services))).ways

    def about(function: str, *groups: int, **more: Any) -> Reading:
        body = request(
            nfConsumerIdentification={"nodeFunctionality": function},
            chargingId=7,
            multipleUnitUsage=[{"ratingGroup": each, "requestedUnit": SPECIFIC} for each in groups],
            **more,
        )
        return created(decoded(msgspec.json.encode(body)), NOON, ways)

    mixed = about("SMF", 1, API, pDUSessionChargingInformation={})
    assert mixed.request.service == Service.DATA
    assert [(each.service, each.requested) for each in mixed.request.units] == [
        (-1, 0),
        (service_code("api-call"), 5),
    ]
    update = continued(mixed.data, mixed.request.session, Kind.UPDATE, NOON, ways).request
    assert [each.service for each in update.units] == [-1, service_code("api-call")]
    assert about("SMF", serviceSpecificationInfo="32.254").request.service == service_code(
        "api-call"
    )
    assert about("SMF", serviceSpecificationInfo="32.255").request.service == Service.DATA
    registered = about("AMF", 9, registrationChargingInformation={}).request
    assert registered.service == service_code("register")
    assert registered.units[0].requested == 5
    ref = named_by(registered.session)
    assert ref is not None
    assert ref.service == service_code("register")
    assert about("MnS_Producer").request.service == service_code("slice-hour")
    assert about("CEF").request.service == Service.DATA


@pytest.mark.parametrize(
    ("services", "reason"),
    [
        ((ServiceSettings(service="api-call"),), "is asked for by"),
        ((ServiceSettings(service="Api Call", contexts=("a",)),), "nor a name"),
        (
            (
                ServiceSettings(service="api-call", rating_groups=(1,)),
                ServiceSettings(service="voice", rating_groups=(2, 1)),
            ),
            "1 stands there twice",
        ),
        (
            (ServiceSettings(service="api-call", functions=("NEF", "NEF")),),
            "NEF stands there twice",
        ),
        ((ServiceSettings(service="api-call", rating_groups=(77,)),), "rating group 77 is free"),
        ((ServiceSettings(service="api-call", information=("pdu",)),), "pdu is none of"),
    ],
)
def test_settings_that_can_not_be(services: tuple[ServiceSettings, ...], reason: str) -> None:
    policy = PolicySettings(services=services, free_rating_groups=(77,))
    for known in (gy_settings, nchf_settings):
        with pytest.raises(Invalid) as refused:
            known(Settings(policy=policy))
        assert str(refused.value.path).startswith("policy.services: ")
        assert reason in refused.value.reason
