"""What the network is asked to do, what it answers, and the port to whoever does it."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from trunkline.kernel.errors import Unavailable
from trunkline.kernel.ids import Id
from trunkline.kernel.lifecycle import Lifecycle


class InstructionId(Id):
    __slots__ = ()
    prefix = "net"


class Verb(StrEnum):
    """What may be done to a service on the network."""

    PROVISION = "provision"
    MODIFY = "modify"
    SUSPEND = "suspend"
    RESUME = "resume"
    TERMINATE = "terminate"


class InstructionState(StrEnum):
    """`working` was accepted by the network and is asked after; `stuck` was tried so often that
    a person has to look, and goes on when it is asked for again."""

    PENDING = "pending"
    WORKING = "working"
    DONE = "done"
    REFUSED = "refused"
    STUCK = "stuck"


INSTRUCTION_LIFECYCLE = Lifecycle(
    "instruction",
    {
        InstructionState.PENDING: {
            InstructionState.PENDING,
            InstructionState.WORKING,
            InstructionState.DONE,
            InstructionState.REFUSED,
            InstructionState.STUCK,
        },
        InstructionState.WORKING: {
            InstructionState.WORKING,
            InstructionState.DONE,
            InstructionState.REFUSED,
            InstructionState.STUCK,
        },
        InstructionState.STUCK: {
            InstructionState.PENDING,
            InstructionState.WORKING,
            InstructionState.REFUSED,
        },
        InstructionState.DONE: frozenset(),
        InstructionState.REFUSED: frozenset(),
    },
)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted for one service. `characteristics` are all that it is to have then."""

    service: str
    verb: Verb
    name: str = ""
    specification: str | None = None
    characteristics: Mapping[str, Any] = {}


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """A wish under way. `remote` is the service's name on the network, as far as it is known;
    `following` is what the network said to ask after."""

    id: InstructionId
    wish: Wish
    state: InstructionState = InstructionState.PENDING
    attempts: int = 0
    remote: str | None = None
    following: str | None = None
    reason: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """How an instruction stands with the network: done, still working, or refused with the
    reason."""

    state: InstructionState
    remote: str | None = None
    following: str | None = None
    reason: str | None = None


class NetworkElement(Protocol):
    """Whoever carries instructions out. The same instruction (by its id) may come again, and
    takes effect once. Raises `NetworkUnavailable` where no answer can be had now."""

    def carry_out(self, instruction: Instruction) -> Answer:
        """Begins, and maybe ends, what is wanted."""

    def ask(self, instruction: Instruction) -> Answer:
        """How one stands that was still being worked on."""

    def state_of(self, remote: str) -> str | None:
        """The state (TMF638) that the network has this service in; None where it has none."""


class NetworkUnavailable(Unavailable):
    """The network's system is away, too slow, or in trouble of its own."""

    code = "networkUnavailable"


ABSENCES = (1, 5, 30, 120, 600, 600, 600)
"""Seconds before each further try of what got no answer; then it is stuck."""
LOOKS = (0.2, 0.5, 1, 2, 5, 10, 30, 60)
"""Seconds between looks at what the network works on; the last goes on for a day."""
MOST_LOOKS = 1440


def pause_after(state: InstructionState, attempts: int) -> timedelta | None:
    """How long to wait after the `attempts`-th try; None where that was the last."""
    if state is InstructionState.WORKING:
        if attempts >= MOST_LOOKS:
            return None
        return timedelta(seconds=LOOKS[min(attempts, len(LOOKS)) - 1])
    return timedelta(seconds=ABSENCES[attempts - 1]) if attempts <= len(ABSENCES) else None
