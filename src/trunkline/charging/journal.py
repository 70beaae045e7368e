"""The journal: one record for whatever changed an account's money or buckets, never altered."""

from enum import IntEnum

import msgspec


class RecordKind(IntEnum):
    USAGE = 0
    """Usage, priced; or a direct debit in money."""
    REFUND = 1
    """`charge` is negative. Billed like usage."""
    TOP_UP = 2
    """`charge` is negative; `session` is the payment's id."""
    ALLOWANCE = 3
    """A month's bucket begins with `units`, or gets more; below zero: they were used of another
    plan's, whose place it took. `session` is the allowance's id and `number` the bucket's."""
    NEW_MONTH = 4
    """What a postpaid account had used of its credit limit is free again: `charge` is that,
    negated. The usage stays to be billed. Of a hybrid account it is no money of the balance's:
    `units` are the limit's micros."""
    UNRATED = 5
    """Usage that no price was found for: charged nothing, kept for whoever mends the tariff."""
    ADJUSTMENT = 6
    """By people: `charge` is negative for a credit; `session` is the action's id."""
    TRANSFER = 7
    """To another balance or from one, likewise."""
    FEE = 8
    """A month's fee, taken from the balance."""
    LEASE = 9
    """`units`, or, where `charge` isn't 0, money, between a pool and a member: the member's
    record has what came (below zero: went back), the pool's what went. `session` is the other's
    id, and `number` the own bucket's. Units of no service are micros of a credit limit."""
    PASSED = 12
    """Usage that passes, charged nothing; `label` says why (`Pass`)."""
    EXPIRED = 13
    """Gone unused when its time was over: money, or `units` of the bucket `number`."""
    ON_BILL = 14
    """Of a hybrid account's usage, the record before it, what the balance didn't reach: it goes
    onto the bill, and `charge` is that, negated. Above zero where a refund takes it off again.
    What it says of service, price and session is the usage's."""
    WAIVED = 15
    """`units` are micros of the price of the usage behind it, that aren't charged; `label` says why
    (`policy.waiving.Waiver`), `slice` by what that was decided (`policy.waiving.Evidence`)."""


BILLED = (RecordKind.USAGE, RecordKind.REFUND)


class Record(msgspec.Struct, gc=False):
    """`balance` is the account's money after it: it falls by `charge`, record by record."""

    seq: int
    kind: int
    at: int
    """Epoch seconds of the event."""
    period: int
    """The billing month of the event."""
    balance: int
    charge: int = 0
    units: int = 0
    free: int = 0
    """Of `units`, those that allowances covered."""
    overrun: int = 0
    """Of `units`, those beyond what had been granted."""
    service: int = -1
    rating_group: int = -1
    service_identifier: int = -1
    tariff: int = 0
    label: int = -1
    """The price's index among the labels of `tariff`."""
    session: str = ""
    number: int = 0
    slice: list[int] | None = None
    """What the rating kernel was given and gave back: the slice after rating, followed by the
    position before it."""
