"""Bills conserve money: every line to the micro is either booked or rounding."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from trunkline.billing import Bill, ToBill, UsageCharge, calculate_bill
from trunkline.inventory import (
    PriceAlteration,
    PriceKind,
    Product,
    ProductId,
    ProductPrice,
    ProductStatus,
)
from trunkline.kernel.money import Money
from trunkline.kernel.time import Period, monthly_period
from trunkline.ledger import RECEIVABLES, ROUNDING, TAX_PAYABLE, UNBILLED
from trunkline.tax import TaxRate, TaxRegime, TaxRounding

CENT = 10_000
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
# In Cairo and in Havana the clocks change at midnight.
zones = st.sampled_from(
    [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "Africa/Cairo", "America/Havana")]
)
money = st.integers(-(10**9), 10**9).map(lambda micros: Money(micros, "EUR"))
instants = st.integers(0, 3 * 365 * 86_400).map(lambda second: FIRST + timedelta(seconds=second))
prices = st.builds(
    ProductPrice,
    kind=st.sampled_from(PriceKind),
    name=st.just("Price"),
    amount=money,
    period_months=st.sampled_from([1, 1, 1, 3, 12]),
    alterations=st.lists(
        st.builds(PriceAlteration, name=st.just("As agreed"), amount=money), max_size=2
    ).map(tuple),
)
usages = st.builds(
    UsageCharge,
    label=st.just("Calls"),
    unit=st.just("seconds"),
    quantity=st.integers(0, 10**6),
    included=st.just(0),
    events=st.integers(1, 100),
    amount=money,
)


def product(since: datetime, until: datetime | None, of: Sequence[ProductPrice]) -> Product:
    return Product(
        id=ProductId("prod_1"),
        name="Mobile",
        offering="off_1",
        offering_name="Mobile",
        customer="cus_1",
        billing_account="bac_1",
        status=ProductStatus.ACTIVE,
        created_at=since,
        start_date=since,
        termination_date=until,
        prices=tuple(of),
    )


products = st.builds(
    lambda since, days, of: product(
        since, None if days is None else since + timedelta(days=days), of
    ),
    instants,
    st.none() | st.integers(0, 400),
    st.lists(prices, min_size=1, max_size=4),
)


def bill(
    month: Period,
    held: Sequence[Product],
    used: Sequence[UsageCharge],
    *,
    cycle_day: int,
    tz: ZoneInfo,
    regime: TaxRegime = TaxRegime("test"),  # noqa: B008  (frozen)
    millionths: int = 190_000,
    missed: bool = False,
) -> Bill | None:
    return calculate_bill(
        ToBill(
            currency="EUR",
            month=month,
            since=FIRST,
            begun={
                each.id
                for each in held
                if each.start_date is not None and each.start_date < month.start and not missed
            },
            cycle_day=cycle_day,
            tz=tz,
            products=held,
            usage=used,
            regime=regime,
            rates={"standard": (TaxRate("test", "standard", "VAT", millionths, date(2000, 1, 1)),)},
        )
    )


@given(
    instants,
    st.integers(1, 31),
    zones,
    st.lists(products, max_size=4),
    st.lists(usages, max_size=4),
    st.sampled_from(TaxRounding),
    st.booleans(),
    st.integers(0, 500_000),
)
def test_a_bill_books_all_it_says(
    at: datetime,
    cycle_day: int,
    tz: ZoneInfo,
    held: list[Product],
    used: list[UsageCharge],
    rounding: TaxRounding,
    inclusive: bool,
    millionths: int,
) -> None:
    month = monthly_period(at, cycle_day=cycle_day, tz=tz)
    regime = TaxRegime("test", rounding, inclusive)
    made = bill(month, held, used, cycle_day=cycle_day, tz=tz, regime=regime, millionths=millionths)
    if made is None:
        assert not used
        return
    booked = {each.account: each.amount.micros for each in made.postings}
    assert len(booked) == len(made.postings)
    assert sum(booked.values()) == 0
    assert booked.get(RECEIVABLES, 0) == made.taxed.gross.micros
    assert booked.get(TAX_PAYABLE, 0) == -made.taxed.tax.micros
    assert booked.get(UNBILLED, 0) == -sum(each.amount.micros for each in used)
    assert abs(booked.get(ROUNDING, 0)) <= len(made.lines) * CENT // 2
    assert all(line.amount.micros % CENT == 0 for line in made.lines)
    assert sum(line.amount.micros for line in made.lines) == made.taxed.net.micros


@given(instants, st.integers(0, 400), st.integers(1, 31), zones, st.sampled_from([1, 3, 12]))
def test_the_months_of_a_product_make_up_its_life(
    since: datetime, days: int, cycle_day: int, tz: ZoneInfo, months: int
) -> None:
    """Billed month by month, a price comes to its days over those of its periods."""
    price = ProductPrice(
        kind=PriceKind.RECURRING,
        name="Fee",
        amount=Money(1_000_000_000, "EUR"),
        period_months=months,
    )
    until = since + timedelta(days=days)
    held = product(since, until, [price])
    billed = 0
    month = monthly_period(since, cycle_day=cycle_day, tz=tz)
    periods: list[Period] = []
    while month.start <= until:
        periods.append(month)
        made = bill(month, [held], (), cycle_day=cycle_day, tz=tz)
        billed += 0 if made is None else sum(line.amount.micros for line in made.lines)
        month = monthly_period(month.end, cycle_day=cycle_day, tz=tz)
    periods += [month, *_following(month, months, cycle_day, tz)]
    first, last = (instant.astimezone(tz).date() for instant in (since, until))
    exact = Fraction(0)
    for start in range(0, len(periods) - months + 1, months):
        opens = periods[start].start.astimezone(tz).date()
        closes = periods[start + months - 1].end.astimezone(tz).date()
        served = (min(last, closes) - max(first, opens)).days
        exact += Fraction(max(served, 0), (closes - opens).days)
    charges = len(periods)
    assert abs(billed - exact * 1_000_000_000) <= charges * CENT


@given(products, st.integers(0, 500), st.integers(1, 31), zones)
def test_missed_months_are_billed_as_if_they_had_not_been(
    held: Product, days: int, cycle_day: int, tz: ZoneInfo
) -> None:
    """One bill that has all of a product's months says what their own bills say."""
    assert held.start_date is not None
    month = monthly_period(held.start_date, cycle_day=cycle_day, tz=tz)
    each: list[tuple[object, ...]] = []
    while True:
        each += _said(bill(month, [held], (), cycle_day=cycle_day, tz=tz))
        if month.end > held.start_date + timedelta(days=days):
            break
        month = monthly_period(month.end, cycle_day=cycle_day, tz=tz)
    together = bill(month, [held], (), cycle_day=cycle_day, tz=tz, missed=True)
    assert sorted(_said(together), key=repr) == sorted(each, key=repr)


def _said(made: Bill | None) -> list[tuple[object, ...]]:
    if made is None:
        return []
    return [(line.kind, line.text, line.amount, line.period, line.detail) for line in made.lines]


def _following(month: Period, months: int, cycle_day: int, tz: ZoneInfo) -> list[Period]:
    found = []
    for _ in range(months):
        month = monthly_period(month.end, cycle_day=cycle_day, tz=tz)
        found.append(month)
    return found
