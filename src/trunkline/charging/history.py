"""The SQL that reads the journal: pages of it, and what bills and charts sum up."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.charging.journal import BILLED, Record, RecordKind
from trunkline.charging.store import records, tariffs
from trunkline.platform.db import Reader, encode_json

NEWEST = 10_000
"""Records of an account, among which a request is looked for that was charged long ago."""

_DECIDED = (*BILLED, RecordKind.PASSED, RecordKind.UNRATED)
_kinds = ", ".join(str(int(kind)) for kind in BILLED)
_SUMS = (
    "SELECT r.account, r.service, r.tariff, r.label, sum(r.units) AS units, sum(r.free) AS free,"
    " sum(r.charge) AS charge, count(*) AS events FROM cut JOIN charging_record AS r"
    " ON r.account = cut.account AND r.kind BETWEEN cut.kind0 AND cut.kind1"
)
# Two ranges of the primary key: months that are new to the bill, and what came late for those
# that were billed before.
_USAGE = (
    "SELECT account, service, tariff, label, sum(units) AS units, sum(free) AS free,"
    " sum(charge) AS charge, sum(events) AS events FROM ("
    f"{_SUMS} AND r.period > cut.period0 AND r.period <= cut.period1 AND r.seq <= cut.seq1"
    " GROUP BY r.account, r.service, r.tariff, r.label"
    f" UNION ALL {_SUMS} AND r.period <= cut.period0 AND r.period <= cut.period1"
    " AND r.seq > cut.seq0 AND r.seq <= cut.seq1"
    " GROUP BY r.account, r.service, r.tariff, r.label"
    ") AS part GROUP BY account, service, tariff, label"
    " ORDER BY account, service, tariff, label"
)
_FIELDS = ("account", "seq0", "period0", "seq1", "period1", "kind0", "kind1")
_SQLITE_CUTS = "WITH cut AS MATERIALIZED (SELECT {} FROM json_each(:cuts) AS c) ".format(
    ", ".join(f"json_extract(c.value, '$[{i}]') AS {name}" for i, name in enumerate(_FIELDS))
)
_POSTGRESQL_CUTS = "WITH cut AS MATERIALIZED (SELECT {} FROM jsonb_array_elements(:cuts) AS c) "
_POSTGRESQL_CUTS = _POSTGRESQL_CUTS.format(
    ", ".join(f"(c ->> {i})::bigint AS {name}" for i, name in enumerate(_FIELDS))
)
_usage = {
    "sqlite": sa.text(_SQLITE_CUTS + _USAGE),
    "postgresql": sa.text(_POSTGRESQL_CUTS.replace(":cuts", "CAST(:cuts AS jsonb)") + _USAGE),
}


def usage_sums(r: Reader, cuts: Sequence[tuple[int, ...]]) -> list[Any]:
    """Sums of usage by account, service, tariff and label for each (account key, sequence and
    period of the last bill's cut, sequence and period of this one's, and the first and last kind
    of the records that are billed)."""
    if not cuts:
        return []
    return list(r.execute(_usage[r.dialect], {"cuts": encode_json(cuts)}))


_labels = sa.select(tariffs.c.version, tariffs.c.labels).where(
    tariffs.c.version.in_(sa.bindparam("versions", expanding=True))
)


def labels(r: Reader, versions: Iterable[int]) -> Mapping[int, tuple[str, ...]]:
    """The names of these versions' prices, by version; 0 is none."""
    wanted = sorted(version for version in versions if version)
    if not wanted:
        return {}
    return {
        row.version: msgspec.msgpack.decode(row.labels, type=tuple[str, ...])
        for row in r.execute(_labels, {"versions": wanted})
    }


def label(labels: Mapping[int, tuple[str, ...]], version: int, index: int) -> str:
    """What a record's price is called; "" for none."""
    return labels[version][index] if version in labels and index >= 0 else ""


