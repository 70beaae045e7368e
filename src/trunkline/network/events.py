"""What the network is told, and what it answered."""

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from trunkline.network.model import InstructionId, Verb
from trunkline.platform.messages import Message


class CarryOut(Message, frozen=True, kw_only=True):
    """A command: tell the network this about a service."""

    topic: ClassVar[str] = "network.carry_out"

    instruction: InstructionId
    service: str
    verb: Verb
    name: str = ""
    specification: str | None = None
    characteristics: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.service


class _Answered(Message, frozen=True, kw_only=True):
    instruction: InstructionId
    service: str
    verb: Verb
    at: datetime

    @property
    def key(self) -> str:
        return self.service


class NetworkDone(_Answered, frozen=True, kw_only=True):
    """It is so on the network now."""

    topic: ClassVar[str] = "network.done"

    characteristics: dict[str, Any] = msgspec.field(default_factory=dict)


class NetworkRefused(_Answered, frozen=True, kw_only=True):
    """It will not be, or (`stuck`) not without somebody's help."""

    topic: ClassVar[str] = "network.refused"

    reason: str
    stuck: bool = False
