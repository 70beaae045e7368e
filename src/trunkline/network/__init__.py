"""The port to the network: what is wanted of its elements, and what they answer.

An instruction is about one service and has an id under which it takes effect once; those of one
service are carried out in their order. A courier, in no transaction, carries them to whatever
stands behind the port (`NetworkElement`): another system's TMF640 API, or nothing at all, where
an operator has none. Which service that is, why, and what follows from the answer, those above
know.
"""

from trunkline.network.courier import Courier
from trunkline.network.model import (
    Answer,
    Instruction,
    InstructionId,
    InstructionState,
    NetworkElement,
    NetworkUnavailable,
    Verb,
    Wish,
)
from trunkline.network.operations import forget_instructions, instruct, is_connected
from trunkline.network.queries import got_stuck, instructions_of, unsettled
from trunkline.network.reactions import CONNECTED
from trunkline.network.tmf640 import Tmf640Element

__all__ = [
    "CONNECTED",
    "Answer",
    "Courier",
    "Instruction",
    "InstructionId",
    "InstructionState",
    "NetworkElement",
    "NetworkUnavailable",
    "Tmf640Element",
    "Verb",
    "Wish",
    "forget_instructions",
    "got_stuck",
    "instruct",
    "instructions_of",
    "is_connected",
    "unsettled",
]
