"""The tables of exposures, of their sums by day, and of what the host was asked to stop; and all
SQL on them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from trunkline.charging import ChargedUsage
from trunkline.inventory import ProductId, ServiceId
from trunkline.kernel.money import Money
from trunkline.kernel.time import to_micros
from trunkline.platform.db import Instant, Reader, Tx, books_metadata
from trunkline.usage.exposure.model import Bar, BarState, Cause, Exposure

exposures = sa.Table(
    "usage_exposure",
    books_metadata,
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("cause", sa.String(20), primary_key=True),
    sa.Column("reached_at", Instant, primary_key=True),
    sa.Column("noticed_at", Instant, nullable=False),
    sa.Column("barred_at", Instant, nullable=True),
    sa.Column("restored_at", Instant, nullable=True),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("beyond", sa.BigInteger, nullable=False),
    sa.Column("until", Instant, nullable=True),
    sa.Index("usage_exposure_latest", "noticed_at"),
)
sums = sa.Table(
    "usage_exposed",
    books_metadata,
    sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("cause", sa.String(20), primary_key=True),
    sa.Column("currency", sa.String(3), primary_key=True),
    sa.Column("within_seconds", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("ends", sa.BigInteger, nullable=False),
    sa.Column("unbarred", sa.BigInteger, nullable=False),
    sa.Column("beyond", sa.BigInteger, nullable=False),
    sa.Column("longest", sa.BigInteger, nullable=True),
)
"""A row for each day (UTC, counted from 1970), so that what is told of exposure reads as many rows
as there are days, whatever happened on them."""
bars = sa.Table(
    "usage_bar",
    books_metadata,
    sa.Column("service", sa.String(100), primary_key=True),
    sa.Column("cause", sa.String(20), primary_key=True),
    sa.Column("product", sa.String(100), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("asked_at", Instant, nullable=False),
    sa.Column("wanted", sa.Boolean, nullable=False),
    sa.Column("instruction", sa.String(100)),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(500)),
    sa.Column("ticket", sa.String(100)),
    sa.Index("usage_bar_by_state", "state", "asked_at"),
    sa.Index("usage_bar_by_product", "product"),
    sa.Index("usage_bar_by_instruction", "instruction"),
)

waived = sa.Table(
    "usage_waived",
    books_metadata,
    sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("waiver", sa.String(40), primary_key=True),
    sa.Column("currency", sa.String(3), primary_key=True),
    sa.Column("records", sa.BigInteger, nullable=False),
    sa.Column("micros", sa.BigInteger, nullable=False),
)
"""Likewise, of what isn't charged."""

_DAY = 86_400_000_000

_of_account = sa.select(exposures).where(
    exposures.c.account == sa.bindparam("which"), exposures.c.cause == sa.bindparam("why")
)
_open = _of_account.where(exposures.c.restored_at.is_(None)).with_for_update()
_this = _of_account.where(
    exposures.c.reached_at == sa.bindparam("at", type_=Instant)
).with_for_update()
_insert = sa.insert(exposures)
_move = (
    sa.update(exposures)
    .where(
        exposures.c.account == sa.bindparam("which"),
        exposures.c.cause == sa.bindparam("why"),
        exposures.c.reached_at == sa.bindparam("at", type_=Instant),
    )
    .values(
        barred_at=sa.bindparam("barred", type_=Instant),
        restored_at=sa.bindparam("restored", type_=Instant),
        beyond=sa.bindparam("micros", type_=sa.BigInteger),
    )
)
_latest = (
    sa.select(exposures)
    .order_by(exposures.c.noticed_at.desc(), exposures.c.account, exposures.c.cause)
    .limit(sa.bindparam("most"))
)
_add = sa.text(
    "INSERT INTO usage_exposed"
    " (day, cause, currency, within_seconds, ends, unbarred, beyond, longest)"
    " VALUES (:day, :cause, :currency, :within, :ends, :unbarred, :beyond, :longest)"
    " ON CONFLICT (day, cause, currency, within_seconds) DO UPDATE SET"
    " ends = usage_exposed.ends + excluded.ends,"
    " unbarred = usage_exposed.unbarred + excluded.unbarred,"
    " beyond = usage_exposed.beyond + excluded.beyond,"
    " longest = CASE WHEN usage_exposed.longest >= excluded.longest OR excluded.longest IS NULL"
    " THEN usage_exposed.longest ELSE excluded.longest END"
)
_totals = (
    sa.select(
        sums.c.cause,
        sums.c.currency,
        sa.func.sum(sums.c.ends).label("ends"),
        sa.func.sum(sums.c.unbarred).label("unbarred"),
        sa.func.sum(sums.c.beyond).label("beyond"),
    )
    .group_by(sums.c.cause, sums.c.currency)
    .order_by(sums.c.cause, sums.c.currency)
)
_bands = (
    sa.select(
        sums.c.cause,
        sums.c.within_seconds,
        sums.c.currency,
        sa.func.sum(sums.c.ends).label("ends"),
        sa.func.sum(sums.c.unbarred).label("unbarred"),
        sa.func.sum(sums.c.beyond).label("beyond"),
        sa.func.max(sums.c.longest).label("longest"),
    )
    .where(sums.c.day >= sa.bindparam("since"))
    .group_by(sums.c.cause, sums.c.within_seconds, sums.c.currency)
    .order_by(sums.c.cause, sums.c.within_seconds, sums.c.currency)
)

