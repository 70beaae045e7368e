"""Received calls against made ones: what no price names costs and reserves what a price of nothing
would, wherever the call goes and however it is reported."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.charging.builders import OPENED, Phone, account, asks, rule, tariffs
from trunkline.charging import Circumstances, Service, UnitRequest
from trunkline.charging.journal import RecordKind
from trunkline.rating import (
    Allowance,
    Filters,
    PlanSource,
    Tariff,
    TariffSource,
    UsageRule,
    Zone,
    compile_tariff,
)

ABROAD = (Circumstances(network="60201"), Circumstances(network="60301"))
WHERES = (None, Circumstances(network="27201"), *ABROAD)
ZONES = (Zone("one", ("602",)), Zone("two", ("603",)))


def compiled(service: str, *others: UsageRule) -> Tariff:
    """Prices and minutes of the two zones, and `others`."""
    prices = (rule(service, "0.06", 60), rule(service, "0.25", 60))
    rules = tuple(
        UsageRule(service, price.rate, where=Filters(zone=zone.name))
        for price, zone in zip(prices, ZONES, strict=True)
    )
    minutes = Allowance("minutes", "2 minutes", service, 120, where=Filters(zone="one"))
    plan = PlanSource("plan", "EUR", (*rules, *others), (minutes,))
    return compile_tariff(TariffSource((plan,), zones=ZONES), version=1, effective_from=OPENED)


RECEIVED = tariffs(compiled("voice-in"))
MADE = tariffs(compiled("voice", rule("voice", "0", 60)))

steps = st.lists(
    st.tuples(st.sampled_from(WHERES), st.integers(0, 150), st.integers(1, 400)),
    min_size=1,
    max_size=8,
)


def told_after(
    phone: Phone, unit: UnitRequest, where: Circumstances | None, service: Service
) -> list[object]:
    """What is answered, and what is left and reserved then."""
    phone.now += 1
    [answer] = phone.go_on(unit, where=where, service=service).units
    state = phone.state
    return [
        answer.result,
        answer.granted,
        state.money,
        state.held,
        phone.remaining(),
        phone.reserved(),
    ]


@given(steps, st.sampled_from(["0", "0.2", "5"]))
def test_what_no_price_names_is_like_what_costs_nothing(
    calls: list[tuple[Circumstances | None, int, int]], money: str
) -> None:
    phones = (Phone(account(money), RECEIVED), Phone(account(money), MADE))
    services = (Service.VOICE_IN, Service.VOICE)
    for phone, service in zip(phones, services, strict=True):
        phone.begin(asks(60, group=None), where=WHERES[1], service=service)
    for where, used, wanted in calls:
        told = [
            told_after(phone, asks(wanted, used=used, group=None), where, service)
            for phone, service in zip(phones, services, strict=True)
        ]
        assert told[0] == told[1]
    kinds = {each.kind for each in phones[0].journal}
    assert RecordKind.UNRATED not in kinds
    paid = [
        [(each.units, each.charge) for each in phone.journal if each.charge] for phone in phones
    ]
    assert paid[0] == paid[1]
