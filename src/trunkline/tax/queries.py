"""Reads of tax regimes."""

from trunkline.platform.db import Reader
from trunkline.tax import store
from trunkline.tax.model import TaxRegime, TaxTable, UnknownRegime


def tax_table(r: Reader, code: str) -> TaxTable:
    """A regime with all its rates, past and coming ones too. Raises `UnknownRegime`."""
    regime = store.find_regime(r, code)
    if regime is None:
        raise UnknownRegime(f"there is no tax regime {code[:40]!r}")
    return store.table(r, regime)


def tax_regimes(r: Reader) -> list[TaxRegime]:
    return store.regimes(r)
