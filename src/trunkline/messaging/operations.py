"""Writes on messages: said, changed, cancelled, said again."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from trunkline import customers
from trunkline.customers import CustomerId, CustomerNotFound
from trunkline.messaging import receivers, store, templates
from trunkline.messaging.bodies import (
    MESSAGE,
    SUPPLIED,
    attachments,
    characteristic,
    instant,
    purpose_of,
    stamped,
    variables_of,
)
from trunkline.messaging.events import ReleaseDispatch, SendMessage
from trunkline.messaging.model import (
    DISPATCH_LIFECYCLE,
    MESSAGE_LIFECYCLE,
    PENDING,
    VALIDITY,
    ChannelName,
    Dispatch,
    DispatchId,
    DispatchState,
    InvalidMessage,
    MessageBegun,
    MessageState,
    NoAddress,
    Purpose,
    Recipient,
    address_of,
    audible_from,
    channel_of,
    message_state,
    priority_of,
)
from trunkline.messaging.queries import declaration, served, wordings
from trunkline.messaging.smpp.text import MOST_SEGMENTS, segments
from trunkline.messaging.templates import InvalidVariables
from trunkline.platform.db import Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body

NO_CONSENT = "no consent to marketing on this channel"
RECEIVER_ERASED = "the receiver was erased"

_ALWAYS = frozenset({"description", "logFlag"})
_RULED = frozenset(
    {
        "content", "subject", "messageType", "priority", "scheduledSendTime", "tryTimes",
        "attachment", "characteristic", "receiver", "sender",
    }
)  # fmt: skip
_WORDING = frozenset({"characteristic", "messageType", "receiver"})
"""What the words of a template follow from: where none of it changes, they stay."""
_OUR_RECEIVER = ("deliveryState", "deliveryReason", "deliveryTime", "readTime")


def say(tx: Tx, body: Mapping[str, Any], now: datetime) -> Body:
    """Keeps a new message, to be sent at its `scheduledSendTime` or at once; the night is waited
    for, unless it is urgent. Where it names a template, that makes its content. Raises
    `InvalidMessage`, `NoAddress`, `UnknownTemplate`, `InvalidVariables`, and what
    `documents.create` raises."""
    made = documents.create(tx, MESSAGE, _worded(tx, _bare(dict(body))), now)
    _dispatch(tx, made, now)
    return documents.get(tx, MESSAGE, made["id"])


def change_message(tx: Tx, ident: str, body: Mapping[str, Any], now: datetime) -> Body:
    """Puts `body` in the place of the message. What it says and to whom can change until its
    sending has begun. `state` to cancelled stops what isn't sent yet, to inProgress sends at
    once, and to initial sends again what failed. Raises `MessageBegun`, `IllegalTransition`,
    and what `say` raises."""
    before = documents.get(tx, MESSAGE, ident)
    asked = _bare(dict(body))
    names = {each for each in {*before, *asked} if before.get(each) != asked.get(each)}
    for name in SUPPLIED:
        if name in names:
            raise InvalidMessage("can't be changed", path=name)
    to = _state_asked(before, asked)
    ruled = sorted(names & _RULED)
    if ruled and before["state"] != MessageState.INITIAL:
        raise MessageBegun("the message is under way, or was: it stays", path=ruled[0])
    asked["state"] = before["state"]
    if names & _WORDING:
        asked = _worded(tx, asked)
    after = documents.change(tx, MESSAGE, ident, lambda _: asked, now)
    if ruled:
        store.delete_dispatches(tx, ident)
        _dispatch(tx, after, now)
    match to:
        case MessageState.CANCELLED:
            cancel(tx, ident, "cancelled", now)
        case MessageState.IN_PROGRESS:
            _send_now(tx, ident, now)
        case MessageState.INITIAL:
            _send_again(tx, ident, now)
    return documents.get(tx, MESSAGE, ident)


def delete_message(tx: Tx, ident: str, _now: datetime) -> None:
    """Also stops it, where nothing of it was sent yet. Raises `DocumentNotFound`, and
    `MessageBegun` while it is under way."""
    body = documents.get(tx, MESSAGE, ident)
    if body["state"] == MessageState.IN_PROGRESS:
        raise MessageBegun("the message is under way: cancel it first", path="state")
    documents.delete(tx, MESSAGE, ident)


def cancel(tx: Tx, ident: str, reason: str, now: datetime) -> None:
    """Stops what isn't on its way yet. Raises `DocumentNotFound`."""
    _each(tx, ident, PENDING, lambda each: _ended(each, DispatchState.CANCELLED, reason, now))
    settle(tx, ident, now)


