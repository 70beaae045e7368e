"""Batches of vouchers, vouchers, dealers and what they are worth, and how each may stand."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.charging import ChargingAccountId
from trunkline.customers import BillingAccountId
from trunkline.kernel.errors import Conflict, Invalid, NotFound, Refused
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.money import LARGEST, Money, minor_digits
from trunkline.ledger import (
    ADJUSTMENTS,
    BREAKAGE,
    CASH,
    COMMISSIONS,
    DEALERS,
    PREPAID,
    VOUCHERS,
    Entry,
    LegalEntityId,
    Posting,
)

MOST_CODES = 1_000_000
"""In one batch."""
MOST_AT_ONCE = 50_000
"""Vouchers that one operation changes."""


class UnknownBatch(NotFound):
    code = "unknownVoucherBatch"


class UnknownVoucher(NotFound):
    code = "unknownVoucher"


class UnknownDealer(NotFound):
    code = "unknownDealer"


class UnknownTopUp(NotFound):
    code = "unknownTopUp"


class VouchersElsewhere(Conflict):
    """Not all vouchers of a range are in a state that allows it; nothing was changed."""

    code = "vouchersElsewhere"


class VoucherRefused(Refused):
    """The code gives nothing here. Why isn't told: who guesses would learn from it."""

    code = "voucherRefused"


class DealerLimit(Refused):
    """The dealer's float, with the credit that they have, doesn't suffice."""

    code = "dealerLimitReached"


class DealerBlocked(Refused):
    code = "dealerBlocked"


class DealerReferenceUsed(Conflict):
    code = "dealerReferenceUsed"


class NotReversible(Refused):
    code = "topUpNotReversible"


class VoucherBatchId(Id):
    __slots__ = ()
    prefix = "vba"


class SaleId(Id):
    __slots__ = ()
    prefix = "vsl"


class ChannelTopUpId(Id):
    __slots__ = ()
    prefix = "tup"


class ReversalId(Id):
    __slots__ = ()
    prefix = "trv"


class DealerPaymentId(Id):
    __slots__ = ()
    prefix = "dpy"


class BatchState(StrEnum):
    GENERATING = "generating"
    """Codes are being drawn, and sealed as they come."""
    SEALED = "sealed"
    """All are there; the sealed file waits to be fetched."""
    EXPORTED = "exported"
    """The sealed file is the printer's, and is here no more."""
    CLOSED = "closed"
    """None of its vouchers is worth anything any more."""


BATCH_LIFECYCLE: Lifecycle[BatchState] = Lifecycle(
    "voucher batch",
    {
        BatchState.GENERATING: {BatchState.SEALED},
        BatchState.SEALED: {BatchState.EXPORTED},
        BatchState.EXPORTED: {BatchState.CLOSED},
        BatchState.CLOSED: set(),
    },
)


class VoucherState(StrEnum):
    GENERATED = "generated"
    """Drawn, and worth nothing yet."""
    ACTIVE = "active"
    """Sold: worth its face value."""
    REDEEMING = "redeeming"
    """Charging has been asked to credit it."""
    REDEEMED = "redeemed"
    STOPPED = "stopped"
    """Sold, and held back: lost, stolen, in doubt."""
    EXPIRED = "expired"
    """Sold, and never redeemed in time."""
    VOID = "void"
    """Never sold, or taken back: worth nothing for ever."""


VOUCHER_LIFECYCLE: Lifecycle[VoucherState] = Lifecycle(
    "voucher",
    {
        VoucherState.GENERATED: {VoucherState.ACTIVE, VoucherState.VOID},
        VoucherState.ACTIVE: {
            VoucherState.REDEEMING,
            VoucherState.STOPPED,
            VoucherState.EXPIRED,
            VoucherState.VOID,
        },
        VoucherState.REDEEMING: {VoucherState.REDEEMED, VoucherState.ACTIVE},
        VoucherState.REDEEMED: set(),
        VoucherState.STOPPED: {VoucherState.ACTIVE, VoucherState.EXPIRED, VoucherState.VOID},
        VoucherState.EXPIRED: set(),
        VoucherState.VOID: set(),
    },
)
OWED = frozenset({VoucherState.ACTIVE, VoucherState.STOPPED})
"""Those whose face value is owed to whoever holds them."""


class VoucherBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Vouchers that are alike, with the serial numbers `first` to `last`. `bonus` is given
    beside the face value. They can be redeemed before `expires_at`."""

    id: VoucherBatchId
    name: str
    entity: LegalEntityId
    brand: str | None
    """Whose customers alone may redeem them; None for all of the entity's."""
    face: Money
    bonus: Money
    first: int
    last: int
    state: BatchState
    expires_at: datetime
    created_at: datetime
    state_at: datetime
    made: int = 0
    """How many are drawn."""
    valid_days: int | None = None
    """For how many days the balance then holds at least; None: as the account's terms say."""

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    @property
    def worth(self) -> Money:
        """What a subscriber gets."""
        return self.face + self.bonus


