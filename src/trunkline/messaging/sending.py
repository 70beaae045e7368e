"""Writes around the sending itself, which happens between them: begun, answered, reported.

What is begun is noted before it is given away, so that after a crash it is known what may have
arrived: that is sent once more under the same name, and not a third time.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from trunkline import customers
from trunkline.customers import PartyId
from trunkline.customers.events import ConsentRefused
from trunkline.messaging import store
from trunkline.messaging.bodies import MESSAGE, attachments, text_of
from trunkline.messaging.events import GiveUpWaiting, ReleaseDispatch
from trunkline.messaging.model import (
    DISPATCH_LIFECYCLE,
    RECEIPT_PATIENCE,
    Accepted,
    ChannelName,
    Deferred,
    Dispatch,
    DispatchId,
    DispatchState,
    Outcome,
    Outgoing,
    Purpose,
    Receipt,
    ReceiptState,
    Rejected,
    Throttled,
    Unanswered,
    address_of,
    next_attempt,
)
from trunkline.messaging.operations import (
    refusal,
    refuse_marketing,
    release_at,
    settle,
)
from trunkline.platform.db import Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body

_DOUBTS = 1
"""Attempts without an answer after which it is sent once more."""
EARLY_KEPT = timedelta(days=7)


def declare_channels(tx: Tx, channels: Iterable[ChannelName], now: datetime) -> None:
    """Says which channels there are senders for."""
    store.set_channels(tx, channels, now)


def release(tx: Tx, command: ReleaseDispatch, now: datetime) -> None:
    """Its time has come: a sender may take it. What stands in an inbox has arrived."""
    present = store.locked(tx, command.dispatch)
    if present is None or present.state is not DispatchState.HELD or present.due_at > now:
        return
    if (reason := refusal(tx, present, now)) is not None:
        _end(tx, present, DispatchState.CANCELLED, reason, now)
    elif present.channel is ChannelName.APP:
        _end(tx, present, DispatchState.DELIVERED, None, now)
    elif present.channel not in store.channels(tx):
        _end(tx, present, DispatchState.FAILED, f"no {present.channel} is configured here", now)
    else:
        _become(tx, present, DispatchState.READY)
        tx.emitted = True  # senders are woken by the commit


def begin_sending(tx: Tx, *, channel: ChannelName, limit: int, now: datetime) -> list[Outgoing]:
    """Takes what is ready on this channel, at most `limit`, the most urgent first. What isn't
    allowed any more, or is out of date, is ended instead."""
    ready = store.at_work(tx, channel, DispatchState.READY, limit)
    taken: dict[DispatchId, Outgoing] = {}
    for each in sorted(ready, key=lambda one: (one.message, one.id)):
        present = store.locked(tx, each.id)
        if present is None or present.state is not DispatchState.READY:
            continue
        body = documents.get(tx, MESSAGE, each.message)
        if now >= present.expires_at:
            _end(tx, present, DispatchState.FAILED, "could not be sent in time", now)
        elif (reason := refusal(tx, present, now)) is not None:
            _end(tx, present, DispatchState.CANCELLED, reason, now)
        else:
            begun = msgspec.structs.replace(present, attempts=present.attempts + 1, begun_at=now)
            _become(tx, begun, DispatchState.SENDING)
            settle(tx, each.message, now)
            taken[each.id] = _outgoing(begun, body)
    return [taken[each.id] for each in ready if each.id in taken]


def note_outcome(tx: Tx, *, dispatch: DispatchId, outcome: Outcome, now: datetime) -> None:
    """What the other side answered. One that is no longer being sent stays what it is."""
    present = store.locked(tx, dispatch)
    if present is None or present.state is not DispatchState.SENDING:
        return
    match outcome:
        case Accepted(references=()):
            _end(tx, present, DispatchState.DELIVERED, None, now)
        case Accepted(references=references):
            _await_receipts(tx, present, references, now)
        case Rejected(reason=reason):
            _end(tx, present, DispatchState.FAILED, reason, now)
        case Throttled(reason=reason):
            uncounted = msgspec.structs.replace(
                present, attempts=present.attempts - 1, reason=reason[:300]
            )
            _become(tx, uncounted, DispatchState.READY)
        case Deferred(reason=reason):
            _try_again(tx, present, reason, now)
        case Unanswered(reason=reason):
            _doubt(tx, present, reason, now)


def recover(tx: Tx, *, channel: ChannelName, now: datetime) -> int:
    """For a sender that begins: what its predecessor had begun and not noted is sent once more.
    Returns how many there were."""
    abandoned = store.at_work(tx, channel, DispatchState.SENDING, 1000)
    for each in abandoned:
        present = store.locked(tx, each.id)
        if present is not None and present.state is DispatchState.SENDING:
            _doubt(tx, present, "the sender ended before an answer", now)
    return len(abandoned)


def note_receipt(tx: Tx, receipt: Receipt, now: datetime) -> None:
    """What a centre reports of a part. One that is known by no name is kept for a while: its
    answer may not have been noted yet."""
    names = names_of(receipt.reference)
    dispatch = store.dispatch_of_reference(tx, names)
    if dispatch is None:
        store.in_turn(tx)
        dispatch = store.dispatch_of_reference(tx, names)
    if dispatch is None:
        store.keep_early(tx, receipt, now)
        return
    present = store.locked(tx, dispatch)
    assert present is not None
    store.update_part(tx, dispatch, names, receipt.state, receipt.reason)
    if present.state is DispatchState.SENT:
        _by_parts(tx, present, now)


def give_up_waiting(tx: Tx, command: GiveUpWaiting, now: datetime) -> None:
    """It was accepted, and that is all that will ever be known."""
    present = store.locked(tx, command.dispatch)
    if present is not None and present.state is DispatchState.SENT:
        _end(tx, present, DispatchState.DELIVERED, "accepted; its delivery was not reported", now)


def consent_refused(tx: Tx, event: ConsentRefused, now: datetime) -> None:
    """A withdrawal takes effect on what waits, too."""
    if event.purpose == customers.MARKETING and event.channel in set(ChannelName):
        channel = ChannelName(event.channel)
        refuse_marketing(tx, store.pending_marketing(tx, PartyId(event.party), channel), now)


def names_of(reference: str) -> list[str]:
    """The forms in which a centre may name the same part: some answer in hexadecimal and report
    in decimal, or pad with zeros (SMPP 3.4 leaves it open)."""
    names = {reference, reference.lower(), reference.upper(), reference.lstrip("0") or "0"}
    for base, form in ((10, "{:x}"), (10, "{:X}"), (16, "{:d}")):
        try:
            names.add(form.format(int(reference, base)))
        except ValueError:
            continue
    return sorted(names)


def forget_early_receipts(tx: Tx, now: datetime) -> int:
    """Receipts of what was never ours."""
    return store.forget_early(tx, EARLY_KEPT, now)


def _outgoing(dispatch: Dispatch, body: Body) -> Outgoing:
    sender = body["sender"]
    return Outgoing(
        id=dispatch.id,
        address=dispatch.address,
        text=text_of(body, dispatch.channel),
        subject=body.get("subject"),
        sender_name=sender.get("name"),
        sender_email=_given(ChannelName.EMAIL, sender.get("email"), dispatch),
        sender_phone=_given(ChannelName.SMS, sender.get("phoneNumber"), dispatch),
        marketing=dispatch.purpose is Purpose.MARKETING,
        attachments=attachments(body),
    )


def _given(channel: ChannelName, address: str | None, dispatch: Dispatch) -> str | None:
    """The sender's address, where this channel shows it."""
    if address is None or dispatch.channel is not channel:
        return None
    return address_of(channel, address, path="sender")


