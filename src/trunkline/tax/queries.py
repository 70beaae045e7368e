"""Reads of tax regimes."""

from trunkline.platform.db import Reader
from trunkline.tax import store
from trunkline.tax.model import TaxTable, unknown_regime


def tax_table(r: Reader, code: str) -> TaxTable:
    """A regime with all its rates, past and coming ones too. Raises `UnknownRegime`."""
    regime = store.find_regime(r, code)
    if regime is None:
        raise unknown_regime(code)
    return store.table(r, regime)