_newest = (
    sa.select(records)
    .where(records.c.account == sa.bindparam("key"))
    .order_by(records.c.period.desc(), records.c.seq.desc())
    .limit(NEWEST)
    .subquery()
)
_of_request = (
    sa.select(
        _newest.c.seq, _newest.c.kind, _newest.c.at, _newest.c.period, _newest.c.balance,
        _newest.c.charge, _newest.c.units, _newest.c.rating_group, _newest.c.service_identifier,
    )
    .where(
        _newest.c.kind.in_([int(kind) for kind in _DECIDED]),
        _newest.c.session == sa.bindparam("session"),
        _newest.c.number == sa.bindparam("number"),
    )
    .order_by(_newest.c.seq)
)  # fmt: skip


def of_request(r: Reader, key: int, session: str, number: int) -> list[Record]:
    """What this request was charged, or noted without a price, among the account's `NEWEST`
    records; without evidence."""
    rows = r.execute(_of_request, {"key": key, "session": session, "number": number})
    return [Record(**row) for row in rows.mappings()]


_page = (
    sa.select(records)
    .where(records.c.account == sa.bindparam("key"))
    .order_by(records.c.period.desc(), records.c.seq.desc())
    .limit(sa.bindparam("most"))
)
_next_page = _page.where(
    sa.tuple_(records.c.period, records.c.seq)
    < sa.tuple_(
        sa.bindparam("before_period", type_=sa.BigInteger),
        sa.bindparam("before_seq", type_=sa.BigInteger),
    )
)
_one = sa.select(records).where(
    records.c.account == sa.bindparam("key"), records.c.seq == sa.bindparam("seq")
)


def page(r: Reader, key: int, before: tuple[int, int] | None, limit: int) -> list[Any]:
    """Newest month first, and in it the newest record first."""
    params = {"key": key, "most": limit}
    if before is None:
        return list(r.execute(_page, params))
    params |= {"before_period": before[0], "before_seq": before[1]}
    return list(r.execute(_next_page, params))


def one(r: Reader, key: int, seq: int) -> Any:
    return r.execute(_one, {"key": key, "seq": seq}).first()


_of_kind = (
    sa.select(records)
    .where(
        records.c.account == sa.bindparam("key"),
        records.c.period.between(sa.bindparam("first"), sa.bindparam("last")),
        records.c.kind == sa.bindparam("kind"),
        records.c.seq < sa.bindparam("before"),
    )
    .order_by(records.c.seq)
)


def of_kind(r: Reader, key: int, kind: int, *, months: tuple[int, int], before: int) -> list[Any]:
    """The account's records of this kind in the months from the first to the last, before record
    `before`, in their order."""
    first, last = months
    values = {"key": key, "kind": int(kind), "first": first, "last": last, "before": before}
    return list(r.execute(_of_kind, values))


_monthly = sa.text(
    "SELECT r.service, sum(r.units) AS units, sum(r.charge) AS charge, count(*) AS events"
    " FROM charging_record AS r"
    f" WHERE r.account = :key AND r.period = :period AND r.kind IN ({_kinds}) AND r.service >= 0"
    " GROUP BY r.service ORDER BY r.service"
)


def monthly(r: Reader, key: int, *, period: int) -> list[Any]:
    """Usage of a billing month by service."""
    return list(r.execute(_monthly, {"key": key, "period": period}))


_DAILY = (
    "SELECT (r.at + :offset) / 86400 AS day, r.service, sum(r.units) AS units,"
    " sum(r.charge) AS charge, count(*) AS events"
    " FROM charging_record AS r"
    f" WHERE r.account = :key AND r.period >= :period AND r.at >= :since AND r.kind IN ({_kinds})"
    " AND r.service >= 0 GROUP BY (r.at + :offset) / 86400, r.service ORDER BY day, r.service"
)
_daily = sa.text(_DAILY)


def daily(r: Reader, key: int, *, since: int, period: int, offset: int) -> list[Any]:
    """Usage by local day (days since 1970) and service."""
    params = {"key": key, "since": since, "period": period, "offset": offset}
    return list(r.execute(_daily, params))
