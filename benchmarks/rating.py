"""Usage events rated a second in bulk, by the rating kernel compiled to machine code.

A million calls, data sessions and messages of 100,000 accounts, each with three buckets, in the
order of their time: a synthetic rate sheet of 5,000 prefixes behind a trie, a cheaper evening,
stepped prices, increments, allowances that run out. One thread. What the buckets gave must be
what the events took, and the interpreted kernel must say the same of the first events, or no
figure is reported. BENCH_RATING_EVENTS (1,000,000) changes the size.
"""

import os
import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.harness import Figures, benchmark
from trunkline.kernel.money import to_micros
from trunkline.rating import (
    BUCKET_SIZE,
    CHARGE,
    DATA,
    FREE,
    RATED,
    REMAINING,
    SMS,
    VOICE,
    Increment,
    PlanSource,
    PriceStep,
    Rate,
    RateSheet,
    SheetEntry,
    Tariff,
    TariffSource,
    UsageRule,
    Window,
    compile_tariff,
    compiled,
    destination,
    kernel,
    new_slice,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

EVENTS = int(os.environ.get("BENCH_RATING_EVENTS", "1000000"))
ACCOUNTS = 100_000
KINDS_OF_EVENT = 20_000
PREFIXES = 5_000
COMPARED = 5_000
RUNS = 5
START = datetime(2026, 3, 1, tzinfo=UTC)
MONTH = 31 * 86_400

_EVENT = kernel.BUCKET_COUNT
_FOREVER = 1 << 40
_BUCKETS = (
    (20_000_000, 0, DATA, -1, 0, _FOREVER, 0),
    (300, 0, VOICE, -1, 0, _FOREVER, 0),
    (2, 0, SMS, -1, 0, _FOREVER, 0),
)
_ACCOUNT = [
    len(_BUCKETS), 0, *(number for bucket in _BUCKETS for number in bucket),
    *[0] * (kernel.TERM_SIZE * len(_BUCKETS)),
]  # fmt: skip


@benchmark("rating")
def in_memory() -> Figures:
    random_ = random.Random(2)
    prefixes = _prefixes(random_)
    tariff = compile_tariff(_prices(prefixes), version=1, effective_from=START)
    events = _events(random_, prefixes)
    owners = np.random.default_rng(2).integers(0, ACCOUNTS, EVENTS, dtype=np.int64)
    form = compiled.load()
    table, work, codes = form.array(tariff.table), form.array([0] * 64), form.array([0] * EVENTS)
    took = []
    for _ in range(RUNS):
        rated, held = events.copy(), np.tile(form.array(_ACCOUNT), ACCOUNTS)
        began = time.perf_counter()
        form.rate_many(table, rated, owners, held, work, len(_ACCOUNT), codes)
        took.append(time.perf_counter() - began)
    _agree(tariff, events, owners, rated, held, codes)
    return {"rating.bulk_cdr_per_s": EVENTS / sorted(took)[RUNS // 2]}


def _agree(
    tariff: Tariff,
    events: "Integers",
    owners: "Integers",
    rated: "Integers",
    held: "Integers",
    codes: "Integers",
) -> None:
    """All were rated, the accounts gave what the events took, and the plain kernel agrees."""
    free = int(rated[FREE::_EVENT].sum())
    given = sum(bucket[REMAINING] for bucket in _BUCKETS) * ACCOUNTS
    left = held.reshape(ACCOUNTS, -1)[:, 2 + REMAINING :: BUCKET_SIZE].sum()
    if (codes != RATED).any() or given - int(left) != free:
        raise RuntimeError(f"{given - int(left)} units left the buckets, {free} reached events")
    plain = events[: COMPARED * _EVENT].tolist()
    accounts, answers = _ACCOUNT * ACCOUNTS, [0] * COMPARED
    few = owners[:COMPARED].tolist()
    began = time.perf_counter()
    kernel.rate_many(tariff.table, plain, few, accounts, [0] * 64, len(_ACCOUNT), answers)
    interpreted = COMPARED / (time.perf_counter() - began)
    if plain != rated[: COMPARED * _EVENT].tolist():
        raise RuntimeError("the compiled kernel and the plain one differ")
    paid = (rated[CHARGE::_EVENT] > 0).mean()
    print(f"   {paid:.0%} of the events cost money; interpreted {interpreted:,.0f} a second")


def _prefixes(random_: random.Random) -> list[str]:
    """Country codes and longer prefixes that refine them."""
    found = {str(number) for number in range(1, 100)}
    while len(found) < PREFIXES:
        found.add(str(random_.randrange(100, 10 ** random_.randrange(3, 8))))
    return sorted(found)


def _prices(prefixes: list[str]) -> TariffSource:
    entries = tuple(
        SheetEntry(
            prefix,
            Rate(
                f"Zone {index % 200}",
                60,
                (PriceStep(0, 10_000 + index % 977 * 1_000),),
                (Increment(0, (1, 30, 60)[index % 3]),),
                connection_fee=index % 5 * 10_000,
            ),
        )
        for index, prefix in enumerate(prefixes)
    )
    evening = Window((0, 1, 2, 3, 4), 20 * 3600, 86_400, (PriceStep(0, to_micros("0.005")),))
    data = Rate(
        "Data",
        1_000_000,
        (PriceStep(0, to_micros("0.01")), PriceStep(5_000_000, to_micros("0.008"))),
        (Increment(0, 1024),),
        windows=(evening,),
    )
    message = Rate("Messages", 1, (PriceStep(0, to_micros("0.07")),))
    plan = PlanSource(
        "plan",
        "EUR",
        (
            UsageRule("voice", rate_sheet="international"),
            UsageRule("data", rate=data),
            UsageRule("sms", rate=message),
        ),
    )
    return TariffSource((plan,), (RateSheet("international", entries),), "Europe/Madrid")


def _events(random_: random.Random, prefixes: list[str]) -> "Integers":
    """Half calls, a tenth messages, the rest data."""
    start = int(START.timestamp())
    kinds = []
    for _ in range(KINDS_OF_EVENT):
        at, dice = start + random_.randrange(MONTH), random_.random()
        if dice < 0.5:
            called = destination(random_.choice(prefixes) + f"{random_.randrange(10**7):07}")
            units = random_.randrange(1, 600)
            slice_ = new_slice(0, VOICE, start=at, units=units, destination=called)
        elif dice < 0.9:
            units = random_.randrange(1, 50_000_000)
            slice_ = new_slice(0, DATA, start=at, units=units, group=10)
        else:
            slice_ = new_slice(0, SMS, start=at, units=1)
        kinds.append(slice_[:_EVENT])
    known = np.array(kinds, dtype=np.int64)
    drawn = np.random.default_rng(3).integers(0, KINDS_OF_EVENT, EVENTS)
    in_order = known[drawn[np.argsort(known[drawn, kernel.START], kind="stable")]]
    flat: Integers = in_order.ravel().copy()
    return flat
