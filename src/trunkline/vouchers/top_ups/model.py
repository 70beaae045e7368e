"""Top-ups that no payment stands for: how they may stand, and what is posted of them."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.charging import AccountIsClosed, Balance, ChargingAccountId, NotPrepaid, Status
from trunkline.customers import BillingAccountId
from trunkline.kernel.errors import NotFound, Refused
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.money import Money
from trunkline.ledger import (
    ADJUSTMENTS,
    COMMISSIONS,
    DEALERS,
    PREPAID,
    VOUCHERS,
    Entry,
    LegalEntityId,
    Posting,
)


class UnknownTopUp(NotFound):
    code = "unknownTopUp"


class VoucherRefused(Refused):
    """The code gives nothing here. Why isn't told: who guesses would learn from it."""

    code = "voucherRefused"


class NotReversible(Refused):
    code = "topUpNotReversible"


class ChannelTopUpId(Id):
    __slots__ = ()
    prefix = "tup"


class ReversalId(Id):
    __slots__ = ()
    prefix = "trv"


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


def check_takes_top_ups(balance: Balance) -> None:
    """Raises `NotPrepaid`, `AccountIsClosed`."""
    if not balance.kind.has_balance:
        raise NotPrepaid("a postpaid product has no balance to top up", path="account")
    if balance.status is Status.CLOSED:
        raise AccountIsClosed("the product has ended", path="account")


def redemption_entry(
    top_up: ChannelTopUp, face: Money, booked_at: datetime, *, undone: bool = False
) -> Entry:
    """What was owed to whoever held the voucher is the subscriber's balance now, with the bonus,
    which the operator gives."""
    bonus = top_up.amount - face
    postings = (
        Posting(VOUCHERS, face), Posting(ADJUSTMENTS, bonus), Posting(PREPAID, -top_up.amount)
    )  # fmt: skip
    return Entry(
        top_up.entity,
        "voucher redemption undone" if undone else "voucher redeemed",
        top_up.id,
        _turned(postings) if undone else postings,
        f"voucher {top_up.serial} for {top_up.account}",
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
    return Entry(
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


def _turned(postings: tuple[Posting, ...]) -> tuple[Posting, ...]:
    return tuple(Posting(each.account, -each.amount) for each in postings)
