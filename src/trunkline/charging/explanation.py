"""Why a record says what it says: the event is run again from what its record kept, and the
result held against what was stored. The hot path carries no trace."""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from typing import Any

import msgspec

from trunkline.charging import history, store
from trunkline.charging.account import UnknownChargingAccount
from trunkline.charging.hybrid import credit_of
from trunkline.charging.journal import BILLED, RecordKind
from trunkline.charging.model import ChargingAccountId, Service
from trunkline.charging.months import month_at
from trunkline.charging.policy.passing import reason
from trunkline.charging.policy.waiving import Evidence, Waiver
from trunkline.charging.store import Account
from trunkline.charging.tariffs import Tariffs
from trunkline.kernel.errors import Invalid, NotFound
from trunkline.kernel.money import Money
from trunkline.platform.db import Reader
from trunkline.rating import (
    BUCKET_COUNT,
    BUCKET_GROUP,
    BUCKET_SERVICE,
    CHARGE,
    EXPIRES,
    FREE,
    GRANTED,
    LABEL,
    PLAN,
    REMAINING,
    RESERVED,
    START,
    STARTS,
    TAKEN,
    Rater,
    Standing,
    Tariff,
    bucket_offset,
    matched_prefix,
    standing,
    trace,
)
from trunkline.rating import again as rate_again

MOVES = {
    RecordKind.TOP_UP: "credited by a payment",
    RecordKind.ADJUSTMENT: "adjusted by people",
    RecordKind.TRANSFER: "transferred between balances",
    RecordKind.REFUND: "given back to the subscriber at the network's request",
    RecordKind.EXPIRED: "gone unused: its time was over",
    RecordKind.NEW_MONTH: "a month began: what was used of the credit limit is free again",
    RecordKind.FEE: "a period's fee, taken from the balance",
    RecordKind.LEASE: "lent by a pool to its member, or given back",
    RecordKind.ON_BILL: "of the usage before it, what the balance didn't reach: it goes onto the "
    "bill, or off it by a refund",
}
"""What moves money without being rated."""


class UnknownRecord(NotFound):
    code = "unknownRecord"


class NoRecordName(Invalid):
    code = "noRecordName"


class PriceStep(msgspec.Struct, frozen=True):
    """Whole increments that share a price and a source. `first` is the session's unit that they
    begin with; the last of `units` may lie beyond what was used. `allowance` is the place in
    `Explanation.buckets` of what paid for them, None for money: then they cost `cost`, exactly,
    with the connection fee `fee` among it."""

    first: int
    units: int
    allowance: int | None
    cost: Fraction
    fee: Money


class BucketUse(msgspec.Struct, frozen=True):
    """What an allowance had free for this usage, and what it gave. `name` is empty where more
    than one of the account's allowances may have been it."""

    free: int
    taken: int
    starts: datetime
    expires: datetime
    name: str = ""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """`stored` is what the journal says was charged, `recomputed` what the same tariff says
    today. `holds` unless something of the record isn't what running it again gives: then
    `differences` names each. A session's price is rounded (half up) as a sum: the charge is the
    rounded price so far less what was charged before."""

    record: str
    kind: RecordKind
    why: str
    at: datetime
    session: str
    number: int
    service: Service | int | None
    rating_group: int | None
    units: int
    free: int
    overrun: int
    stored: Money
    recomputed: Money
    balance_before: Money
    balance_after: Money
    holds: bool
    differences: tuple[str, ...]
    tariff: int | None = None
    effective_from: datetime | None = None
    plan: str | None = None
    label: str | None = None
    prefix: str | None = None
    """The called number's digits that decided the price."""
    started: datetime | None = None
    steps: tuple[PriceStep, ...] = ()
    buckets: tuple[BucketUse, ...] = ()
    before: Standing | None = None
    """Where the session stood in its price before this usage, and..."""
    after: Standing | None = None
    """...after it."""
    on_bill: Money | None = None
    """Of a hybrid account's usage, what the balance didn't reach: it is on the bill, and not in
    `balance_after`. Below zero what a refund took off the bill."""
    waived: Money | None = None
    """What of the price isn't charged (`stored` is without it)..."""
    waiver: str | None = None
    """...and why (`policy.waiving.Waiver`)."""


