"""Reads of what the network was told."""

from trunkline.network import store
from trunkline.network.model import Instruction, InstructionState
from trunkline.platform.db import Reader


def instructions_of(r: Reader, service: str) -> list[Instruction]:
    """What was wanted for a service, in that order."""
    return store.of_service(r, service)


def got_stuck(r: Reader, service: str) -> bool:
    """Whether the network gave no answer to what was wanted for a service: it may have done it."""
    return any(each.state is InstructionState.STUCK for each in store.of_service(r, service))


def unsettled(r: Reader) -> dict[InstructionState, int]:
    """How many instructions wait, are worked on, or are stuck."""
    return store.unsettled(r)