def _become(tx: Tx, dispatch: Dispatch, to: DispatchState) -> Dispatch:
    before = store.locked(tx, dispatch.id)
    assert before is not None
    DISPATCH_LIFECYCLE.check(before.state, to)
    changed = msgspec.structs.replace(dispatch, state=to)
    store.update_dispatch(tx, changed)
    return changed


def _end(tx: Tx, dispatch: Dispatch, to: DispatchState, reason: str | None, now: datetime) -> None:
    _become(tx, msgspec.structs.replace(dispatch, reason=reason, done_at=now), to)
    settle(tx, dispatch.message, now)


def _try_again(tx: Tx, dispatch: Dispatch, reason: str, now: datetime) -> None:
    due = next_attempt(dispatch.attempts, now)
    if dispatch.attempts >= dispatch.tries or due >= dispatch.expires_at:
        _end(tx, dispatch, DispatchState.FAILED, reason, now)
        return
    waiting = msgspec.structs.replace(dispatch, reason=reason[:300], due_at=due)
    release_at(tx, _become(tx, waiting, DispatchState.HELD), now)


def _doubt(tx: Tx, dispatch: Dispatch, reason: str, now: datetime) -> None:
    doubted = msgspec.structs.replace(dispatch, doubts=dispatch.doubts + 1)
    if doubted.doubts > _DOUBTS:
        _end(tx, doubted, DispatchState.FAILED, f"{reason}; it may have arrived", now)
        return
    again = msgspec.structs.replace(doubted, reason=reason[:300], due_at=now)
    release_at(tx, _become(tx, again, DispatchState.HELD), now)


def _await_receipts(tx: Tx, dispatch: Dispatch, references: tuple[str, ...], now: datetime) -> None:
    sent = _become(tx, dispatch, DispatchState.SENT)
    store.in_turn(tx)
    store.insert_parts(tx, sent, references)
    tx.emit(GiveUpWaiting(dispatch=sent.id), not_before=now + RECEIPT_PATIENCE)
    names = [name for each in references for name in names_of(each)]
    early = store.take_early(tx, names)
    for receipt in early:
        same = names_of(receipt.reference)
        store.update_part(tx, sent.id, same, receipt.state, receipt.reason)
    if early:
        _by_parts(tx, sent, now)


def _by_parts(tx: Tx, dispatch: Dispatch, now: datetime) -> None:
    """Delivered once all parts of an attempt are, failed with the first that isn't."""
    last = [each for each in store.parts_of(tx, dispatch.id) if each.attempt == dispatch.attempts]
    failed = next((each for each in last if each.state is ReceiptState.FAILED), None)
    if failed is not None:
        _end(tx, dispatch, DispatchState.FAILED, failed.reason, now)
    elif all(each.state is ReceiptState.DELIVERED for each in last):
        _end(tx, dispatch, DispatchState.DELIVERED, None, now)