def record_name(text: str, *, path: str = "record") -> tuple[ChargingAccountId, int]:
    """A record's account and sequence number, of what it is called everywhere: "cac_.../12".
    Raises `NoRecordName`."""
    account, slash, seq = text.rpartition("/")
    if not slash or not (seq.isascii() and seq.isdigit() and len(seq) < 19):
        raise NoRecordName("a record is an account's id, a slash, and its number", path=path)
    return ChargingAccountId.parse(account, path=path), int(seq)


def explain(r: Reader, account: ChargingAccountId, seq: int) -> Explanation:
    """One journal record, of whatever kind, reckoned again. Raises `UnknownChargingAccount`
    and `UnknownRecord`."""
    found = store.account(r, account)
    if found is None:
        raise UnknownChargingAccount(f"there is no charging account {account[:40]!r}")
    row = history.one(r, found.key, seq)
    if row is None:
        raise UnknownRecord(f"{account} has no record {seq}", account=account, seq=seq)
    before = history.one(r, found.key, seq - 1) if seq > 1 else None
    said = _Said(found, row, 0 if before is None else before.balance)
    if seq > 1 and before is None:
        said.differ("the record before it is missing")
    said.compare("balance after it", row.balance, said.before - row.charge)
    if row.kind == RecordKind.ON_BILL:
        said.compare("what goes onto the bill", -row.charge, _beyond(before, -row.charge))
    elif row.kind in BILLED and credit_of(found.state) is not None:
        said.split(history.one(r, found.key, seq + 1))
    if row.kind == RecordKind.WAIVED:
        return _waived(said, history.one(r, found.key, seq + 1))
    if row.slice is not None:
        said.less(before)
        return _usage(r, said)
    if row.kind == RecordKind.ALLOWANCE:
        return _allowance(r, said)
    return _other(r, said)


def _beyond(usage: Any, stored: int) -> int:
    """What of a hybrid account's record of usage the balance didn't reach. Where a refund goes
    depends on what was used before it: that is as `stored`."""
    if usage is None or usage.kind not in BILLED or usage.charge < 0:
        return stored
    return min(usage.charge, max(-usage.balance, 0))  # type: ignore[no-any-return]


class _Said:
    """A record under examination, and what was found to differ."""

    def __init__(self, account: Account, row: Any, before: int) -> None:
        self.account, self.row, self.before = account, row, before
        self.differences: list[str] = []
        self.on_bill: Money | None = None
        self.waived: Any = None
        """The record of what of this usage's price isn't charged."""

    def less(self, before: Any) -> None:
        """Of usage, where the record `before` it waives a part."""
        of = (RecordKind.WAIVED, self.row.session, self.row.number)
        if before is not None and (before.kind, before.session, before.number) == of:
            self.waived = before

    def split(self, following: Any) -> None:
        """Of a hybrid account's usage, whose part of the bill is the record `following` it."""
        is_its = following is not None and following.kind == RecordKind.ON_BILL
        micros = -following.charge if is_its else 0
        self.compare("what goes onto the bill", micros, _beyond(self.row, micros))
        self.on_bill = Money(micros, self.account.state.currency)

    def differ(self, what: str) -> None:
        self.differences.append(what)

    def compare(self, what: str, stored: object, again: object) -> None:
        if stored != again:
            self.differ(f"{what}: stored {stored}, by running it again {again}")

    def explained(self, why: str, recomputed: int, **more: Any) -> Explanation:
        row, currency = self.row, self.account.state.currency
        return Explanation(
            record=f"{self.account.id}/{row.seq}",
            kind=RecordKind(row.kind),
            why=why,
            at=datetime.fromtimestamp(row.at, UTC),
            session=row.session,
            number=row.number,
            service=_service(row.service),
            rating_group=None if row.rating_group < 0 else row.rating_group,
            units=0 if row.kind == RecordKind.WAIVED else row.units,
            free=row.free,
            overrun=row.overrun,
            stored=Money(row.charge, currency),
            recomputed=Money(recomputed, currency),
            balance_before=Money(self.before, currency),
            balance_after=Money(row.balance, currency) + (self.on_bill or Money.zero(currency)),
            holds=not self.differences,
            differences=tuple(self.differences),
            on_bill=self.on_bill,
            waived=None if self.waived is None else Money(self.waived.units, currency),
            waiver=None if self.waived is None else Waiver(self.waived.label).word,
            **more,
        )