_add_waived = sa.text(
    "INSERT INTO usage_waived (day, waiver, currency, records, micros)"
    " VALUES (:day, :waiver, :currency, 1, :micros)"
    " ON CONFLICT (day, waiver, currency) DO UPDATE SET records = usage_waived.records + 1,"
    " micros = usage_waived.micros + excluded.micros"
)
_waived = (
    sa.select(
        waived.c.waiver,
        waived.c.currency,
        sa.func.sum(waived.c.records).label("records"),
        sa.func.sum(waived.c.micros).label("micros"),
    )
    .where(waived.c.day >= sa.bindparam("since"))
    .group_by(waived.c.waiver, waived.c.currency)
    .order_by(waived.c.waiver, waived.c.currency)
)

_put_bar = sa.text(
    "INSERT INTO usage_bar (service, cause, product, state, asked_at, wanted, instruction,"
    " attempts, reason, ticket) VALUES (:service, :cause, :product, :state, :asked_at, :wanted,"
    " :instruction, :attempts, :reason, :ticket)"
    " ON CONFLICT (service, cause) DO UPDATE SET state = excluded.state,"
    " asked_at = excluded.asked_at, wanted = excluded.wanted, instruction = excluded.instruction,"
    " attempts = excluded.attempts, reason = excluded.reason, ticket = excluded.ticket"
).bindparams(sa.bindparam("asked_at", type_=Instant), sa.bindparam("wanted", type_=sa.Boolean))
_drop_bar = sa.delete(bars).where(
    bars.c.service == sa.bindparam("of_service"), bars.c.cause == sa.bindparam("why")
)
_locked = sa.select(bars).with_for_update()
_of_instruction = _locked.where(bars.c.instruction == sa.bindparam("waits_for"))
_of_service = _locked.where(bars.c.service == sa.bindparam("of_service")).order_by(bars.c.cause)
_of_product = (
    _locked.where(bars.c.product == sa.bindparam("of_product"), bars.c.cause == sa.bindparam("why"))
).order_by(bars.c.service)
_of_products = (
    sa.select(bars)
    .where(bars.c.product.in_(sa.bindparam("products", expanding=True)))
    .order_by(bars.c.product, bars.c.service, bars.c.cause)
)
_in_states = (
    sa.select(bars)
    .where(bars.c.state.in_(sa.bindparam("states", expanding=True)))
    .order_by(bars.c.asked_at, bars.c.service, bars.c.cause)
    .limit(sa.bindparam("most"))
)
_counts = (
    sa.select(bars.c.cause, bars.c.state, sa.func.count().label("held"))
    .where(bars.c.state.in_(sa.bindparam("states", expanding=True)))
    .group_by(bars.c.cause, bars.c.state)
)


def open_exposure(tx: Tx, account: str, cause: Cause) -> Exposure | None:
    """The one that hasn't gone on by right; nobody else moves it until the transaction ends."""
    row = tx.execute(_open, {"which": account, "why": cause.value}).first()
    return None if row is None else _exposure(row)


def exposure(tx: Tx, account: str, cause: Cause, reached_at: datetime) -> Exposure | None:
    """Likewise."""
    row = tx.execute(_this, {"which": account, "why": cause.value, "at": reached_at}).first()
    return None if row is None else _exposure(row)


def insert(tx: Tx, new: Exposure) -> None:
    tx.execute(
        _insert,
        {
            "account": new.account,
            "cause": new.cause.value,
            "reached_at": new.reached_at,
            "noticed_at": new.noticed_at,
            "barred_at": new.barred_at,
            "restored_at": new.restored_at,
            "currency": new.beyond.currency,
            "beyond": new.beyond.micros,
            "until": new.until,
        },
    )
    _count(tx, new, ends=1, unbarred=int(new.is_open), beyond=new.beyond.micros)


