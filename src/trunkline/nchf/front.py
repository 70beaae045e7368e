"""The application that granian calls (RSGI): who may call, which operation it is, its answer.

A request costs one call in and one out here, where ASGI has two of each; that, and the objects
that a framework makes of a request, would cost as much as charging itself (ADR 9).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote

import structlog
from granian.rsgi import ProtocolClosed as RSGIProtocolClosed  # type: ignore[attr-defined]

from trunkline.nchf import meters
from trunkline.nchf.callers import Callers
from trunkline.nchf.problems import MEDIA_TYPE, UNREADABLE, Problem

log = structlog.get_logger(__name__)

LARGEST = 1_000_000
"""Octets of a request's body."""
PATIENCE = 10.0
"""Seconds for which a body is waited for, and up to half as many more."""

JSON = "application/json"


class Headers(Protocol):
    def get(self, name: str) -> str | None: ...


class Scope(Protocol):
    """What granian tells of a request. `client` is its address and port."""

    client: str
    scheme: str
    method: str
    path: str
    authority: str | None
    headers: Headers


class Transport(Protocol):
    """granian's end of a request: called, it gives the body; iterated, its pieces."""

    def __call__(self) -> Awaitable[bytes]: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None: ...

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...


_JSON_HEADERS = [("content-type", JSON)]


class Reply(NamedTuple):
    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = _JSON_HEADERS


class Call:
    """One request."""

    __slots__ = ("_bodies", "_scope", "_transport", "path")

    def __init__(self, scope: Scope, transport: Transport, path: str, bodies: "Bodies") -> None:
        self._scope = scope
        self._transport = transport
        self._bodies = bodies
        self.path = path
        """Without escapes."""

    @property
    def root(self) -> str:
        """How the caller reaches us."""
        scope = self._scope
        return f"{scope.scheme}://{scope.authority or scope.headers.get('host')}"

    async def body(self) -> bytes:
        """Raises `Problem` for one that is too large, takes too long or isn't JSON by its type."""
        headers = self._scope.headers
        kind = headers.get("content-type")
        if kind is not None and kind != JSON:
            essence = kind.partition(";")[0].strip().lower()
            if essence != JSON and not essence.endswith("+json"):
                raise Problem(415, UNREADABLE, "the body must be application/json")
        length = headers.get("content-length")
        if length is None or not length.isdecimal():
            return await self._bodies.wait(self._pieces())
        if int(length) > LARGEST:
            raise _too_large()
        return await self._bodies.wait(self._transport())

    async def _pieces(self) -> bytes:
        """Of a body whose length isn't told."""
        body = bytearray()
        async for piece in self._transport:
            body += piece
            if len(body) > LARGEST:
                raise _too_large()
        return bytes(body)


Handler = Callable[[Call], Awaitable[Reply]]
Routes = Mapping[str, tuple[str, Handler]]
"""By method: the operation's name, for the metrics, and what does it."""


class Service(Protocol):
    def routes(self, path: str) -> Routes | None:
        """What is at this path; None for nothing."""


def _too_large() -> Problem:
    return Problem(413, "INCORRECT_LENGTH", f"the body has more than {LARGEST:,} octets")


class Bodies:
    """Bodies that are on their way: one that doesn't come is given up. They are looked through
    from time to time, for a timer of each would cost more than all the rest of a request."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since: dict[asyncio.Task[Any], float] = {}
        self._given_up: set[asyncio.Task[Any]] = set()
        self._looks = False

    async def wait(self, body: Awaitable[bytes]) -> bytes:
        """Raises `Problem` once it has taken too long."""
        task = asyncio.current_task()
        assert task is not None, "a request is a task"
        self._since[task] = time.monotonic()
        if not self._looks:
            self._look_later()
        try:
            return await body
        except asyncio.CancelledError:
            if task not in self._given_up:
                raise
            self._given_up.discard(task)
            task.uncancel()
            raise Problem(408, "TIMED_OUT_REQUEST", "the body doesn't come") from None
        finally:
            del self._since[task]

    def _look_later(self) -> None:
        self._looks = True
        asyncio.get_running_loop().call_later(self._patience / 2, self._look)

    def _look(self) -> None:
        self._looks = False
        oldest = time.monotonic() - self._patience
        for task in [task for task, since in self._since.items() if since < oldest]:
            if task not in self._given_up:
                self._given_up.add(task)
                task.cancel()
        if self._since:
            self._look_later()


class Application:
    """The services, side by side."""

    def __init__(
        self, services: Sequence[Service], callers: Callers, *, patience: float = PATIENCE
    ) -> None:
        self._services = services
        self._callers = callers
        self._bodies = Bodies(patience)

    async def __rsgi__(self, scope: Scope, transport: Transport) -> None:
        name = "none"
        try:
            path = scope.path
            self._callers.check(
                scope.client.rpartition(":")[0], scope.headers.get("authorization"), path
            )
            if "%" in path:
                path = unquote(path)
            name, handler = self._find(path, scope.method)
            reply = await handler(Call(scope, transport, path, self._bodies))
        except Problem as problem:
            reply = _told(_uncoded(problem, scope.headers))
        except RSGIProtocolClosed:
            return  # whoever asked is gone
        except Exception:
            log.exception("an Nchf request failed", operation=name)
            reply = _told(Problem(500, "SYSTEM_FAILURE", "this request failed"))
        with suppress(RSGIProtocolClosed):
            if reply.body and scope.method != "HEAD":
                transport.response_bytes(reply.status, reply.headers, reply.body)
            else:
                transport.response_empty(reply.status, reply.headers if reply.body else [])
        meters.count(name, reply.status)

    def _find(self, path: str, method: str) -> tuple[str, Handler]:
        for service in self._services:
            routes = service.routes(path)
            if routes is None:
                continue
            found = routes.get(method)
            if found is not None:
                return found
            allowed = ", ".join(sorted(routes))
            raise Problem(
                405, "METHOD_NOT_ALLOWED", f"{allowed} only", headers=(("allow", allowed),)
            )
        raise Problem(404, "RESOURCE_URI_STRUCTURE_NOT_FOUND", "there is nothing at this path")


def _uncoded(problem: Problem, headers: Headers) -> Problem:
    """A body that can't be read because it is compressed is told so (RFC 9110, 12.5.3)."""
    coding = headers.get("content-encoding") if problem.cause == UNREADABLE else None
    if coding is None or coding.strip().lower() == "identity":
        return problem
    return Problem(
        415,
        UNREADABLE,
        "no content coding is taken",
        headers=(("accept-encoding", "identity"),),
    )


def _told(problem: Problem) -> Reply:
    return Reply(problem.status, problem.encode(), [("content-type", MEDIA_TYPE), *problem.headers])
