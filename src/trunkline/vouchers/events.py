"""What vouchers tell themselves to do, and what happened."""

from datetime import datetime
from typing import ClassVar

from trunkline.charging import ChargingAccountId
from trunkline.customers import BillingAccountId
from trunkline.kernel.money import Money
from trunkline.platform.messages import Message
from trunkline.vouchers.batches.model import VoucherBatchId
from trunkline.vouchers.top_ups.model import ChannelTopUpId


class DrawCodes(Message, frozen=True, kw_only=True):
    """A command to ourselves: draw this piece of a batch's codes, then the next."""

    topic: ClassVar[str] = "vouchers.draw_codes"

    batch: VoucherBatchId
    piece: int

    @property
    def key(self) -> str:
        return self.batch


class ChannelTopUpDone(Message, frozen=True, kw_only=True):
    """A voucher's or a dealer's top-up is on the balance."""

    topic: ClassVar[str] = "vouchers.top_up_done"

    top_up: ChannelTopUpId
    channel: str
    account: ChargingAccountId
    billing_account: BillingAccountId
    amount: Money
    confirmed_at: datetime

    @property
    def key(self) -> str:
        return self.account


class TriesLockedOut(Message, frozen=True, kw_only=True):
    """Somebody has tried too many wrong codes and is refused for a while."""

    topic: ClassVar[str] = "vouchers.tries_locked_out"

    who: str
    failures: int
    until: datetime

    @property
    def key(self) -> str:
        return self.who
