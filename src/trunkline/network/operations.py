"""Writes: an instruction is taken down, and moves with each answer."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from trunkline.network import store
from trunkline.network.events import CarryOut, NetworkDone, NetworkRefused
from trunkline.network.model import (
    INSTRUCTION_LIFECYCLE,
    Answer,
    Instruction,
    InstructionId,
    InstructionState,
    Verb,
    Wish,
    pause_after,
)
from trunkline.platform.db import Database, Reader, Tx

SUBSCRIBER = "network.take_down"
KEPT = timedelta(days=90)
"""For so long it can be seen what the network was asked for, and answered."""
_CHUNK = 500
_LONGEST_REASON = 500
_IN_PLACE_OF = {
    Verb.SUSPEND: frozenset({Verb.RESUME}),
    Verb.RESUME: frozenset({Verb.SUSPEND}),
    Verb.MODIFY: frozenset({Verb.MODIFY}),
    Verb.TERMINATE: frozenset(Verb),
}
"""What need not be tried any more once this is wanted."""
_SAID = {
    InstructionState.DONE,
    InstructionState.REFUSED,
    InstructionState.STUCK,
}


def is_connected(r: Reader) -> bool:
    """Whether there is a network to be told anything: without one (`[network] adapter =
    "none"`) services are what Trunkline says they are."""
    return r.database.routes.reaction(SUBSCRIBER) is not None


def instruct(tx: Tx, wishes: Sequence[Wish], *, now: datetime) -> list[InstructionId]:
    """Tells the network what is wanted, in this order for each service; its answers come as
    `NetworkDone` or `NetworkRefused`. What got stuck before and is wanted again goes on under
    its old id, so that it can't take effect twice."""
    ids = []
    for wish in wishes:
        stuck = store.stuck(tx, wish.service, wish.verb)
        again = stuck is not None and _is_the_same(stuck.wish, wish)
        ident = stuck.id if stuck is not None and again else tx.new_id(InstructionId, now)
        tx.emit(
            CarryOut(
                instruction=ident,
                service=wish.service,
                verb=wish.verb,
                name=wish.name,
                specification=wish.specification,
                characteristics=dict(wish.characteristics),
            )
        )
        ids.append(ident)
    return ids


def _is_the_same(stuck: Wish, wish: Wish) -> bool:
    """Of two wishes to do the same to the same service."""
    return wish.verb is not Verb.MODIFY or stuck.characteristics == wish.characteristics


def take_down(tx: Tx, command: CarryOut, now: datetime) -> None:
    """Leaves it for the courier."""
    known = store.locked(tx, command.instruction)
    if known is None:
        wish = Wish(
            service=command.service,
            verb=command.verb,
            name=command.name,
            specification=command.specification,
            characteristics=command.characteristics,
        )
        _give_up(tx, command.service, _IN_PLACE_OF.get(command.verb, frozenset()), now)
        store.insert(tx, Instruction(id=command.instruction, wish=wish), now)
    elif known.state is InstructionState.STUCK:
        state = InstructionState.WORKING if known.following else InstructionState.PENDING
        again = msgspec.structs.replace(known, state=state, attempts=0)
        store.save(tx, again, due_at=now, ended_at=None)


def _give_up(tx: Tx, service: str, verbs: Collection[Verb], now: datetime) -> None:
    """What got stuck on the way of these holds up nothing any more."""
    for each in store.of_service(tx, service) if verbs else ():
        if each.state is InstructionState.STUCK and each.wish.verb in verbs:
            given_up = msgspec.structs.replace(each, state=InstructionState.REFUSED)
            store.save(tx, given_up, due_at=now, ended_at=now)


def answered(tx: Tx, which: InstructionId, answer: Answer, now: datetime) -> Instruction | None:
    """Stores what the network said, or (as an answer in the state it was in) that nothing could
    be had, and tells it on where that is the end of it."""
    before = store.locked(tx, which)
    if before is None or INSTRUCTION_LIFECYCLE.is_final(before.state):
        return before
    state = answer.state
    moved = before.state is not state or answer.following != before.following
    attempts = 1 if moved and state is InstructionState.WORKING else before.attempts + 1
    pause = None
    if state not in _SAID:
        pause = pause_after(state, attempts)
        state = state if pause is not None else InstructionState.STUCK
    INSTRUCTION_LIFECYCLE.check(before.state, state)
    reason = answer.reason[:_LONGEST_REASON] if answer.reason else None
    after = msgspec.structs.replace(
        before,
        state=state,
        attempts=attempts,
        following=answer.following or before.following,
        reason=reason,
    )
    if answer.remote and answer.remote != before.remote:
        store.name(tx, before.wish.service, answer.remote)
    due_at = now + pause if pause is not None else now
    store.save(tx, after, due_at=due_at, ended_at=now if state in _SAID else None)
    _tell(tx, after, now)
    return after


def forget_instructions(books: Database, now: datetime) -> int:
    """Forgets what was done or refused longer ago than `KEPT`, in short transactions; says how
    many instructions."""
    forgotten = 0
    while True:
        with books.read() as r:
            ids = store.settled(r, now - KEPT, _CHUNK)
        if not ids:
            return forgotten
        with books.transaction() as tx:
            store.drop(tx, ids)
        forgotten += len(ids)


def _tell(tx: Tx, after: Instruction, now: datetime) -> None:
    wish = after.wish
    if after.state is InstructionState.DONE:
        if wish.verb is Verb.TERMINATE:
            store.forget(tx, wish.service)
        tx.emit(
            NetworkDone(
                instruction=after.id,
                service=wish.service,
                verb=wish.verb,
                at=now,
                characteristics=dict(wish.characteristics),
            )
        )
    elif after.state in (InstructionState.REFUSED, InstructionState.STUCK):
        tx.emit(
            NetworkRefused(
                instruction=after.id,
                service=wish.service,
                verb=wish.verb,
                at=now,
                reason=after.reason or "the network gave no reason",
                stuck=after.state is InstructionState.STUCK,
            )
        )
