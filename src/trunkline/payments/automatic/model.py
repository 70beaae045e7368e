"""Rules of automatic top-ups, what is collected by them, and the port to who collects."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import msgspec

from trunkline.charging import ChargingAccountId
from trunkline.customers import BillingAccountId
from trunkline.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.money import CurrencyMismatch, Money
from trunkline.payments.model import PaymentId, PaymentMethodId, check_amount


class UnknownRule(NotFound):
    code = "unknownAutomaticTopUp"


class UnknownCollection(NotFound):
    code = "unknownCollection"


class RuleExists(Conflict):
    """A balance has one rule."""

    code = "automaticTopUpExists"


class GatewayUnavailable(Unavailable):
    """No answer can be had now: whether the money was taken isn't known."""

    code = "gatewayUnavailable"


class RuleId(Id):
    __slots__ = ()
    prefix = "atu"


class CollectionId(Id):
    __slots__ = ()
    prefix = "col"


class RuleState(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    """The method was declined too often: somebody must see to it."""
    ENDED = "ended"


RULE_LIFECYCLE: Lifecycle[RuleState] = Lifecycle(
    "automatic top-up",
    {
        RuleState.ACTIVE: {RuleState.SUSPENDED, RuleState.ENDED},
        RuleState.SUSPENDED: {RuleState.ACTIVE, RuleState.ENDED},
        RuleState.ENDED: set(),
    },
)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Whenever `account` has less than `threshold`, `amount` is collected by `method`, at most
    `cap` in a calendar month of its market. `collection` is under way, if one is; `settled_at`
    is when the last one ended: what was seen of the balance before counts no more."""

    id: RuleId
    account: ChargingAccountId
    billing_account: BillingAccountId
    threshold: Money
    amount: Money
    method: PaymentMethodId
    state: RuleState
    created_at: datetime
    cap: Money | None = None
    collection: CollectionId | None = None
    settled_at: datetime | None = None
    reason: str | None = None
    """Why it is suspended, or ended by itself."""


class CollectionState(StrEnum):
    PENDING = "pending"
    COLLECTED = "collected"
    """The money is there, and is a payment."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    """The balance was topped up otherwise before the next try, or the rule ended."""


COLLECTION_LIFECYCLE: Lifecycle[CollectionState] = Lifecycle(
    "collection",
    {
        CollectionState.PENDING: {
            CollectionState.COLLECTED,
            CollectionState.FAILED,
            CollectionState.CANCELLED,
        },
        CollectionState.COLLECTED: set(),
        CollectionState.FAILED: set(),
        CollectionState.CANCELLED: set(),
    },
)


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """Money to be collected, once. `declines` counts the tries that the method's owner's bank
    refused; `attempts` all since the last of those."""

    id: CollectionId
    rule: RuleId
    account: ChargingAccountId
    billing_account: BillingAccountId
    amount: Money
    method: PaymentMethodId
    state: CollectionState
    asked_at: datetime
    due_at: datetime
    leased: bool = False
    """Whether somebody may be asking for it at the moment."""
    declines: int = 0
    attempts: int = 0
    reason: str | None = None
    reference: str | None = None
    """The gateway's own name for it."""
    payment: PaymentId | None = None
    ended_at: datetime | None = None

    @property
    def key(self) -> str:
        """The same for every try whose outcome may be that of the one before."""
        return f"{self.id}-{self.declines}"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway needs to know of one try."""

    key: str
    collection: CollectionId
    billing_account: BillingAccountId
    amount: Money
    method: PaymentMethodId
    kind: str
    token: str | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway said: with a `reference` the money was taken, without it was declined."""

    reference: str | None = None
    reason: str | None = None


class Gateway(Protocol):
    """Who takes money by a kept method. The same order (by its key) may come again, and takes
    effect once. Raises `GatewayUnavailable` where no answer can be had now."""

    def collect(self, order: Order) -> Outcome:
        """Takes the money, or says why not."""


RETRIES = (timedelta(hours=1), timedelta(hours=24), timedelta(hours=72))
"""After each decline; then it has failed."""
ABSENCES = (2, 10, 60, 300, 900)
"""Seconds after a try without an answer; then every hour, until there is one."""
_HOUR = timedelta(hours=1)


def pause_after_absence(attempts: int) -> timedelta:
    """After the `attempts`-th try without an answer: it is never given up, since the money may
    have been taken."""
    return timedelta(seconds=ABSENCES[attempts - 1]) if attempts <= len(ABSENCES) else _HOUR


def check_rule(threshold: Money, amount: Money, cap: Money | None) -> None:
    """Raises `Invalid` and `CurrencyMismatch`."""
    check_amount(amount)
    if not threshold.micros > 0:
        raise Invalid("is above zero", path="threshold")
    for other, path in ((threshold, "threshold"), (cap, "monthlyCap")):
        if other is not None and other.currency != amount.currency:
            raise CurrencyMismatch(f"is not in {amount.currency}", path=path)
    if cap is not None and cap < amount:
        raise Invalid("is less than one top-up", path="monthlyCap")