def move(tx: Tx, before: Exposure, after: Exposure) -> None:
    """The same exposure, further on; its sums with it."""
    tx.execute(
        _move,
        {
            "which": after.account,
            "why": after.cause.value,
            "at": after.reached_at,
            "barred": after.barred_at,
            "restored": after.restored_at,
            "micros": after.beyond.micros,
        },
    )
    _count(
        tx,
        after,
        unbarred=int(after.is_open) - int(before.is_open),
        beyond=after.beyond.micros - before.beyond.micros,
    )


def _count(tx: Tx, of: Exposure, *, ends: int = 0, unbarred: int = 0, beyond: int = 0) -> None:
    tx.execute(
        _add,
        {
            "day": to_micros(of.noticed_at) // _DAY,
            "cause": of.cause.value,
            "currency": of.beyond.currency,
            "within": of.within,
            "ends": ends,
            "unbarred": unbarred,
            "beyond": beyond,
            "longest": None if of.seconds is None else int(of.seconds),
        },
    )


def latest(r: Reader, limit: int) -> list[Exposure]:
    return [_exposure(row) for row in r.execute(_latest, {"most": limit})]


def totals(r: Reader) -> Sequence[Any]:
    """By cause and currency."""
    return r.execute(_totals).all()


def bands(r: Reader, now: datetime, measured: timedelta) -> Sequence[Any]:
    """Of the days up to now, by cause, delay and currency."""
    return r.execute(_bands, {"since": to_micros(now - measured) // _DAY}).all()


def count_waived(tx: Tx, results: Sequence[ChargedUsage], now: datetime) -> None:
    """Adds what of these isn't charged to the day's sums."""
    rows = [
        {
            "day": to_micros(now) // _DAY,
            "waiver": each.waiver,
            "currency": each.waived.currency,
            "micros": each.waived.micros,
        }
        for each in results
        if each.waived is not None
    ]
    if rows:
        tx.execute(_add_waived, rows)


def waived_since(r: Reader, since: datetime | None) -> Sequence[Any]:
    """By reason and currency; of all days with None."""
    return r.execute(_waived, {"since": 0 if since is None else to_micros(since) // _DAY}).all()


def put_bar(tx: Tx, bar: Bar) -> None:
    """As it is now."""
    tx.execute(
        _put_bar,
        {
            "service": bar.service,
            "cause": bar.cause.value,
            "product": bar.product,
            "state": bar.state.value,
            "asked_at": bar.asked_at,
            "wanted": bar.wanted,
            "instruction": bar.instruction,
            "attempts": bar.attempts,
            "reason": bar.reason,
            "ticket": bar.ticket,
        },
    )


def drop_bar(tx: Tx, bar: Bar) -> None:
    tx.execute(_drop_bar, {"of_service": bar.service, "why": bar.cause.value})


def bar_waiting_for(tx: Tx, instruction: str) -> Bar | None:
    row = tx.execute(_of_instruction, {"waits_for": instruction}).first()
    return None if row is None else _bar(row)


def bars_of_service(tx: Tx, service: str) -> list[Bar]:
    return [_bar(row) for row in tx.execute(_of_service, {"of_service": service})]


def bars_of_product(tx: Tx, product: str, cause: Cause) -> list[Bar]:
    found = tx.execute(_of_product, {"of_product": product, "why": cause.value})
    return [_bar(row) for row in found]


def bars_of_products(r: Reader, products: Sequence[str]) -> list[Bar]:
    rows = r.execute(_of_products, {"products": list(products)}) if products else ()
    return [_bar(row) for row in rows]


def bars_in(r: Reader, states: Sequence[BarState], limit: int) -> list[Bar]:
    """The longest waiting first."""
    rows = r.execute(_in_states, {"states": [each.value for each in states], "most": limit})
    return [_bar(row) for row in rows]


def count_bars(r: Reader, states: Sequence[BarState]) -> dict[tuple[Cause, BarState], int]:
    rows = r.execute(_counts, {"states": [each.value for each in states]})
    return {(Cause(row.cause), BarState(row.state)): row.held for row in rows}


def _exposure(row: Any) -> Exposure:
    return Exposure(
        row.account,
        Cause(row.cause),
        row.reached_at,
        row.noticed_at,
        row.barred_at,
        row.restored_at,
        Money(row.beyond, row.currency),
        row.until,
    )


def _bar(row: Any) -> Bar:
    return Bar(
        service=ServiceId(row.service),
        cause=Cause(row.cause),
        product=ProductId(row.product),
        state=BarState(row.state),
        asked_at=row.asked_at,
        wanted=row.wanted,
        instruction=row.instruction,
        attempts=row.attempts,
        reason=row.reason,
        ticket=row.ticket,
    )
