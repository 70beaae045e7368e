"""Reads of messages, templates, inboxes and channels."""

from collections.abc import Mapping, Sequence

from trunkline.customers import PartyId
from trunkline.kernel.time import format_instant
from trunkline.messaging import store
from trunkline.messaging.bodies import MESSAGE
from trunkline.messaging.model import (
    ChannelName,
    Dispatch,
    MessageId,
    SavedTemplate,
)
from trunkline.messaging.templates import (
    Declaration,
    UnknownTemplate,
    shipped_declarations,
    shipped_wordings,
)
from trunkline.platform.db import Reader
from trunkline.tmf import documents
from trunkline.tmf.documents import Body

MESSAGES = store.message


def messages(r: Reader, ids: Sequence[str]) -> list[Body]:
    """The messages with these ids; of each receiver it tells how far it is."""
    found = documents.find(r, MESSAGE, ids)
    ways: dict[str, dict[int, Dispatch]] = {}
    for each in store.dispatches_of(r, [body["id"] for body in found]):
        ways.setdefault(each.message, {})[each.position] = each
    return [_told(body, ways.get(body["id"], {})) for body in found]


def _told(body: Body, ways: Mapping[int, Dispatch]) -> Body:
    receivers = []
    for position, receiver in enumerate(body["receiver"]):
        way = ways.get(position)
        told: Body = {}
        if way is not None:
            told["deliveryState"] = way.state.value
            if way.reason is not None:
                told["deliveryReason"] = way.reason
            if way.done_at is not None:
                told["deliveryTime"] = format_instant(way.done_at)
            if way.read_at is not None:
                told["readTime"] = format_instant(way.read_at)
        receivers.append(receiver | told)
    return body | {"receiver": receivers}


def dispatches_of(r: Reader, message: str) -> list[Dispatch]:
    """A message's ways to its receivers, in their order."""
    return store.dispatches_of(r, [MessageId(message)])


def inbox(r: Reader, party: PartyId, *, limit: int = 50) -> list[tuple[Dispatch, Body]]:
    """What a party finds in its inbox, the latest first: each with its message."""
    found = store.inbox(r, party, limit)
    bodies = {each["id"]: each for each in documents.find(r, MESSAGE, [d.message for d in found])}
    return [(each, bodies[each.message]) for each in found]


def declarations(r: Reader) -> dict[str, Declaration]:
    """All templates that there are, by key."""
    return {**store.declarations(r), **shipped_declarations()}


def declaration(r: Reader, key: str) -> Declaration:
    """Raises `UnknownTemplate`."""
    found = shipped_declarations().get(key) or store.declarations(r).get(key)
    if found is None:
        raise UnknownTemplate(f"there is no template {key[:60]!r}", path="template")
    return found


def wordings(r: Reader, key: str) -> dict[str, SavedTemplate]:
    """What the template says now, by language: the latest that was saved, else the shipped."""
    said = {of: each for (named, of), each in shipped_wordings().items() if named == key}
    for each in store.templates(r, key):
        said[each.language] = each
    return said


def template_versions(r: Reader, key: str) -> list[SavedTemplate]:
    """All that the template ever said, the shipped first."""
    shipped = [each for (named, _), each in shipped_wordings().items() if named == key]
    return [*shipped, *store.templates(r, key)]


def served(r: Reader) -> frozenset[ChannelName]:
    """The channels that this operator sends by."""
    return store.channels(r)