def _service(code: int) -> Service | int | None:
    if code < 0:
        return None
    return Service(code) if code in list(Service) else code


def _usage(r: Reader, said: _Said) -> Explanation:
    """Priced usage: its slice is given to the kernel once more, with the position before it."""
    row = said.row
    evidence = msgspec.msgpack.decode(row.slice, type=list[int])
    tariff = store.tariff(r, row.tariff)
    traced, again, code, same = rate_again(Rater(tariff).rate, evidence)
    before = standing(traced)
    if code:
        said.differ(f"the rating kernel now refuses it ({code})")
    charge = again[CHARGE]
    if said.waived is not None:
        charge -= said.waived.units
        said.compare("price before the waiver", _evidence(said.waived).price, again[CHARGE])
    said.compare("charge in micros", row.charge, charge)
    said.compare("units", row.units, again[GRANTED])
    said.compare("units by allowances", row.free, again[FREE])
    said.compare("price", _label(tariff, row.label), _label(tariff, again[LABEL]))
    if not same and not said.differences:
        said.differ("what the rating kernel left in the record is not what it leaves now")
    prefix = matched_prefix(tariff, traced)
    steps = trace(tariff, traced)
    places = [index for index in range(again[BUCKET_COUNT]) if again[bucket_offset(index) + TAKEN]]
    currency = said.account.state.currency
    return said.explained(
        "usage, priced by the tariff",
        charge,
        tariff=row.tariff,
        effective_from=tariff.effective_from,
        plan=_plan(tariff, again[PLAN]),
        label=_label(tariff, again[LABEL]),
        prefix=prefix or None,
        started=datetime.fromtimestamp(again[START], UTC),
        steps=tuple(
            PriceStep(
                each.first,
                each.units,
                None if each.bucket is None else places.index(each.bucket),
                each.cost,
                Money(each.fee, currency),
            )
            for each in steps
        ),
        buckets=tuple(_uses(again, _allowances(r, said, again))),
        before=before,
        after=standing(again),
    )


def _waived(said: _Said, usage: Any) -> Explanation:
    """What of the price of the usage behind it isn't charged: by what was left of the limit."""
    row, found = said.row, _evidence(said.row)
    said.waived = row
    said.compare("charge in micros", row.charge, 0)
    said.compare("waived in micros", row.units, found.waived)
    if usage is None or (usage.session, usage.number) != (row.session, row.number):
        said.differ("the usage behind it is missing")
    else:
        said.compare("what was charged", usage.charge, found.price - found.waived)
    currency = said.account.state.currency
    price, left, limit = (Money(each, currency) for each in found)
    return said.explained(
        f"data abroad past its limit, without consent: of {price}, {left} were left of {limit}", 0
    )


def _evidence(waiver: Any) -> Evidence:
    return Evidence(*msgspec.msgpack.decode(waiver.slice, type=list[int]))


def _label(tariff: Tariff, index: int) -> str:
    return tariff.labels[index] if 0 <= index < len(tariff.labels) else ""


