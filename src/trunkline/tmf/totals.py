"""How many rows match: counted, and where that took long, remembered while nothing changes.

A total is exact: what is remembered holds only while the database's stamp says that nothing was
committed since it was counted.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from trunkline.platform.db import Database, Reader

WORTH_REMEMBERING = 5_000
"""Fewer are counted as quickly as looked up."""
_MOST = 200

_Known = OrderedDict[Hashable, tuple[str, int]]
_known: WeakKeyDictionary[Database, _Known] = WeakKeyDictionary()


def total(r: Reader, table: sa.FromClause, conditions: list[Any], about: Hashable) -> int:
    """The rows of `table` that satisfy all `conditions`. `about` tells most lists apart, and is
    the same for the same conditions."""
    counting = sa.select(sa.func.count()).select_from(table).where(*conditions)
    known = _known.setdefault(r.database, OrderedDict())
    if about not in known:
        counted = int(r.execute(counting).scalar_one())
        if counted < WORTH_REMEMBERING:
            return counted
        known[about] = "", 0  # From now on it is worth the words of the whole statement.
        _trim(known)
        return counted
    known.move_to_end(about)
    compiled = counting.compile(dialect=r.connection.dialect)
    whole = (about, str(compiled), repr(sorted(compiled.params.items())))
    stamp = r.stamp()
    then, counted = known.get(whole, ("", 0))
    if then != stamp:
        counted = int(r.execute(counting).scalar_one())
        known[whole] = stamp, counted
        _trim(known)
    known.move_to_end(whole)
    return counted


def _trim(known: _Known) -> None:
    while len(known) > _MOST:
        known.popitem(last=False)
