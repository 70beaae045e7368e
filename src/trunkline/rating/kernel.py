"""The rating kernel: the price of a slice of usage, and how much of it money can pay for.

Written in the subset that Python and numba share (integers, indexing, no objects), so that
the very same source serves one event in an interpreter and millions compiled. No product here
can pass 2^63 on a table that the compiler let through: whole price units are multiplied first,
the remainder after.

A session is a row of increments laid end to end. Each is charged when it starts, at the price
that holds for its first unit (step by the units before it, window by its instant), from the
first bucket that fits or, without one, in money; an increment that a bucket covers in part
ends where the bucket does. Costs add up exactly (micros and a numerator over the rate's `per`)
and are rounded half up as a sum, so that no way of slicing a session changes its price.
"""

from collections.abc import MutableSequence, Sequence

# A slice: what is asked.
PLAN = 0
SERVICE = 1
GROUP = 2
DESTINATION = 3  # fifteen digits, left justified, times 16, plus how many of them count
START = 4
UNITS = 5
LIMIT = 6
# Where the session stands: read, and written back.
POSITION = 7
POS_RATED = 7  # units rated so far
POS_PAID = 8  # units that the last increment covers beyond them
POS_CHARGED = 9  # micros charged so far
POS_COST = 10  # whole micros of the exact cost so far
POS_REMAINDER = 11  # and the rest, in 1/POS_PER micros
POS_PER = 12
POS_OPENED = 13  # 1 once money was charged: the connection fee is in, the minimum holds
POSITION_END = 14
# What came out.
CHARGE = 14
GRANTED = 15
FREE = 16
LABEL = 17
BUCKET_COUNT = 18
BUCKETS = 19
# A bucket, from BUCKETS on.
REMAINING = 0
RESERVED = 1
BUCKET_SERVICE = 2
BUCKET_GROUP = 3
STARTS = 4
EXPIRES = 5
TAKEN = 6
BUCKET_SIZE = 7

DATA = 0
VOICE = 1
SMS = 2
SERVICE_COUNT = 3

# What `rate` returns.
RATED = 0  # all units are covered
SHORT = 1  # the limit was reached first: GRANTED says how far
UNKNOWN_PLAN = -1
NO_PRICE = -2
UNKNOWN_DESTINATION = -3
TOO_LARGE = -4

NO_LIMIT = 1 << 62
MOST_UNITS = 1 << 60
MOST_SECONDS = 1 << 31
LATEST = 1 << 40

# The table: PLAN_COUNT, then the offset of each plan's groups by service (0: no price).
PLAN_COUNT = 0
PLANS = 1
# Groups: how many, then (rating group, node, rule) each, ascending; -1 stands for any group.
# A node: ten children, then the rule of the prefix that ends here (0: none). A child is a
# node's offset, or the negated offset of a rule that no longer prefix refines, or 0.
NODE_RULE = 10
# A rule.
RULE_LABEL = 0
RULE_FEE = 1
RULE_MINIMUM = 2
RULE_PER = 3
RULE_TIMED = 4  # 1 where units are seconds that pass
RULE_ZONE = 5  # how many, then (from epoch second, offset from UTC) each
RULE_SLOTS = 6  # how many, then (from second of the local week, steps) each
# Steps: how many, then (from unit, increment, price) each.

WEEK = 604_800
MONDAY = 259_200  # the epoch began three days into a week


def find_rule(table: Sequence[int], plan: int, service: int, group: int, destination: int) -> int:
    """The offset of the rule that prices this, or a negative refusal."""
    if plan < 0 or plan >= table[PLAN_COUNT]:
        return UNKNOWN_PLAN
    if service < 0 or service >= SERVICE_COUNT:
        return NO_PRICE
    groups = table[PLANS + plan * SERVICE_COUNT + service]
    if groups == 0:
        return NO_PRICE
    low = 0
    high = table[groups] - 1
    while low < high:
        middle = (low + high + 1) // 2
        if table[groups + 1 + 3 * middle] <= group:
            low = middle
        else:
            high = middle - 1
    found = table[groups + 1 + 3 * low]
    if found != group:
        low = 0
        if table[groups + 1] != -1:
            return NO_PRICE
    rule = table[groups + 3 + 3 * low]
    node = table[groups + 2 + 3 * low]
    if node > 0:
        matched = find_prefix(table, node, destination)
        if matched > 0:
            rule = matched
        elif rule == 0:
            return UNKNOWN_DESTINATION
    return rule


