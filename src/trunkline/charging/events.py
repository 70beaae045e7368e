"""What charging is told from afar (durable commands), and what it tells."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from trunkline.charging.model import BucketGrant, ChargingAccountId, Circumstances, Identity
from trunkline.charging.pools.events import JoiningRefused as JoiningRefused
from trunkline.charging.pools.events import JoinPool as JoinPool
from trunkline.charging.pools.events import LeavePool as LeavePool
from trunkline.charging.pools.events import PoolJoined as PoolJoined
from trunkline.charging.pools.events import PoolLeft as PoolLeft
from trunkline.charging.pools.events import UnitLimit as UnitLimit
from trunkline.customers import AccountKind, BillingAccountId
from trunkline.kernel.money import Money
from trunkline.ledger import LegalEntityId
from trunkline.platform.messages import Message
from trunkline.rating import Days


class _AboutAccount(Message, frozen=True, kw_only=True):
    account: ChargingAccountId

    @property
    def key(self) -> str:
        return self.account


class Validity(msgspec.Struct, frozen=True, kw_only=True):
    """How long a prepaid balance holds, in days: from its first use on (0: without an end), and
    at least from each top-up on (0: a top-up only begins anew what was over); and for how many
    more its owner can still be reached."""

    first_days: int = 0
    top_up_days: int = 0
    grace_days: int = 0


class MonthlyFee(msgspec.Struct, frozen=True, kw_only=True):
    """Taken from a prepaid balance when a month begins; the month's allowances come with it."""

    amount: Money
    label: str = ""
    first: Days | None = None
    """Of the first month only the part that is left is taken, its days counted so; None: all."""


NewLimit = Money | None | msgspec.UnsetType


class OpenAccount(_AboutAccount, frozen=True, kw_only=True):
    """A command: open this account, the sender's id for it, for one subscriber product. Sent
    again it changes nothing. Answered by `AccountOpened` or `OpeningRefused`."""

    topic: ClassVar[str] = "charging.open_account"

    billing_account: BillingAccountId
    legal_entity: LegalEntityId
    currency: str
    kind: AccountKind
    plan: str
    """The offering that prices its usage and grants its allowances."""
    cycle_day: int
    """1 to 31: the local day on which billing months, and with them allowances, begin."""
    time_zone: str
    identities: tuple[Identity, ...]
    """What the network knows it by; bound from `opened_at` on."""
    opened_at: datetime
    credit_limit: Money | None = None
    """How far a postpaid account may go in a billing month (None: without a limit), a prepaid one
    below zero, and how much of a hybrid one's usage may go onto a month's bill (None: nothing)."""
    pre_active: bool = False
    """Its first use or first top-up activates it."""
    validity: Validity | None = None
    low_balance: tuple[Money, ...] = ()
    """Below each of these somebody is told."""
    fee: MonthlyFee | None = None
    shared: bool = False
    """A pool that leases what it has to its members; it needs no identities."""


class CloseAccount(_AboutAccount, frozen=True, kw_only=True):
    """A command: nothing may be charged from `closed_at` on, and its identities are free for
    others. The account and its journal stay. Late usage from before still finds it."""

    topic: ClassVar[str] = "charging.close_account"

    closed_at: datetime


class ChangePlan(_AboutAccount, frozen=True, kw_only=True):
    """A command: from `changed_at` on, `plan` prices its usage. What was consumed of the old
    plan's allowances in this month counts against the new one's. Answered by `PlanChanged` or
    `PlanChangeRefused`."""

    topic: ClassVar[str] = "charging.change_plan"

    plan: str
    changed_at: datetime
    fee: MonthlyFee | None = None
    """From the next month on; None: as before."""
    limit: NewLimit = msgspec.UNSET
    """At once, as `OpenAccount.credit_limit`; left out: as before. What the month has used counts
    against it."""


class BarAccount(_AboutAccount, frozen=True, kw_only=True):
    """A command: grant nothing more. What was granted may still be reported. Answered by
    `AccountBarred` or `BarringRefused`."""

    topic: ClassVar[str] = "charging.bar_account"


