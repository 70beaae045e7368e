# ruff: noqa: F403, F405
"""The rating kernel: the price of a slice of usage, and how much of it money can pay for.

Written, with `finding`, `remainder` and `layout`, in the subset that Python and numba share
(integers, indexing, no objects), so that the very same source serves one event in an interpreter
and millions compiled. No product here can pass 2^63 on a table that the compiler let through:
whole price units are multiplied first, the remainder after.

A session is a row of increments laid end to end. Each is charged when it starts, at the price
that holds for its first unit (step by the units before it, window by its instant), from the
first bucket that fits or, without one, in money; an increment that a bucket covers in part
ends where the bucket does. Costs add up exactly (micros and a numerator over the rate's `per`)
and are rounded half up as a sum, so that no way of slicing a session changes its price. What
another tariff left of a micro counts on at this one's price.
"""

from collections.abc import MutableSequence, Sequence

from trunkline.rating.finding import *
from trunkline.rating.layout import *
from trunkline.rating.remainder import *


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


def take(s: MutableSequence[int], bucket: int, wanted: int) -> int:
    """Take up to `wanted` units from the bucket; how many."""
    taken = s[bucket + REMAINING] - s[bucket + RESERVED] - s[bucket + TAKEN]
    if wanted < taken:
        taken = wanted
    s[bucket + TAKEN] += taken
    s[FREE] += taken
    return taken


def pay(
    table: Sequence[int],
    s: MutableSequence[int],
    rule: int,
    increment: int,
    price: int,
    extra: int,
    rest: int,
    wanted: int,
    ceiling: int,
) -> int:
    """Pay for `wanted` units (whole increments), and `extra` micros and a `rest` beside, in
    money, or for as many whole increments as keep the session's charge within `ceiling`;
    returns the units paid for."""
    if table[rule + RULE_MINIMUM] > ceiling:
        return 0
    per = s[POS_PER]
    cost = s[POS_COST] + extra
    rest += s[POS_REMAINDER]
    if rest >= per:
        cost += 1
        rest -= per
    if s[POS_OPENED] == 0:
        cost += table[rule + RULE_FEE]
    if cost > ceiling:
        return 0
    units = affordable(wanted, ceiling - cost, price, per, rest)
    units = units // increment * increment
    if units <= 0:
        return 0
    rest += units % per * price
    s[POS_COST] = cost + units // per * price + rest // per
    s[POS_REMAINDER] = rest % per
    s[PAID] += units
    if s[POS_OPENED] == 0:
        s[POS_OPENED] = 1
    return units


def extend(
    table: Sequence[int], s: MutableSequence[int], rule: int, covered: int, ceiling: int
) -> int:
    """Start the increments, from the slice's unit `covered` on, that share a price and a
    source; returns the units that they cover, 0 where money does not reach."""
    timed = table[rule + RULE_FLAGS] & TIMED
    instant = s[START]
    left = s[UNITS] - covered
    if timed == 1:
        instant += covered
    steps, lasts = find_steps(table, rule, instant)
    if timed == 1 and lasts < left:
        left = lasts
    if table[rule + RULE_FLAGS] >= FURTHER:
        return extend_further(table, s, rule, steps, covered, left, ceiling)
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
    if bucket != 0:
        return take(s, bucket, wanted)
    price = table[step + 2]
    if s[POS_PER] != table[rule + RULE_PER]:
        price = finer_price(s, price, table[rule + RULE_PER])
    return pay(table, s, rule, increment, price, 0, 0, wanted, ceiling)


def find_step(table: Sequence[int], steps: int, size: int, at: int) -> tuple[int, int]:
    """The step, of `size` numbers, that the unit `at` lies in, and where the next begins."""
    step = steps + 1
    last = steps + 1 + size * (table[steps] - 1)
    while step < last and table[step + size] <= at:
        step += size
    if step < last:
        return step, table[step + size]
    return step, MOST_COST


def counts(
    table: Sequence[int], s: MutableSequence[int], rule: int, counter: int, which: int
) -> bool:
    """Whether the plan's counter `which` (at `counter` in the table) counts this usage."""
    if table[counter + 4] == PRICED_UNITS:
        return table[rule + RULE_FLAGS] >= FURTHER and table[rule + RULE_COUNTER] == which
    if table[counter] != -1 and table[counter] != s[SERVICE]:
        return False
    if table[counter + 1] != -1 and table[counter + 1] != s[GROUP]:
        return False
    return s[WHERE] & table[counter + 2] == table[counter + 3]


