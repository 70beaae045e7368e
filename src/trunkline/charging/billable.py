"""What a bill takes of the journals: a postpaid account's usage, and of a hybrid one's what went
onto the bill."""

from collections.abc import Sequence

import msgspec

from trunkline.charging import history, store
from trunkline.charging.account import UnknownChargingAccount
from trunkline.charging.hybrid import credit_of
from trunkline.charging.journal import BILLED, RecordKind
from trunkline.charging.model import ChargingAccountId, service_of
from trunkline.kernel.money import Money
from trunkline.platform.db import Reader


class UsageCut(msgspec.Struct, frozen=True):
    """What a bill takes of an account's journal: all records up to `seq` and month `period`
    but those up to `billed_seq` and `billed_period`, which the bill before took. The first
    bill has 0 and 0."""

    account: ChargingAccountId
    seq: int
    period: int
    billed_seq: int = 0
    billed_period: int = 0


class UsageLine(msgspec.Struct, frozen=True):
    """The usage of an account under one price: `free` of its `units` cost nothing because
    allowances covered them. `service` is None for what was debited in money."""

    account: ChargingAccountId
    service: int | None
    label: str
    units: int
    free: int
    events: int
    charge: Money


def usage_lines(r: Reader, cuts: Sequence[UsageCut]) -> list[UsageLine]:
    """What these cuts hold, summed up in the database by account, service and label; for
    chunks of a few hundred accounts. Raises `UnknownChargingAccount`."""
    found = {each.id: each for each in store.accounts_by_ids(r, [cut.account for cut in cuts])}
    rows = []
    for cut in cuts:
        account = found.get(cut.account)
        if account is None:
            raise UnknownChargingAccount(f"there is no charging account {cut.account[:40]!r}")
        kinds = BILLED if credit_of(account.state) is None else (RecordKind.ON_BILL,)
        bounds = cut.billed_seq, cut.billed_period, cut.seq, cut.period
        rows.append((account.key, *bounds, int(kinds[0]), int(kinds[-1])))
    sums = history.usage_sums(r, rows)
    labels = history.labels(r, {row.tariff for row in sums})
    by_key = {account.key: account for account in found.values()}
    lines: dict[tuple[int, int, str], list[int]] = {}
    for row in sums:
        of = row.account, row.service, history.label(labels, row.tariff, row.label)
        totals = lines.setdefault(of, [0, 0, 0, 0])
        for index, value in enumerate((row.units, row.free, row.events, row.charge)):
            totals[index] += int(value)
    return [
        UsageLine(
            account=by_key[key].id,
            service=None if service < 0 else service_of(service),
            label=label,
            units=units,
            free=free,
            events=events,
            # What a hybrid account's bill takes is what its balance is credited with.
            charge=Money(
                charge if credit_of(by_key[key].state) is None else -charge,
                by_key[key].state.currency,
            ),
        )
        for (key, service, label), (units, free, events, charge) in lines.items()
    ]
