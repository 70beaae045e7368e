"""Rating: what usage costs. Pure: no clock, no store, no other domain's types.

Others describe prices as a `TariffSource`; `compile_tariff` turns it into an immutable
`Tariff`, a flat table of integers; a `Rater` prices slices of usage by it, for the network
(what may be granted, what was used), for mediation, for the re-rate and the what-if alike.
One kernel (`rating.kernel`) serves all of them, interpreted or compiled to machine code
(`rating.compiled.load()` at a process's start). `prorate` gives the part of a period's price
that falls to a part of the period.

How to rate one slice of usage::

    rater = Rater(tariff)
    plan = tariff.plan("plan id")                    # UnknownPlan; .index, .currency, .allowances
    slice_ = new_slice(plan.index, DATA, group=10, start=epoch_seconds, units=1_000_000,
                       limit=balance_micros, position=None, buckets=())
    code = rater.rate(slice_)                        # RATED, SHORT, or a negative refusal
    slice_[CHARGE], slice_[GRANTED], slice_[FREE], tariff.labels[slice_[LABEL]]
    position = slice_[POSITION:POSITION_END]         # keep it in the session, a list of 7 ints
    slice_[bucket_offset(0) + TAKEN]                 # units taken from the first bucket

A slice is ONE flat list of integers, its input and its output (the offsets are documented in
`rating.kernel`), so that a call into the compiled form copies once in and once out.

- Input: PLAN (index), SERVICE (`DATA`, `VOICE`, `SMS`; `service_code("data")`), GROUP (rating
  group, -1 for none), DESTINATION (`destination("+4477...")`, 0 for none), START (epoch
  second of the slice's first unit), UNITS (bytes, seconds, messages), LIMIT (micros that may
  be charged; `NO_LIMIT` to debit in full).
- Position, in and out: where the session stands (for each rating group its own): zeros at
  first. To debit, keep what the kernel wrote back; to reserve, throw it away.
- Output: CHARGE (micros, this slice's part), GRANTED (units covered, at most UNITS), FREE
  (units newly covered by allowances), LABEL (index of the price's label).
- Buckets, in the order in which they are to be used (`BUCKET_SIZE` integers each): REMAINING,
  RESERVED, BUCKET_SERVICE, BUCKET_GROUP (-1 any), STARTS, EXPIRES (epoch seconds, half open),
  TAKEN (output: the units to debit from, or reserve on, this bucket). The kernel takes at
  most REMAINING - RESERVED and changes nothing but TAKEN: release the session's own
  reservation first, apply TAKEN after.

Any way of slicing a session (same buckets, limit less what was charged, START advanced by the
units of a timed service) charges in sum what the whole charges at once.
"""

from trunkline.rating.compiler import TariffRefused, compile_tariff
from trunkline.rating.kernel import (
    BUCKET_GROUP,
    BUCKET_SERVICE,
    BUCKET_SIZE,
    CHARGE,
    DATA,
    DESTINATION,
    EXPIRES,
    FREE,
    GRANTED,
    GROUP,
    LABEL,
    LIMIT,
    NO_LIMIT,
    NO_PRICE,
    PLAN,
    POSITION,
    POSITION_END,
    RATED,
    REMAINING,
    RESERVED,
    SERVICE,
    SHORT,
    SMS,
    START,
    STARTS,
    TAKEN,
    TOO_LARGE,
    UNITS,
    UNKNOWN_DESTINATION,
    UNKNOWN_PLAN,
    VOICE,
)
from trunkline.rating.model import (
    Allowance,
    Increment,
    PlanSource,
    PriceStep,
    Rate,
    RateSheet,
    SheetEntry,
    TariffSource,
    UsageRule,
    Window,
    service_code,
)
from trunkline.rating.proration import Days, InvalidProration, Part, months_between, prorate
from trunkline.rating.slices import (
    InvalidDestination,
    Rater,
    bucket_offset,
    destination,
    new_slice,
)
from trunkline.rating.tariff import Plan, Tariff, TariffUnreadable, UnknownPlan
from trunkline.rating.trace import Standing, Step, matched_prefix, standing, trace

__all__ = [
    "BUCKET_GROUP",
    "BUCKET_SERVICE",
    "BUCKET_SIZE",
    "CHARGE",
    "DATA",
    "DESTINATION",
    "EXPIRES",
    "FREE",
    "GRANTED",
    "GROUP",
    "LABEL",
    "LIMIT",
    "NO_LIMIT",
    "NO_PRICE",
    "PLAN",
    "POSITION",
    "POSITION_END",
    "RATED",
    "REMAINING",
    "RESERVED",
    "SERVICE",
    "SHORT",
    "SMS",
    "START",
    "STARTS",
    "TAKEN",
    "TOO_LARGE",
    "UNITS",
    "UNKNOWN_DESTINATION",
    "UNKNOWN_PLAN",
    "VOICE",
    "Allowance",
    "Days",
    "Increment",
    "InvalidDestination",
    "InvalidProration",
    "Part",
    "Plan",
    "PlanSource",
    "PriceStep",
    "Rate",
    "RateSheet",
    "Rater",
    "SheetEntry",
    "Standing",
    "Step",
    "Tariff",
    "TariffRefused",
    "TariffSource",
    "TariffUnreadable",
    "UnknownPlan",
    "UsageRule",
    "Window",
    "bucket_offset",
    "compile_tariff",
    "destination",
    "matched_prefix",
    "months_between",
    "new_slice",
    "prorate",
    "service_code",
    "standing",
    "trace",
]
