"""What of a usage consumption (TMF677) is told of pools. A member's shared buckets are what it has
used of its pool and still may; a pool's consumption is told by member, too: the standard has
counters for that, whose `level` is the product and whose `user` names it.
"""

from collections import Counter as Counting
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from trunkline import charging
from trunkline.charging import Balance, MemberUse
from trunkline.kernel.time import format_instant
from trunkline.platform.db import Reader
from trunkline.rest.forms.prepay_buckets import SHARED, STATUSES, BucketForm, money
from trunkline.rest.forms.wire import ACCOUNT, PRODUCTS, Party, Quantity, ref

MOST_MEMBERS = 100
"""Of a pool, that are told of one by one."""
Counter = Mapping[str, Any]


def counter(
    kind: str, value: Quantity, period: Mapping[str, str] | None, *, member: str | None = None
) -> Counter:
    """What all have used together, or one `member`, a product."""
    told: dict[str, Any] = {
        "counterType": kind,
        "level": "global" if member is None else "product",
        "value": value,
        "valueName": f"{value.amount:,} {value.units}",
    }
    if period is not None:
        told["consumptionPeriod"] = period
    if member is not None:
        product = ref(PRODUCTS, "Product", member)
        told["user"] = Party(
            id=product.id, href=product.href, role="member", referred_type="Product"
        )
    return told


def in_units(service: int, units: int) -> Quantity:
    return Quantity(amount=Decimal(units), units=charging.service_unit(service))


def period(since: datetime | None, until: datetime | None) -> Mapping[str, str] | None:
    if since is None or until is None:
        return None
    return {"startDateTime": format_instant(since), "endDateTime": format_instant(until)}


def shared_buckets(
    r: Reader, balance: Balance, use: MemberUse, now: datetime
) -> Iterator[tuple[BucketForm, list[Counter]]]:
    """Of each service what the member may still have of its pool, wherever that is just now. These
    are no buckets of TMF654's, and have no `href`."""
    pool = charging.balance(r, use.pool, now)
    leased = [each for each in balance.buckets if each.shared]
    names: dict[int, list[str]] = {}
    there, reserved = Counting[int](), Counting[int]()
    for each in (*pool.buckets, *leased):
        there[each.service] += each.remaining
        if each.name not in names.setdefault(each.service, []):
            names[each.service].append(each.name)
    for each in leased:
        reserved[each.service] += each.reserved
    runs = period(use.since, use.until)
    for service in sorted(there.keys() | use.units.keys() | use.limits.keys()):
        usage, limit = charging.service_name(service), use.limits.get(service)
        used = use.units.get(service, 0)
        left = 0 if use.paused else there[service]
        counters = [counter("used", in_units(service, used), runs, member=use.account)]
        if limit is not None:
            left = max(min(left, limit - used), 0)
            counters.append(counter("limit", in_units(service, limit), runs, member=use.account))
        ident = f"{balance.account}~{SHARED}.{usage}"
        remaining = in_units(service, left)
        form = BucketForm(
            id=ident,
            href="",
            name=", ".join(names.get(service, [f"Shared {usage}"])),
            usage_type=usage,
            status="suspended" if use.paused else STATUSES[balance.status],
            is_shared=True,
            remaining_value=remaining,
            remaining_value_name=f"{remaining.amount:,} {remaining.units}",
            reserved_value=in_units(service, reserved[service]),
            party_account=ref(ACCOUNT, "BillingAccount", balance.billing_account),
            product=(ref(PRODUCTS, "Product", balance.account),),
        )
        yield form, counters


def money_counters(use: MemberUse) -> list[Counter]:
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