def falls(table: Sequence[int], rule: int) -> bool:
    """Whether more usage may cost less."""
    return table[rule + RULE_FLAGS] >= FURTHER and table[rule + RULE_TIERS] == VOLUME


def settled(table: Sequence[int], s: MutableSequence[int], rule: int) -> int:
    """What the session's exact cost so far comes to as a charge. A minimum that another price had
    less of counts once something is paid for at this one."""
    if s[POS_OPENED] == 0:
        return s[POS_CHARGED]
    charged = s[POS_COST]
    if 2 * s[POS_REMAINDER] >= s[POS_PER]:
        charged += 1
    minimum = table[rule + RULE_MINIMUM]
    if minimum > 0 and charged < minimum and (s[PAID] > 0 or s[POS_CHARGED] >= minimum):
        charged = minimum
    if charged > s[POS_CHARGED] or falls(table, rule):
        return charged
    return s[POS_CHARGED]


def find_counter(table: Sequence[int], s: MutableSequence[int], which: int) -> int:
    """The offset of the plan's counter `which` (from 1)."""
    return table[find_row(table, s[PLAN] + 1) - 1] + 1 + (which - 1) * COUNTER_ROW


def find_counted(
    table: Sequence[int], s: MutableSequence[int], rule: int, which: int, covered: int
) -> tuple[int, bool]:
    """Where the plan's counter `which` (from 1) stands at the slice's unit `covered`, and
    whether this usage moves it."""
    counter = find_counter(table, s, which)
    at = 0
    if which <= s[COUNTER_COUNT]:
        at = s[BUCKETS + s[BUCKET_COUNT] * BUCKET_SIZE + (which - 1) * COUNTER_SIZE + COUNTED]
    if not counts(table, s, rule, counter, which):
        return at, False
    if table[counter + 4] == MONEY:
        return at + settled(table, s, rule) - s[POS_CHARGED], True
    if table[counter + 4] != ALL_UNITS:
        return at + s[PAID], True
    return at + covered, True


def find_discount(
    table: Sequence[int], s: MutableSequence[int], rule: int, covered: int, left: int, money: int
) -> tuple[int, int, int]:
    """The largest discount that holds, in parts of the rule's scale, and how many of the `left`
    units may count on that, and until how much of the `money` more is charged."""
    best = 0
    row = table[rule + RULE_DISCOUNTS] + 1
    for _ in range(table[row - 1]):
        fits = table[row] == -1 or table[row] == s[GROUP]
        if fits and s[WHERE] & table[row + 1] == table[row + 2]:
            at = 0
            moves = False
            if table[row + 3] > 0:
                at, moves = find_counted(table, s, rule, table[row + 3], covered)
            if at >= table[row + 4]:
                if table[row + 5] > best:
                    best = table[row + 5]
            elif moves and table[find_counter(table, s, table[row + 3]) + 4] == MONEY:
                if table[row + 4] - at < money:
                    money = table[row + 4] - at
            elif moves and table[row + 4] - at < left:
                left = table[row + 4] - at
        row += 6
    return best, left, money


def until(
    table: Sequence[int],
    s: MutableSequence[int],
    rule: int,
    increment: int,
    price: int,
    extra: int,
    wanted: int,
    money: int,
) -> int:
    """How many of the `wanted` units (whole increments, and `extra` micros beside) begin before
    `money` micros more are charged; one increment where the fee or the minimum may come in."""
    if s[POS_OPENED] == 0:
        return increment
    room = settled(table, s, rule) + money - 1 - s[POS_COST] - extra
    if room < 0:
        return increment
    units = affordable(wanted, room, price, s[POS_PER], s[POS_REMAINDER])
    units = units // increment * increment + increment
    if units < increment:
        return increment
    if units > wanted:
        return wanted
    return units


