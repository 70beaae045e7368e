"""Which tariff is in force when, and what a grant is told of those to come."""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.unit.charging.builders import (
    MB,
    NOON,
    Phone,
    account,
    asks,
    compiled,
    plan,
    rule,
    tariffs,
)
from trunkline.charging import Service
from trunkline.charging.account import change_plan
from trunkline.charging.tariffs import KEPT, InForce, Tariffs, schedule
from trunkline.rating import Tariff


@pytest.mark.parametrize(
    ("installed", "in_force"),
    [
        ([], []),
        ([(10, 1), (20, 2)], [(10, 1), (20, 2)]),
        # Announced for 30 by the first publication; the second, of 20, says it anew.
        ([(10, 1), (30, 2), (20, 3), (30, 4)], [(10, 1), (20, 3), (30, 4)]),
        # ...or takes it back.
        ([(10, 1), (30, 2), (20, 3)], [(10, 1), (20, 3)]),
        # What was in force before the next publication stays.
        ([(10, 1), (30, 2), (40, 3)], [(10, 1), (30, 2), (40, 3)]),
        # Two within one second: the later one.
        ([(10, 1), (10, 2)], [(10, 2)]),
        # They may arrive in any order.
        ([(20, 3), (30, 2), (10, 1)], [(10, 1), (20, 3)]),
    ],
)
def test_a_later_publication_supersedes_what_was_to_come(
    installed: list[tuple[int, int]], in_force: list[tuple[int, int]]
) -> None:
    assert schedule(installed) == in_force


def of_data(price: str, version: int, at: int) -> Tariff:
    return compiled(
        plan(rules=(rule("data", price, MB, increment=MB),)),
        version=version,
        start=datetime.fromtimestamp(at, UTC),
    )


def test_a_grant_tells_of_one_change_and_ends_with_the_next() -> None:
    """Both changes lie within the hour that a grant holds: of the one in ten minutes it is told,
    at the one in twenty it ends."""
    phone = Phone(
        account(),
        tariffs(
            of_data("0.01", 1, NOON - 60),
            of_data("0.02", 2, NOON + 600),
            of_data("0.03", 3, NOON + 1200),
        ),
    )
    [unit] = phone.begin(asks(10 * MB)).units
    assert (unit.tariff_change, unit.validity) == (NOON + 600, 1200)
    phone.now = NOON + 1200
    report = asks(10 * MB, used=10 * MB)
    report.after_change = 4 * MB
    [unit] = phone.go_on(report).units
    assert (unit.tariff_change, unit.validity) == (0, 3600)
    assert [each.charge for each in phone.journal] == [6 * 10_000, 4 * 20_000]


def test_a_dearer_price_ahead_starves_no_other_session() -> None:
    """Of six euro one that asks for all holds three, by the price to come; the next half of the
    rest; what is below the smallest grant is told as the last."""
    was, then = of_data("0.01", 1, NOON - 60), of_data("0.02", 2, NOON + 600)
    phone = Phone(account("6"), tariffs(was, then))
    held, granted = [], []
    for name in "abc":
        [unit] = phone.begin(asks(1000 * MB), session=name).units
        held.append(phone.state.held)
        granted.append(unit.granted // MB)
    assert held == [3_000_000, 4_500_000, 5_240_000]
    assert granted == [150, 75, 37]
    phone = Phone(account("0.03"), tariffs(was, then))
    [unit] = phone.begin(asks(1000 * MB)).units
    assert (unit.granted, phone.state.held) == (MB, 20_000)


def test_what_was_announced_and_taken_back_is_not_charged() -> None:
    """The gateway splits at the change that it was told of; both parts cost what holds then."""
    was, then = of_data("0.01", 1, NOON - 60), of_data("0.02", 2, NOON + 600)
    phone = Phone(account(), tariffs(was, then))
    assert phone.begin(asks(10 * MB)).units[0].tariff_change == NOON + 600
    phone.tariffs = tariffs(was, then, of_data("0.01", 3, NOON + 300))
    phone.now = NOON + 900
    report = asks(used=10 * MB)
    report.after_change = 4 * MB
    phone.end(report)
    assert [(each.tariff, each.charge) for each in phone.journal] == [
        (1, 6 * 10_000),
        (3, 4 * 10_000),
    ]
    assert phone.state.held == 0


def test_a_session_that_only_reports_pays_the_price_of_its_time() -> None:
    """A network that is content to be charged afterwards asks for no quota; what it tells of is
    charged as of its last report."""
    phone = Phone(account(), tariffs(of_data("0.01", 1, NOON - 60), of_data("0.02", 2, NOON + 900)))
    phone.begin(asks())
    for _ in range(3):
        phone.now += 600
        phone.go_on(asks(used=MB))
    assert [each.charge for each in phone.journal] == [10_000, 10_000, 20_000]


def test_a_call_that_only_reports_is_split_by_the_clock() -> None:
    prices = [
        compiled(
            plan(rules=(rule("voice", price, 60),)),
            version=version,
            start=datetime.fromtimestamp(at, UTC),
        )
        for version, price, at in ((1, "0.06", NOON - 60), (2, "0.12", NOON + 900))
    ]
    phone = Phone(account(), tariffs(*prices))
    phone.begin(asks(), service=Service.VOICE, called="4670")
    for _ in range(3):
        phone.now += 600
        phone.go_on(asks(used=600))
    assert [each.charge for each in phone.journal] == [600_000, 300_000, 600_000, 1_200_000]


def test_another_plan_holds_from_the_next_report_where_nothing_was_granted() -> None:
    dear = plan(id_="dear", rules=(rule("data", "0.05", MB, increment=MB),))
    phone = Phone(account("0"), tariffs(compiled(plan(), dear)))
    phone.begin(asks(MB))
    phone.now += 60
    change_plan(
        phone.state, "dear", datetime.fromtimestamp(phone.now, UTC), phone.tariffs, phone.journal
    )
    for _ in range(2):
        phone.now += 60
        phone.go_on(asks(MB, used=MB))
    assert [each.charge for each in phone.journal] == [10_000, 50_000]


def test_threads_that_share_what_is_loaded_keep_the_last_few() -> None:
    prices, ready = compiled(), dict[int, InForce]()
    versions = [(number, number) for number in range(1, 40)]

    def ask(first: int) -> None:
        for number in range(first, first + 3000):
            Tariffs(versions, lambda _: prices, ready).version(number % 39 + 1)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(ask, range(4)))
    finally:
        sys.setswitchinterval(interval)
    assert len(ready) <= KEPT
