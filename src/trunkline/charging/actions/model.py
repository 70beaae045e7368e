"""Actions on prepaid balances, and how they stand."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.charging.events import BalanceVerb
from trunkline.charging.model import ChargingAccountId
from trunkline.customers import BillingAccountId
from trunkline.kernel.errors import Conflict, Invalid, NotFound, Refused
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.money import LARGEST, Money, minor_digits
from trunkline.ledger import ADJUSTMENTS, PREPAID, Entry, LegalEntityId, Posting


class UnknownAction(NotFound):
    code = "unknownBalanceAction"


class ActionStands(Conflict):
    """Money that has moved, or is about to, isn't undone by forgetting it."""

    code = "balanceActionStands"


class NotAPrepaidBalance(Refused):
    code = "notPrepaid"


class BalanceTooLow(Refused):
    code = "balanceTooLow"


class BalanceActionId(Id):
    __slots__ = ()
    prefix = "bal"


class ActionKind(StrEnum):
    ADJUSTMENT = "adjustment"
    """By staff, with a reason: a debit is negative."""
    TRANSFER = "transfer"
    RESERVATION = "reservation"


VERBS = {
    ActionKind.ADJUSTMENT: BalanceVerb.ADJUST,
    ActionKind.TRANSFER: BalanceVerb.TRANSFER,
    ActionKind.RESERVATION: BalanceVerb.RESERVE,
}


class ActionState(StrEnum):
    """TMF654's ActionStatusType."""

    CREATED = "created"
    """Charging has been told, and hasn't answered yet."""
    COMPLETED = "completed"
    FAILED = "failed"
    """Charging refused: `failure` says why."""
    CANCELLED = "cancelled"
    """A reservation that was released."""


LIFECYCLE: Lifecycle[ActionState] = Lifecycle(
    "balance action",
    {
        ActionState.CREATED: {ActionState.COMPLETED, ActionState.FAILED},
        ActionState.COMPLETED: set(),
        ActionState.FAILED: set(),
        ActionState.CANCELLED: set(),
    },
)
RESERVATIONS: Lifecycle[ActionState] = Lifecycle(
    "reservation",
    {
        ActionState.CREATED: {
            ActionState.COMPLETED,
            ActionState.FAILED,
            ActionState.CANCELLED,
        },
        ActionState.COMPLETED: {ActionState.CANCELLED},
        ActionState.FAILED: set(),
        ActionState.CANCELLED: set(),
    },
)

RESERVED_FOR = timedelta(days=1)
"""Where a reservation doesn't say how long."""
MOST_RESERVED = timedelta(days=366)
_LONGEST = 400


class BalanceAction(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of the balance of `account`, and how it stands. An adjustment's `amount`
    is negative where it takes money away; all others are positive. `details` is what the client
    said beside: kept, never read."""

    id: BalanceActionId
    kind: ActionKind
    account: ChargingAccountId
    billing_account: BillingAccountId
    entity: LegalEntityId
    amount: Money
    state: ActionState
    requested_at: datetime
    reason: str | None = None
    description: str | None = None
    to: ChargingAccountId | None = None
    """Of a transfer: who gets it."""
    to_billing_account: BillingAccountId | None = None
    until: datetime | None = None
    """Of a reservation: when it is released by itself."""
    confirmed_at: datetime | None = None
    failure: str | None = None
    details: Mapping[str, Any] = {}

    @property
    def lifecycle(self) -> Lifecycle[ActionState]:
        return RESERVATIONS if self.kind is ActionKind.RESERVATION else LIFECYCLE


def check_amount(amount: Money, *, debit: bool = False) -> None:
    """Positive, or not zero where it may be a `debit`, in whole minor units. Raises `Invalid`."""
    micros = abs(amount.micros) if debit else amount.micros
    if not 0 < micros <= LARGEST // 8:
        raise Invalid(f"{amount} is not an amount that can be moved", path="amount")
    if amount.rounded() != amount:
        digits = minor_digits(amount.currency)
        raise Invalid(f"{amount} has more than {digits} decimals", path="amount")


def check_text(text: str | None, path: str) -> str | None:
    if text is not None and (len(text) > _LONGEST or "\0" in text):
        raise Invalid(f"has at most {_LONGEST} characters", path=path)
    return text


def check_until(until: datetime, now: datetime) -> None:
    if until <= now:
        raise Invalid("is over already", path="until")
    if until > now + MOST_RESERVED:
        raise Invalid(f"is more than {MOST_RESERVED.days} days ahead", path="until")


def entry_of(action: BalanceAction, booked_at: datetime) -> Entry:
    """An adjustment in the ledger: what the operator gives away, or takes back."""
    return Entry(
        entity=action.entity,
        kind="balance adjustment",
        reference=action.id,
        postings=(Posting(ADJUSTMENTS, action.amount), Posting(PREPAID, -action.amount)),
        description=f"{action.account}: {action.reason or 'adjusted'}"[:200],
        booked_at=booked_at,
    )
