"""Data abroad that files tell of, in any order: what is charged and waived, by a reckoning of its
own; and nothing is charged twice or lost between journal, balance and ledger."""

from decimal import Decimal
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.unit.charging.builders import DAY, MB, NOON, account, hybrid, postpaid, request, tariffs
from trunkline.charging import Circumstances, Kind, Result, RoamingPolicy, Rules
from trunkline.charging.hybrid import carry, past_the_end
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.model import UnitRequest
from trunkline.charging.months import month_at
from trunkline.charging.oneoff import charge_usage
from trunkline.charging.policy.roaming import consent
from trunkline.charging.postings import totals
from trunkline.charging.state import State, decode, encode

LIMIT = Decimal(1)
POLICY = Rules(roaming=RoamingPolicy(home=("272",), limit=1_000_000))
HOUR = 3600
ACCOUNTS = {"prepaid": account, "postpaid": postpaid, "hybrid": hybrid}


class Told(NamedTuple):
    """Data of so many kilobytes, in hour `hour` of November."""

    kilobytes: int
    hour: int
    network: str


FILES = st.lists(
    st.builds(
        Told,
        st.integers(1, 90_000),
        st.integers(0, 60 * 24),
        st.sampled_from(["21407", "26201", "27201"]),
    ),
    max_size=12,
)
CONSENTS = st.lists(st.integers(0, 25 * 24), max_size=4, unique=True).map(sorted)
"""Given, withdrawn, given... at these hours of November."""


def tell(state: State, told: Told, index: int, journal: list[Record]) -> tuple[Decimal, Decimal]:
    at = NOON - 2 * DAY + told.hour * HOUR
    message = request(
        Kind.EVENT,
        0,
        UnitRequest(used=told.kilobytes * 1000),
        session=f"usage-{index}",
        at=at,
        where=Circumstances(network=told.network),
    )
    first = len(journal)
    assert charge_usage(state, message, tariffs(), journal, POLICY) is Result.SUCCESS
    carry(state, journal, first)
    new = journal[first:]
    charged = sum(each.charge for each in new if each.kind == RecordKind.USAGE)
    waived = sum(each.units for each in new if each.kind == RecordKind.WAIVED)
    return Decimal(charged) / 10**6, Decimal(waived) / 10**6


def price(told: Told) -> Decimal:
    """A cent for each begun megabyte."""
    return Decimal(-(-told.kilobytes * 1000 // MB)) / 100


class Oracle:
    """The rule in words: abroad, without consent at its time, a month's data costs no more than
    what is left of the limit when it is told of."""

    def __init__(self, changes: list[int]) -> None:
        self.spent: dict[int, Decimal] = {}
        self.spans = list(zip(changes[::2], [*changes[1::2], 30 * 24], strict=False))

    def charged(self, told: Told) -> Decimal:
        if told.network == "27201":
            return price(told)
        month = 0 if told.hour * HOUR < 30 * DAY - 12 * HOUR else 1
        spent = self.spent.get(month, Decimal(0))
        charged = price(told)
        noted = told.hour * HOUR
        if not any(
            since * HOUR <= noted < (until * HOUR if until < 30 * 24 else 30 * DAY - 12 * HOUR)
            for since, until in self.spans
        ):
            charged = min(charged, max(LIMIT - spent, Decimal(0)))
        self.spent[month] = spent + charged
        return charged


@given(FILES, CONSENTS, st.sampled_from(sorted(ACCOUNTS)))
@settings(max_examples=examples(150), deadline=None)
def test_each_record_is_charged_by_the_rule(
    files: list[Told], changes: list[int], kind: str
) -> None:
    state = ACCOUNTS[kind]()
    start, begins = state.money, NOON - 2 * DAY
    for index, hour in enumerate(changes):
        at = begins + hour * HOUR
        assert consent(state, month_at(at, 1, "UTC"), at, given=index % 2 == 0)
    oracle, journal = Oracle(changes), list[Record]()
    for index, told in enumerate(files):
        state = decode(encode(state))
        charged, waived = tell(state, told, index, journal)
        assert charged == oracle.charged(told)
        assert charged + waived == price(told)
    assert state.money == start - sum(each.charge for each in journal)
    assert [each.seq for each in journal] == list(range(1, state.seq + 1))
    posted = sum(totals((state, each) for each in journal).values())
    used = sum(each.charge for each in journal if each.kind == RecordKind.USAGE)
    assert posted == used
    if kind == "hybrid":
        bill = -sum(each.charge for each in journal if each.kind == RecordKind.ON_BILL)
        assert state.money + used == start + bill
        assert past_the_end(state) >= -3_000_000


@given(FILES.flatmap(lambda files: st.tuples(st.just(files), st.permutations(files))))
@settings(max_examples=examples(100), deadline=None)
def test_whatever_comes_first_the_month_costs_the_same(
    orders: tuple[list[Told], list[Told]],
) -> None:
    sums = []
    for files in orders:
        state, journal = account("100"), list[Record]()
        for index, told in enumerate(files):
            tell(state, told, index, journal)
        sums.append((state.money, [(each.id, each.amount) for each in state.counters]))
    assert sums[0][0] == sums[1][0]