def find_prefix(table: Sequence[int], node: int, destination: int) -> int:
    """The rule of the longest prefix of `destination` under `node`, or 0."""
    digits = destination // 16
    left = destination % 16
    rule = table[node + NODE_RULE]
    while left > 0:
        digit = digits // 100_000_000_000_000
        digits = (digits - digit * 100_000_000_000_000) * 10
        left -= 1
        child = table[node + digit]
        if child < 0:
            return -child
        if child == 0:
            return rule
        node = child
        if table[node + NODE_RULE] > 0:
            rule = table[node + NODE_RULE]
    return rule


def find_steps(table: Sequence[int], rule: int, instant: int) -> tuple[int, int]:
    """The steps that hold at `instant` (epoch second), and for how many seconds they will."""
    slots = table[rule + RULE_SLOTS]
    first = rule + RULE_SLOTS + 1
    if slots == 1:
        return table[first + 1], MOST_UNITS
    zone = table[rule + RULE_ZONE]
    low = 0
    high = table[zone] - 1
    while low < high:
        middle = (low + high + 1) // 2
        if table[zone + 1 + 2 * middle] <= instant:
            low = middle
        else:
            high = middle - 1
    second = (instant + table[zone + 2 + 2 * low] + MONDAY) % WEEK
    lasts = MOST_UNITS
    if low + 1 < table[zone]:
        lasts = table[zone + 3 + 2 * low] - instant
    low = 0
    high = slots - 1
    while low < high:
        middle = (low + high + 1) // 2
        if table[first + 2 * middle] <= second:
            low = middle
        else:
            high = middle - 1
    end = WEEK
    if low + 1 < slots:
        end = table[first + 2 * (low + 1)]
    if end - second < lasts:
        lasts = end - second
    return table[first + 1 + 2 * low], lasts


def affordable(wanted: int, room: int, price: int, per: int, remainder: int) -> int:
    """How many of `wanted` units cost no more than `room` micros on top of `remainder`, at
    `price` for `per`, the sum rounded half up. Below zero where the remainder alone passes."""
    if price == 0:
        return wanted
    whole = room // price
    if whole > wanted // per + 1:
        return wanted
    rest = (room - whole * price) * per + (per - 1) // 2 - remainder
    units = whole * per + rest // price
    if units > wanted:
        return wanted
    return units


def find_bucket(s: MutableSequence[int], instant: int, timed: int, left: int) -> tuple[int, int]:
    """The offset of the first bucket that can pay for the unit at `instant`, or 0, and how many
    of the `left` units may count on that: time may end it, or open a better one."""
    for index in range(s[BUCKET_COUNT]):
        bucket = BUCKETS + index * BUCKET_SIZE
        if s[bucket + BUCKET_SERVICE] != s[SERVICE]:
            continue
        if s[bucket + BUCKET_GROUP] != -1 and s[bucket + BUCKET_GROUP] != s[GROUP]:
            continue
        if s[bucket + REMAINING] - s[bucket + RESERVED] <= s[bucket + TAKEN]:
            continue
        if s[bucket + STARTS] > instant:
            if timed == 1 and s[bucket + STARTS] - instant < left:
                left = s[bucket + STARTS] - instant
        elif s[bucket + EXPIRES] > instant:
            if timed == 1 and s[bucket + EXPIRES] - instant < left:
                left = s[bucket + EXPIRES] - instant
            return bucket, left
    return 0, left


def pay(
    table: Sequence[int],
    s: MutableSequence[int],
    rule: int,
    step: int,
    wanted: int,
    ceiling: int,
) -> int:
    """Pay for `wanted` units (whole increments of `step`) in money, or for as many whole
    increments as keep the session's charge within `ceiling`; returns the units paid for."""
    if s[POS_OPENED] == 0 and table[rule + RULE_MINIMUM] > ceiling:
        return 0
    cost = s[POS_COST]
    if s[POS_OPENED] == 0:
        cost += table[rule + RULE_FEE]
    if cost > ceiling:
        return 0
    increment = table[step + 1]
    price = table[step + 2]
    per = s[POS_PER]
    units = affordable(wanted, ceiling - cost, price, per, s[POS_REMAINDER])
    units = units // increment * increment
    if units <= 0:
        return 0
    rest = units % per * price + s[POS_REMAINDER]
    s[POS_COST] = cost + units // per * price + rest // per
    s[POS_REMAINDER] = rest % per
    s[POS_OPENED] = 1
    return units


