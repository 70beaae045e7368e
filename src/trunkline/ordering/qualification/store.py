"""The tables of qualifications and of the areas that a technology reaches, and all SQL on them."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from trunkline.ordering.qualification.model import Place, plain_postcode
from trunkline.platform.db import Instant, Reader, Tx, books_metadata
from trunkline.tmf import documents

qualification = documents.table(
    "offering_qualification",
    sa.Column("customer_id", sa.String(100), index=True),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("qualified_at", Instant, nullable=False, index=True),
    sa.Column("result", sa.String(20)),
    sa.Column("channel_id", sa.String(100)),
)

access_area = sa.Table(
    "access_area",
    books_metadata,
    sa.Column("access", sa.String(60), primary_key=True),
    sa.Column("country", sa.String(2), primary_key=True),
    sa.Column("postcode", sa.String(20), primary_key=True),
    sa.Column("place_id", sa.String(100), primary_key=True),
    sa.Column("since", Instant, nullable=False),
    sa.Index("access_area_by_postcode", "postcode"),
    sa.Index("access_area_by_place", "place_id"),
)

LONGEST = 20
"""Of a postcode's characters."""
_INSERT = postgresql.insert(access_area).on_conflict_do_nothing()
_DELETE = sa.delete(access_area).where(
    access_area.c.access == sa.bindparam("of_access"),
    access_area.c.country == sa.bindparam("of_country"),
    access_area.c.postcode == sa.bindparam("of_postcode"),
    access_area.c.place_id == sa.bindparam("of_place"),
)
_AT = sa.select(access_area).where(
    sa.or_(
        access_area.c.postcode.in_(sa.bindparam("postcodes", expanding=True)),
        access_area.c.place_id.in_(sa.bindparam("places", expanding=True)),
    )
)


def insert_areas(tx: Tx, access: str, areas: Iterable[Place], now: datetime) -> int:
    """How many were new."""
    rows = [_row(access, each) | {"since": now} for each in areas]
    return tx.execute(_INSERT, rows).rowcount if rows else 0


def delete_areas(tx: Tx, access: str, areas: Iterable[Place]) -> None:
    rows = [{f"of_{name.removesuffix('_id')}": v for name, v in _row(access, each).items()}
            for each in areas]  # fmt: skip
    if rows:
        tx.execute(_DELETE, rows)


def accesses_at(r: Reader, places: Sequence[Place]) -> frozenset[str]:
    """The technologies, in lower case, that reach one of these places: an area is a place, or
    all postcodes that begin with its own."""
    codes = {plain_postcode(each.postcode)[:LONGEST] for each in places if each.postcode}
    prefixes = sorted({code[:length] for code in codes for length in range(1, len(code) + 1)})
    rows = r.execute(
        _AT, {"postcodes": prefixes, "places": sorted({each.id for each in places if each.id})}
    )
    return frozenset(
        row.access.lower() for row in rows if any(_holds(row, place) for place in places)
    )


def _holds(row: sa.Row[tuple[str, ...]], place: Place) -> bool:
    if row.place_id:
        return bool(row.place_id == place.id)
    country = (place.country or row.country).upper()
    code = plain_postcode(place.postcode or "")
    return bool(row.postcode and code.startswith(row.postcode) and row.country in ("", country))


def _row(access: str, area: Place) -> dict[str, str]:
    return {
        "access": access,
        "country": (area.country or "").upper(),
        "postcode": plain_postcode(area.postcode or ""),
        "place_id": area.id or "",
    }