def notify(tx: Tx, *commands: SendMessage) -> None:
    """Has customers told something, where this operator sends messages at all: what calls it is
    neither slowed nor failed by it."""
    if commands and store.channels(tx):
        tx.emit_all(commands)


def notify_customer(tx: Tx, command: SendMessage, now: datetime) -> Body | None:
    """Tells a customer something by a template: on the first channel that is served, that they
    have an address for and that they allow; None where there is none. Raises
    `CustomerNotFound`, `UnknownTemplate`, `InvalidVariables`."""
    declared = declaration(tx, command.template)
    known = receivers.recipient(tx, command.customer)
    if known is None:
        raise CustomerNotFound(f"there is no customer {command.customer[:60]}")
    wording = templates.choose(known.languages, wordings(tx, command.template))
    if wording is None:
        raise templates.UnknownTemplate(f"{command.template} says nothing in any language")
    there = served(tx)
    for channel in _preferred(declared.channels, known.preferred):
        address = _address(channel, known, command.phone)
        if channel not in there or address is None or not templates.says(wording, channel):
            continue
        if not _allows(tx, declared.purpose, channel, known, now):
            continue
        given = {"name": known.name or "", "brand": known.brand} | dict(command.variables)
        variables = {name: given[name] for name in declared.variables if name in given}
        body = _notification(command, known, channel, address)
        said = templates.render(declared, wording, variables, channel)
        body["content"] = said.text
        if said.subject is not None:
            body["subject"] = said.subject
        kept = {
            "purpose": declared.purpose.value,
            "template": command.template,
            "language": wording.language,
        } | {name: each for name, each in variables.items() if name in command.variables}
        body["characteristic"] = [{"name": name, "value": each} for name, each in kept.items()]
        made = documents.create(tx, MESSAGE, body, now)
        _dispatch(tx, made, now)
        return made
    return None


def read_message(tx: Tx, dispatch: DispatchId, now: datetime) -> None:
    """Somebody has read what stood in their inbox. The same again changes nothing."""
    present = store.locked(tx, dispatch)
    if present is None or present.channel is not ChannelName.APP:
        raise InvalidMessage("is nothing in an inbox")
    if present.read_at is None:
        store.update_dispatch(tx, msgspec.structs.replace(present, read_at=now))


def settle(tx: Tx, ident: str, now: datetime) -> None:
    """Makes the message what its dispatches are."""
    to = message_state(store.dispatches_of(tx, [ident]))
    body = documents.get(tx, MESSAGE, ident)
    if body["state"] == to or to is MessageState.INITIAL:  # it was told to begin
        return

    def changing(present: Body) -> Body:
        if to in (MessageState.IN_PROGRESS, MessageState.COMPLETED):
            present = stamped(present, "sendTime", now)
        if to is MessageState.COMPLETED:
            present = stamped(present, "sendTimeComplete", now)
        return present | {"state": to.value}

    documents.change(tx, MESSAGE, ident, changing, now)


def refuse_marketing(tx: Tx, dispatches: Iterable[Dispatch], now: datetime) -> None:
    """Stops these, whose receivers don't want them."""
    for each in dispatches:
        present = store.locked(tx, each.id)
        if present is not None and present.state in PENDING:
            store.update_dispatch(tx, _ended(present, DispatchState.CANCELLED, NO_CONSENT, now))
            settle(tx, present.message, now)


def allows(tx: Tx, dispatch: Dispatch, now: datetime) -> bool:
    """Whether its receiver allows it now. Of an address that is nobody's, nothing is known."""
    if dispatch.purpose is not Purpose.MARKETING:
        return True
    if dispatch.party is None:
        return False
    return bool(
        customers.consenting(
            tx, {dispatch.party}, purpose=customers.MARKETING, channel=dispatch.channel, at=now
        )
    )