class UnbarAccount(_AboutAccount, frozen=True, kw_only=True):
    """A command: grant again. Answered likewise."""

    topic: ClassVar[str] = "charging.unbar_account"


class TopUp(_AboutAccount, frozen=True, kw_only=True):
    """A command: credit a prepaid account with a payment's amount, once for each payment. The
    payment itself has posted it to the ledger."""

    topic: ClassVar[str] = "charging.top_up"

    payment_id: str
    amount: Money
    valid_days: int | None = None
    """For how long the balance then holds at least; None: as the account's terms say."""
    buckets: tuple[BucketGrant, ...] = ()
    """Given beside it."""


class WatchBalance(_AboutAccount, frozen=True, kw_only=True):
    """A command: from now on somebody is told when the balance falls below one of these."""

    topic: ClassVar[str] = "charging.watch_balance"

    thresholds: tuple[Money, ...]
    instead_of: tuple[Money, ...] | None = None
    """What of the present thresholds these replace; None: all."""


class BalanceVerb(StrEnum):
    """What can be done to a prepaid balance."""

    ADJUST = "adjust"
    TRANSFER = "transfer"
    RESERVE = "reserve"
    RELEASE = "release"


class ActOnBalance(_AboutAccount, frozen=True, kw_only=True):
    """A command: adjust a prepaid balance (by an amount below zero to take from it), transfer
    from it to another, reserve a part of it until an instant, or release that; once for each
    action and verb. Answered by `ActionDone` or `ActionRefused`. What it moves is the sender's
    to post to the ledger."""

    topic: ClassVar[str] = "charging.act_on_balance"

    action: str
    verb: BalanceVerb
    amount: Money | None = None
    to: ChargingAccountId | None = None
    until: datetime | None = None


class UsageEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Usage that a record told of after the fact. `id` is the sender's, echoed in the result;
    `units` are the service's: bytes, seconds, messages."""

    id: str
    identities: tuple[Identity, ...]
    service: int
    """A `Service`, or `service_code` of a name that the operator gave."""
    at: datetime
    units: int
    called: str = ""
    """The called party's digits in international form without "+"."""
    rating_group: int | None = None
    service_identifier: int | None = None
    where: Circumstances | None = None


class ChargeUsage(Message, frozen=True, kw_only=True):
    """A command: rate these events in order and debit their accounts in full, whatever the
    balance. The sender has removed duplicates; `batch_id` names the batch for ever. At most
    `MOST_EVENTS`. Answered by `UsageCharged`."""

    topic: ClassVar[str] = "charging.charge_usage"

    batch_id: str
    events: tuple[UsageEvent, ...]

    @property
    def key(self) -> str:
        return self.batch_id


class InstallTariff(Message, frozen=True, kw_only=True):
    """A command: this compiled tariff prices usage from `effective_from` on. A version that is
    installed already changes nothing."""

    topic: ClassVar[str] = "charging.install_tariff"

    version: int
    effective_from: datetime
    body: bytes

    @property
    def key(self) -> str:
        return f"tariff/{self.version}"


class PublishTariff(Message, frozen=True, kw_only=True):
    """A command within the books: compile what the catalogue holds now, unless a later request
    is already waiting."""

    topic: ClassVar[str] = "charging.publish_tariff"

    request: int
    effective_from: datetime

    @property
    def key(self) -> str:
        return f"tariff/{self.request}"


class AccountOpened(_AboutAccount, frozen=True, kw_only=True):
    topic: ClassVar[str] = "charging.account_opened"

    billing_account: BillingAccountId
    opened_at: datetime


class OpeningRefused(_AboutAccount, frozen=True, kw_only=True):
    """The account could not be opened, and trying again won't help."""

    topic: ClassVar[str] = "charging.opening_refused"

    code: str
    reason: str


