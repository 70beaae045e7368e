"""Hears what people would be told, in the place of those who tell them."""

from collections.abc import Collection, Sequence

from trunkline.platform.db import Tx
from trunkline.platform.messages import Message, Reaction


class Ear:
    """`instead_of` names the reactions in whose place it hears."""

    def __init__(self, instead_of: Collection[str]) -> None:
        self._instead_of = instead_of
        self.told: list[Message] = []

    def among(self, reactions: Sequence[Reaction]) -> tuple[Reaction, ...]:
        return tuple(
            Reaction(each.name, on=each.on, run=self._hear, database=each.database)
            if each.name in self._instead_of
            else each
            for each in reactions
        )

    def _hear(self, _tx: Tx, message: Message, _now: object) -> None:
        self.told.append(message)
