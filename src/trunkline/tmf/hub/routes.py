"""An API's hub over HTTP: `POST {base}/hub`, `DELETE {base}/hub/{id}`, and, beyond the
documents, reading what is registered."""

from typing import Any

import falcon

from trunkline.kernel.errors import Invalid
from trunkline.platform import audit
from trunkline.platform.db import Reader
from trunkline.platform.security import Principal
from trunkline.tmf import wire
from trunkline.tmf.http import Server, read_object, send
from trunkline.tmf.hub import listeners
from trunkline.tmf.hub.callbacks import CallbackRule, parse
from trunkline.tmf.hub.listeners import EVERYBODYS, Listener, ListenerId, NoSuchListener
from trunkline.tmf.paths import Op
from trunkline.tmf.resource import Api


class HubForm(wire.Wire):
    """EventSubscription, with what an operator wants to know of it."""

    id: str
    href: str
    callback: str
    query: str | None = None


class HubCreate(wire.Wire):
    """EventSubscriptionInput. `secret` is ours: events are then signed with it."""

    callback: str
    query: str | None = None
    secret: str | None = None


class Hub:
    """The listeners of one API. Whoever may read the API may listen to it."""

    def __init__(self, server: Server, api: Api, rule: CallbackRule) -> None:
        self._server = server
        self._api = api
        self._rule = rule
        self._books = server.databases["books"]
        self._path = f"{api.base}/hub"
        self.scopes = dict.fromkeys(("GET", "POST"), f"{api.scope}:read")

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        with self._books.read() as r:
            found = listeners.find_listeners(r, area=self._api.scope, of=req.context.caller)
        count = str(len(found))
        resp.set_headers({"X-Total-Count": count, "X-Result-Count": count})
        send(resp, wire.encode([form_of(each, self._path) for each in found]))

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        new = accepted(req, self._server, self._rule)
        check_types(new.query, self._api)
        now = self._server.clock.now()
        caller = req.context.caller
        with self._books.transaction() as tx:
            ident = listeners.register(
                tx, area=self._api.scope, callback=new.callback, query=new.query,
                secret=new.secret, owner=caller, now=now,
            )  # fmt: skip
            audit.record(tx, who=caller.identity, verb="register listener", what=ident, now=now)
        form = HubForm(
            id=ident, href=wire.href(self._path, ident), callback=new.callback, query=new.query
        )
        resp.status = 201
        resp.location = form.href
        send(resp, wire.encode(form))


class HubItem:
    """One listener of an API."""

    def __init__(self, server: Server, api: Api) -> None:
        self._server = server
        self._api = api
        self._books = server.databases["books"]
        self.scopes = dict.fromkeys(("GET", "DELETE"), f"{api.scope}:read")

    def on_get(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        with self._books.read() as r:
            found = known(r, ident, area=self._api.scope, caller=req.context.caller)
        send(resp, wire.encode(form_of(found, f"{self._api.base}/hub")))

    def on_delete(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        now = self._server.clock.now()
        caller = req.context.caller
        with self._books.transaction() as tx:
            found = known(tx, ident, area=self._api.scope, caller=caller, right="write")
            listeners.unregister(tx, listener_id=found.id)
            audit.record(tx, who=caller.identity, verb="end listener", what=ident, now=now)
        resp.status = 204


def accepted(req: falcon.Request, server: Server, rule: CallbackRule) -> HubCreate:
    """What a POST to a hub asks for, checked."""
    new = wire.convert(read_object(req, server.max_body), HubCreate)
    callback = parse(new.callback)
    listeners.parse_query(new.query)
    rule.check(callback)
    return new


def check_types(query: str | None, api: Api) -> None:
    """A filter by a type of event that could never come is a mistake."""
    parsed = listeners.parse_query(query)
    names = [each.type.lower() for each in api.resources]
    for term in parsed.terms if parsed else ():
        if term.path != "eventType" or term.op is not Op.EQ:
            continue
        for value in term.values:
            if not any(value.lower().startswith(name) for name in names):
                raise Invalid(
                    f"eventType: {api.number} has no event {value[:60]!r}; its events begin with "
                    f"{', '.join(each.type for each in api.resources)}",
                    path="query",
                )


def known(
    r: Reader,
    ident: str,
    *,
    area: str,
    caller: Principal,
    topic: str | None = None,
    right: str = "read",
) -> Listener:
    """The listener, where it is the caller's own or may be seen by it. Raises
    `NoSuchListener`."""
    found = (
        listeners.find_listeners(r, [ident], area=area, topic=topic) if ident.isprintable() else []
    )
    if not found or not (found[0].owner == caller.identity or caller.may(f"{EVERYBODYS}:{right}")):
        raise NoSuchListener(f"there is no listener {ident[:100]!r}")
    return found[0]


def form_of(each: Listener, path: str) -> HubForm:
    return HubForm(
        id=each.id, href=wire.href(path, each.id), callback=each.callback, query=each.query
    )


def add_hub(app: falcon.App[Any, Any], server: Server, api: Api, rule: CallbackRule) -> None:
    """Routes the hub of an API."""
    app.add_route(f"{api.base}/hub", Hub(server, api, rule))
    app.add_route(f"{api.base}/hub/{{ident}}", HubItem(server, api))


__all__ = ["HubCreate", "HubForm", "ListenerId", "add_hub"]
