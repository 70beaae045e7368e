"""Resources over HTTP: what falcon routes to."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

import falcon
import msgspec
import sqlalchemy as sa

from trunkline.kernel.errors import Invalid, NotFound, TrunklineError
from trunkline.platform import audit, idempotency
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database, Reader, Tx
from trunkline.platform.principals import Binding
from trunkline.tmf import access, errors, patch, query, wire
from trunkline.tmf.resource import Api, Body, Resource

JSON = "application/json;charset=utf-8"
MAX_BODY = 1_000_000
MERGES = ("application/json", "application/merge-patch+json")
_STEPS = "application/json-patch+json"
_PATCHES = (*MERGES, _STEPS)
_KEY = re.compile("[!-~]{1,200}")


class ResourceNotFound(NotFound):
    code = "notFound"


@dataclass(frozen=True)
class Server:
    """What handlers work with."""

    databases: Mapping[str, Database]
    clock: Clock
    max_body: int = MAX_BODY
    resources: list[Resource[Any]] = field(default_factory=list)
    """All that are offered."""


class Collection:
    """A resource's collection: list and create."""

    def __init__(self, server: Server, api: Api, resource: Resource[Any]) -> None:
        self._server = server
        self._resource = resource
        self._database = server.databases[resource.database]
        self.for_bound = _for_bound(resource)
        self.scopes = {"GET": f"{api.scope}:read"}
        if resource.creates:
            self.scopes["POST"] = f"{api.scope}:write"
            self.on_post = self._create

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        asked = _within_reach(self._server, self._resource, req, query.parse(req.query_string))
        with self._database.read() as r:
            answers, total = self._resource.page(r, asked)
            if answers and (binding := req.context.caller.binding) is not None:
                self._check_page(r, binding, answers)
        if asked.fields is not None:
            answers = [query.pick(wire.plain(each), asked.fields) for each in answers]
        count = len(answers)
        resp.status = 200 if count >= total else 206
        resp.set_header("X-Total-Count", str(total))
        resp.set_header("X-Result-Count", str(count))
        if count < total:
            resp.set_header("Link", query.links(req.path, req.query_string, asked, total))
        send(resp, wire.encode(answers))

    def _check_page(self, r: Reader, binding: Binding, answers: Sequence[Any]) -> None:
        """A declaration that lists in a way of its own might forget whose rows are whose."""
        ids = [wire.ident(each) for each in answers]
        among = self._resource.among(r, ids, binding, self._server.databases)
        assert all(among.get(each) for each in ids), f"{self._resource.path} told another's"

    def _create(self, req: falcon.Request, resp: falcon.Response) -> None:
        raw = read_body(req, self._server.max_body)
        _check_media(media_type(req), MERGES[:1])
        body = _object(raw)
        now = self._server.clock.now()
        with self._database.transaction() as tx:
            tx.caller = req.context.caller
            answer = _once(tx, req, raw, now, lambda: self._created(tx, req, body, now))
        refusal = self._resource.refusal and self._resource.refusal(wire.decode(answer))
        if refusal:
            raise refusal
        later = self._resource.later and self._resource.later(wire.decode(answer))
        resp.status = 202 if later else 201
        resp.location = later or _href_of(answer)
        resp.etag = _etag(answer)
        send(resp, answer)

    def _created(self, tx: Tx, req: falcon.Request, body: Body, now: datetime) -> bytes:
        binding = req.context.caller.binding
        if binding is None:
            with _references():
                new = self._resource.created(tx, body, now)
        else:
            new = self._created_bound(tx, binding, body, now)
        _record(tx, req, f"create {self._resource.name}", new, now)
        return wire.encode(self._resource.answers(tx, [new])[0])

    def _created_bound(self, tx: Tx, binding: Binding, body: Body, now: datetime) -> str:
        """What a bound caller creates refers to nothing of others, and is its customer's."""
        assert self._resource.owner is not None
        body = self._resource.owner.claimed(body, binding)
        _check_references(self._server, tx, binding, access.named(body))
        with _bound_references():
            new = self._resource.created(tx, body, now)
        if not self._resource.among(tx, [new], binding, self._server.databases).get(new):
            raise errors.UnknownReference("it would not be this customer's", path="$")
        return new


