"""Charging: balances, sessions, reserve / report / release: the online charging system.

It answers the network in real time (`GroupCommit`), rates offline records against the same
state with the same kernel (`ChargeUsage`), and keeps an append-only journal of what it
charged and why. It owns a database of its own: no transaction spans it and the books. Money
crosses to the ledger by outbox, a summary for each committed batch, under the batch's id.

A worker calls `GroupCommit.attempt` with what has come since its last commit, and puts what is
left over at the head of the next batch; `GroupCommit.process` does that for callers that have
no queue. Everybody else sends commands (`trunkline.charging.events`) and reads queries.
"""

from trunkline.charging.account import (
    AccountIsClosed,
    IdentityTaken,
    NotPrepaid,
    PlanHasNoTariff,
    UnknownChargingAccount,
)
from trunkline.charging.batch import MOST_REQUESTS, GroupCommit
from trunkline.charging.earnings import post_earnings
from trunkline.charging.events import (
    BarAccount,
    ChangePlan,
    ChargedUsage,
    ChargeUsage,
    CloseAccount,
    InstallTariff,
    OpenAccount,
    TopUp,
    UnbarAccount,
    UsageEvent,
)
from trunkline.charging.explanation import BucketUse, Explanation, NotUsage, UnknownRecord, explain
from trunkline.charging.grants import GrantPolicy, GrantSize
from trunkline.charging.jobs import release_lost_sessions
from trunkline.charging.journal import RecordKind
from trunkline.charging.model import (
    MOST_EVENTS,
    NOT_REQUESTED,
    SERVER_DECIDES,
    Action,
    ChargeAnswer,
    ChargeRequest,
    ChargingAccountId,
    Identity,
    Kind,
    Result,
    Service,
    UnitAnswer,
    UnitRequest,
)
from trunkline.charging.months import billing_month, month_bounds
from trunkline.charging.queries import (
    ACCOUNTS,
    AccountSummary,
    Balance,
    BoundIdentity,
    BucketBalance,
    DayOfUsage,
    RecordLine,
    UsageCut,
    UsageLine,
    account_of,
    balance,
    balances,
    charging_accounts,
    credited,
    daily_usage,
    identities,
    records,
    usage_lines,
)
from trunkline.charging.state import Status
from trunkline.charging.traffic import (
    forget_traffic,
    requests_between,
    requests_by_hour,
    requests_per_second,
)

__all__ = [
    "ACCOUNTS",
    "MOST_EVENTS",
    "MOST_REQUESTS",
    "NOT_REQUESTED",
    "SERVER_DECIDES",
    "AccountIsClosed",
    "AccountSummary",
    "Action",
    "Balance",
    "BarAccount",
    "BoundIdentity",
    "BucketBalance",
    "BucketUse",
    "ChangePlan",
    "ChargeAnswer",
    "ChargeRequest",
    "ChargeUsage",
    "ChargedUsage",
    "ChargingAccountId",
    "CloseAccount",
    "DayOfUsage",
    "Explanation",
    "GrantPolicy",
    "GrantSize",
    "GroupCommit",
    "Identity",
    "IdentityTaken",
    "InstallTariff",
    "Kind",
    "NotPrepaid",
    "NotUsage",
    "OpenAccount",
    "PlanHasNoTariff",
    "RecordKind",
    "RecordLine",
    "Result",
    "Service",
    "Status",
    "TopUp",
    "UnbarAccount",
    "UnitAnswer",
    "UnitRequest",
    "UnknownChargingAccount",
    "UnknownRecord",
    "UsageCut",
    "UsageEvent",
    "UsageLine",
    "account_of",
    "balance",
    "balances",
    "billing_month",
    "charging_accounts",
    "credited",
    "daily_usage",
    "explain",
    "forget_traffic",
    "identities",
    "month_bounds",
    "post_earnings",
    "records",
    "release_lost_sessions",
    "requests_between",
    "requests_by_hour",
    "requests_per_second",
    "usage_lines",
]