def extend_further(
    table: Sequence[int],
    s: MutableSequence[int],
    rule: int,
    steps: int,
    covered: int,
    left: int,
    ceiling: int,
) -> int:
    """`extend` for prices by a counter or by volume, with flat amounts or discounts."""
    timed = table[rule + RULE_FLAGS] & TIMED
    own = s[POS_RATED] + covered
    entry, bound = find_step(table, table[rule + RULE_INCREMENTS], 2, own)
    increment = table[entry + 1]
    if bound - own < left:
        left = bound - own
    tiers = table[rule + RULE_TIERS]
    money = MOST_COST
    at, moves = own, True
    if table[rule + RULE_COUNTER] > 0:
        at, moves = find_counted(table, s, rule, table[rule + RULE_COUNTER], covered)
    elif tiers == VOLUME:
        at = 0
        if s[POS_OPENED] > 0:
            at = s[POS_OPENED] - 1
    step, bound = find_step(table, steps, 3, at)
    which = table[rule + RULE_COUNTER]
    if which > 0 and table[find_counter(table, s, which) + 4] == MONEY:
        if moves and bound < MOST_COST:
            money = bound - at
    elif moves and tiers != VOLUME and bound - at < left:
        left = bound - at
    part, left, money = find_discount(table, s, rule, covered, left, money)
    instant = s[START]
    if timed == 1:
        instant += covered
    bucket, left = find_bucket(s, instant, timed, left)
    wanted = (left + increment - 1) // increment * increment
    if bucket != 0:
        return take(s, bucket, wanted)
    if tiers == VOLUME:
        units = pay_volume(table, s, rule, steps, increment, at, part, wanted, ceiling)
    else:
        extra = 0
        if tiers == FLATS:
            if at == table[step]:
                extra = table[step + 2]
            if bound - at >= increment:
                whole = (bound - at) // increment * increment
                if whole < wanted:
                    wanted = whole
            else:
                wanted = increment
                last = steps + 3 * table[steps] - 2
                while step < last and table[step + 3] < at + increment:
                    step += 3
                    extra += table[step + 2]
                step, bound = find_step(table, steps, 3, at)
        price = table[step + 1] * (table[rule + RULE_SCALE] - part)
        if money < MOST_COST:
            wanted = until(table, s, rule, increment, price, extra, wanted, money)
        units = pay(table, s, rule, increment, price, extra, 0, wanted, ceiling)
    s[POS_OPENED] += units
    return units


def pay_volume(
    table: Sequence[int],
    s: MutableSequence[int],
    rule: int,
    steps: int,
    increment: int,
    paid: int,
    part: int,
    wanted: int,
    ceiling: int,
) -> int:
    """Pay for units after `paid` others, and move those to the step that the next increment
    ends in. All of them have the discount `part`."""
    per = s[POS_PER]
    scale = table[rule + RULE_SCALE] - part
    step, bound = find_step(table, steps, 3, paid + increment - 1)
    whole = (bound - paid) // increment * increment
    if whole < wanted:
        wanted = whole
    extra = table[step + 2]
    rest = 0
    if paid > 0:
        before, bound = find_step(table, steps, 3, paid - 1)
        extra -= table[before + 2]
        change = (table[step + 1] - table[before + 1]) * scale
        if change != 0:
            room = MOST_COST
            if change > 0:
                room = NO_LIMIT - s[POS_COST]
            if paid // per >= room // abs(change):
                return 0
            rest = paid % per * change
            extra += paid // per * change + rest // per
            rest %= per
    return pay(table, s, rule, increment, table[step + 1] * scale, extra, rest, wanted, ceiling)


