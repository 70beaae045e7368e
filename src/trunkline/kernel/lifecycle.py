"""Lifecycles as tables: which state may follow which."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from trunkline.kernel.errors import Conflict

State = TypeVar("State", bound=StrEnum)


class IllegalTransition(Conflict):
    code = "illegalTransition"


class Lifecycle(Generic[State]):
    """`table` names, for every state, those that may follow it; a state that leads nowhere is
    final. Staying where one is counts as no transition and must be in the table to be legal."""

    def __init__(self, name: str, table: Mapping[State, frozenset[State] | set[State]]) -> None:
        self.name = name
        self._table = {state: frozenset(following) for state, following in table.items()}
        reached = frozenset[State]().union(*self._table.values())
        assert reached <= self._table.keys(), f"{name}: a state without its row in the table"

    @property
    def states(self) -> tuple[State, ...]:
        return tuple(self._table)

    def following(self, state: State) -> frozenset[State]:
        """The states that may come after `state`."""
        return self._table[state]

    def is_final(self, state: State) -> bool:
        return not self._table[state]

    def check(self, state: State, to: State, *, path: str = "state") -> None:
        """Raises `IllegalTransition`, naming what is allowed from here."""
        allowed = self._table[state]
        if to not in allowed:
            names = ", ".join(sorted(allowed)) or "nothing: it is final"
            raise IllegalTransition(
                f"{self.name} is {state} and can't become {to}; from here it may become {names}",
                path=path,
                state=str(state),
                allowed=sorted(str(each) for each in allowed),
            )
