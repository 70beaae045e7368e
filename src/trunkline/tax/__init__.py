"""Tax: regimes, dated rates, and the arithmetic that puts them on an invoice.

Rates are exact, dated and never guessed: a category without a rate is an error, and an untaxed
one has a rate of zero. Where a tax becomes minor units, on the line or on the invoice, is the
regime's to say.
"""

from trunkline.tax.model import (
    NoRate,
    RateOverlaps,
    RegimeExists,
    Taxable,
    Taxed,
    TaxItem,
    TaxRate,
    TaxRegime,
    TaxRounding,
    TaxTable,
    UnknownRegime,
    calculate_tax,
)
from trunkline.tax.operations import declare_regime, set_rate
from trunkline.tax.queries import tax_table

__all__ = [
    "NoRate",
    "RateOverlaps",
    "RegimeExists",
    "TaxItem",
    "TaxRate",
    "TaxRegime",
    "TaxRounding",
    "TaxTable",
    "Taxable",
    "Taxed",
    "UnknownRegime",
    "calculate_tax",
    "declare_regime",
    "set_rate",
    "tax_table",
]
