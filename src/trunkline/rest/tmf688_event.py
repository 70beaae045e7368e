"""TMF688 Event Management, v4.

A topic keeps the events that match its queries (`headerQuery` over eventType and the like,
`contentQuery` over what is under `event`; all events where there are none) for as long as the
settings say, and whatever a client posts to it. Who reads a topic is shown the events whose API
it may read. A hub of a topic is POSTed to at its callback itself.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

import falcon

from trunkline.platform import audit
from trunkline.platform.db import Reader, Tx
from trunkline.platform.security import Principal
from trunkline.rest import parked_deliveries
from trunkline.rest.forms.wire import EVENT, Party
from trunkline.tmf import Api, Body, Document, Moment, Wire, hub, matching, query, wire
from trunkline.tmf.errors import BadQuery, UnknownReference
from trunkline.tmf.http import Server, read_object, send
from trunkline.tmf.hub import openapi, topics
from trunkline.tmf.hub.listeners import TOPICS, register, unregister
from trunkline.tmf.hub.routes import accepted, known
from trunkline.tmf.hub.store import topic

_TOPICS = f"{EVENT}/topic"
_SCOPE = "tmf688"


class TopicForm(Wire):
    """What is known of a topic."""

    name: str | None = None
    header_query: str | None = None
    content_query: str | None = None


class Entity(Wire):
    id: str
    href: str | None = None
    name: str | None = None


class EventCharacteristic(Wire):
    name: str
    value: Any
    id: str | None = None
    value_type: str | None = None


class EventForm(Wire):
    """What is known of an event that a client posts."""

    correlation_id: str | None = None
    description: str | None = None
    domain: str | None = None
    event_id: str | None = None
    event_time: Moment | None = None
    event_type: str | None = None
    priority: str | None = None
    time_ocurred: Moment | None = None
    title: str | None = None
    analytic_characteristic: tuple[EventCharacteristic, ...] | None = None
    related_party: tuple[Party, ...] | None = None
    reporting_system: Entity | None = None
    source: Entity | None = None
    event: Any = None


def _create(tx: Tx, body: Body, now: datetime) -> str:
    return hub.create_topic(tx, body, now)


def _find(r: Reader, ids: Sequence[str]) -> list[Body]:
    return hub.find_topics(r, ids)


def _beside() -> Body:
    """What is below a topic, in the OpenAPI document."""
    text, many = {"type": "string"}, {"type": "integer", "minimum": 0}
    moment = {"type": "string", "format": "date-time"}
    entity = {"type": "object", "required": ["id"], "properties": {"id": text}}
    known = {
        **dict.fromkeys(("correlationId", "description", "domain", "eventId", "eventType",
                         "priority", "title"), text),
        **dict.fromkeys(("eventTime", "timeOcurred"), moment),
        **dict.fromkeys(("source", "reportingSystem"), entity),
        "relatedParty": {"type": "array", "items": {
            **entity, "required": ["id", "@referredType"],
            "properties": {"id": text, "@referredType": text, "role": text, "name": text}}},
        "analyticCharacteristic": {"type": "array", "items": {
            "type": "object", "required": ["name", "value"], "properties": {"name": text}}},
    }  # fmt: skip
    new = {"type": "object", "properties": known}
    event = {**new, "required": ["id", "href"], "properties": {**known, "id": text, "href": text}}
    fields = {"name": "fields", "in": "query", "schema": text}
    paging = [{"name": name, "in": "query", "schema": many} for name in ("offset", "limit")]
    filters = [{"name": name, "in": "query", "schema": text} for name in hub.EVENT_PATHS]

    def operation(verb: str, right: str, answers: Body, **rest: Any) -> Body:
        return {
            "tags": ["TMF688"],
            "operationId": verb,
            "summary": verb,
            "description": f"Needs the scope `{_SCOPE}:{right}`.",
            "responses": {**answers, "default": openapi.ERROR},
            **rest,
        }

    def both(schema: Body) -> Body:
        listed = {"type": "array", "items": schema}
        return {str(status): openapi.answer("Found", listed) for status in (200, 206)}

    def made(schema: Body) -> Body:
        return {"201": openapi.answer("Made", schema)}

    def found(schema: Body) -> Body:
        return {"200": openapi.answer("Found", schema)}

    def below(*names: str) -> list[Body]:
        return [{"name": name, "in": "path", "required": True, "schema": text} for name in names]

    posted = {"required": True, "content": {"application/json": {"schema": new}}}
    at, listener = f"{_TOPICS}/{{topicId}}", openapi.LISTENER
    return {
        f"{at}/event": {
            "parameters": below("topicId"),
            "get": operation(
                "listEvent", "read", both(event), parameters=[fields, *paging, *filters]
            ),
            "post": operation("createEvent", "write", made(event), requestBody=posted),
        },
        f"{at}/event/{{id}}": {
            "parameters": below("topicId", "id"),
            "get": operation("retrieveEvent", "read", found(event), parameters=[fields]),
        },
        f"{at}/hub": {
            "parameters": below("topicId"),
            "get": operation("listHub", "read", both(listener), parameters=[fields, *paging]),
            "post": operation("createHub", "read", made(listener), requestBody=openapi.BODY),
        },
        f"{at}/hub/{{id}}": {
            "parameters": below("topicId", "id"),
            "get": operation("retrieveHub", "read", found(listener), parameters=[fields]),
            "delete": operation("deleteHub", "read", {"204": {"description": "Gone"}}),
        },
    }


API = Api(
    number="TMF688",
    title="Event",
    version="4.0.0",
    base=EVENT,
    beside={**_beside(), **parked_deliveries.paths()},
    resources=(
        Document(
            path=_TOPICS,
            type="Topic",
            key=topic.c.id,
            paths={
                "name": topic.c.name,
                "headerQuery": topic.c.header_query,
                "contentQuery": topic.c.content_query,
            },
            schema=TopicForm,
            find=_find,
            create=_create,
            delete=hub.delete_topic,
            attribute_event="ChangeEvent",
            state_event="ChangeEvent",
        ),
    ),
)


class Events:
    """The events of a topic."""

    scopes: ClassVar = {"GET": f"{_SCOPE}:read", "POST": f"{_SCOPE}:write"}

    def __init__(self, server: Server, areas: Sequence[str]) -> None:
        self._server = server
        self._books = server.databases["books"]
        self._areas = areas

    def on_get(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        asked = query.parse(req.query_string)
        with self._books.read() as r:
            topics.check_topic(r, ident)
            page = topics.events(r, ident, asked, readable(req.context.caller, self._areas))
            found = [body for _, body in topics.bodies(r, page.ids)]
        shown = [_addressed(each, f"{_TOPICS}/{ident}/event", asked) for each in found]
        _send_page(req, resp, shown, asked, page.total)

    def on_post(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        body = _body(req, self._server)
        wire.convert(body, EventForm)
        now = self._server.clock.now()
        with self._books.transaction() as tx:
            _check_named(tx, ident)
            made = topics.post_event(tx, topic_id=ident, body=body, now=now)
            who = req.context.caller.identity
            audit.record(tx, who=who, verb="post event", what=made["id"], now=now)
        answer = _addressed(made, f"{_TOPICS}/{ident}/event")
        resp.status = 201
        resp.location = answer["href"]
        send(resp, wire.encode(answer))


class EventItem:
    """One event of a topic."""

    scopes: ClassVar = {"GET": f"{_SCOPE}:read"}

    def __init__(self, server: Server) -> None:
        self._books = server.databases["books"]

    def on_get(self, req: falcon.Request, resp: falcon.Response, ident: str, event: str) -> None:
        asked = _only_fields(req)
        with self._books.read() as r:
            topics.check_topic(r, ident)
            area, body = topics.kept(r, ident, event)
        if not req.context.caller.may(f"{area}:read"):
            raise topics.NoSuchEvent(f"there is no event {event[:100]!r}")
        send(resp, wire.encode(_addressed(body, f"{_TOPICS}/{ident}/event", asked)))


class Hubs:
    """Who listens to a topic. To listen is to read."""

    scopes: ClassVar = {"GET": f"{_SCOPE}:read", "POST": f"{_SCOPE}:read"}

    def __init__(self, server: Server, rule: hub.CallbackRule) -> None:
        self._server = server
        self._books = server.databases["books"]
        self._rule = rule

    def on_get(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        asked = query.parse(req.query_string)
        if asked.sort:
            raise BadQuery("listeners come in the order of their ids", path="sort")
        with self._books.read() as r:
            topics.check_topic(r, ident)
            found = hub.find_listeners(r, topic=ident, of=req.context.caller)
        forms = [_hub(each, ident) for each in found]
        forms = [each for each in forms if matching.matches(each, asked.terms)]
        page = forms[asked.offset : asked.offset + asked.limit]
        shown = [_picked(each, asked) for each in page]
        _send_page(req, resp, shown, asked, len(forms))

    def on_post(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        new = accepted(req, self._server, self._rule)
        now = self._server.clock.now()
        caller = req.context.caller
        with self._books.transaction() as tx:
            _check_named(tx, ident)
            made = register(
                tx, area=TOPICS, topic=ident, callback=new.callback, query=new.query,
                secret=new.secret, owner=caller, now=now,
            )  # fmt: skip
            audit.record(tx, who=caller.identity, verb="register listener", what=made, now=now)
            (answer,) = (_hub(each, ident) for each in hub.find_listeners(tx, [made]))
        resp.status = 201
        resp.location = answer["href"]
        send(resp, wire.encode(answer))


class HubItem:
    """One who listens to a topic."""

    scopes: ClassVar = {"GET": f"{_SCOPE}:read", "DELETE": f"{_SCOPE}:read"}

    def __init__(self, server: Server) -> None:
        self._server = server
        self._books = server.databases["books"]

    def on_get(self, req: falcon.Request, resp: falcon.Response, ident: str, one: str) -> None:
        asked = _only_fields(req)
        with self._books.read() as r:
            topics.check_topic(r, ident)
            found = known(r, one, area=TOPICS, topic=ident, caller=req.context.caller)
        send(resp, wire.encode(_picked(_hub(found, ident), asked)))

    def on_delete(self, req: falcon.Request, resp: falcon.Response, ident: str, one: str) -> None:
        now = self._server.clock.now()
        caller = req.context.caller
        with self._books.transaction() as tx:
            topics.check_topic(tx, ident)
            found = known(tx, one, area=TOPICS, topic=ident, caller=caller, right="write")
            unregister(tx, listener_id=found.id)
            audit.record(tx, who=caller.identity, verb="end listener", what=one, now=now)
        resp.status = 204


def readable(caller: Principal, areas: Sequence[str]) -> list[str] | None:
    """The areas whose events the caller is shown; None for all."""
    may = [each for each in areas if caller.may(f"{each}:read")]
    return None if len(may) == len(areas) else may


def add_topics(
    app: falcon.App[Any, Any], server: Server, apis: Sequence[Api], rule: hub.CallbackRule
) -> None:
    """Routes what is below a topic, which may keep events of all `apis`, and what was parked."""
    areas = sorted({each.scope for each in apis} | {_SCOPE})
    app.add_route(f"{_TOPICS}/{{ident}}/event", Events(server, areas))
    app.add_route(f"{_TOPICS}/{{ident}}/event/{{event}}", EventItem(server))
    app.add_route(f"{_TOPICS}/{{ident}}/hub", Hubs(server, rule))
    app.add_route(f"{_TOPICS}/{{ident}}/hub/{{one}}", HubItem(server))
    parked_deliveries.add_parked(app, server)


def _check_named(r: Reader, topic_id: str) -> None:
    """The document knows no 404 for what is POSTed below a topic."""
    try:
        topics.check_topic(r, topic_id)
    except topics.NoSuchTopic as error:
        raise UnknownReference(error.reason, path="topicId") from None


def _hub(each: hub.Listener, topic_id: str) -> Body:
    said = {
        "id": each.id,
        "href": wire.href(f"{_TOPICS}/{topic_id}/hub", each.id),
        "callback": each.callback,
        "query": each.query,
        "@type": "Hub",
    }
    return {name: value for name, value in said.items() if value is not None}


def _addressed(body: Body, path: str, asked: query.Query = query.EVERYTHING) -> Body:
    return _picked({**body, "href": wire.href(path, body["id"])}, asked)


def _picked(body: Body, asked: query.Query) -> Body:
    return body if asked.fields is None else query.pick(body, asked.fields)


def _only_fields(req: falcon.Request) -> query.Query:
    asked = query.parse(req.query_string)
    if asked.terms or asked.sort:
        raise BadQuery("one resource is not filtered or sorted", path="query")
    return asked


def _send_page(
    req: falcon.Request, resp: falcon.Response, shown: list[Body], asked: query.Query, total: int
) -> None:
    resp.status = 200 if len(shown) >= total else 206
    resp.set_headers({"X-Total-Count": str(total), "X-Result-Count": str(len(shown))})
    if len(shown) < total:
        resp.set_header("Link", query.links(req.path, req.query_string, asked, total))
    send(resp, wire.encode(shown))


def _body(req: falcon.Request, server: Server) -> Body:
    return read_object(req, server.max_body)
