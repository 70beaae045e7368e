"""Where an access technology reaches: declared by whoever builds the network, asked by orders."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime

from trunkline.ordering.qualification import store
from trunkline.ordering.qualification.model import Place, UnfitReach, plain_postcode
from trunkline.platform.db import Tx

_COLUMNS = ("country", "postcode", "place")


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


def read_areas(text: str) -> list[Place]:
    """Areas of a CSV with the columns `postcode` or `place`, and `country` if there is one. Raises
    `UnfitReach`, its path the line."""
    rows = csv.DictReader(io.StringIO(text), strict=True)
    try:
        names = [name.strip().lower() for name in rows.fieldnames or ()]
        if not names or not set(names) <= set(_COLUMNS) or len(set(names)) < len(names):
            raise UnfitReach(f"the columns are among {', '.join(_COLUMNS)}", path="line 1")
        rows.fieldnames = names
        areas = []
        for row in rows:
            if None in row or None in row.values():
                raise UnfitReach("has more or fewer columns", path=f"line {rows.line_num}")
            told = {name: each.strip() or None for name, each in row.items()}
            area = Place(
                id=told.get("place"), postcode=told.get("postcode"), country=told.get("country")
            )
            _check_area(area, f"line {rows.line_num}")
            areas.append(area)
    except csv.Error as error:
        raise UnfitReach(str(error), path=f"line {rows.reader.line_num}") from None
    return areas


def _check(access: str, areas: Sequence[Place]) -> None:
    if not 1 <= len(access) <= 60:
        raise UnfitReach("has 1 to 60 characters", path="access")
    for index, area in enumerate(areas):
        _check_area(area, f"areas[{index}]")


def _check_area(area: Place, path: str) -> None:
    code = plain_postcode(area.postcode or "")
    if bool(area.id) == bool(code) or len(code) > store.LONGEST or len(area.id or "") > 100:
        raise UnfitReach("an area is a place or a postcode", path=path)
    if area.country is not None and len(area.country) != 2:
        raise UnfitReach("a country has two letters", path=path)
