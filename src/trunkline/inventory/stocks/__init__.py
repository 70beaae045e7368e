"""Stock: how much there is of what, what is held for whom, and what became of it (TMF687)."""

from trunkline.inventory.stocks.store import product_stock

__all__ = ["product_stock"]