def _plan(tariff: Tariff, index: int) -> str | None:
    return next((each.id for each in tariff.plans if each.index == index), None)


def _allowances(r: Reader, said: _Said, slice_: list[int]) -> list[Any]:
    """The records that gave the account its allowances, before this one, in the months in which
    began what the slice takes from."""
    state = said.account.state
    buckets = [bucket_offset(index) for index in range(slice_[BUCKET_COUNT])]
    months = [
        month_at(slice_[bucket + STARTS], state.cycle_day, state.time_zone)
        for bucket in buckets
        if slice_[bucket + TAKEN]
    ]
    if not months:
        return []
    within, kind = (min(months), max(months)), RecordKind.ALLOWANCE
    return history.of_kind(r, said.account.key, kind, months=within, before=said.row.seq)


def _uses(slice_: list[int], given: Sequence[Any]) -> list[BucketUse]:
    """Those that were asked in vain are left out."""
    uses = []
    for index in range(slice_[BUCKET_COUNT]):
        bucket = slice_[bucket_offset(index) : bucket_offset(index + 1)]
        if bucket[TAKEN]:
            starts = datetime.fromtimestamp(bucket[STARTS], UTC)
            fitting = {
                each.session
                for each in given
                if (each.service, each.rating_group)
                == (bucket[BUCKET_SERVICE], bucket[BUCKET_GROUP])
            }
            uses.append(
                BucketUse(
                    bucket[REMAINING] - bucket[RESERVED],
                    bucket[TAKEN],
                    starts,
                    datetime.fromtimestamp(bucket[EXPIRES], UTC),
                    fitting.pop() if len(fitting) == 1 else "",
                )
            )
    return uses


def _allowance(r: Reader, said: _Said) -> Explanation:
    """A month's allowance began: as many units as the tariff of that day includes, less what
    was consumed of another plan's before; or as many as it lets over from the month before. What
    came with a payment is of no tariff."""
    row = said.row
    if store.credited(r, [row.session]):
        return said.explained("given with a top-up", 0)
    if row.units < 0:
        return said.explained("used of the plan before, in whose allowance's place it came", 0)
    version = Tariffs(store.tariff_versions(r), partial(store.tariff, r)).version_at(row.at)
    more: dict[str, Any] = {}
    if version is None:
        said.differ("no tariff was in force")
    else:
        tariff = store.tariff(r, version)
        included = [
            (plan.id, each)
            for plan in tariff.plans
            for each in plan.allowances
            if each.id == row.session
        ]
        more = {"tariff": tariff.version, "effective_from": tariff.effective_from}
        if not included:
            said.differ(f"tariff {tariff.version} has no allowance {row.session}")
        else:
            more |= {"plan": included[0][0], "label": included[0][1].name}
            most = max(included[0][1].units, included[0][1].rollover)
            if row.units > most:
                said.compare("units", row.units, most)
    return said.explained("a period's allowance began", 0, **more)


def _other(r: Reader, said: _Said) -> Explanation:
    """Money that moved without being rated, and usage that was charged nothing."""
    row = said.row
    if row.kind == RecordKind.UNRATED:
        said.compare("charge in micros", row.charge, 0)
        return said.explained("usage that no price was found for: charged nothing", 0)
    if row.kind == RecordKind.PASSED:
        said.compare("charge in micros", row.charge, 0)
        why = reason(row.label)
        return said.explained(f"it passes and costs nothing: {why}", 0, label=why)
    if row.kind == RecordKind.TOP_UP and not store.credited(r, [row.session]):
        said.differ(f"no payment {row.session} is known to have been credited")
    if row.kind == RecordKind.USAGE:
        return said.explained("a debit in money that the network asked for", row.charge)
    if row.kind == RecordKind.NEW_MONTH:
        freed = said.before if credit_of(said.account.state) is None else 0
        said.compare("charge in micros", row.charge, freed)
    return said.explained(MOVES[RecordKind(row.kind)], row.charge)
