"""Writes: a regime declared, a rate set."""

from datetime import date

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.platform.db import Tx
from trunkline.tax import store
from trunkline.tax.model import (
    LONGEST_NAME,
    WHOLE,
    RateOverlaps,
    TaxRate,
    TaxRegime,
    TaxRounding,
    regime_exists,
    unknown_regime,
)


def declare_regime(
    tx: Tx,
    *,
    code: str,
    rounding: TaxRounding = TaxRounding.INVOICE,
    inclusive: bool = False,
) -> TaxRegime:
    """A new regime, without rates. The same again changes nothing; another one under the same
    code raises `RegimeExists`."""
    if not 1 <= len(code) <= LONGEST_NAME or not code.isprintable():
        raise Invalid(
            f"a tax regime's code is 1 to {LONGEST_NAME} printable characters", path="code"
        )
    regime = TaxRegime(code, rounding, inclusive)
    standing = store.find_regime(tx, code)
    if standing is None:
        store.insert_regime(tx, regime)
    elif standing != regime:
        raise regime_exists(code)
    return regime


def set_rate(
    tx: Tx,
    *,
    regime: str,
    category: str,
    name: str,
    millionths: int,
    valid_from: date,
    valid_to: date | None = None,
    position: int = 0,
    compound: bool = False,
) -> TaxRate:
    """A rate from a day on. It ends the one of the same category and name that was open. The
    same again changes nothing; one that would rewrite days already ruled by another raises
    `RateOverlaps`."""
    for place, text in (("category", category), ("name", name)):
        if not 1 <= len(text) <= LONGEST_NAME or not text.isprintable():
            raise Invalid(f"is 1 to {LONGEST_NAME} printable characters", path=place)
    if not 0 <= millionths <= WHOLE:
        raise Invalid("a rate lies between 0 and 100 per cent", path="rate")
    if valid_to is not None and valid_to <= valid_from:
        raise Invalid("a rate ends after it begins", path="validTo")
    new = TaxRate(regime, category, name, millionths, valid_from, valid_to, position, compound)
    ruling = store.find_regime(tx, regime, lock=True)
    if ruling is None:
        raise unknown_regime(regime)
    for rate in store.table(tx, ruling).rates:
        if (rate.category, rate.name) != (category, name):
            continue
        if rate == new:
            return new
        if rate.valid_to is None and rate.valid_from < valid_from:
            store.end_rate(tx, msgspec.structs.replace(rate, valid_to=valid_from))
        elif (valid_to is None or rate.valid_from < valid_to) and (
            rate.valid_to is None or valid_from < rate.valid_to
        ):
            raise RateOverlaps(
                f"{name} on {category} is set from {rate.valid_from} already", path="validFrom"
            )
    store.insert_rates(tx, [new])
    return new
