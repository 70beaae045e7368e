"""The chart of accounts: the same codes in every legal entity's books."""

from enum import StrEnum

import msgspec


class AccountKind(StrEnum):
    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"


class ChartAccount(msgspec.Struct, frozen=True):
    """One line of the chart. A debit is positive: assets and expenses grow with it."""

    code: str
    name: str
    kind: AccountKind


CASH = "1000"
RECEIVABLES = "1100"
UNBILLED = "1110"
DEALERS = "1120"
TAX_PAYABLE = "2000"
PREPAID = "2100"
VOUCHERS = "2110"
CUSTOMER_CREDITS = "2200"
RECURRING_REVENUE = "4000"
ONE_TIME_REVENUE = "4100"
USAGE_REVENUE = "4200"
BREAKAGE = "4300"
ROUNDING = "4900"
ADJUSTMENTS = "4910"
BAD_DEBT = "5000"
COMMISSIONS = "5100"

CHART: tuple[ChartAccount, ...] = (
    ChartAccount(CASH, "Cash", AccountKind.ASSET),
    ChartAccount(RECEIVABLES, "Receivables", AccountKind.ASSET),
    ChartAccount(UNBILLED, "Unbilled usage", AccountKind.ASSET),
    ChartAccount(DEALERS, "Dealers", AccountKind.ASSET),
    ChartAccount(TAX_PAYABLE, "Tax payable", AccountKind.LIABILITY),
    ChartAccount(PREPAID, "Prepaid balances", AccountKind.LIABILITY),
    ChartAccount(VOUCHERS, "Vouchers sold", AccountKind.LIABILITY),
    ChartAccount(CUSTOMER_CREDITS, "Customers' credits", AccountKind.LIABILITY),
    ChartAccount(RECURRING_REVENUE, "Recurring revenue", AccountKind.INCOME),
    ChartAccount(ONE_TIME_REVENUE, "One-time revenue", AccountKind.INCOME),
    ChartAccount(USAGE_REVENUE, "Usage revenue", AccountKind.INCOME),
    ChartAccount(BREAKAGE, "Breakage", AccountKind.INCOME),
    ChartAccount(ROUNDING, "Rounding differences", AccountKind.INCOME),
    ChartAccount(ADJUSTMENTS, "Adjustments", AccountKind.INCOME),
    ChartAccount(BAD_DEBT, "Bad debt", AccountKind.EXPENSE),
    ChartAccount(COMMISSIONS, "Dealers' commissions", AccountKind.EXPENSE),
)

CODES = frozenset(account.code for account in CHART)
