"""Charging: balances, sessions, reserve / report / release: the online charging system.

It answers the network in real time (`GroupCommit`), rates offline records against the same
state with the same kernel (`ChargeUsage`), and keeps an append-only journal of what it
charged and why. It owns a database of its own: no transaction spans it and the books. Money
crosses to the ledger by outbox, a summary for each committed batch, under the batch's id.
"""

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

__all__ = [
    "MOST_EVENTS",
    "NOT_REQUESTED",
    "SERVER_DECIDES",
    "Action",
    "BarAccount",
    "ChangePlan",
    "ChargeAnswer",
    "ChargeRequest",
    "ChargeUsage",
    "ChargedUsage",
    "ChargingAccountId",
    "CloseAccount",
    "Identity",
    "InstallTariff",
    "Kind",
    "OpenAccount",
    "Result",
    "Service",
    "TopUp",
    "UnbarAccount",
    "UnitAnswer",
    "UnitRequest",
    "UsageEvent",
]