def extend(
    table: Sequence[int], s: MutableSequence[int], rule: int, covered: int, ceiling: int
) -> int:
    """Start the increments, from the slice's unit `covered` on, that share a price and a
    source; returns the units that they cover, 0 where money does not reach."""
    timed = table[rule + RULE_TIMED]
    instant = s[START]
    left = s[UNITS] - covered
    if timed == 1:
        instant += covered
    steps, lasts = find_steps(table, rule, instant)
    if timed == 1 and lasts < left:
        left = lasts
    at = s[POS_RATED] + covered
    step = steps + 1
    last = steps + 3 * table[steps] - 2
    while step < last and table[step + 3] <= at:
        step += 3
    if step < last and table[step + 3] - at < left:
        left = table[step + 3] - at
    bucket, left = find_bucket(s, instant, timed, left)
    increment = table[step + 1]
    wanted = (left + increment - 1) // increment * increment
    if bucket == 0:
        return pay(table, s, rule, step, wanted, ceiling)
    taken = s[bucket + REMAINING] - s[bucket + RESERVED] - s[bucket + TAKEN]
    if wanted < taken:
        taken = wanted
    s[bucket + TAKEN] += taken
    s[FREE] += taken
    return taken


def rate(table: Sequence[int], s: MutableSequence[int]) -> int:
    """Rate the slice `s` (its layout is this module's offsets) by `table`; returns RATED or
    SHORT, or a negative refusal that leaves the position as it was."""
    for bucket in range(s[BUCKET_COUNT]):
        s[BUCKETS + bucket * BUCKET_SIZE + TAKEN] = 0
    s[CHARGE] = 0
    s[GRANTED] = 0
    s[FREE] = 0
    s[LABEL] = -1
    rule = find_rule(table, s[PLAN], s[SERVICE], s[GROUP], s[DESTINATION])
    if rule < 0:
        return rule
    s[LABEL] = table[rule + RULE_LABEL]
    if s[UNITS] < 0 or s[UNITS] > MOST_UNITS or s[POS_RATED] > MOST_UNITS:
        return TOO_LARGE
    if table[rule + RULE_TIMED] == 1 and s[UNITS] > MOST_SECONDS:
        return TOO_LARGE
    if s[START] > LATEST or s[START] < -LATEST:
        return TOO_LARGE
    per = table[rule + RULE_PER]
    if s[POS_PER] != per:
        if s[POS_REMAINDER] > 0 and 2 * s[POS_REMAINDER] >= s[POS_PER]:
            s[POS_COST] += 1
        s[POS_REMAINDER] = 0
        s[POS_PER] = per
    ceiling = NO_LIMIT
    if s[LIMIT] < 0:
        ceiling = s[POS_CHARGED]
    elif s[LIMIT] < NO_LIMIT - s[POS_CHARGED]:
        ceiling = s[POS_CHARGED] + s[LIMIT]

    covered = s[POS_PAID]
    while covered < s[UNITS]:
        gained = extend(table, s, rule, covered, ceiling)
        if gained == 0:
            break
        covered += gained

    settle(table, s, rule)
    granted = covered
    if granted > s[UNITS]:
        granted = s[UNITS]
    s[GRANTED] = granted
    s[POS_RATED] += granted
    s[POS_PAID] = covered - granted
    if granted < s[UNITS]:
        return SHORT
    return RATED


def settle(table: Sequence[int], s: MutableSequence[int], rule: int) -> None:
    """Turn the session's exact cost into its charge, and what is new of it into this slice's."""
    if s[POS_OPENED] == 0:
        return
    charged = s[POS_COST]
    if 2 * s[POS_REMAINDER] >= s[POS_PER]:
        charged += 1
    if charged < table[rule + RULE_MINIMUM]:
        charged = table[rule + RULE_MINIMUM]
    if charged > s[POS_CHARGED]:
        s[CHARGE] = charged - s[POS_CHARGED]
        s[POS_CHARGED] = charged


def rate_many(
    table: Sequence[int],
    events: MutableSequence[int],
    owners: Sequence[int],
    buckets: MutableSequence[int],
    work: MutableSequence[int],
    width: int,
    codes: MutableSequence[int],
) -> None:
    """Rate `events` (slices without their buckets, end to end: BUCKET_COUNT integers each) in
    order. `owners[i]` is the account that pays for the i-th; account a holds its buckets at
    `buckets[a * width]`: how many, then BUCKET_SIZE integers each. What an event takes is
    debited there, for the next one to see. `work` has room for one slice."""
    for index in range(len(owners)):
        event = index * BUCKET_COUNT
        for i in range(BUCKET_COUNT):
            work[i] = events[event + i]
        held = owners[index] * width
        count = buckets[held]
        work[BUCKET_COUNT] = count
        for i in range(count * BUCKET_SIZE):
            work[BUCKETS + i] = buckets[held + 1 + i]
        codes[index] = rate(table, work)
        for i in range(BUCKET_COUNT):
            events[event + i] = work[i]
        for i in range(count):
            bucket = i * BUCKET_SIZE
            buckets[held + 1 + bucket + REMAINING] -= work[BUCKETS + bucket + TAKEN]
