"""Batches of vouchers, vouchers and their sales: how each may stand, and what is posted of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from trunkline.charging import BucketGrant
from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.money import LARGEST, Money, minor_digits
from trunkline.ledger import (
    BREAKAGE,
    COMMISSIONS,
    DEALERS,
    VOUCHERS,
    Entry,
    LegalEntityId,
    Posting,
)
from trunkline.rating import service_code

MOST_CODES = 1_000_000
"""In one batch."""

MOST_AT_ONCE = 50_000
"""Vouchers that one operation changes."""
MOST_GIFTS = 10
MOST_UNITS = 1 << 50
MOST_DAYS = 3660
WRITE_OFF_AFTER = timedelta(days=90)
"""How long a voucher was held back before nobody is expected to claim it any more."""


class UnknownBatch(NotFound):
    code = "unknownVoucherBatch"


class UnknownVoucher(NotFound):
    code = "unknownVoucher"


class VouchersElsewhere(Conflict):
    """Not all vouchers of a range are in a state that allows it; nothing was changed."""

    code = "vouchersElsewhere"


class VoucherBatchId(Id):
    __slots__ = ()
    prefix = "vba"


class SaleId(Id):
    __slots__ = ()
    prefix = "vsl"


class WriteOffId(Id):
    __slots__ = ()
    prefix = "vwo"


class BatchState(StrEnum):
    REQUESTED = "requested"
    """Somebody asked for it; somebody else approves it, or declines."""
    DECLINED = "declined"
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
        BatchState.REQUESTED: {BatchState.GENERATING, BatchState.DECLINED},
        BatchState.DECLINED: set(),
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
    """Never sold, taken back, or written off: worth nothing for ever."""


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
    """Vouchers that are alike, with the serial numbers `first` to `last`. `bonus` and `gifts`
    are given beside the face value. They can be redeemed before `expires_at`."""

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
    gifts: tuple[BucketGrant, ...] = ()
    asked_by: str | None = None
    approved_by: str | None = None

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


def check_gifts(gifts: Sequence[BucketGrant]) -> None:
    """Raises `Invalid`."""
    if len(gifts) > MOST_GIFTS:
        raise Invalid(f"are {MOST_GIFTS} at most", path="bonusBucket")
    for index, each in enumerate(gifts):
        path = f"bonusBucket[{index}]"
        if not 1 <= each.units <= MOST_UNITS:
            raise Invalid(f"is 1 to {MOST_UNITS}", path=f"{path}.amount")
        if not 1 <= each.days <= MOST_DAYS:
            raise Invalid(f"is 1 to {MOST_DAYS}", path=f"{path}.validDays")
        check_name(each.name, f"{path}.name")
        service_code(each.service, path=f"{path}.usageType")


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


def sale_entry(sale: Sale) -> Entry:
    """The dealer owes the price; whoever will hold the vouchers is owed their face value. The
    difference is what selling them costs."""
    face, price = sale.face * sale.count, sale.price * sale.count
    return Entry(
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
    return Entry(
        sale.entity,
        "vouchers taken back",
        f"{sale.id}/{first}-{last}",
        (Posting(VOUCHERS, face), Posting(DEALERS, -price), Posting(COMMISSIONS, price - face)),
        f"{count} vouchers {first} to {last} back from {sale.dealer}",
        booked_at,
    )


def write_off_entry(
    batch: VoucherBatch, ident: WriteOffId, first: int, last: int, booked_at: datetime
) -> Entry:
    """What was sold, held back, and nobody is expected to claim any more is earned once nobody
    can (IFRS 15, B46)."""
    amount = batch.face * (last - first + 1)
    return Entry(
        batch.entity,
        "vouchers written off",
        ident,
        (Posting(VOUCHERS, amount), Posting(BREAKAGE, -amount)),
        f"{last - first + 1} vouchers {first} to {last} of {batch.name}",
        booked_at,
    )


def expiry_entry(batch: VoucherBatch, first: int, count: int, booked_at: datetime) -> Entry:
    """What nobody claimed in time is earned (IFRS 15, B46: by then nobody can any more)."""
    amount = batch.face * count
    return Entry(
        batch.entity,
        "vouchers expired",
        f"{batch.id}/{first}",
        (Posting(VOUCHERS, amount), Posting(BREAKAGE, -amount)),
        f"{count} vouchers of {batch.name} from {first} on",
        booked_at,
    )
