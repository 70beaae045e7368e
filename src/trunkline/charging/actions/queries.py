"""Reads of balance actions (books)."""

from collections.abc import Sequence

from trunkline.charging.actions import store
from trunkline.charging.actions.model import BalanceAction
from trunkline.platform.db import Reader

BALANCE_ACTIONS = store.balance_action
"""The table, for lists that are filtered by its columns."""


def balance_actions(r: Reader, ids: Sequence[str]) -> list[BalanceAction]:
    """Those that exist, in no order."""
    return store.some(r, ids)
