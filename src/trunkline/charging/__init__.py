"""Charging: balances, sessions, reserve / report / release: the online charging system.

It answers the network in real time (`GroupCommit`), rates offline records against the same
state with the same kernel (`ChargeUsage`), and keeps an append-only journal of what it
charged and why. It owns a database of its own: no transaction spans it and the books. Money
crosses to the ledger by outbox, a summary for each committed batch, under the batch's id.

A worker's edges put their requests to one `Batcher`, which calls `GroupCommit.attempt` with
what has come since its last commit, and puts what is left over at the head of the next batch;
`GroupCommit.process` does that for callers that have no queue. Everybody else sends commands
(`trunkline.charging.events`) and reads queries.
"""

from trunkline.charging import notices, subscriptions
from trunkline.charging.access import network_of_access
from trunkline.charging.account import (
    AccountIsClosed,
    IdentityTaken,
    NotPrepaid,
    UnknownChargingAccount,
)
from trunkline.charging.actions.model import (
    ActionKind,
    ActionStands,
    BalanceAction,
    BalanceActionId,
)
from trunkline.charging.actions.operations import (
    ActionRequest,
    cancel_action,
    describe_action,
    forget_action,
    request_adjustment,
    request_reservation,
    request_transfer,
)
from trunkline.charging.actions.queries import BALANCE_ACTIONS, balance_actions
from trunkline.charging.batch import MOST_REQUESTS, GroupCommit
from trunkline.charging.batching import Attempt, Batcher, Batching, Unanswered
from trunkline.charging.billable import UsageCut, usage_lines
from trunkline.charging.consumption import CONSUMPTION_QUERIES
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
from trunkline.charging.explanation import (
    Explanation,
    PriceStep,
    UnknownRecord,
    explain,
    record_name,
)
from trunkline.charging.grants import GrantPolicy, GrantSize
from trunkline.charging.jobs import release_lost_sessions
from trunkline.charging.journal import RecordKind
from trunkline.charging.model import (
    MOST_EVENTS,
    NOT_REQUESTED,
    SERVER_DECIDES,
    Action,
    BucketGrant,
    ChargeAnswer,
    ChargeRequest,
    ChargingAccountId,
    Circumstances,
    FinalAction,
    FinalUnit,
    Identity,
    Kind,
    Pass,
    Result,
    Service,
    UnitAnswer,
    UnitRequest,
    service_of,
    service_unit,
)
from trunkline.charging.months import billing_month, month_bounds
from trunkline.charging.notices import Notice, NoticeKind
from trunkline.charging.policy.counting import (
    ROAMING,
    CounterPolicy,
    CounterStatus,
    Threshold,
)
from trunkline.charging.policy.emergencies import (
    forget_emergencies,
    latest_emergencies,
)
from trunkline.charging.policy.events import (
    BalanceStands,
    ConsentedToRoam,
    ConsentToRoam,
    RoamingStands,
)
from trunkline.charging.policy.kept import keep_policy
from trunkline.charging.policy.passing import Passing
from trunkline.charging.policy.queries import (
    counters_of,
    roaming_consent,
    statuses_of,
)
from trunkline.charging.policy.roaming import RoamingPolicy, RoamingZone
from trunkline.charging.policy.rules import Rules
from trunkline.charging.pools.events import MemberStands
from trunkline.charging.pools.queries import (
    MemberShare,
    MemberUse,
    SharedUnits,
    member_shares,
    member_uses,
)
from trunkline.charging.publication import refusals
from trunkline.charging.published import RefusedPlan, measure_refused, refused_plans
from trunkline.charging.queries import (
    ACCOUNTS,
    HAS_NUMBER,
    NUMBER,
    Balance,
    BucketBalance,
    DayOfUsage,
    MonthOfUsage,
    RecordLine,
    account_of,
    balance,
    balances,
    balances_by_id,
    charging_account_ids,
    charging_accounts,
    daily_usage,
    identities,
    numbers_of,
    records,
    usage_of_month,
)
from trunkline.charging.state import Status
from trunkline.charging.subscriptions import (
    NobodyBound,
    Subscription,
    UnknownSubscription,
)
from trunkline.charging.traffic import (
    forget_traffic,
    requests_between,
    requests_by_hour,
    requests_per_second,
)
from trunkline.rating import MOST_UNITS, service_name

__all__ = [
    "ACCOUNTS",
    "BALANCE_ACTIONS",
    "CONSUMPTION_QUERIES",
    "HAS_NUMBER",
    "MOST_EVENTS",
    "MOST_REQUESTS",
    "MOST_UNITS",
    "NOT_REQUESTED",
    "NUMBER",
    "ROAMING",
    "SERVER_DECIDES",
    "AccountIsClosed",
    "Action",
    "ActionKind",
    "ActionRequest",
    "ActionStands",
    "Attempt",
    "Balance",
    "BalanceAction",
    "BalanceActionId",
    "BalanceStands",
    "BarAccount",
    "Batcher",
    "Batching",
    "BucketBalance",
    "BucketGrant",
    "ChangePlan",
    "ChargeAnswer",
    "ChargeRequest",
    "ChargeUsage",
    "ChargedUsage",
    "ChargingAccountId",
    "Circumstances",
    "CloseAccount",
    "ConsentToRoam",
    "ConsentedToRoam",
    "CounterPolicy",
    "CounterStatus",
    "DayOfUsage",
    "Explanation",
    "FinalAction",
    "FinalUnit",
    "GrantPolicy",
    "GrantSize",
    "GroupCommit",
    "Identity",
    "IdentityTaken",
    "InstallTariff",
    "Kind",
    "MemberShare",
    "MemberStands",
    "MemberUse",
    "MonthOfUsage",
    "NobodyBound",
    "NotPrepaid",
    "Notice",
    "NoticeKind",
    "OpenAccount",
    "Pass",
    "Passing",
    "PriceStep",
    "RecordKind",
    "RecordLine",
    "RefusedPlan",
    "Result",
    "RoamingPolicy",
    "RoamingStands",
    "RoamingZone",
    "Rules",
    "Service",
    "SharedUnits",
    "Status",
    "Subscription",
    "Threshold",
    "TopUp",
    "Unanswered",
    "UnbarAccount",
    "UnitAnswer",
    "UnitRequest",
    "UnknownChargingAccount",
    "UnknownRecord",
    "UnknownSubscription",
    "UsageCut",
    "UsageEvent",
    "account_of",
    "balance",
    "balance_actions",
    "balances",
    "balances_by_id",
    "billing_month",
    "cancel_action",
    "charging_account_ids",
    "charging_accounts",
    "counters_of",
    "daily_usage",
    "describe_action",
    "explain",
    "forget_action",
    "forget_emergencies",
    "forget_traffic",
    "identities",
    "keep_policy",
    "latest_emergencies",
    "measure_refused",
    "member_shares",
    "member_uses",
    "month_bounds",
    "network_of_access",
    "notices",
    "numbers_of",
    "post_earnings",
    "record_name",
    "records",
    "refusals",
    "refused_plans",
    "release_lost_sessions",
    "request_adjustment",
    "request_reservation",
    "request_transfer",
    "requests_between",
    "requests_by_hour",
    "requests_per_second",
    "roaming_consent",
    "service_name",
    "service_of",
    "service_unit",
    "statuses_of",
    "subscriptions",
    "usage_lines",
    "usage_of_month",
]