class Voucher(msgspec.Struct, frozen=True, kw_only=True):
    """One of them, without its code, which nobody knows but who holds it."""

    serial: int
    batch: VoucherBatchId
    state: VoucherState
    changed_at: datetime
    sale: SaleId | None = None
    top_up: str | None = None
    """What redeemed it, or is about to."""


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """A range of vouchers that a dealer was given, at `price` each."""

    id: SaleId
    batch: VoucherBatchId
    entity: LegalEntityId
    dealer: str
    first: int
    last: int
    face: Money
    price: Money
    sold_at: datetime

    @property
    def count(self) -> int:
        return self.last - self.first + 1


class DealerState(StrEnum):
    ACTIVE = "active"
    BLOCKED = "blocked"
    """May not sell; what they owe stands."""


DEALER_LIFECYCLE: Lifecycle[DealerState] = Lifecycle(
    "dealer",
    {
        DealerState.ACTIVE: {DealerState.BLOCKED},
        DealerState.BLOCKED: {DealerState.ACTIVE},
    },
)


class Dealer(msgspec.Struct, frozen=True, kw_only=True):
    """Who sells vouchers and top-ups: a party role (TMF669), by its id. `float_` is what they
    have paid in and not sold yet, negative where they owe; it never falls below
    `-credit_limit` by what they sell."""

    id: str
    name: str
    entity: LegalEntityId
    float_: Money
    credit_limit: Money
    commission_ppm: int
    """What of a retail top-up is theirs, in millionths."""
    state: DealerState
    created_at: datetime
    keys: tuple[str, ...] = ()
    """The API keys that act for them."""

    def check_can_pay(self, cost: Money) -> None:
        """Raises `DealerBlocked`, `DealerLimit`."""
        if self.state is not DealerState.ACTIVE:
            raise DealerBlocked(f"dealer {self.id} is {self.state}")
        free = self.float_ + self.credit_limit
        if cost > free:
            raise DealerLimit(f"{free} can be sold for, and this costs {cost}", path="amount")


class Channel(StrEnum):
    VOUCHER = "voucher"
    RETAIL = "retail"


class TopUpState(StrEnum):
    CREATED = "created"
    """Charging has been told, and hasn't answered yet."""
    COMPLETED = "completed"
    FAILED = "failed"
    REVERSING = "reversing"
    """Charging has been asked to take it back."""
    REVERSED = "reversed"


TOP_UP_LIFECYCLE: Lifecycle[TopUpState] = Lifecycle(
    "top-up",
    {
        TopUpState.CREATED: {TopUpState.COMPLETED, TopUpState.FAILED},
        TopUpState.COMPLETED: {TopUpState.REVERSING},
        TopUpState.REVERSING: {TopUpState.REVERSED, TopUpState.COMPLETED},
        TopUpState.REVERSED: set(),
        TopUpState.FAILED: set(),
    },
)


class ChannelTopUp(msgspec.Struct, frozen=True, kw_only=True):
    """A top-up that no payment of the customer's stands for: a voucher, or a dealer who was
    paid. One that failed at once, by a code that gives nothing, has an amount of zero."""

    id: ChannelTopUpId
    channel: Channel
    account: ChargingAccountId
    billing_account: BillingAccountId
    entity: LegalEntityId
    amount: Money
    """What is credited."""
    cost: Money
    """Of a voucher its face value; of a retail top-up what the dealer owes for it."""
    state: TopUpState
    requested_at: datetime
    caller: str
    serial: int | None = None
    dealer: str | None = None
    reference: str | None = None
    """The dealer's own name for it."""
    confirmed_at: datetime | None = None
    reason: str | None = None
    """Why it failed, as anybody may hear it."""
    finding: str | None = None
    """What was wrong with the code, for staff."""
    reversal: ReversalId | None = None
    reversed_at: datetime | None = None
    details: Mapping[str, Any] = {}

    @property
    def status(self) -> str:
        """As TMF654 calls it."""
        if self.state is TopUpState.REVERSED:
            return "cancelled"
        if self.state is TopUpState.REVERSING:
            return TopUpState.COMPLETED.value
        return self.state.value


class Lockout(msgspec.Struct, frozen=True, kw_only=True):
    """How often somebody has failed, and until when they are refused."""

    who: str
    failures: int
    failed_at: datetime
    until: datetime


FREE_TRIES = 5
"""Wrong codes of one account, customer or requestor before they are refused for a while."""
FREE_FOR_ALL = 200
"""The same of one caller over all that it serves: a kiosk, an app."""
FIRST_LOCK = timedelta(minutes=15)
"""It doubles with each further one, up to:"""
LONGEST_LOCK = timedelta(hours=24)
FORGOTTEN_AFTER = timedelta(hours=24)
"""Failures are counted until so long after the last one, and the end of its lock."""


def failed_again(before: Lockout | None, who: str, free: int, now: datetime) -> Lockout:
    """The count after one failure more."""
    fresh = before is None or now >= max(before.until, before.failed_at) + FORGOTTEN_AFTER
    failures = 1 if fresh or before is None else before.failures + 1
    lock = timedelta()
    if failures >= free:
        lock = min(FIRST_LOCK * 2 ** min(failures - free, 20), LONGEST_LOCK)
    return Lockout(who=who, failures=failures, failed_at=now, until=now + lock)


