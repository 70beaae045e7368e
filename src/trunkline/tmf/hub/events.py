"""Events: their names, their envelopes, and what a filter sees of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from trunkline.kernel.ids import Id
from trunkline.kernel.time import format_instant
from trunkline.platform.changes import Change
from trunkline.tmf import matching
from trunkline.tmf.paths import Op
from trunkline.tmf.query import Query, Term, pick
from trunkline.tmf.resource import Api, Resource

Body = dict[str, Any]


class EventId(Id):
    prefix = "evt"


def names_of(resource: Resource[Any], changes: Sequence[Change], form: Body) -> list[str]:
    """The types of the events that tell of what one transaction did to one resource, which now
    is `form`. What was created in it is told whole; what came and went was never there."""
    if Change.DELETED in changes:
        return [] if Change.CREATED in changes else [f"{resource.type}DeleteEvent"]
    ends = {
        Change.CREATED: "CreateEvent",
        Change.ATTRIBUTES: resource.attribute_event,
        Change.STATE: resource.state_event,
    }
    told = [Change.CREATED] if Change.CREATED in changes else changes
    names = [f"{resource.type}{ends[each]}" for each in told]
    arrival = resource.arrivals.get(str(form.get("state", form.get("status"))))
    if arrival is not None and Change.STATE in changes:
        names.append(f"{resource.type}{arrival}")
    return list(dict.fromkeys(names))


def envelope(
    ident: EventId, event_type: str, api: Api, resource: Resource[Any], form: Body, at: datetime
) -> Body:
    """The notification as the APIs' documents have it (TMF630, part 1)."""
    name = resource.type[:1].lower() + resource.type[1:]
    return {
        "eventId": ident,
        "eventTime": format_instant(at),
        "timeOcurred": format_instant(at),  # so spelt in the documents
        "eventType": event_type,
        "domain": api.title,
        "event": {name: form},
    }


def heard(body: Body, query: Query | None) -> bool:
    """Whether a listener with this filter wants this event."""
    return query is None or matching.matches(body, _terms(query), look)


@lru_cache(maxsize=1000)
def _terms(query: Query) -> tuple[Term, ...]:
    """With the types of events capitalised: clients write them as in the listener's path too."""
    return tuple(
        msgspec.structs.replace(term, values=tuple(map(_capital, term.values)))
        if term.path == "eventType" and term.op in (Op.EQ, Op.NE)
        else term
        for term in query.terms
    )


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def look(body: Body, path: str) -> Iterable[Any]:
    """What a filter's path finds in an event: `event.productOrder.state` and `eventType` are
    its own; `productOrder.state` and `state` are understood too."""
    event = body.get("event")
    resource = next(iter(event.values())) if isinstance(event, dict) and len(event) == 1 else None
    inner = path.removeprefix("event.")
    for document, place in ((body, path), (event, inner), (resource, inner)):
        found = list(matching.values(document, place))
        if found:
            return found
    return ()


def told(body: Body, query: Query | None) -> Body:
    """The event as a listener gets it: with the attributes of its resource that it asked for."""
    if query is None or query.fields is None or not isinstance(body.get("event"), dict):
        return body
    inside = {
        name: pick(each, query.fields) if isinstance(each, dict) else each
        for name, each in body["event"].items()
    }
    return {**body, "event": inside}
