"""Vouchers: top-ups that were paid for elsewhere, by a card or at a dealer's till.

A batch's codes are drawn by a generator that nobody foresees, leave once in a file that only the
printer can open, and are kept as digests under a key that the database doesn't hold. A voucher is
worth its face value from its sale to a dealer on, and is redeemed once: of two who try at the
same moment, one gets it. Who tries wrong codes is refused for growing periods. The value of what
is sold and not redeemed is a liability in the ledger, until it moves to a balance or expires.

Four rooms: `batches` (how vouchers come to be, are sold and end), `dealers` (who sells), `top_ups`
(what a voucher or a dealer puts on a balance) and `lockouts` (who guesses).
"""

from trunkline.vouchers.batches.codes import NoVoucherKey, VoucherKeys
from trunkline.vouchers.batches.model import (
    BatchState,
    Voucher,
    VoucherBatch,
    VoucherBatchId,
    VouchersElsewhere,
    VoucherState,
)
from trunkline.vouchers.batches.operations import (
    FileMismatch,
    FourEyes,
    NewBatch,
    approve_batch,
    decline_batch,
    make_batch,
    note_exported,
    sealed_file,
)
from trunkline.vouchers.batches.sealing import unseal
from trunkline.vouchers.batches.selling import (
    change_voucher,
    resume_vouchers,
    sell_vouchers,
    stop_vouchers,
    take_back_vouchers,
    write_off_vouchers,
)
from trunkline.vouchers.dealers.model import (
    Dealer,
    DealerLimit,
    DealerState,
)
from trunkline.vouchers.dealers.operations import (
    NewDealer,
    NotADealer,
    acting_dealer,
    add_dealer,
    change_dealer,
    receive_dealer_payment,
)
from trunkline.vouchers.jobs import expire, forget_tries
from trunkline.vouchers.kept import keep_keys
from trunkline.vouchers.lockouts.operations import release
from trunkline.vouchers.queries import (
    CHANNEL_TOP_UPS,
    DEALERS,
    VOUCHER_BATCHES,
    VOUCHERS,
    channel_top_up,
    channel_top_ups,
    channel_top_ups_of,
    dealer,
    dealers,
    locked_out,
    retail_by_reference,
    voucher,
    voucher_batch,
    voucher_batches,
    voucher_counts,
    voucher_sales,
    vouchers,
)
from trunkline.vouchers.rules import VoucherRules
from trunkline.vouchers.top_ups.model import (
    Channel,
    ChannelTopUp,
    ChannelTopUpId,
    TopUpState,
    UnknownTopUp,
    VoucherRefused,
)
from trunkline.vouchers.top_ups.redeeming import Attempt, LockedOut, describe_top_up, redeem
from trunkline.vouchers.top_ups.retail import reverse_top_up, sell_top_up

__all__ = [
    "CHANNEL_TOP_UPS",
    "DEALERS",
    "VOUCHERS",
    "VOUCHER_BATCHES",
    "Attempt",
    "BatchState",
    "Channel",
    "ChannelTopUp",
    "ChannelTopUpId",
    "Dealer",
    "DealerLimit",
    "DealerState",
    "FileMismatch",
    "FourEyes",
    "LockedOut",
    "NewBatch",
    "NewDealer",
    "NoVoucherKey",
    "NotADealer",
    "TopUpState",
    "UnknownTopUp",
    "Voucher",
    "VoucherBatch",
    "VoucherBatchId",
    "VoucherKeys",
    "VoucherRefused",
    "VoucherRules",
    "VoucherState",
    "VouchersElsewhere",
    "acting_dealer",
    "add_dealer",
    "approve_batch",
    "change_dealer",
    "change_voucher",
    "channel_top_up",
    "channel_top_ups",
    "channel_top_ups_of",
    "dealer",
    "dealers",
    "decline_batch",
    "describe_top_up",
    "expire",
    "forget_tries",
    "keep_keys",
    "locked_out",
    "make_batch",
    "note_exported",
    "receive_dealer_payment",
    "redeem",
    "release",
    "resume_vouchers",
    "retail_by_reference",
    "reverse_top_up",
    "sealed_file",
    "sell_top_up",
    "sell_vouchers",
    "stop_vouchers",
    "take_back_vouchers",
    "unseal",
    "voucher",
    "voucher_batch",
    "voucher_batches",
    "voucher_counts",
    "voucher_sales",
    "vouchers",
    "write_off_vouchers",
]