class PlanChangeRefused(_AboutAccount, frozen=True, kw_only=True):
    """The account keeps its plan, and trying again won't help."""

    topic: ClassVar[str] = "charging.plan_change_refused"

    plan: str
    code: str
    reason: str


class AccountClosed(_AboutAccount, frozen=True, kw_only=True):
    topic: ClassVar[str] = "charging.account_closed"

    billing_account: BillingAccountId
    closed_at: datetime
    remaining: Money
    """The balance that stays with the account; zero for a postpaid one."""


class AccountBarred(_AboutAccount, frozen=True, kw_only=True):
    """It grants nothing more; or again, where it isn't `barred`."""

    topic: ClassVar[str] = "charging.account_barred"

    barred: bool


class BarringRefused(_AboutAccount, frozen=True, kw_only=True):
    """Nothing has changed, and trying again won't help."""

    topic: ClassVar[str] = "charging.barring_refused"

    barred: bool
    """What was wanted."""
    code: str
    reason: str


class PlanChanged(_AboutAccount, frozen=True, kw_only=True):
    topic: ClassVar[str] = "charging.plan_changed"

    plan: str
    changed_at: datetime


class ActionDone(_AboutAccount, frozen=True, kw_only=True):
    topic: ClassVar[str] = "charging.action_done"

    action: str
    verb: BalanceVerb


class ActionRefused(_AboutAccount, frozen=True, kw_only=True):
    """Nothing has changed, and trying again won't help."""

    topic: ClassVar[str] = "charging.action_refused"

    action: str
    verb: BalanceVerb
    code: str
    reason: str


class TopUpRefused(_AboutAccount, frozen=True, kw_only=True):
    """The account can't take the money, and trying again won't help: it is closed by now, or
    not prepaid."""

    topic: ClassVar[str] = "charging.top_up_refused"

    payment_id: str
    code: str
    reason: str


class ToppedUp(_AboutAccount, frozen=True, kw_only=True):
    topic: ClassVar[str] = "charging.topped_up"

    payment_id: str
    amount: Money
    balance: Money
    """After it."""


class ChargedUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one `UsageEvent`. Without `error`, it was charged: `charge` in money and
    `free` units by allowances, under the price `label`."""

    id: str
    account: ChargingAccountId | None = None
    billing_account: BillingAccountId | None = None
    record: str | None = None
    """The journal's record: the account's id, a slash, and its sequence number."""
    charge: Money | None = None
    free: int = 0
    label: str | None = None
    waived: Money | None = None
    """What of the price isn't charged..."""
    waiver: str | None = None
    """...and why: roamingLimit."""
    error: str | None = None
    """A stable code: unknownSubscriber, ratingFailed, invalidUsage."""


class UsageCharged(Message, frozen=True, kw_only=True):
    topic: ClassVar[str] = "charging.usage_charged"

    batch_id: str
    results: tuple[ChargedUsage, ...]
    """One for each event, in the order of the command."""

    @property
    def key(self) -> str:
        return self.batch_id


class AccountStatusChanged(_AboutAccount, frozen=True, kw_only=True):
    """Which status an account has now: preActive, active, oneWay, expired, barred, terminated."""

    topic: ClassVar[str] = "charging.account_status_changed"

    billing_account: BillingAccountId
    previous: str
    status: str
    at: datetime
    until: datetime | None = None
    """When time will change it again."""


class BalanceLow(_AboutAccount, frozen=True, kw_only=True):
    """The balance has fallen below a threshold; told once until it was above again."""

    topic: ClassVar[str] = "charging.balance_low"

    billing_account: BillingAccountId
    threshold: Money
    balance: Money
    at: datetime
    phone: str | None = None
    """The account's own number, where it is known here."""


class FeeMissed(_AboutAccount, frozen=True, kw_only=True):
    """The month's fee could not be taken; its allowances wait for a top-up. Once a month."""

    topic: ClassVar[str] = "charging.fee_missed"

    billing_account: BillingAccountId
    amount: Money
    balance: Money
    at: datetime
    phone: str | None = None
