"""What charging has priced and no bill has billed."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec

from trunkline.billing.charges import UsageCharge
from trunkline.billing.cycle import BilledUsage
from trunkline.catalog import STANDARD_TAX, Offering, OfferingId, offerings, unit_of
from trunkline.charging import (
    ChargingAccountId,
    UsageCut,
    billing_month,
    charging_accounts,
    service_unit,
    usage_lines,
)
from trunkline.customers import AccountKind, BillingAccount, BillingAccountId
from trunkline.inventory import Product
from trunkline.kernel.time import Period
from trunkline.platform.db import Database, Reader

_NOTHING = BilledUsage(0, 0)
_WITHOUT_LABEL = "Services"
"""What was debited in money, without a price of ours."""


class AccountUsage(msgspec.Struct, frozen=True):
    """A billing account's usage for one bill, and how far each of its charging accounts is
    billed with it."""

    charges: tuple[UsageCharge, ...] = ()
    billed: Mapping[ChargingAccountId, BilledUsage] = {}


class _Cut(msgspec.Struct, frozen=True):
    """How far a charging account is billed now, and the plan that says how it is taxed."""

    usage: UsageCut
    plan: OfferingId


def read_usage(
    r: Reader,
    charging: Database,
    accounts: Mapping[BillingAccountId, BillingAccount],
    zones: Mapping[BillingAccountId, ZoneInfo],
    months: Mapping[BillingAccountId, Period],
    billed: Mapping[ChargingAccountId, BilledUsage],
    products: Mapping[str, Sequence[Product]],
) -> dict[BillingAccountId, AccountUsage]:
    """The usage of each account up to its month, late records of earlier ones too, but nothing
    of what is `billed` already. Each charging account is cut at its last record of this moment;
    what comes later is the next bill's. What a balance paid is not billed. `r` reads the
    books."""
    with charging.read() as own:
        cuts = _cuts(own, accounts, zones, months, billed)
        every_cut = [cut for of_account in cuts.values() for cut in of_account]
        lines = usage_lines(own, [cut.usage for cut in every_cut])
    plans = {cut.usage.account: cut.plan for cut in every_cut}
    known = offerings(r, set(plans.values()))
    of_charging_account: dict[ChargingAccountId, list[UsageCharge]] = {}
    names = {
        ChargingAccountId(product.id): _name(product)
        for each in products.values()
        for product in each
    }
    for line in lines:
        unit = "events" if line.service is None else service_unit(line.service)
        charge = UsageCharge(
            label=line.label or _WITHOUT_LABEL,
            unit=unit,
            quantity=line.units,
            included=line.free,
            events=line.events,
            amount=line.charge,
            tax_category=_tax_category(known.get(plans[line.account]), unit, line.label),
            product=line.account,
        )
        of_charging_account.setdefault(line.account, []).append(charge)
    found = {}
    for account, of_account in cuts.items():
        charges: list[UsageCharge] = []
        for cut in of_account:
            of_cut = of_charging_account.get(cut.usage.account, [])
            if len(of_account) > 1:
                name = names.get(cut.usage.account, "")
                of_cut = [msgspec.structs.replace(each, subscriber=name) for each in of_cut]
            charges += of_cut
        found[account] = AccountUsage(
            tuple(charges),
            {cut.usage.account: BilledUsage(cut.usage.seq, cut.usage.period) for cut in of_account},
        )
    return found


def _cuts(
    r: Reader,
    accounts: Mapping[BillingAccountId, BillingAccount],
    zones: Mapping[BillingAccountId, ZoneInfo],
    months: Mapping[BillingAccountId, Period],
    billed: Mapping[ChargingAccountId, BilledUsage],
) -> dict[BillingAccountId, list[_Cut]]:
    cuts: dict[BillingAccountId, list[_Cut]] = {}
    for account, summaries in charging_accounts(r, months).items():
        month = billing_month(
            months[account].start,
            cycle_day=accounts[account].cycle_day,
            time_zone=zones[account].key,
        )
        for summary in summaries:
            if summary.kind is not AccountKind.PREPAID:
                before = billed.get(summary.account, _NOTHING)
                cut = UsageCut(summary.account, summary.seq, month, before.seq, before.period)
                cuts.setdefault(account, []).append(_Cut(cut, OfferingId(summary.plan)))
    return cuts


def _tax_category(plan: Offering | None, unit: str, label: str) -> str:
    """That of the plan's price for this use. A line that no price of the plan's is called by
    (a destination of a rate sheet) is taxed as the service's prices are, if all are alike."""
    prices = [
        each for each in (plan.usage_prices if plan else ()) if unit_of(each.service).value == unit
    ]
    named = [each for each in prices if each.name == label]
    categories = {each.tax_category for each in named or prices}
    return categories.pop() if len(categories) == 1 else STANDARD_TAX


def _name(product: Product) -> str:
    """By what a person knows it."""
    return product.characteristics.get("msisdn") or product.name
