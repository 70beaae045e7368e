"""Personal data told and forgotten, with what was said to the party."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline import customers
from trunkline.customers import ERASED, PartyId
from trunkline.messaging import store
from trunkline.messaging.bodies import MESSAGE
from trunkline.messaging.model import PENDING, Dispatch
from trunkline.messaging.operations import RECEIVER_ERASED, cancel
from trunkline.messaging.queries import messages
from trunkline.platform.changes import Change
from trunkline.platform.db import Reader, Tx
from trunkline.tmf import documents
from trunkline.tmf.documents import Body

_REWRITE = (
    sa.update(store.message)
    .where(store.message.c.id == sa.bindparam("which"))
    .values(
        body=sa.bindparam("left", type_=store.message.c.body.type),
        revision=store.message.c.revision + 1,
        updated_at=sa.bindparam("at", type_=store.message.c.updated_at.type),
    )
)


def export_personal_data(r: Reader, party: PartyId) -> dict[str, Any]:
    """All that is known of a party by who they are and what they were told, as plain JSON.
    Raises `PartyNotFound`."""
    ids = {each.message for each in store.dispatches_of_party(r, party)}
    return {**customers.personal_data(r, party), "messages": messages(r, sorted(ids))}


def erase_personal_data(tx: Tx, *, party: PartyId, now: datetime) -> None:
    """Forgets who a party is and what it was told; what waits to be sent isn't. The rows stay,
    which the books refer to. Raises `PartyNotFound`, `StillACustomer`."""
    ids = customers.erase_party(tx, party=party, now=now)
    ways = store.dispatches_of_party(tx, party)
    for message in sorted({each.message for each in ways}):
        mine = [each for each in ways if each.message == message]
        if any(each.state in PENDING for each in mine):
            cancel(tx, message, RECEIVER_ERASED, now)
        _forget(tx, message, ids, mine, now)


def _forget(
    tx: Tx, message: str, ids: Collection[str], mine: Collection[Dispatch], now: datetime
) -> None:
    for each in mine:
        present = store.locked(tx, each.id)
        assert present is not None
        if present.address != ERASED:
            store.update_dispatch(tx, msgspec.structs.replace(present, address=ERASED))
    body = documents.get(tx, MESSAGE, message)
    left = _left(body, ids, {each.position for each in mine})
    if left != body:
        tx.execute(_REWRITE, {"which": message, "left": left, "at": now})
        tx.changed(MESSAGE.name, message, Change.ATTRIBUTES)


def _left(body: Body, ids: Collection[str], positions: Collection[int]) -> Body:
    """What was said to others too is theirs: it stays, without the one who is forgotten."""
    receivers = [
        {name: each for name, each in receiver.items() if name not in _NAMES}
        if position in positions
        else receiver
        for position, receiver in enumerate(body["receiver"])
    ]
    alone = len(receivers) == len(positions)
    kept = {name: each for name, each in body.items() if not (alone and name in _SAID)}
    said = {"content": ERASED} if alone else {}
    left: Body = customers.scrubbed(kept | {"receiver": receivers}, ids, words=False)
    return left | said


_NAMES = frozenset({"name", "email", "phoneNumber", "ip", "appUserId"})
_SAID = frozenset({"subject", "attachment", "characteristic", "description"})
