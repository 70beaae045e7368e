"""What exposure tells itself to do later."""

from datetime import datetime
from typing import ClassVar

from trunkline.inventory import ServiceId
from trunkline.platform.messages import Message
from trunkline.usage.exposure.model import Cause


class RetryBar(Message, frozen=True, kw_only=True):
    """A command to itself, held back: ask the network again, unless anything happened since
    `attempts` tries had failed."""

    topic: ClassVar[str] = "usage.retry_bar"

    service: ServiceId
    cause: Cause
    attempts: int

    @property
    def key(self) -> str:
        return self.service


class EndRoamingMonth(Message, frozen=True, kw_only=True):
    """A command to itself, held back until the month ends: what data abroad may cost begins
    anew."""

    topic: ClassVar[str] = "usage.end_roaming_month"

    account: str
    until: datetime

    @property
    def key(self) -> str:
        return self.account
