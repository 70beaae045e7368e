"""Interactions (TMF683): every dealing with a party, by people and by the system."""

from trunkline.customers.interactions.model import (
    INTERACTION_LIFECYCLE,
    Direction,
    InteractionId,
    InteractionStatus,
)
from trunkline.customers.interactions.operations import record_interaction
from trunkline.customers.interactions.store import INTERACTIONS, party_interaction

__all__ = [
    "INTERACTIONS",
    "INTERACTION_LIFECYCLE",
    "Direction",
    "InteractionId",
    "InteractionStatus",
    "party_interaction",
    "record_interaction",
]
