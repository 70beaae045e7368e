"""What messaging is told to do, by others and by itself."""

from collections.abc import Mapping
from typing import ClassVar

from trunkline.customers import CustomerId
from trunkline.messaging.model import DispatchId
from trunkline.platform.messages import Message


class SendMessage(Message, frozen=True, kw_only=True):
    """A command: tell a customer something, by a template. `name` and `brand` need not be among
    the variables. `phone` is a number of theirs, where no contact medium says one."""

    topic: ClassVar[str] = "messaging.send_message"

    template: str
    customer: CustomerId
    variables: Mapping[str, str] = {}
    phone: str | None = None

    @property
    def key(self) -> str:
        return self.customer


class WordHeard(Message, frozen=True, kw_only=True):
    """Somebody's text message to the operator began with this word, in capitals. `number` has no
    plus sign."""

    topic: ClassVar[str] = "messaging.word_heard"

    number: str
    word: str

    @property
    def key(self) -> str:
        return self.number


class ReleaseDispatch(Message, frozen=True, kw_only=True):
    """A command to itself, held back until the dispatch may go."""

    topic: ClassVar[str] = "messaging.release_dispatch"

    dispatch: DispatchId

    @property
    def key(self) -> str:
        return self.dispatch


class GiveUpWaiting(Message, frozen=True, kw_only=True):
    """A command to itself: no receipt came for so long that none will."""

    topic: ClassVar[str] = "messaging.give_up_waiting"

    dispatch: DispatchId

    @property
    def key(self) -> str:
        return self.dispatch
