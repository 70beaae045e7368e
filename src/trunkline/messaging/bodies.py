"""The document that a message is (TMF681, CommunicationMessage), and what is read from it.

Its characteristics `purpose` (service, marketing, urgent), `template` and `language` are ours;
with a template, those that remain are its variables.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trunkline.customers import known_parties
from trunkline.kernel.errors import Invalid
from trunkline.kernel.money import Money
from trunkline.kernel.time import format_instant, parse_instant
from trunkline.messaging import store, templates
from trunkline.messaging.model import (
    DEFAULT_RETRIES,
    FARTHEST,
    MESSAGE_LIFECYCLE,
    MOST_RETRIES,
    Attachment,
    ChannelName,
    InvalidMessage,
    MessageId,
    MessageState,
    Purpose,
    address_of,
    channel_of,
    priority_of,
)
from trunkline.tmf import documents
from trunkline.tmf.documents import Body

OURS = ("purpose", "template", "language")
_MOST_RECEIVERS = 200
_LONGEST_CONTENT = 200_000
SUPPLIED = ("sendTime", "sendTimeComplete")


def _complete(body: Body, before: Body | None, now: datetime) -> Body:
    made = dict(body)
    later = instant(made, "scheduledSendTime")
    if later is not None and later > now + FARTHEST:
        raise InvalidMessage(f"is more than {FARTHEST.days} days away", path="scheduledSendTime")
    if before is None:
        for name in SUPPLIED:
            made.pop(name, None)
    made.setdefault("tryTimes", DEFAULT_RETRIES)
    _check(made)
    return made


def _check(body: Body) -> None:
    """What the schema can't say."""
    if not 0 <= body["tryTimes"] <= MOST_RETRIES:
        raise InvalidMessage(f"is 0 to {MOST_RETRIES}", path="tryTimes")
    if len(body["receiver"]) > _MOST_RECEIVERS:
        raise InvalidMessage(f"a message has at most {_MOST_RECEIVERS} receivers", path="receiver")
    if len(body["content"]) > _LONGEST_CONTENT:
        raise InvalidMessage(f"has at most {_LONGEST_CONTENT:,} characters", path="content")
    subject = body.get("subject")
    if subject is not None and (not subject.isprintable() or len(subject) > 200):
        raise InvalidMessage("is one line of at most 200 characters", path="subject")
    if not body["content"].strip():
        raise InvalidMessage("says nothing", path="content")
    _check_sender(body["sender"], channel_of(body["messageType"]))
    priority_of(body.get("priority"))
    purpose_of(body)
    attachments(body)


def _check_sender(sender: Body, channel: ChannelName) -> None:
    """Only what the channel shows of it."""
    name, given = sender.get("name"), _SENDERS.get(channel)
    if name is not None and (not name.isprintable() or len(name) > 200):
        raise InvalidMessage("is one line of at most 200 characters", path="sender.name")
    if given is not None and given in sender:
        address_of(channel, sender[given], path=f"sender.{given}")


_SENDERS = {ChannelName.EMAIL: "email", ChannelName.SMS: "phoneNumber"}


def _columns(body: Body) -> Mapping[str, Any]:
    # What is said to several shows each the others' addresses: it is nobody's own.
    alone = body["receiver"][0] if len(body["receiver"]) == 1 else {}
    party = alone.get("party", {}).get("id")
    return {
        "state": body["state"],
        "channel": channel_of(body["messageType"]).value,
        "purpose": purpose_of(body).value,
        "template": characteristic(body, "template"),
        "party_id": party,
        "scheduled_at": instant(body, "scheduledSendTime"),
        "sent_at": instant(body, "sendTime"),
        "completed_at": instant(body, "sendTimeComplete"),
    }


MESSAGE = documents.Kind(
    name="CommunicationMessage",
    ids=MessageId,
    table=store.message,
    columns=_columns,
    complete=_complete,
    refers={
        "receiver.party": known_parties,
        "sender.party": known_parties,
    },
    lifecycle=MESSAGE_LIFECYCLE,
    state="state",
    begins=(MessageState.INITIAL.value,),
)


def instant(body: Body, name: str) -> datetime | None:
    text = body.get(name)
    return None if text is None else parse_instant(text, path=name)


def stamped(body: Body, name: str, now: datetime) -> Body:
    """The body with an instant that stays once it is there."""
    return body if name in body else body | {name: format_instant(now)}


def characteristic(body: Body, name: str) -> str | None:
    """The text of ours with that name. Raises `InvalidMessage`."""
    for index, each in enumerate(body.get("characteristic", ())):
        if each["name"] == name:
            if not isinstance(each["value"], str) or not 1 <= len(each["value"]) <= 60:
                raise InvalidMessage("is a short text", path=f"characteristic[{index}].value")
            found: str = each["value"]
            return found
    return None


def purpose_of(body: Body) -> Purpose:
    """Service, where it says nothing. Raises `InvalidMessage`."""
    said = characteristic(body, "purpose")
    if said is None:
        return Purpose.SERVICE
    if said.lower() not in set(Purpose):
        raise InvalidMessage(
            f"{said[:20]!r} is not among {', '.join(Purpose)}", path="characteristic"
        )
    return Purpose(said.lower())


def variables_of(body: Body) -> dict[str, str]:
    """The variables for a template: all characteristics but ours. An amount of money may be a
    TMF Money. Raises `InvalidMessage`."""
    found: dict[str, str] = {}
    for index, each in enumerate(body.get("characteristic", ())):
        if each["name"] in OURS:
            continue
        value, path = each["value"], f"characteristic[{index}].value"
        if isinstance(value, dict) and value.keys() >= {"unit", "value"}:
            try:
                value = templates.money(Money.of(str(value["value"]), str(value["unit"])))
            except Invalid as error:
                raise InvalidMessage(error.reason, path=path) from None
        elif isinstance(value, bool) or not isinstance(value, str | int):
            raise InvalidMessage("a template's variable is a text or an amount", path=path)
        found[each["name"]] = str(value)
    return found


def attachments(body: Body) -> tuple[Attachment, ...]:
    """Those whose content is in the message. Raises `InvalidMessage`."""
    found = []
    for index, each in enumerate(body.get("attachment", ())):
        if "content" not in each:
            continue
        try:
            content = base64.b64decode(each["content"], validate=True)
        except (binascii.Error, ValueError):
            raise InvalidMessage("is not base64", path=f"attachment[{index}].content") from None
        name, mime = each.get("name", "attachment"), each.get("mimeType", "")
        if not name.isprintable() or len(name) > 200:
            raise InvalidMessage("is one short line", path=f"attachment[{index}].name")
        found.append(Attachment(name=name, mime_type=mime, content=content))
    return tuple(found)


def text_of(body: Body, channel: ChannelName) -> str:
    """The content, and where to find the attachments that aren't in it."""
    links = [each["url"] for each in body.get("attachment", ()) if "url" in each]
    said: str = body["content"]
    if channel is ChannelName.SMS or not links:
        return said
    return "\n\n".join((said.rstrip(), "\n".join(links)))
