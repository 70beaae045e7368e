"""What charging tells of policies: thresholds that were reached, and arrivals abroad."""

from datetime import datetime
from typing import ClassVar

from trunkline.charging.model import ChargingAccountId
from trunkline.customers import BillingAccountId
from trunkline.kernel.money import Money
from trunkline.platform.messages import Message


class _AboutAccount(Message, frozen=True, kw_only=True):
    account: ChargingAccountId
    billing_account: BillingAccountId
    at: datetime
    phone: str | None = None
    """The number that was used."""

    @property
    def key(self) -> str:
        return self.account


class ThresholdReached(_AboutAccount, frozen=True, kw_only=True):
    """A counter has reached a threshold of its policy, and with it `status`: once for each
    threshold and month. `tell` says whether people are told."""

    topic: ClassVar[str] = "charging.threshold_reached"

    counter: str
    previous: str
    status: str
    percent: int
    amount: int
    limit: int
    tell: bool


class RoamingSpent(_AboutAccount, frozen=True, kw_only=True):
    """Data abroad has cost so many percent of what it may cost in the month; `cut_off` where
    that is all of it, and no more is granted without consent."""

    topic: ClassVar[str] = "charging.roaming_spent"

    percent: int
    spent: Money
    limit: Money
    cut_off: bool
    word: str = ""
    """By which they consent in a text message to go on; none where it is empty."""


class ArrivedAbroad(_AboutAccount, frozen=True, kw_only=True):
    """The first that is heard of a person in this country (`network` is MCC and MNC). Prices
    with taxes or without, as the tariff has them; None for what has none."""

    topic: ClassVar[str] = "charging.arrived_abroad"

    network: str
    zone: str
    megabyte: Money | None = None
    minute: Money | None = None
    message: Money | None = None
    limit: Money | None = None
    """After which data there is cut off; None: not at all."""


class BalanceStands(Message, frozen=True, kw_only=True):
    """A prepaid account has money again, or something else pays in its place; or, with
    `exhausted_at`, usage of then, which a file told of, has taken its balance to its end, or
    further: by `beyond` in all. One message for both, so that they arrive in the order in which
    they happened."""

    topic: ClassVar[str] = "charging.balance_stands"

    account: ChargingAccountId
    exhausted_at: datetime | None = None
    beyond: Money | None = None

    @property
    def key(self) -> str:
        return self.account


class RoamingStands(Message, frozen=True, kw_only=True):
    """The person has consented that data abroad goes on, whatever it costs in the month; or, with
    `reached_at`, usage of then, which a file told of, has taken what it costs to its limit, or
    further: by `beyond` in all. With `until` the month ends, and the limit begins anew."""

    topic: ClassVar[str] = "charging.roaming_stands"

    account: ChargingAccountId
    reached_at: datetime | None = None
    beyond: Money | None = None
    until: datetime | None = None

    @property
    def key(self) -> str:
        return self.account


class ConsentedToRoam(_AboutAccount, frozen=True, kw_only=True):
    """From now on, to the end of the billing month, nothing that data abroad costs stops it."""

    topic: ClassVar[str] = "charging.consented_to_roam"


class ConsentToRoam(Message, frozen=True, kw_only=True):
    """A command: the person wants data abroad to go on beyond the limit, or no longer. It holds
    to the end of the billing month in which it was given."""

    topic: ClassVar[str] = "charging.consent_to_roam"

    account: ChargingAccountId
    given: bool

    @property
    def key(self) -> str:
        return self.account
