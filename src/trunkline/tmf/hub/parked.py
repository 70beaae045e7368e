"""Deliveries that were given up: seeing them, sending them again, letting them go."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from trunkline.kernel.errors import NotFound
from trunkline.platform import telemetry
from trunkline.platform.db import Reader, Tx
from trunkline.tmf.hub.store import NEVER, delivery, event, listener

_never: sa.ColumnElement[int] = sa.literal_column(str(NEVER))


class ParkedDelivery(msgspec.Struct, frozen=True):
    """An event that a listener didn't get. `about` is the resource's type and id, whose later
    events wait for this one."""

    id: int
    listener: str
    callback: str
    event: str
    event_type: str
    about: str
    created_at: datetime
    attempts: int
    last_error: str | None


class NotParked(NotFound):
    code = "notParked"


_DELIVERIES = telemetry.gauge("hub_deliveries", "Events that wait for a listener", "state")
_AWAY = telemetry.gauge("hub_listeners_away", "Listeners that can't be reached")
_ALL = sa.select(sa.func.count()).select_from(delivery)
_COUNT_AWAY = sa.select(sa.func.count()).where(listener.c.failures > 0)


_PARKED = (
    sa.select(
        delivery.c.id,
        delivery.c.listener_id.label("listener"),
        listener.c.callback,
        delivery.c.event_id.label("event"),
        event.c.type.label("event_type"),
        delivery.c.key.label("about"),
        delivery.c.created_at,
        delivery.c.attempts,
        delivery.c.last_error,
    )
    .join(listener, listener.c.id == delivery.c.listener_id)
    .join(event, event.c.id == delivery.c.event_id)
    .where(delivery.c.due_at == _never)
)
_which: Any = sa.bindparam("which")
_RESEND = (
    sa.update(delivery)
    .where(delivery.c.id == _which, delivery.c.due_at == _never)
    .values(due_at=1, attempts=0)
)
_RESEND_ALL = (
    sa.update(delivery)
    .where(delivery.c.listener_id == _which, delivery.c.due_at == _never)
    .values(due_at=1, attempts=0)
)
_AWAKEN = sa.update(listener).where(listener.c.id == _which).values(next_at=0)
_OF = sa.select(delivery.c.listener_id, delivery.c.event_id).where(
    delivery.c.id == _which, delivery.c.due_at == _never
)
_DROP = sa.delete(delivery).where(delivery.c.id == _which, delivery.c.due_at == _never)


def parked(
    r: Reader,
    *,
    after: int = 0,
    offset: int = 0,
    limit: int = 100,
    only: int | None = None,
    owner: str | None = None,
) -> Sequence[ParkedDelivery]:
    """What was given up, by id; of the listeners of one `owner`, where one is given."""
    where = [delivery.c.id > after if only is None else delivery.c.id == only]
    if owner is not None:
        where.append(listener.c.owner == owner)
    rows = r.execute(_PARKED.where(*where).order_by(delivery.c.id).offset(offset).limit(limit))
    return [ParkedDelivery(**row._asdict()) for row in rows]


def count_parked(r: Reader, *, owner: str | None = None) -> int:
    """How many there are."""
    found = (
        sa.select(sa.func.count())
        .select_from(delivery)
        .join(listener, listener.c.id == delivery.c.listener_id)
        .where(delivery.c.due_at == _never)
    )
    if owner is not None:
        found = found.where(listener.c.owner == owner)
    count: int = r.execute(found).scalar_one()
    return count


def measure(r: Reader) -> None:
    """Sets the metrics of what waits and who is away."""
    given_up = count_parked(r)
    _DELIVERIES.labels("parked").set(given_up)
    _DELIVERIES.labels("waiting").set(r.execute(_ALL).scalar_one() - given_up)
    _AWAY.set(r.execute(_COUNT_AWAY).scalar_one())


def resend(tx: Tx, delivery_id: int) -> None:
    """Sends it again, at once, and then what waits behind it. Raises `NotParked`."""
    found = tx.execute(_OF, {"which": delivery_id}).one_or_none()
    if found is None:
        raise NotParked(f"no delivery {delivery_id} is parked")
    tx.execute(_RESEND, {"which": delivery_id})
    tx.execute(_AWAKEN, {"which": found.listener_id})
    tx.emitted = True


def resend_all(tx: Tx, listener_id: str) -> int:
    """The same for all of a listener's; returns how many."""
    count = tx.execute(_RESEND_ALL, {"which": listener_id}).rowcount
    tx.execute(_AWAKEN, {"which": listener_id})
    tx.emitted = True
    return count


def drop(tx: Tx, delivery_id: int) -> None:
    """Lets it go for good: what waits behind it may run. Raises `NotParked`."""
    if tx.execute(_DROP, {"which": delivery_id}).rowcount != 1:
        raise NotParked(f"no delivery {delivery_id} is parked")
    tx.emitted = True
