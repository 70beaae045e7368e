"""Writes on lock-outs."""

from trunkline.kernel.errors import NotFound
from trunkline.platform.db import Tx
from trunkline.vouchers.lockouts import store


class NotLockedOut(NotFound):
    code = "notLockedOut"


def release(tx: Tx, who: str) -> None:
    """Forgets somebody's failures: they may try again at once. Raises `NotLockedOut`."""
    if not store.free(tx, who):
        raise NotLockedOut(f"no failures of {who[:100]!r} are counted")
