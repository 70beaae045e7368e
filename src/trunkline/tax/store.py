"""The tables of tax regimes and their dated rates."""

from collections.abc import Sequence

import sqlalchemy as sa

from trunkline.platform.collisions import collision
from trunkline.platform.db import Reader, Tx, books_metadata
from trunkline.tax.model import TaxRate, TaxRegime, TaxRounding, TaxTable, regime_exists

tax_regime = sa.Table(
    "tax_regime",
    books_metadata,
    sa.Column("code", sa.String(40), primary_key=True),
    sa.Column("rounding", sa.String(10), nullable=False),
    sa.Column("inclusive", sa.Boolean, nullable=False),
)

tax_rate = sa.Table(
    "tax_rate",
    books_metadata,
    sa.Column("regime", sa.ForeignKey(tax_regime.c.code), primary_key=True),
    sa.Column("category", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("valid_from", sa.Date, primary_key=True),
    sa.Column("valid_to", sa.Date),
    sa.Column("millionths", sa.Integer, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("compound", sa.Boolean, nullable=False),
)

_INSERT_REGIME = sa.insert(tax_regime)
_INSERT_RATE = sa.insert(tax_rate)
_END_RATE = (
    sa.update(tax_rate)
    .where(
        tax_rate.c.regime == sa.bindparam("of_regime"),
        tax_rate.c.category == sa.bindparam("of_category"),
        tax_rate.c.name == sa.bindparam("of_name"),
        tax_rate.c.valid_from == sa.bindparam("since"),
    )
    .values(valid_to=sa.bindparam("until"))
)
_REGIME = sa.select(tax_regime).where(tax_regime.c.code == sa.bindparam("code"))
_REGIME_LOCKED = _REGIME.with_for_update()
_RATES = (
    sa.select(tax_rate)
    .where(tax_rate.c.regime == sa.bindparam("regime"))
    .order_by(tax_rate.c.category, tax_rate.c.name, tax_rate.c.valid_from)
)


def insert_regime(tx: Tx, regime: TaxRegime) -> None:
    with collision(taken=regime_exists(regime.code)):
        tx.execute(
            _INSERT_REGIME,
            {
                "code": regime.code,
                "rounding": regime.rounding.value,
                "inclusive": regime.inclusive,
            },
        )


def insert_rates(tx: Tx, rates: Sequence[TaxRate]) -> None:
    tx.execute(
        _INSERT_RATE,
        [
            {
                "regime": rate.regime,
                "category": rate.category,
                "name": rate.name,
                "valid_from": rate.valid_from,
                "valid_to": rate.valid_to,
                "millionths": rate.millionths,
                "position": rate.position,
                "compound": rate.compound,
            }
            for rate in rates
        ],
    )


def end_rate(tx: Tx, ended: TaxRate) -> None:
    tx.execute(
        _END_RATE,
        {
            "of_regime": ended.regime,
            "of_category": ended.category,
            "of_name": ended.name,
            "since": ended.valid_from,
            "until": ended.valid_to,
        },
    )


def find_regime(r: Reader, code: str, *, lock: bool = False) -> TaxRegime | None:
    row = r.execute(_REGIME_LOCKED if lock else _REGIME, {"code": code}).first()
    return TaxRegime(row.code, TaxRounding(row.rounding), row.inclusive) if row else None


def rates(r: Reader, regime: str) -> tuple[TaxRate, ...]:
    return tuple(
        TaxRate(
            regime=row.regime,
            category=row.category,
            name=row.name,
            millionths=row.millionths,
            valid_from=row.valid_from,
            valid_to=row.valid_to,
            position=row.position,
            compound=row.compound,
        )
        for row in r.execute(_RATES, {"regime": regime})
    )


def table(r: Reader, regime: TaxRegime) -> TaxTable:
    return TaxTable(regime, rates(r, regime.code))
