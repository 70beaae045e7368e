"""What an operator decided of a database's vouchers: the keys that codes are hashed under, which
are never in the database itself, and the rules."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

from trunkline.platform.db import Database, Reader
from trunkline.vouchers.batches.codes import NoVoucherKey, VoucherKeys
from trunkline.vouchers.rules import VoucherRules

_KEYS: WeakKeyDictionary[Database, Callable[[], VoucherKeys]] = WeakKeyDictionary()
_RULES: WeakKeyDictionary[Database, VoucherRules] = WeakKeyDictionary()
_DEFAULT = VoucherRules()


def keep_keys(
    books: Database, keys: Callable[[], VoucherKeys], rules: VoucherRules = _DEFAULT
) -> None:
    """For the composition root: where the keys of these books are found, when they are needed,
    and the rules."""
    _KEYS[books] = keys
    _RULES[books] = rules


def keys_of(r: Reader) -> VoucherKeys:
    """Raises `NoVoucherKey`."""
    keys = _KEYS.get(r.database)
    if keys is None:
        raise NoVoucherKey("no key for vouchers is set")
    return keys()


def rules_of(r: Reader) -> VoucherRules:
    """Those that were kept, or the defaults."""
    return _RULES.get(r.database, _DEFAULT)
