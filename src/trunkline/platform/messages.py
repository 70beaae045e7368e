"""Events and durable commands, and who reacts to them.

Both are a `Message`: a frozen value with a topic. `Tx.emit` stores one delivery for each
`Reaction` on its topic, in the emitter's own transaction; the relay runs them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

if TYPE_CHECKING:
    from trunkline.platform.db import Tx

DatabaseName = Literal["books", "charging"]


class Message(msgspec.Struct, frozen=True):
    """What is sent through the outbox. A subclass sets `topic` ("payments.payment_received",
    unique and stable: it is stored) and `key`."""

    topic: ClassVar[str] = ""

    @property
    def key(self) -> str:
        """The resource that this is about: deliveries with the same subscriber and key run in
        the order of their sending."""
        raise NotImplementedError(f"{type(self).__name__} has no key")


class Reaction(msgspec.Struct, frozen=True):
    """`run(tx, message, now)` is called for every `on`, in a transaction of `database`, once
    in effect. `name` ("receivables.allocate_payment") is unique and stable: it is stored.

    `together(tx, messages, now)`, where there is one, does for a few messages at once what
    `run` does for each in their order, with fewer statements; where it raises, they are run one
    by one."""

    name: str
    on: type[Message]
    run: Callable[["Tx", Any, datetime], None]
    database: DatabaseName
    together: Callable[["Tx", Sequence[Any], datetime], None] | None = None


class Routes:
    """Which reactions a message has. Made once, by the composition root."""

    def __init__(self, reactions: Iterable[Reaction] = ()) -> None:
        self._by_name: dict[str, Reaction] = {}
        self._by_topic: dict[str, tuple[Reaction, ...]] = {}
        self._types: dict[str, type[Message]] = {}
        self._decoders: dict[str, msgspec.json.Decoder[Message]] = {}
        self._encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=encode_id)
        for reaction in reactions:
            self._add(reaction)

    def _add(self, reaction: Reaction) -> None:
        topic = reaction.on.topic
        assert topic, f"{reaction.on.__name__} has no topic"
        assert reaction.name not in self._by_name, f"two reactions are named {reaction.name}"
        known = self._types.setdefault(topic, reaction.on)
        assert known is reaction.on, f"{known} and {reaction.on} share the topic {topic}"
        self._by_name[reaction.name] = reaction
        self._by_topic[topic] = (*self._by_topic.get(topic, ()), reaction)
        self._decoders[reaction.name] = msgspec.json.Decoder(
            reaction.on, dec_hook=_decode_id, float_hook=Decimal
        )

    def of(self, message: Message) -> tuple[Reaction, ...]:
        """The reactions on this message's topic, in the order of their registration."""
        return self._by_topic.get(message.topic, ())

    def reaction(self, name: str) -> Reaction | None:
        return self._by_name.get(name)

    def encode(self, message: Message) -> str:
        return self._encoder.encode(message).decode()

    def decode(self, reaction: Reaction, payload: str) -> Message:
        """Raises `msgspec.ValidationError` for what is no longer this message's form."""
        return self._decoders[reaction.name].decode(payload)

    def __iter__(self) -> Iterator[Reaction]:
        return iter(self._by_name.values())


def encode_id(value: object) -> str:
    """msgspec knows `str`, not its subclasses."""
    if isinstance(value, str):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


def _decode_id(kind: type, value: object) -> object:
    if issubclass(kind, str) and isinstance(value, str):
        return kind(value)
    raise NotImplementedError(f"a message can't hold a {kind.__name__}")
