"""What allowances pay for, over random plans and months of use: against a slow account that keeps
them by the calendar, in words instead of numbers."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.properties import oracle
from tests.properties.oracle import Usage
from tests.unit.charging.builders import DAY, OPENED, account, plan, request, tariffs
from trunkline.charging import Circumstances, Kind, UnitRequest
from trunkline.charging.journal import Record
from trunkline.charging.oneoff import charge_usage
from trunkline.charging.state import decode, encode
from trunkline.rating import (
    ANYWHERE,
    Allowance,
    Filters,
    PriceStep,
    Rate,
    TariffSource,
    UsageRule,
    Zone,
    compile_tariff,
)

PRICE = 30
ZONES = (Zone("eu", ("208", "262")), Zone("far", ("310", "26299")))
START = int(OPENED.timestamp())
MONTHS = [int(datetime(2026 + m // 12, m % 12 + 1, 1, tzinfo=UTC).timestamp())
          for m in range(10, 18)]  # fmt: skip
"""From November 2026 on."""

WHERE = st.just(ANYWHERE) | st.builds(
    Filters,
    service_identifier=st.none() | st.just(7),
    zone=st.none() | st.sampled_from(["eu", "far"]),
    dnn=st.none() | st.sampled_from(["ims", "IMS"]),
    slice=st.none() | st.just("1-0000aa"),
    qos=st.none() | st.just(5),
)


@st.composite
def allowances(draw: st.DrawFn) -> tuple[Allowance, ...]:
    found = []
    for index in range(draw(st.integers(1, 4))):
        validity = draw(st.sampled_from([0, 0, 3600, 3 * DAY, 45 * DAY]))
        found.append(
            Allowance(
                f"all_{index}",
                f"Allowance {index}",
                "data",
                draw(st.integers(1, 60)),
                draw(st.none() | st.just(1)),
                draw(st.integers(0, 2)),
                draw(WHERE),
                validity=validity,
                first_use=bool(validity) and draw(st.booleans()),
                rollover=0 if validity else draw(st.sampled_from([0, 5, 100])),
            )
        )
    return tuple(found)


USES = st.builds(
    Usage,
    service=st.just("data"),
    units=st.integers(0, 80),
    start=st.integers(START, START + 150 * DAY),
    group=st.none() | st.sampled_from([1, 2]),
    identifier=st.none() | st.sampled_from([7, 8]),
    dnn=st.sampled_from(["", "ims", "internet"]),
    slice=st.sampled_from(["", "1", "1-0000aa"]),
    qos=st.none() | st.sampled_from([5, 9]),
    network=st.sampled_from(["", "20801", "26299", "310410"]),
)


@dataclass
class Held:
    of: Allowance
    month: int
    left: int
    ends: int
    goes_over: bool


@dataclass
class Slow:
    """Allowances as they are told to people. What a month gave goes before what the next gives;
    what goes over from a month before goes first of the new; within a month, by priority, then
    those for a rating group, then those that name more."""

    source: TariffSource
    granted: set[int] = field(default_factory=set)
    held: list[Held] = field(default_factory=list)

    def ordered(self) -> list[Allowance]:
        def named(each: Allowance) -> tuple[bool, ...]:
            of = each.where
            words = (of.service_identifier, of.zone, of.dnn, of.slice, of.qos)
            return (each.rating_group is None, *(word is None for word in words))

        included = self.source.plans[0].allowances
        return sorted(included, key=lambda each: (each.priority, named(each)))

    def begin(self, month: int) -> None:
        if month in self.granted:
            return
        self.granted.add(month)
        for each in self.ordered():
            if not each.rollover or month == 0:
                continue
            if month - 1 not in self.granted:
                self.give(each, month - 1)
            [before] = [
                one
                for one in self.held
                if one.of.id == each.id and one.month == month - 1 and one.goes_over
            ]
            moved = min(before.left, each.rollover)
            before.left -= moved
            if moved:
                self.held.append(Held(each, month, moved, MONTHS[month + 1], False))
        for each in self.ordered():
            self.give(each, month)

    def give(self, each: Allowance, month: int) -> None:
        ends = MONTHS[month + 1]
        if each.validity and not each.first_use:
            ends = MONTHS[month] + each.validity
        self.held.append(Held(each, month, each.units, ends, True))

    def use(self, usage: Usage) -> tuple[int, int]:
        """Units that allowances pay for, and micros for the others."""
        month = max(index for index, start in enumerate(MONTHS) if start <= usage.start)
        self.begin(month)
        left = usage.units
        for each in self.held:
            of = each.of
            if not MONTHS[each.month] <= usage.start < each.ends:
                continue
            if of.rating_group not in (None, usage.group) or not self.meets(of.where, usage):
                continue
            taken = min(each.left, left)
            if taken and of.first_use and each.left == of.units:
                each.ends = usage.start + of.validity
            each.left -= taken
            left -= taken
        return usage.units - left, left * PRICE

    def meets(self, where: Filters, usage: Usage) -> bool:
        dnn = None if where.dnn is None else where.dnn.lower()
        lower = Filters(where.service_identifier, where.zone, dnn, where.slice, where.qos)
        return oracle.meets(self.source, lower, usage)


@given(allowances(), st.lists(USES, max_size=15))
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_allowances_pay_for_what_they_are_for_while_they_hold(
    included: tuple[Allowance, ...], uses: list[Usage]
) -> None:
    rate = Rate("Data", 1, (PriceStep(0, PRICE),))
    source = TariffSource((plan(*included, rules=(UsageRule("data", rate),)),), zones=ZONES)
    prices = tariffs(compile_tariff(source, version=1, effective_from=OPENED))
    slow, state = Slow(source), account("1")
    for number, each in enumerate(sorted(uses, key=lambda usage: usage.start)):
        unit = UnitRequest(each.group, each.identifier, used=each.units)
        asked = request(Kind.EVENT, 0, unit, session=f"e{number}", at=each.start)
        qos = -1 if each.qos is None else each.qos
        asked.where = Circumstances(each.dnn, each.slice, qos, each.network)
        records = list[Record]()
        charge_usage(state, asked, prices, records)
        assert (records[-1].free, records[-1].charge) == slow.use(each)
        state = decode(encode(state))
