"""Allowances that hold elsewhere, longer, from their first use on, or go over."""

from datetime import UTC, datetime

import msgspec

from tests.unit.charging.builders import (
    DAY,
    FIVE_GIGABYTES,
    GB,
    MB,
    NOON,
    Phone,
    account,
    asks,
    compiled,
    plan,
    request,
    rule,
    tariffs,
)
from trunkline.charging import BucketGrant, Circumstances, Kind
from trunkline.charging.account import top_up
from trunkline.charging.buckets import replace
from trunkline.charging.grants import GrantPolicy, GrantSize
from trunkline.charging.journal import Record, RecordKind
from trunkline.charging.state import decode, encode
from trunkline.kernel.money import Money, to_micros
from trunkline.rating import (
    Allowance,
    Filters,
    Increment,
    PriceStep,
    Rate,
    TariffSource,
    UsageRule,
    Zone,
    compile_tariff,
)

OPENED = datetime(2026, 11, 1, tzinfo=UTC)
MONTH = 30 * DAY


def phone(*allowances: Allowance) -> Phone:
    return Phone(account(), tariffs(compiled(plan(*allowances))))


def use(phone: Phone, megabytes: int, session: str) -> None:
    phone.begin(asks(0), session=session)
    phone.end(asks(used=megabytes * MB), session=session)


def test_what_remains_goes_over_once_and_is_used_first() -> None:
    one = phone(Allowance("a", "Data", "data", 10 * MB, rollover=4 * MB))
    use(one, 3, "november")
    one.now += MONTH
    use(one, 5, "december")
    assert one.remaining() == [3 * MB, 0, 9 * MB]
    one.now += 31 * DAY
    use(one, 1, "january")
    assert one.remaining()[-2:] == [3 * MB, 10 * MB]
    assert one.state.money == account().money


def test_a_month_without_use_goes_over_too() -> None:
    one = phone(Allowance("a", "Data", "data", 10 * MB, rollover=4 * MB))
    use(one, 3, "november")
    one.now += MONTH + 31 * DAY
    use(one, 12, "january")
    assert one.remaining()[-2:] == [0, 2 * MB]


def test_validity_begins_with_the_first_use_and_outlasts_the_month() -> None:
    one = phone(Allowance("a", "Week", "data", 10 * MB, validity=7 * DAY, first_use=True))
    one.now = NOON + 25 * DAY
    use(one, 1, "first")
    one.now += 6 * DAY
    use(one, 1, "in december")
    assert one.remaining() == [8 * MB, 10 * MB]
    one.now += 2 * DAY
    use(one, 1, "after the week")
    assert one.remaining() == [8 * MB, 9 * MB]


def test_a_validity_of_its_own() -> None:
    one = phone(Allowance("a", "Day", "data", 10 * MB, validity=DAY))
    use(one, 1, "on the third")
    assert one.remaining() == [10 * MB]
    assert one.state.money < account().money


def test_what_was_reserved_pays_though_another_session_begins_and_ends_the_allowance() -> None:
    """It holds for an hour from its first use, at noon, that is reported an hour and a half later;
    what was granted of it meanwhile needs no money."""
    one = Phone(
        account("0"),
        tariffs(
            compiled(
                plan(Allowance("a", "An hour", "data", 10 * MB, validity=3600, first_use=True))
            )
        ),
        GrantPolicy(data=GrantSize(MB, MB, 10 * MB, 7200)),
    )
    one.begin(asks(4 * MB), session="first")
    one.now += 4000
    one.begin(asks(3 * MB), session="second")
    one.now += 1400
    one.end(asks(used=4 * MB), session="first")
    one.now += 60
    one.end(asks(used=3 * MB), session="second")
    assert (one.remaining(), one.state.money) == ([3 * MB], 0)
    assert (one.journal[-1].free, one.journal[-1].overrun) == (3 * MB, 0)


def test_what_an_allowance_regains_makes_nothing_dearer() -> None:
    """Of 9 MB another session holds 4. 15 are granted: 5 of the allowance, then 5 and 5 at a cent
    each. When the 4 are free again, the paid ones would begin at 9 and, past 11, where 5 MB cost a
    euro, at 14: 1.01 for what was granted for 0.02."""
    rate = Rate(
        "Data",
        5 * MB,
        (PriceStep(0, to_micros("0.01")), PriceStep(11 * MB, to_micros("1"))),
        (Increment(0, 5 * MB),),
    )
    rules = (UsageRule("data", rate), rule("data", "0.01", MB, group=2))
    one = Phone(
        account("100"),
        tariffs(compiled(plan(Allowance("a", "Data", "data", 9 * MB), rules=rules))),
        GrantPolicy(data=GrantSize(MB, MB, 30 * MB, 3600)),
    )
    one.begin(asks(4 * MB, group=2), session="holder")
    one.begin(asks(15 * MB), session="s")
    assert one.state.held == to_micros("0.02")
    one.end(session="holder")
    one.end(asks(used=15 * MB), session="s")
    assert (one.state.money, one.remaining()) == (to_micros("99.98"), [4 * MB])


