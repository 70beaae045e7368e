"""Who sells vouchers and top-ups, and what they may sell for."""

from datetime import datetime
from enum import StrEnum

import msgspec

from trunkline.kernel.errors import Conflict, NotFound, Refused
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.money import Money
from trunkline.ledger import (
    CASH,
    DEALERS,
    Entry,
    LegalEntityId,
    Posting,
)


class UnknownDealer(NotFound):
    code = "unknownDealer"


class DealerLimit(Refused):
    """The dealer's float, with the credit that they have, doesn't suffice."""

    code = "dealerLimitReached"


class DealerBlocked(Refused):
    code = "dealerBlocked"


class DealerReferenceUsed(Conflict):
    code = "dealerReferenceUsed"


class DealerPaymentId(Id):
    __slots__ = ()
    prefix = "dpy"


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


def dealer_payment_entry(
    dealer: Dealer, payment: DealerPaymentId, amount: Money, booked_at: datetime
) -> Entry:
    return Entry(
        dealer.entity,
        "dealer payment",
        payment,
        (Posting(CASH, amount), Posting(DEALERS, -amount)),
        f"{dealer.id} {dealer.name}",
        booked_at,
    )
