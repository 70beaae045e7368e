"""The tariffs that a database has installed, for all but the network's own requests: decoded once
in a process, however many transactions ask for them."""

from functools import partial
from weakref import WeakKeyDictionary

from trunkline.charging import store
from trunkline.charging.tariffs import InForce, Tariffs
from trunkline.platform.db import Database, Reader

_READY: WeakKeyDictionary[Database, dict[int, InForce]] = WeakKeyDictionary()


def installed_tariffs(r: Reader) -> Tariffs:
    """All of them, each loaded when it is first needed, as long as `r` lasts."""
    ready = _READY.setdefault(r.database, {})
    return Tariffs(store.tariff_versions(r), partial(store.tariff, r), ready)