class Item:
    """One resource: read, change, delete."""

    def __init__(self, server: Server, api: Api, resource: Resource[Any]) -> None:
        self._server = server
        self._resource = resource
        self._database = server.databases[resource.database]
        self.for_bound = _for_bound(resource)
        self.scopes = {"GET": f"{api.scope}:read"}
        self._lock = sa.select(resource.key).where(
            resource.key == sa.bindparam("ident"), *resource.conditions
        )
        if isinstance(getattr(resource.key, "table", None), sa.Table):
            # Of what stands in several tables, the verbs hold the row.
            self._lock = self._lock.with_for_update()
        if resource.changes:
            self.scopes["PATCH"] = f"{api.scope}:write"
            self.on_patch = self._change
        if resource.puts is not None:
            self.scopes["PUT"] = f"{api.scope}:write"
            self.on_put = self._change
        if resource.delete is not None:
            self.scopes["DELETE"] = f"{api.scope}:write"
            self.on_delete = self._delete

    def on_get(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        asked = query.parse(req.query_string) if req.query_string else query.EVERYTHING
        if asked.terms or asked.sort:
            raise errors.BadQuery("one resource is not filtered or sorted", path="query")
        with self._database.read() as r:
            answer = self._found(r, ident, req)
        if asked.fields is not None:
            send(resp, wire.encode(query.pick(wire.plain(answer), asked.fields)))
            return
        encoded = wire.encode(answer)
        resp.etag = etag = _etag(encoded)
        if req.if_none_match and _names(req.if_none_match, etag):
            resp.status = 304
            return
        send(resp, encoded)

    def _found(self, r: Reader, ident: str, req: falcon.Request) -> Any:
        """What isn't the caller's doesn't exist for it."""
        binding = req.context.caller.binding
        answers = self._resource.answers(r, [ident]) if ident.isprintable() else ()
        if not answers or not (binding is None or self._reaches(r, ident, binding)):
            raise ResourceNotFound(f"there is no {self._resource.name} {ident[:100]!r}")
        return answers[0]

    def _reaches(self, r: Reader, ident: str, binding: Binding) -> bool:
        among = self._resource.among(r, [ident], binding, self._server.databases)
        return among.get(ident, False)

    def _locked(self, tx: Tx, ident: str, req: falcon.Request) -> Any:
        """The resource, which nobody else changes until the transaction ends."""
        if ident.isprintable():
            tx.execute(self._lock, {"ident": ident})
        return self._found(tx, ident, req)

    def _change(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        raw = read_body(req, self._server.max_body)
        media = media_type(req)
        _check_media(media, (MERGES[0],) if req.method == "PUT" else _PATCHES)
        body = wire.decode(raw)
        now = self._server.clock.now()
        with self._database.transaction() as tx:
            tx.caller = req.context.caller
            answer = self._locked(tx, ident, req)
            _check_match(req, answer)
            before = wire.plain(answer)
            after = (
                self._put(before, body) if req.method == "PUT" else _patched(before, body, media)
            )
            asked = sorted(
                name for name in {*before, *after} if before.get(name) != after.get(name)
            )
            binding = req.context.caller.binding
            if binding is not None:
                assert self._resource.owner is not None
                self._resource.owner.check_change(asked)
                named = access.named(after)
                new = {each: named[each] for each in named.keys() - access.named(before).keys()}
                _check_references(self._server, tx, binding, new)
            with _references() if binding is None else _bound_references():
                self._resource.changed(tx, ident, before, after, now)
            if binding is not None and not self._reaches(tx, ident, binding):
                raise errors.UnknownReference("it would not be this customer's", path="$")
            _record(tx, req, f"change {self._resource.name}", ident, now, asked)
            encoded = wire.encode(self._found(tx, ident, req))
        resp.etag = _etag(encoded)
        send(resp, encoded)

    def _put(self, before: Body, body: Any) -> Body:
        """The resource as a whole, but for what its declaration keeps."""
        if not isinstance(body, dict):
            raise Invalid("the body is a JSON object", path="$")
        stay = {"id", "href", *(self._resource.puts or ())}
        return {name: each for name, each in before.items() if name in stay} | body

    def _delete(self, req: falcon.Request, resp: falcon.Response, ident: str) -> None:
        assert self._resource.delete is not None
        now = self._server.clock.now()
        with self._database.transaction() as tx:
            tx.caller = req.context.caller
            answer = self._locked(tx, ident, req)
            _check_match(req, answer)
            tx.last_forms[self._resource.type, ident] = answer
            self._resource.delete(tx, ident, now)
            _record(tx, req, f"delete {self._resource.name}", ident, now)
            later = self._later(tx, ident)
        resp.status = 202 if later else 204
        if later:
            resp.location = later

    def _later(self, tx: Tx, ident: str) -> str | None:
        """Where to ask after what is still there, since its end goes on."""
        if self._resource.later is None:
            return None
        left = self._resource.answers(tx, [ident])
        return self._resource.later(wire.plain(left[0])) if left else None


def _record(
    tx: Tx,
    req: falcon.Request,
    verb: str,
    what: str,
    now: datetime,
    attributes: Sequence[str] | None = None,
) -> None:
    """A write's entry in the audit trail, in its own transaction. Of a change the attributes are
    told, not their values: what can never be erased holds no personal data."""
    detail = None if attributes is None else {"attributes": list(attributes)}
    audit.record(tx, who=req.context.caller.identity, verb=verb, what=what, detail=detail, now=now)


@contextmanager
def _references() -> Iterator[None]:
    """What an operation doesn't find was named by the body: the body is wrong, not the
    address."""
    try:
        yield
    except NotFound as error:
        raise errors.UnknownReference(error.reason, path=error.path) from error


_UNKNOWN = "there is no such thing"


@contextmanager
def _bound_references() -> Iterator[None]:
    """The same, in the words that are used for what belongs to others."""
    try:
        yield
    except NotFound as error:
        raise errors.UnknownReference(_UNKNOWN, path=error.path) from error
    except Invalid as error:
        if error.code != errors.UnknownReference.code:
            raise
        raise errors.UnknownReference(_UNKNOWN, path=error.path) from error


def _check_references(server: Server, tx: Tx, binding: Binding, named: Mapping[str, str]) -> None:
    """What is another's doesn't exist for a bound caller: to name it is to name nothing."""
    if not named:
        return
    others: set[str] = set()
    mine: set[str] = set()
    for resource in server.resources:
        if resource.owner is access.PUBLIC:
            continue
        for ident, own in _among(server, tx, resource, named, binding).items():
            (mine if own else others).add(ident)
    for ident in sorted(others - mine):
        raise errors.UnknownReference(_UNKNOWN, path=named[ident])


def _among(
    server: Server, tx: Tx, resource: Resource[Any], named: Mapping[str, str], binding: Binding
) -> dict[str, bool]:
    if resource.database == tx.database.name:
        return resource.among(tx, list(named), binding, server.databases)
    with server.databases[resource.database].read() as r:
        return resource.among(r, list(named), binding, server.databases)


def _for_bound(resource: Resource[Any]) -> tuple[str, ...]:
    """The methods that callers bound to a customer may use."""
    return () if resource.owner is None else resource.owner.methods


def _within_reach(
    server: Server, resource: Resource[Any], req: falcon.Request, asked: query.Query
) -> query.Query:
    binding = req.context.caller.binding
    if binding is None:
        return asked
    assert resource.owner is not None, "the guard lets nobody through"
    reach = (resource.owner.condition(binding, server.databases),)
    return msgspec.structs.replace(asked, reach=reach)


def add_api(app: falcon.App[Any, Any], server: Server, api: Api) -> None:
    """Routes all resources of the API."""
    for resource in api.resources:
        server.resources.append(resource)
        app.add_route(resource.path, Collection(server, api, resource))
        app.add_route(f"{resource.path}/{{ident}}", Item(server, api, resource))


def add_error_handlers(app: falcon.App[Any, Any], on_bug: Callable[..., None]) -> None:
    """`on_bug(req, resp, error, params)` answers what nobody foresaw."""
    app.add_error_handler(Exception, on_bug)
    app.add_error_handler(falcon.HTTPError, errors.on_http_error)
    app.add_error_handler(TrunklineError, errors.on_refusal)


def send(resp: falcon.Response, body: bytes) -> None:
    """Answers with JSON."""
    resp.content_type = JSON
    resp.data = body


def read_body(req: falcon.Request, limit: int) -> bytes:
    """The body's bytes; raises `TooLarge`."""
    if (req.content_length or 0) > limit:
        raise errors.TooLarge(f"a body has at most {limit} bytes")
    # One that comes in chunks, or by HTTP/2, need not say how long it is.
    stream = req.stream if req.content_length is None else req.bounded_stream
    raw = b""
    while len(raw) <= limit and (piece := stream.read(limit + 1 - len(raw))):
        raw += piece
    if len(raw) > limit:
        raise errors.TooLarge(f"a body has at most {limit} bytes")
    return raw


def read_object(
    req: falcon.Request, limit: int, accepted: Sequence[str] = MERGES[:1]
) -> dict[str, Any]:
    """The body as a JSON object; raises `TooLarge`, `UnsupportedMediaType` and `Invalid`."""
    raw = read_body(req, limit)
    _check_media(media_type(req), accepted)
    return _object(raw)


def _object(raw: bytes) -> dict[str, Any]:
    body = wire.decode(raw)
    if not isinstance(body, dict):
        raise Invalid("the body is a JSON object", path="$")
    return body


def media_type(req: falcon.Request) -> str:
    """What the body says it is, without parameters."""
    return (req.content_type or "application/json").partition(";")[0].strip().lower()


def _check_media(media: str, accepted: Sequence[str]) -> None:
    if media not in accepted:
        raise errors.UnsupportedMediaType(f"a body is {' or '.join(accepted)} here")


def _patched(before: Body, body: Any, media: str) -> Body:
    if media == _STEPS:
        after = patch.apply(before, wire.convert(body, list[patch.Operation]))
    else:
        after = patch.merge(before, body) if isinstance(body, dict) else None
    if not isinstance(after, dict):
        raise Invalid("the patched resource is a JSON object", path="$")
    return after


def _etag(body: bytes) -> falcon.ETag:
    return falcon.ETag(blake2b(body, digest_size=12).hexdigest())


def _names(given: Any, etag: str) -> bool:
    return "*" in given or etag in given


def _check_match(req: falcon.Request, answer: Any) -> None:
    """If-Match compares strongly (RFC 9110, section 13.1.1): a weak tag matches nothing."""
    given: Any = req.if_match
    if not given or "*" in given:
        return
    present = _etag(wire.encode(answer))
    if not any(each.strong_compare(present) for each in given):
        raise errors.Stale("the resource has changed since it was read", path="If-Match")


class _Addressed(msgspec.Struct):
    href: str


_addressed = msgspec.json.Decoder(_Addressed)


def _href_of(answer: bytes) -> str:
    return _addressed.decode(answer).href


def _once(
    tx: Tx, req: falcon.Request, raw: bytes, now: datetime, run: Callable[[], bytes]
) -> bytes:
    """Runs, or gives the answer that the same caller's same Idempotency-Key got before."""
    key = req.get_header("Idempotency-Key")
    if key is None:
        return run()
    if not _KEY.fullmatch(key):
        raise Invalid("a key has 1 to 200 characters, and no space", path="Idempotency-Key")
    scoped = f"{req.context.caller.identity} {req.path} {key}"
    return idempotency.once(tx, scoped, raw, run, now=now)