def refusal(tx: Tx, dispatch: Dispatch, now: datetime) -> str | None:
    """Why it may not be sent now; None where it may."""
    if dispatch.address == customers.ERASED:
        return RECEIVER_ERASED
    return None if allows(tx, dispatch, now) else NO_CONSENT


def _bare(body: Body) -> Body:
    """Without what we tell of each receiver."""
    given = body.get("receiver")
    if isinstance(given, list):
        body["receiver"] = [
            {name: value for name, value in each.items() if name not in _OUR_RECEIVER}
            for each in given
        ]
    return body


def _worded(tx: Tx, body: Body) -> Body:
    """With the content that its template makes, in the language it asks for or the first
    receiver's."""
    key = characteristic(body, "template")
    if key is None:
        return body
    declared, channel = declaration(tx, key), channel_of(body["messageType"])
    known, _ = receivers.resolve(tx, channel, body["receiver"][0], "receiver[0]")
    asked = characteristic(body, "language")
    languages = known.languages if asked is None else (asked,)
    wording = templates.choose(languages, wordings(tx, key))
    if wording is None or not templates.says(wording, channel):
        raise InvalidMessage(f"{key} has no words for {channel}", path="characteristic")
    given = {"name": known.name or "", "brand": known.brand} | variables_of(body)
    ours = {name: each for name, each in given.items() if name in declared.variables}
    try:
        said = templates.render(declared, wording, ours | variables_of(body), channel)
    except InvalidVariables as error:
        raise InvalidVariables(error.reason, path="characteristic") from None
    subject = {} if said.subject is None else {"subject": said.subject}
    purpose = {"name": "purpose", "value": declared.purpose.value}
    others = [each for each in body["characteristic"] if each["name"] != "purpose"]
    return body | subject | {"content": said.text, "characteristic": [*others, purpose]}


def _dispatch(tx: Tx, body: Body, now: datetime) -> None:
    """A dispatch for each receiver, released when it may go."""
    channel, purpose = channel_of(body["messageType"]), purpose_of(body)
    if channel is ChannelName.SMS and len(segments(body["content"])) > MOST_SEGMENTS:
        raise InvalidMessage(f"is longer than {MOST_SEGMENTS} text messages", path="content")
    if channel is not ChannelName.EMAIL and attachments(body):
        raise InvalidMessage("only an email has attachments", path="attachment")
    made = []
    for position, receiver in enumerate(body["receiver"]):
        known, address = receivers.resolve(tx, channel, receiver, f"receiver[{position}]")
        due = max(now, instant(body, "scheduledSendTime") or now)
        if purpose is not Purpose.URGENT:
            due = audible_from(due, known.quiet, known.zone)
        new = Dispatch(
            id=tx.new_id(DispatchId, now),
            message=body["id"],
            position=position,
            channel=channel,
            address=address,
            party=known.party,
            purpose=purpose,
            priority=priority_of(body.get("priority")),
            state=DispatchState.HELD,
            due_at=due,
            expires_at=due + VALIDITY,
            tries=body["tryTimes"] + 1,
        )
        if not allows(tx, new, now):
            new = _ended(new, DispatchState.CANCELLED, NO_CONSENT, now)
        made.append(new)
    store.insert_dispatches(tx, made)
    for each in made:
        if each.state is DispatchState.HELD:
            release_at(tx, each, now)
    if not any(each.state is DispatchState.HELD for each in made):
        settle(tx, body["id"], now)


def release_at(tx: Tx, dispatch: Dispatch, now: datetime) -> None:
    """Has it released when it is due."""
    later = dispatch.due_at if dispatch.due_at > now else None
    tx.emit(ReleaseDispatch(dispatch=dispatch.id), not_before=later)


def _each(tx: Tx, ident: str, states: Iterable[DispatchState], changed: Any) -> list[Dispatch]:
    """Changes the message's dispatches that are in these states."""
    wanted, done = set(states), []
    for each in store.dispatches_of(tx, [ident]):
        present = store.locked(tx, each.id)
        if present is not None and present.state in wanted:
            new = changed(present)
            store.update_dispatch(tx, new)
            done.append(new)
    return done


