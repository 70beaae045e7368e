"""Events that a listener didn't get, over HTTP: seen, sent again, let go.

Beyond TM Forum's document, beside TMF688's topics. A key sees those of its own listeners; one
with the scope `hub:read` all, and with `hub:write` it may change them.
"""

from typing import Any, ClassVar

import falcon

from trunkline.kernel.errors import Invalid
from trunkline.kernel.time import format_instant
from trunkline.platform import audit
from trunkline.platform.db import Reader
from trunkline.platform.security import Principal
from trunkline.rest.forms.wire import EVENT
from trunkline.tmf import Wire, hub, query, wire
from trunkline.tmf.errors import BadQuery
from trunkline.tmf.http import MERGES, Server, read_object, send
from trunkline.tmf.hub import openapi
from trunkline.tmf.hub.listeners import EVERYBODYS

_PATH = f"{EVENT}/parkedDelivery"


class DeliveryForm(Wire):
    """`about` is the type and id of the resource whose later events wait for this one."""

    id: str
    href: str
    state: str
    listener: str
    callback: str
    event_id: str
    event_type: str
    about: str
    created: str
    attempts: int
    last_error: str | None = None


class Resend(Wire):
    state: str


class Parked:
    scopes: ClassVar = {"GET": "tmf688:read"}

    def __init__(self, server: Server) -> None:
        self._books = server.databases["books"]

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        asked = query.parse(req.query_string)
        if asked.terms or asked.sort or asked.fields is not None:
            raise BadQuery("takes offset and limit alone", path="query")
        owner = _limit(req.context.caller, "read")
        with self._books.read() as r:
            total = hub.count_parked(r, owner=owner)
            page = hub.parked(r, offset=asked.offset, limit=asked.limit, owner=owner)
        resp.status = 200 if len(page) >= total else 206
        resp.set_headers({"X-Total-Count": str(total), "X-Result-Count": str(len(page))})
        if len(page) < total:
            resp.set_header("Link", query.links(req.path, req.query_string, asked, total))
        send(resp, wire.encode([_form(each) for each in page]))


class ParkedItem:
    scopes: ClassVar = {
        "GET": "tmf688:read", "PATCH": "tmf688:write", "DELETE": "tmf688:write",
    }  # fmt: skip

    def __init__(self, server: Server) -> None:
        self._server = server
        self._books = server.databases["books"]

    def on_get(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        with self._books.read() as r:
            found = _found(r, ident, req.context.caller, "read")
        send(resp, wire.encode(_form(found)))

    def on_patch(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        body = read_object(req, self._server.max_body, MERGES)
        if wire.convert(body, Resend).state != "pending":
            raise Invalid("can only be set to pending: it is then sent again", path="state")
        now = self._server.clock.now()
        caller = req.context.caller
        with self._books.transaction() as tx:
            found = _found(tx, ident, caller, "write")
            hub.resend(tx, found.id)
            audit.record(tx, who=caller.identity, verb="resend event", what=ident, now=now)
        form = _form(found)
        form.state = "pending"
        send(resp, wire.encode(form))

    def on_delete(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        now = self._server.clock.now()
        caller = req.context.caller
        with self._books.transaction() as tx:
            hub.drop(tx, _found(tx, ident, caller, "write").id)
            audit.record(tx, who=caller.identity, verb="drop event", what=ident, now=now)
        resp.status = 204


def _limit(caller: Principal, right: str) -> str | None:
    return None if caller.may(f"{EVERYBODYS}:{right}") else caller.identity


def _found(r: Reader, ident: str, caller: Principal, right: str) -> hub.ParkedDelivery:
    number = int(ident) if ident.isascii() and ident.isdigit() and len(ident) < 19 else 0
    found = hub.parked(r, only=number, owner=_limit(caller, right))
    if not found:
        raise hub.NotParked(f"no delivery {ident[:40]!r} is parked")
    return found[0]


def _form(each: hub.ParkedDelivery) -> DeliveryForm:
    return DeliveryForm(
        id=str(each.id),
        href=wire.href(_PATH, str(each.id)),
        state="parked",
        listener=each.listener,
        callback=each.callback,
        event_id=each.event,
        event_type=each.event_type,
        about=each.about,
        created=format_instant(each.created_at),
        attempts=each.attempts,
        last_error=each.last_error,
    )


def paths() -> dict[str, Any]:
    """These in the OpenAPI document."""
    text = {"type": "string"}
    names = ("id", "href", "state", "listener", "callback", "eventId", "eventType", "about",
             "created", "lastError")  # fmt: skip
    shown = {
        "type": "object",
        "required": ["id", "href", "state"],
        "properties": {**dict.fromkeys(names, text), "attempts": {"type": "integer"}},
    }
    pending = {
        "type": "object",
        "required": ["state"],
        "properties": {"state": {"type": "string", "enum": ["pending"]}},
    }
    body = {"required": True, "content": {"application/json": {"schema": pending}}}
    listed = openapi.answer("Found", {"type": "array", "items": shown})
    whole = {"type": "integer", "minimum": 0}
    paging = [{"name": name, "in": "query", "schema": whole} for name in ("offset", "limit")]

    def operation(verb: str, right: str, answers: dict[str, Any], **rest: Any) -> dict[str, Any]:
        return {
            "tags": ["TMF688"],
            "operationId": f"{verb}ParkedDelivery",
            "summary": f"{verb.capitalize()} ParkedDelivery",
            "description": f"Needs the scope `tmf688:{right}`.",
            "responses": {**answers, "default": openapi.ERROR},
            **rest,
        }

    one = {"200": openapi.answer("Found", shown)}
    return {
        _PATH: {
            "get": operation("list", "read", {"200": listed, "206": listed}, parameters=paging)
        },
        f"{_PATH}/{{id}}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": text}],
            "get": operation("retrieve", "read", one),
            "patch": operation("patch", "write", one, requestBody=body),
            "delete": operation("delete", "write", {"204": {"description": "Gone"}}),
        },
    }


def add_parked(app: falcon.App[Any, Any], server: Server) -> None:
    app.add_route(_PATH, Parked(server))
    app.add_route(f"{_PATH}/{{ident}}", ParkedItem(server))