def check_face(face: Money, bonus: Money) -> None:
    """Raises `Invalid`."""
    for amount, path, least in ((face, "face", 1), (bonus, "bonus", 0)):
        if not least <= amount.micros <= LARGEST // (8 * MOST_CODES):
            raise Invalid(f"{amount} is no value for a voucher", path=path)
        if amount.rounded() != amount:
            raise Invalid(
                f"{amount} has more than {minor_digits(amount.currency)} decimals", path=path
            )
    if face.currency != bonus.currency:
        raise Invalid(f"is not in {face.currency}", path="bonus")


def check_name(name: str, path: str = "name") -> str:
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise Invalid("has 1 to 100 printable characters", path=path)
    return name.strip()


def check_range(batch: VoucherBatch, first: int, last: int) -> None:
    """Raises `Invalid` for serial numbers that aren't the batch's, or are too many at once."""
    if not batch.first <= first <= last <= batch.last:
        raise Invalid(f"is not within {batch.first} to {batch.last}", path="serials")
    if last - first >= MOST_AT_ONCE:
        raise Invalid(f"is more than {MOST_AT_ONCE} vouchers at once", path="serials")


def _entry(
    entity: LegalEntityId,
    kind: str,
    reference: str,
    postings: tuple[Posting, ...],
    description: str,
    booked_at: datetime,
) -> Entry:
    return Entry(entity, kind, reference, postings, description[:200], booked_at)


def sale_entry(sale: Sale) -> Entry:
    """The dealer owes the price; whoever will hold the vouchers is owed their face value. The
    difference is what selling them costs."""
    face, price = sale.face * sale.count, sale.price * sale.count
    return _entry(
        sale.entity,
        "vouchers sold",
        sale.id,
        (Posting(DEALERS, price), Posting(COMMISSIONS, face - price), Posting(VOUCHERS, -face)),
        f"{sale.count} vouchers {sale.first} to {sale.last} to {sale.dealer}",
        sale.sold_at,
    )


def return_entry(sale: Sale, first: int, last: int, booked_at: datetime) -> Entry:
    """A part of a sale undone."""
    count = last - first + 1
    face, price = sale.face * count, sale.price * count
    return _entry(
        sale.entity,
        "vouchers taken back",
        f"{sale.id}/{first}-{last}",
        (Posting(VOUCHERS, face), Posting(DEALERS, -price), Posting(COMMISSIONS, price - face)),
        f"{count} vouchers {first} to {last} back from {sale.dealer}",
        booked_at,
    )


def redemption_entry(
    top_up: ChannelTopUp, face: Money, booked_at: datetime, *, undone: bool = False
) -> Entry:
    """What was owed to whoever held the voucher is the subscriber's balance now, with the bonus,
    which the operator gives."""
    bonus = top_up.amount - face
    postings = (
        Posting(VOUCHERS, face), Posting(ADJUSTMENTS, bonus), Posting(PREPAID, -top_up.amount)
    )  # fmt: skip
    return _entry(
        top_up.entity,
        "voucher redemption undone" if undone else "voucher redeemed",
        top_up.id,
        _turned(postings) if undone else postings,
        f"voucher {top_up.serial} for {top_up.account}",
        booked_at,
    )


def expiry_entry(batch: VoucherBatch, first: int, count: int, booked_at: datetime) -> Entry:
    """What nobody claimed in time is earned (IFRS 15, B46: by then nobody can any more)."""
    amount = batch.face * count
    return _entry(
        batch.entity,
        "vouchers expired",
        f"{batch.id}/{first}",
        (Posting(VOUCHERS, amount), Posting(BREAKAGE, -amount)),
        f"{count} vouchers of {batch.name} from {first} on",
        booked_at,
    )


def retail_entry(top_up: ChannelTopUp, booked_at: datetime, kind: str) -> Entry:
    """The dealer took the money and owes it, less their commission. `kind` "retail top-up", or
    what undoes one."""
    postings = (
        Posting(DEALERS, top_up.cost),
        Posting(COMMISSIONS, top_up.amount - top_up.cost),
        Posting(PREPAID, -top_up.amount),
    )
    return _entry(
        top_up.entity,
        kind,
        top_up.id if top_up.reversal is None else top_up.reversal,
        postings if kind == RETAIL else _turned(postings),
        f"{top_up.dealer} {top_up.reference} for {top_up.account}",
        booked_at,
    )


RETAIL = "retail top-up"
RETAIL_REFUSED = "retail top-up refused"
RETAIL_REVERSED = "retail top-up reversed"


def dealer_payment_entry(
    dealer: Dealer, payment: DealerPaymentId, amount: Money, booked_at: datetime
) -> Entry:
    return _entry(
        dealer.entity,
        "dealer payment",
        payment,
        (Posting(CASH, amount), Posting(DEALERS, -amount)),
        f"{dealer.id} {dealer.name}",
        booked_at,
    )


def _turned(postings: tuple[Posting, ...]) -> tuple[Posting, ...]:
    return tuple(Posting(each.account, -each.amount) for each in postings)