def _ended(dispatch: Dispatch, to: DispatchState, reason: str, now: datetime) -> Dispatch:
    DISPATCH_LIFECYCLE.check(dispatch.state, to)
    return msgspec.structs.replace(dispatch, state=to, reason=reason, done_at=now)


def _state_asked(before: Body, asked: Body) -> MessageState | None:
    said = asked.get("state")
    if said == before["state"]:
        return None
    if said not in set(MessageState):
        raise InvalidMessage(f"is one of {', '.join(MessageState)}", path="state")
    to = MessageState(said)
    MESSAGE_LIFECYCLE.check(MessageState(before["state"]), to)
    if to in (MessageState.COMPLETED, MessageState.FAILED):
        raise InvalidMessage(
            "follows from its sending; it can only be set to cancelled, inProgress or initial",
            path="state",
        )
    return to


def _send_now(tx: Tx, ident: str, now: datetime) -> None:
    """Now, whatever was scheduled, and whatever the hour."""

    def at_once(each: Dispatch) -> Dispatch:
        return msgspec.structs.replace(
            each, state=DispatchState.HELD, due_at=now, expires_at=now + VALIDITY
        )

    for each in _each(tx, ident, {DispatchState.HELD}, at_once):
        release_at(tx, each, now)
    documents.change(
        tx,
        MESSAGE,
        ident,
        lambda body: stamped(body, "sendTime", now) | {"state": MessageState.IN_PROGRESS.value},
        now,
    )


def _send_again(tx: Tx, ident: str, now: datetime) -> None:
    def fresh(each: Dispatch) -> Dispatch:
        DISPATCH_LIFECYCLE.check(each.state, DispatchState.HELD)
        return msgspec.structs.replace(
            each,
            state=DispatchState.HELD,
            due_at=now,
            expires_at=now + VALIDITY,
            tries=each.attempts + each.tries,
            doubts=0,
            reason=None,
            done_at=None,
        )

    def unsent(body: Body) -> Body:
        left = {name: value for name, value in body.items() if name not in SUPPLIED}
        return left | {"state": MessageState.INITIAL.value}

    for each in _each(tx, ident, {DispatchState.FAILED}, fresh):
        release_at(tx, each, now)
    documents.change(tx, MESSAGE, ident, unsent, now)


def _preferred(channels: Iterable[ChannelName], preferred: ChannelName | None) -> list[ChannelName]:
    return sorted(channels, key=lambda each: each is not preferred)


def _address(channel: ChannelName, known: Recipient, phone: str | None) -> str | None:
    match channel:
        case ChannelName.EMAIL:
            there = next(iter(known.email), None)
        case ChannelName.SMS:
            there = next(iter(known.phone), phone)
        case _:
            return known.party
    try:
        return None if there is None else address_of(channel, there, path=channel.value)
    except NoAddress:
        return None  # one that nothing can be sent to


def _allows(
    tx: Tx, purpose: Purpose, channel: ChannelName, known: Recipient, now: datetime
) -> bool:
    if purpose is not Purpose.MARKETING:
        return True
    assert known.party is not None
    wanted = {known.party}
    return bool(
        customers.consenting(tx, wanted, purpose=customers.MARKETING, channel=channel, at=now)
    )


_TYPES = {ChannelName.EMAIL: "Email", ChannelName.SMS: "SMS", ChannelName.APP: "inApp"}
_ATTRIBUTES = {ChannelName.EMAIL: "email", ChannelName.SMS: "phoneNumber"}


def _notification(
    command: SendMessage, known: Recipient, channel: ChannelName, address: str
) -> Body:
    customer = CustomerId(command.customer)
    receiver: Body = {
        "id": str(customer),
        "name": known.name,
        "party": {"id": str(customer), "@referredType": "Customer", "role": "customer"},
    }
    if channel in _ATTRIBUTES:
        receiver[_ATTRIBUTES[channel]] = address
    return {
        "messageType": _TYPES[channel],
        "sender": {"name": known.brand},
        "receiver": [receiver],
        "content": "",
    }
