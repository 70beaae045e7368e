"""Counters: what an account's usage of a billing month comes to, as its plan counts it
(`CounterSource`): what prices go by across sessions, and what policies watch."""

from trunkline.charging.state import Counted, State


def counted(state: State, counter: str, month: int) -> int:
    """Where the counter stands in this billing month: units, or micros."""
    for each in state.counters:
        if each.id == counter:
            if each.month == month:
                return each.amount
            return each.before if each.month == month + 1 else 0
    return 0


def is_noted(state: State, counter: str, month: int) -> bool:
    """Whether what the counter came to in this month is known still."""
    return all(month >= each.month - 1 for each in state.counters if each.id == counter)


def count(state: State, counter: str, month: int, amount: int) -> None:
    """The counter counts on. Only the last two months are kept; what is older is not noted."""
    for each in state.counters:
        if each.id == counter:
            if month > each.month:
                each.before = each.amount if month == each.month + 1 else 0
                each.month, each.amount, each.told = month, 0, 0
            if month == each.month:
                each.amount += amount
            elif month == each.month - 1:
                each.before += amount
            return
    state.counters.append(Counted(counter, month, amount))
