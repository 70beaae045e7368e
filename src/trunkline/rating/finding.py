# ruff: noqa: F403, F405
"""The kernel's look-ups in a tariff's table: the rule of a usage, the steps of an instant."""

from collections.abc import Sequence

from trunkline.rating.layout import *


def find_row(table: Sequence[int], plan: int) -> int:
    """Where the plan's row in the head begins."""
    head = table[HEAD]
    services = table[head + 1]
    return head + 2 + services - KNOWN_SERVICES + plan * (services + 1)


def find_groups(table: Sequence[int], plan: int, service: int) -> int:
    """The offset of the plan's groups for the service, or 0."""
    if service < KNOWN_SERVICES:
        if service < 0:
            return 0
        return table[find_row(table, plan) + service]
    head = table[HEAD]
    for named in range(table[head + 1] - KNOWN_SERVICES):
        if table[head + 2 + named] == service:
            return table[find_row(table, plan) + KNOWN_SERVICES + named]
    return 0


def find_rule(
    table: Sequence[int], plan: int, service: int, group: int, destination: int, where: int
) -> int:
    """The offset of the rule that prices this, or a negative refusal."""
    if plan < 0 or plan >= table[table[HEAD]]:
        return UNKNOWN_PLAN
    groups = find_groups(table, plan, service)
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
    if node < 0:
        choice = 1 - node
        last = choice + 4 * table[-node]
        while choice < last and where & table[choice] != table[choice + 1]:
            choice += 4
        if choice == last:
            return NO_PRICE
        rule = table[choice + 3]
        node = table[choice + 2]
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


def is_listed(table: Sequence[int], days: int, day: int) -> bool:
    low = 0
    high = table[days] - 1
    while low < high:
        middle = (low + high + 1) // 2
        if table[days + 1 + middle] <= day:
            low = middle
        else:
            high = middle - 1
    return table[days + 1 + low] == day


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
    local = instant + table[zone + 2 + 2 * low]
    second = (local + MONDAY) % WEEK
    end = WEEK
    lasts = MOST_UNITS
    if low + 1 < table[zone]:
        lasts = table[zone + 3 + 2 * low] - instant
    if table[rule + RULE_FLAGS] & ON_HOLIDAYS != 0:
        days = table[rule + RULE_HOLIDAYS]
        today = is_listed(table, days, local // DAY)
        if (today or is_listed(table, days, local // DAY + 1)) and DAY - local % DAY < lasts:
            lasts = DAY - local % DAY
        if today:
            second = WEEK + local % DAY
            end = WEEK + DAY
    low = 0
    high = slots - 1
    while low < high:
        middle = (low + high + 1) // 2
        if table[first + 2 * middle] <= second:
            low = middle
        else:
            high = middle - 1
    if low + 1 < slots:
        end = table[first + 2 * (low + 1)]
    if end - second < lasts:
        lasts = end - second
    return table[first + 1 + 2 * low], lasts
