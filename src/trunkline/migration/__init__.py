"""Migration: taking on an existing customer base.

It reads what another system left as a file, says of every line that it can't take why, and
builds the rest out of the other domains' own operations. It stands above all of them and
holds nothing but the memory of what came in, so that each row comes in once.
"""

from trunkline.migration.model import ImportRefused, Remark, Report
from trunkline.migration.operations import NoOperator, import_customers
from trunkline.migration.price_list import PRICE_LIST, PriceListDiffers, offering_id

__all__ = [
    "PRICE_LIST",
    "ImportRefused",
    "NoOperator",
    "PriceListDiffers",
    "Remark",
    "Report",
    "import_customers",
    "offering_id",
]
