"""Charging: balances, sessions, reserve / report / release: the online charging system.

It answers the network in real time (`GroupCommit`), rates offline records against the same
state with the same kernel (`ChargeUsage`), and keeps an append-only journal of what it
charged and why. It owns a database of its own: no transaction spans it and the books. Money
crosses to the ledger by outbox, a summary for each committed batch, under the batch's id.
"""

from trunkline.charging.model import (
    NOT_REQUESTED,
    SERVER_DECIDES,
    Action,
    ChargeAnswer,
    ChargeRequest,
    ChargingAccountId,
    Kind,
    Result,
    Service,
    UnitAnswer,
    UnitRequest,
)

__all__ = [
    "NOT_REQUESTED",
    "SERVER_DECIDES",
    "Action",
    "ChargeAnswer",
    "ChargeRequest",
    "ChargingAccountId",
    "Kind",
    "Result",
    "Service",
    "UnitAnswer",
    "UnitRequest",
]