def rate(table: Sequence[int], s: MutableSequence[int]) -> int:
    """Rate the slice `s` (its layout is this module's offsets) by `table`; returns RATED or
    SHORT, or a negative refusal that leaves the position as it was."""
    for bucket in range(s[BUCKET_COUNT]):
        s[BUCKETS + bucket * BUCKET_SIZE + TAKEN] = 0
    for counter in range(s[COUNTER_COUNT]):
        tail = BUCKETS + s[BUCKET_COUNT] * BUCKET_SIZE
        s[tail + counter * COUNTER_SIZE + ADDED] = 0
    s[CHARGE] = 0
    s[GRANTED] = 0
    s[FREE] = 0
    s[PAID] = 0
    s[LABEL] = -1
    rule = find_rule(table, s[PLAN], s[SERVICE], s[GROUP], s[DESTINATION], s[WHERE])
    if rule < 0:
        return rule
    s[LABEL] = table[rule + RULE_LABEL]
    if s[UNITS] < 0 or s[UNITS] > MOST_UNITS or s[POS_RATED] > MOST_UNITS:
        return TOO_LARGE
    if table[rule + RULE_FLAGS] & TIMED == 1 and s[UNITS] > MOST_SECONDS:
        return TOO_LARGE
    if s[START] > LATEST or s[START] < -LATEST:
        return TOO_LARGE
    per = table[rule + RULE_PER]
    if s[POS_PER] != per:
        if s[POS_REMAINDER] == 0:
            s[POS_PER] = per
        elif table[rule + RULE_FLAGS] >= FURTHER:
            round_remainder(s, per)
        else:
            carry_remainder(s, per)
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

    charged = settled(table, s, rule)
    s[CHARGE] = charged - s[POS_CHARGED]
    s[POS_CHARGED] = charged
    granted = covered
    if granted > s[UNITS]:
        granted = s[UNITS]
    s[GRANTED] = granted
    s[POS_RATED] += granted
    s[POS_PAID] = covered - granted
    if s[COUNTER_COUNT] > 0:
        count(table, s, rule)
    if granted < s[UNITS]:
        return SHORT
    return RATED


def count(table: Sequence[int], s: MutableSequence[int], rule: int) -> None:
    """Note what the plan's counters have to add."""
    counters = table[find_row(table, s[PLAN] + 1) - 1]
    entry = BUCKETS + s[BUCKET_COUNT] * BUCKET_SIZE
    if counters == 0:
        return
    for index in range(min(s[COUNTER_COUNT], table[counters])):
        counter = counters + 1 + index * COUNTER_ROW
        if counts(table, s, rule, counter, index + 1):
            measure = table[counter + 4]
            added = s[GRANTED]
            if measure == MONEY:
                added = s[CHARGE]
            elif measure != ALL_UNITS:
                added = s[PAID]
            s[entry + index * COUNTER_SIZE + ADDED] = added


def rate_many(
    table: Sequence[int],
    events: MutableSequence[int],
    owners: Sequence[int],
    accounts: MutableSequence[int],
    work: MutableSequence[int],
    width: int,
    codes: MutableSequence[int],
) -> None:
    """Rate `events` (slices up to their buckets' count, end to end: BUCKET_COUNT integers each)
    in order. `owners[i]` is the account that pays for the i-th; account a stands at
    `accounts[a * width]`: how many buckets, how many counters, the buckets, the counters as one
    number each, and each bucket's terms (TERM_SIZE integers). What an event takes and counts is
    kept there, for the next one to see. `work` has room for one slice."""
    for index in range(len(owners)):
        event = index * BUCKET_COUNT
        for i in range(BUCKET_COUNT):
            work[i] = events[event + i]
        account = owners[index] * width
        held = account + 2
        buckets = accounts[account]
        counters = accounts[account + 1]
        work[BUCKET_COUNT] = buckets
        work[COUNTER_COUNT] = counters
        size = buckets * BUCKET_SIZE
        for i in range(size):
            work[BUCKETS + i] = accounts[held + i]
        for i in range(counters):
            work[BUCKETS + size + i * COUNTER_SIZE] = accounts[held + size + i]
        terms = held + size + counters
        for i in range(buckets):
            term = terms + i * TERM_SIZE
            if work[WHERE] & accounts[term + TERM_MASK] != accounts[term + TERM_VALUE]:
                work[BUCKETS + i * BUCKET_SIZE + BUCKET_SERVICE] = -1
        codes[index] = rate(table, work)
        for i in range(BUCKET_COUNT):
            events[event + i] = work[i]
        for i in range(buckets):
            bucket = i * BUCKET_SIZE
            taken = work[BUCKETS + bucket + TAKEN]
            accounts[held + bucket + REMAINING] -= taken
            use = terms + i * TERM_SIZE + TERM_FROM_USE
            if taken > 0 and accounts[use] > 0:
                accounts[held + bucket + EXPIRES] = work[START] + accounts[use]
                accounts[use] = 0
        for i in range(counters):
            accounts[held + size + i] += work[BUCKETS + size + i * COUNTER_SIZE + ADDED]
