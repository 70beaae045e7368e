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

- Input: PLAN (index), SERVICE (`service_code("data")`; also one that the operator named), GROUP
  (rating group, -1 for none), DESTINATION (`destination("+4477...")`, 0 for none), WHERE
  (`tariff.places.where(dnn="ims")`, 0 for nothing told), START (epoch second of the slice's first
  unit), UNITS (bytes, seconds, messages), LIMIT (micros that may be charged; `NO_LIMIT` to debit
  in full).
- Position, in and out: where the session stands (for each rating group its own): zeros at
  first. To debit, keep what the kernel wrote back; to reserve, throw it away.
- Output: CHARGE (micros, this slice's part; below zero where a volume price gives back), GRANTED
  (units covered, at most UNITS), FREE and PAID (units newly covered by allowances, and by money),
  LABEL (index of the price's label).
- Buckets, in the order in which they are to be used (`BUCKET_SIZE` integers each): REMAINING,
  RESERVED, BUCKET_SERVICE, BUCKET_GROUP (-1 any), STARTS, EXPIRES (epoch seconds, half open),
  TAKEN (output: the units to debit from, or reserve on, this bucket). The kernel takes at
  most REMAINING - RESERVED and changes nothing but TAKEN: release the session's own
  reservation first, apply TAKEN after.
- Counters, in the order of the plan's (`Plan.counters`), after the buckets: COUNTED (where it
  stands) and ADDED (output: what this usage adds, to be there for the next).

Any way of slicing a session (same buckets, limit less what was charged, START advanced by the
units of a timed service) charges in sum what the whole charges at once.
"""

from trunkline.rating.blocks import TariffRefused
from trunkline.rating.compiler import compile_tariff
from trunkline.rating.course import Course
from trunkline.rating.layout import (
    ADDED,
    BUCKET_COUNT,
    BUCKET_GROUP,
    BUCKET_SERVICE,
    BUCKET_SIZE,
    BY_TIME,
    CHARGE,
    COUNTER_SIZE,
    DATA,
    EXPIRES,
    FREE,
    GRANTED,
    LABEL,
    MOST_UNITS,
    NO_LIMIT,
    NO_PRICE,
    PAID,
    PLAN,
    POS_PAID,
    POSITION,
    POSITION_END,
    RATED,
    RECEIVED,
    REMAINING,
    RESERVED,
    SHORT,
    SMS,
    SMS_IN,
    START,
    STARTS,
    TAKEN,
    TOO_LARGE,
    UNITS,
    UNKNOWN_DESTINATION,
    UNKNOWN_PLAN,
    VOICE,
    VOICE_IN,
)
from trunkline.rating.model import (
    ANYWHERE,
    HOLIDAY,
    Allowance,
    CounterSource,
    Discount,
    Filters,
    Increment,
    Measure,
    PlanSource,
    PriceStep,
    Rate,
    RateSheet,
    SheetEntry,
    TariffSource,
    Tiers,
    UsageRule,
    Window,
    Zone,
    service_code,
    service_name,
)
from trunkline.rating.proration import Days, InvalidProration, Part, prorate
from trunkline.rating.slices import (
    Rater,
    again,
    bucket_offset,
    destination,
    evidence,
    new_slice,
)
from trunkline.rating.tariff import Plan, Tariff, UnknownPlan
from trunkline.rating.trace import Standing, matched_prefix, standing, trace

__all__ = [
    "ADDED",
    "ANYWHERE",
    "BUCKET_COUNT",
    "BUCKET_GROUP",
    "BUCKET_SERVICE",
    "BUCKET_SIZE",
    "BY_TIME",
    "CHARGE",
    "COUNTER_SIZE",
    "DATA",
    "EXPIRES",
    "FREE",
    "GRANTED",
    "HOLIDAY",
    "LABEL",
    "MOST_UNITS",
    "NO_LIMIT",
    "NO_PRICE",
    "PAID",
    "PLAN",
    "POSITION",
    "POSITION_END",
    "POS_PAID",
    "RATED",
    "RECEIVED",
    "REMAINING",
    "RESERVED",
    "SHORT",
    "SMS",
    "SMS_IN",
    "START",
    "STARTS",
    "TAKEN",
    "TOO_LARGE",
    "UNITS",
    "UNKNOWN_DESTINATION",
    "UNKNOWN_PLAN",
    "VOICE",
    "VOICE_IN",
    "Allowance",
    "CounterSource",
    "Course",
    "Days",
    "Discount",
    "Filters",
    "Increment",
    "InvalidProration",
    "Measure",
    "Part",
    "Plan",
    "PlanSource",
    "PriceStep",
    "Rate",
    "RateSheet",
    "Rater",
    "SheetEntry",
    "Standing",
    "Tariff",
    "TariffRefused",
    "TariffSource",
    "Tiers",
    "UnknownPlan",
    "UsageRule",
    "Window",
    "Zone",
    "again",
    "bucket_offset",
    "compile_tariff",
    "destination",
    "evidence",
    "matched_prefix",
    "new_slice",
    "prorate",
    "service_code",
    "service_name",
    "standing",
    "trace",
]
