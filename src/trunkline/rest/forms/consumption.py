"""The counters of a usage consumption (TMF677): what is used of a bucket, of what. A pool's
consumption is told by member, too: the standard has counters for that, whose `level` is the product
and whose `user` names it.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from trunkline import charging
from trunkline.charging import BucketBalance, MemberShare, MemberUse
from trunkline.rest.forms.prepay_buckets import SHARED, Held, money, period
from trunkline.rest.forms.wire import PRODUCTS, Party, Period, Quantity, ref
from trunkline.tmf import wire

MOST_MEMBERS = 100
"""Of a pool, that are told of one by one."""
Counter = Mapping[str, Any]


def counter(
    kind: str, value: Quantity, runs: Period | None, *, member: str | None = None
) -> Counter:
    """What all have used together, or one `member`, a product."""
    told: dict[str, Any] = {
        "counterType": kind,
        "level": "global" if member is None else "product",
        "value": value,
        "valueName": f"{value.amount:,} {value.units}",
    }
    if runs is not None:
        told["consumptionPeriod"] = wire.plain(runs)
    if member is not None:
        product = ref(PRODUCTS, "Product", member)
        told["user"] = Party(
            id=product.id, href=product.href, role="member", referred_type="Product"
        )
    return told


def in_units(service: int, units: int) -> Quantity:
    return Quantity(amount=Decimal(units), units=charging.service_unit(service))


def counters(held: Held, members: Sequence[MemberUse]) -> dict[str, list[Counter]]:
    """By bucket. What `members` have leased of a pool's and not used isn't used."""
    account = held.balance.account
    found = {f"{account}~{each.number}": _of_bucket(each, members) for each in held.balance.buckets}
    if held.share is not None:
        found |= {
            f"{account}~{SHARED}.{charging.service_name(service)}": told
            for service, told in _of_units(held.share)
        }
        found[f"{account}~{SHARED}"] = _of_money(held.share.use)
    return found


def _of_bucket(bucket: BucketBalance, members: Sequence[MemberUse]) -> list[Counter]:
    lent = sum(each.lent.get(bucket.number, 0) for each in members)
    used = bucket.granted - bucket.remaining - lent
    holds = period(bucket.starts, bucket.expires)
    return [
        counter("used", in_units(bucket.service, used), holds),
        counter("granted", in_units(bucket.service, bucket.granted), holds),
    ]


def _of_units(share: MemberShare) -> Iterator[tuple[int, list[Counter]]]:
    use = share.use
    runs = period(use.since, use.until)
    for each in share.units:
        told = [counter("used", in_units(each.service, each.used), runs, member=use.account)]
        if each.limit is not None:
            limit = in_units(each.service, each.limit)
            told.append(counter("limit", limit, runs, member=use.account))
        yield each.service, told


def _of_money(use: MemberUse) -> list[Counter]:
    runs = period(use.since, use.until)
    told = [counter("used", money(use.money), runs, member=use.account)]
    if use.money_limit is not None:
        told.append(counter("limit", money(use.money_limit), runs, member=use.account))
    return told


def by_member(uses: Sequence[MemberUse]) -> Iterator[Counter]:
    """Of each member what it has used of the pool in its month."""
    for use in uses:
        runs = period(use.since, use.until)
        for service, units in sorted(use.units.items()):
            yield counter("used", in_units(service, units), runs, member=use.account)
        if use.shares_money:
            yield counter("used", money(use.money), runs, member=use.account)
