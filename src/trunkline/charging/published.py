"""What was last published of the catalogue's prices: the sources that the tariffs were compiled
from, and whose could not be (books)."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from trunkline.platform.db import Reader, Tx, books_metadata
from trunkline.platform.telemetry import gauge
from trunkline.rating import PlanSource, RateSheet, Zone

_refused = gauge("tariff_refused_plans", "Offerings whose prices of use can't be compiled")

publications = sa.Table(
    "charging_publication",
    books_metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sources", sa.LargeBinary, nullable=False),
    # Apart: whoever tells of them needs no prices.
    sa.Column("refused", sa.LargeBinary, nullable=False),
)


class Edition(msgspec.Struct, frozen=True):
    """What one tariff was compiled from, but for the rate sheets."""

    effective_from: datetime
    plans: tuple[PlanSource, ...]
    zones: tuple[Zone, ...]


class Published(msgspec.Struct, frozen=True):
    """The sources of one publication, by their instants; not `known` where an earlier release
    published and kept none."""

    editions: tuple[Edition, ...] = ()
    sheets: tuple[RateSheet, ...] = ()
    known: bool = True

    def at(self, instant: datetime) -> Edition | None:
        """That of the tariff in force at this instant; None before anything was published."""
        begun = [each for each in self.editions if each.effective_from <= instant]
        return begun[-1] if begun else next(iter(self.editions), None)


class RefusedPlan(msgspec.Struct, frozen=True):
    """An offering whose prices of use can't be compiled: those that it had before hold on, or
    `has_prices` is False. Another publication tries again."""

    plan: str
    code: str
    path: str
    reason: str
    has_prices: bool
    since: datetime


_ROW = sa.select(publications.c.id)
_SOURCES = sa.select(publications.c.sources)
_REFUSED = sa.select(publications.c.refused)
_INSERT = sa.insert(publications).values(id=1)
_UPDATE = sa.update(publications)
_sources = msgspec.msgpack.Decoder(Published)
_plans = msgspec.msgpack.Decoder(tuple[RefusedPlan, ...])


def last_published(r: Reader) -> Published:
    """Nothing before the first publication."""
    found = r.execute(_SOURCES).scalar()
    return Published() if found is None else _sources.decode(found)


def refused_plans(r: Reader) -> tuple[RefusedPlan, ...]:
    """Those of the last publication, by plan."""
    found = r.execute(_REFUSED).scalar()
    return () if found is None else _plans.decode(found)


def keep_published(tx: Tx, sources: Published, refused: tuple[RefusedPlan, ...]) -> None:
    """In the place of the last one."""
    values = {
        "sources": msgspec.msgpack.encode(sources),
        "refused": msgspec.msgpack.encode(refused),
    }
    statement = _INSERT if tx.execute(_ROW).first() is None else _UPDATE
    tx.execute(statement, values)


def measure_refused(r: Reader) -> None:
    """For Prometheus."""
    _refused.set(len(refused_plans(r)))
