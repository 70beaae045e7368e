"""Stock: how much there is of what, what is held for whom, and what became of it (TMF687).

Stocks of articles are counted here, with a journal; those of numbers and cards count what is on
their shelf, and what is reserved of them is taken off it.
"""

from trunkline.inventory.stocks.kinds import ADJUSTMENTS, CHECKS, QUERIES, RESERVATIONS
from trunkline.inventory.stocks.operations import (
    adjust,
    change_stock,
    check,
    create_stock,
    delete_stock,
    end_reservation,
    query,
    reserve,
)
from trunkline.inventory.stocks.queries import journal, shown
from trunkline.inventory.stocks.store import (
    product_stock,
    stock_adjustment,
    stock_check,
    stock_query,
    stock_reservation,
)

__all__ = [
    "ADJUSTMENTS",
    "CHECKS",
    "QUERIES",
    "RESERVATIONS",
    "adjust",
    "change_stock",
    "check",
    "create_stock",
    "delete_stock",
    "end_reservation",
    "journal",
    "product_stock",
    "query",
    "reserve",
    "shown",
    "stock_adjustment",
    "stock_check",
    "stock_query",
    "stock_reservation",
]
