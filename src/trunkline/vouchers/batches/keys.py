"""Which keys a database's vouchers are hashed under: they are never in the database itself."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

from trunkline.platform.db import Database, Reader
from trunkline.vouchers.batches.codes import NoVoucherKey, VoucherKeys

_KEYS: WeakKeyDictionary[Database, Callable[[], VoucherKeys]] = WeakKeyDictionary()


def keep_keys(books: Database, keys: Callable[[], VoucherKeys]) -> None:
    """For the composition root: where the keys of these books are found, when they are needed."""
    _KEYS[books] = keys


def keys_of(r: Reader) -> VoucherKeys:
    """Raises `NoVoucherKey`."""
    keys = _KEYS.get(r.database)
    if keys is None:
        raise NoVoucherKey("no key for vouchers is set")
    return keys()
