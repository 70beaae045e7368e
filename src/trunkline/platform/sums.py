"""Sums of amounts that outgrow 64 bits.

One amount always fits (`kernel.money.LARGEST`); what a busy year in dong or rupiah adds up to
may not, and both engines then refuse to sum. So a sum is read in two halves.
"""

from typing import Any

import sqlalchemy as sa

_PLACE = 10**9


def exact_sum(micros: sa.ColumnElement[Any], name: str) -> tuple[sa.ColumnElement[Any], ...]:
    """The columns from which `summed` reads the sum of `micros`; zero where there is none."""
    halves = {f"{name}_high": micros // _PLACE, f"{name}_low": micros % _PLACE}
    return tuple(
        sa.cast(sa.func.coalesce(sa.func.sum(half), 0), sa.BigInteger).label(label)
        for label, half in halves.items()
    )


def summed(row: sa.Row[Any], name: str) -> int:
    """What `exact_sum` of this name came to in `row`."""
    return int(getattr(row, f"{name}_high")) * _PLACE + int(getattr(row, f"{name}_low"))
