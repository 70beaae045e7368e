"""Where an access technology reaches: declared by whoever builds the network, asked by orders."""

from collections.abc import Sequence
from datetime import datetime

from trunkline.ordering.qualification import store
from trunkline.ordering.qualification.model import Place, UnfitReach, plain_postcode
from trunkline.platform.db import Tx

_LONGEST = 20


def declare_reach(tx: Tx, *, access: str, areas: Sequence[Place], now: datetime) -> int:
    """`access` (an offering's `accessTechnology`) reaches these areas from now on; each is one
    place by its id, or all postcodes that begin with its own, in one country or any. Returns
    how many are new. Raises `UnfitReach`, its path `areas[i]`."""
    _check(access, areas)
    return store.insert_areas(tx, access, areas, now)


def withdraw_reach(tx: Tx, *, access: str, areas: Sequence[Place]) -> None:
    """It reaches these no more; who has it keeps it. Raises `UnfitReach`."""
    _check(access, areas)
    store.delete_areas(tx, access, areas)


def _check(access: str, areas: Sequence[Place]) -> None:
    if not 1 <= len(access) <= 60:
        raise UnfitReach("has 1 to 60 characters", path="access")
    for index, area in enumerate(areas):
        code = plain_postcode(area.postcode or "")
        if bool(area.id) == bool(code) or len(code) > _LONGEST or len(area.id or "") > 100:
            raise UnfitReach("an area is a place or a postcode", path=f"areas[{index}]")
        if area.country is not None and len(area.country) != 2:
            raise UnfitReach("a country has two letters", path=f"areas[{index}].country")
