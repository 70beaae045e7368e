"""How slices, buckets, counters and the table of a tariff lie in memory: the offsets that the
kernel and the compiler share."""

# A slice: what is asked.
PLAN = 0
SERVICE = 1
GROUP = 2
DESTINATION = 3  # fifteen digits, left justified, times 16, plus how many of them count
WHERE = 4  # the circumstances, as the tariff numbers them: a field of bits for each
START = 5
UNITS = 6
LIMIT = 7
# Where the session stands: read, and written back.
POSITION = 8
POS_RATED = 8  # units rated so far
POS_PAID = 9  # units that the last increment covers beyond them
POS_CHARGED = 10  # micros charged so far
POS_COST = 11  # whole micros of the exact cost so far
POS_REMAINDER = 12  # and the rest, in 1/POS_PER micros
POS_PER = 13
POS_OPENED = 14  # above 0 once money was charged: the connection fee is in, the minimum holds;
POSITION_END = 15  # of a FURTHER rule, 1 and the units that money paid for
# What came out.
CHARGE = 15
GRANTED = 16
FREE = 17
PAID = 18  # units of the increments that money paid for
LABEL = 19
BUCKET_COUNT = 20
COUNTER_COUNT = 21
BUCKETS = 22
# A bucket, from BUCKETS on.
REMAINING = 0
RESERVED = 1
BUCKET_SERVICE = 2
BUCKET_GROUP = 3
STARTS = 4
EXPIRES = 5
TAKEN = 6
BUCKET_SIZE = 7
# A counter, after the buckets, in the order of the plan's.
COUNTED = 0
ADDED = 1
COUNTER_SIZE = 2

# What an allowance is for beside its service and group, where `rate_many` keeps accounts.
TERM_MASK = 0
TERM_VALUE = 1  # what WHERE must hold under the mask
TERM_FROM_USE = 2  # seconds that it holds from its first use on; 0 once that is known
TERM_SIZE = 3

DATA = 0
VOICE = 1
SMS = 2
MMS = 3
CONTENT = 4
KNOWN_SERVICES = 5  # that have a column in every table; others are listed in its head
VOICE_IN = 5
SMS_IN = 6
FIRST_NAMED = 64  # a service that the operator defines

BY_TIME = (VOICE, VOICE_IN)  # units are seconds that pass
RECEIVED = (VOICE_IN, SMS_IN)  # by who pays: without a price, free

# What `rate` returns.
RATED = 0  # all units are covered
SHORT = 1  # the limit was reached first: GRANTED says how far
UNKNOWN_PLAN = -1
NO_PRICE = -2
UNKNOWN_DESTINATION = -3
TOO_LARGE = -4

NO_LIMIT = 1 << 62
MOST_COST = 1 << 61
MOST_UNITS = 1 << 60  # past any network's amounts, and far from where a sum could overflow
MOST_SECONDS = 1 << 31
LATEST = 1 << 40

# The table: where its head is. The head: plans, services, the codes of those beyond the known
# ones, ascending; then for each plan the offset of each service's groups (0: no price) and that
# of its counters (0: none).
HEAD = 0
# Groups: how many, then (rating group, node, rule) each, ascending; -1 stands for any group.
# A negated node is a choice: how many, then (mask, value, node, rule) each; the first holds
# whose value WHERE has under the mask.
# A node: ten children, then the rule of the prefix that ends here (0: none). A child is a
# node's offset, or the negated offset of a rule that no longer prefix refines, or 0.
NODE_RULE = 10
# A rule.
RULE_LABEL = 0
RULE_FEE = 1
RULE_MINIMUM = 2
RULE_PER = 3
RULE_FLAGS = 4
RULE_ZONE = 5  # how many, then (from epoch second, offset from UTC) each
RULE_SLOTS = 6  # how many, then (from second of the local week, steps) each
# Steps: how many, then (from unit, increment, price) each.
# Before a rule with flags above TIMED.
RULE_HOLIDAYS = -1  # how many, then local days since the epoch, ascending
RULE_INCREMENTS = -2  # how many, then (from unit, increment) each; steps are (from unit, price,
RULE_TIERS = -3  # flat amount) then
RULE_COUNTER = -4  # which of the plan's, from 1; 0 for the session's own units
RULE_SCALE = -5  # what stands for the whole of a price in its discounts
RULE_DISCOUNTS = -6  # how many, then (rating group, mask, value, counter, from unit, part) each
RULE_EXTRAS = 6
# Flags.
TIMED = 1  # units are seconds that pass
ON_HOLIDAYS = 2  # the slots go on after the week with those of a holiday
FURTHER = 4  # `extend_further` prices it
# Tiers.
GRADUATED = 0
FLATS = 1
VOLUME = 2
# Counters: how many, then (service, rating group, mask, value, measure) each; -1 for any.
COUNTER_ROW = 5
ALL_UNITS = 0
PAID_UNITS = 1
MONEY = 2
PRICED_UNITS = 3  # paid units under the rules that go by the counter

DAY = 86_400
WEEK = 604_800
MONDAY = 259_200  # the epoch began three days into a week