def test_what_a_top_up_gives_beside_outlives_the_month_and_the_plan() -> None:
    """What ends first is used first."""
    one = phone(Allowance("a", "Data", "data", 10 * MB))
    one.now = NOON + 25 * DAY
    use(one, 1, "first")
    gifts = [BucketGrant("data", 4 * MB, 7, "A week"), BucketGrant("data", 2 * MB, 1, "A day")]
    at, records = datetime.fromtimestamp(one.now, UTC), list[Record]()
    top_up(one.state, Money.of(5, "EUR"), at, "tup_1", records, grants=gifts)
    assert [each.name for each in one.state.buckets] == ["A day", "Data", "A week"]
    assert [each.kind for each in records] == [
        RecordKind.TOP_UP, RecordKind.ALLOWANCE, RecordKind.ALLOWANCE
    ]  # fmt: skip
    assert one.state.seq == records[-1].seq
    use(one, 3, "a day, and the month's")
    assert one.remaining() == [0, 8 * MB, 4 * MB]
    replace(one.state, one.state.period, [], one.now, records)
    use(one, 1, "another plan")
    assert one.remaining() == [0, 8 * MB, 3 * MB]
    assert decode(encode(one.state)) == one.state
    one.now += 6 * DAY
    use(one, 1, "the next month")
    assert one.remaining()[-2:] == [2 * MB, 10 * MB]
    one.now += 62 * DAY
    use(one, 1, "later")
    assert {each.name for each in one.state.buckets} == {"Data"}


def test_an_allowance_for_somewhere() -> None:
    """5 MB in the EU, on a network of which the zone is told; it survives the state's bytes."""
    source = TariffSource(
        (plan(Allowance("a", "EU", "data", 5 * MB, where=Filters(zone="EU"))),),
        zones=(Zone("EU", ("262",)),),
    )
    tariff = compile_tariff(source, version=1, effective_from=OPENED)
    one = Phone(account(), tariffs(tariff))
    for index, network in enumerate(("26201", "24001", "")):
        begin = request(Kind.INITIAL, 0, asks(0), session=f"s{index}")
        begin.where = Circumstances(network=network)
        one.send(begin)
        one.send(request(Kind.TERMINATE, 1, asks(used=MB), session=f"s{index}"))
        one.state = decode(encode(one.state))
    assert one.remaining() == [4 * MB]
    assert account().money - one.state.money == 20_000


def test_a_zone_change_is_priced_from_the_report_on() -> None:
    """What was used before the network told of the change was used where the session was."""
    rules = (rule("data", "0.01", MB),)
    abroad = msgspec.structs.replace(rule("data", "1", MB), where=Filters(zone="EU"))
    source = TariffSource((plan(rules=(*rules, abroad)),), zones=(Zone("EU", ("262",)),))
    one = Phone(account(), tariffs(compile_tariff(source, version=1, effective_from=OPENED)))
    begin = request(Kind.INITIAL, 0, asks(MB))
    begin.where = Circumstances(network="24001")
    one.send(begin)
    moved = request(Kind.UPDATE, 1, asks(MB, used=MB))
    moved.where = Circumstances(network="26201")
    one.send(moved)
    assert (account().money - one.state.money, one.state.held) == (10_000, 1_000_000)
    one.send(request(Kind.TERMINATE, 2, asks(used=MB)))
    assert account().money - one.state.money == 1_010_000


def test_what_a_month_leaves_unused_is_journalled_when_it_goes() -> None:
    """Five gigabytes, one used; late usage of the month finds them for one month more."""
    one = phone(FIVE_GIGABYTES)
    one.begin(asks(GB))
    one.end(asks(used=GB))
    for month in (1, 2):
        one.now = NOON + month * 31 * DAY
        one.begin(asks(MB), session=f"later{month}")
    [gone] = [each for each in one.journal if each.kind == RecordKind.EXPIRED]
    assert (gone.units, gone.charge, gone.number) == (4 * GB, 0, 1)
    granted = sum(each.units for each in one.journal if each.kind == RecordKind.ALLOWANCE)
    assert granted == sum(one.remaining()) + GB + gone.units
