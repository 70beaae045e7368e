"""One POST: to an address that was looked at, within a time, and nothing more.

HTTP/1.1 on a connection of its own. Redirects are not followed, and of the answer only what
tells how it went is read: its status, Retry-After, and the beginning of a refusal's text.
"""

import asyncio
import errno
import os
import ssl
from collections.abc import Mapping
from concurrent.futures import Executor
from functools import cache

import msgspec

from trunkline.kernel.errors import Unavailable
from trunkline.tmf.hub.callbacks import Callback, CallbackRefused, CallbackRule, resolve

CONNECT = 3.0
TOTAL = 10.0
"""Seconds for a connection, and for all of it."""
_ADDRESSES = 4
_LINE = 16_384
_HEADERS = 100
_TOLD = 300
_BUSY = frozenset({429, 502, 503, 504})
_LONGEST_WAIT = 3600


class Unreachable(Unavailable):
    """The listener is away, too slow, or says that it is busy (`fields["seconds"]`, where it
    says for how long): nothing can be sent to it just now."""

    code = "listenerUnreachable"


class Declined(Unavailable):
    """The listener is there, and didn't take this event."""

    code = "listenerDeclined"


class _Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]


class Sender:
    """`resolvers` runs the system's resolution of names, which blocks."""

    def __init__(
        self,
        rule: CallbackRule,
        resolvers: Executor,
        *,
        connect: float = CONNECT,
        total: float = TOTAL,
    ) -> None:
        self.total = total
        self._rule = rule
        self._resolvers = resolvers
        self._connect_within = connect

    async def post(
        self, callback: Callback, target: str, body: bytes, headers: Mapping[str, str]
    ) -> None:
        """Returns once the listener has taken it (a status of 2xx). Raises `Unreachable`,
        `Declined` and `CallbackRefused`."""
        try:
            async with asyncio.timeout(self.total):
                await self._post(callback, target, body, headers)
        except TimeoutError:
            raise Unreachable(f"no answer within {self.total:g} s") from None
        except (OSError, EOFError, asyncio.LimitOverrunError) as error:
            raise Unreachable(_reason(error)) from error

    async def _post(
        self, callback: Callback, target: str, body: bytes, headers: Mapping[str, str]
    ) -> None:
        reader, writer = await self._open(callback)
        try:
            writer.write(_request(callback, target, body, headers) + body)
            await writer.drain()
            answer = await _answer(reader)
            if not 200 <= answer.status < 300:
                raise _refusal(answer, await _beginning(reader))
        finally:
            writer.transport.abort()

    async def _open(self, callback: Callback) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._resolvers, resolve, callback.host, callback.port)
        allowed = [each for each in found if self._rule.allows(each)][:_ADDRESSES]
        if not allowed:
            raise self._rule.refusal(callback.host)
        tls = callback.scheme == "https"
        for address in allowed:
            try:
                async with asyncio.timeout(self._connect_within):
                    return await asyncio.open_connection(
                        address,
                        callback.port,
                        limit=_LINE,
                        ssl=_tls() if tls else None,
                        server_hostname=callback.host if tls else None,
                    )
            except TimeoutError:
                failure: OSError = OSError(f"no connection within {self._connect_within:g} s")
            except OSError as error:
                failure = error
        raise failure


@cache
def _tls() -> ssl.SSLContext:
    """Certificates are checked against the system's authorities (or SSL_CERT_FILE)."""
    return ssl.create_default_context()


def _reason(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "the connection was closed without an answer"
    if isinstance(error, asyncio.LimitOverrunError):
        return "the answer's head is too long"
    number = error.errno if isinstance(error, OSError) else None
    if number is not None and number in errno.errorcode and not isinstance(error, ssl.SSLError):
        return os.strerror(number)
    return str(error) or type(error).__name__


def _request(callback: Callback, target: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [
        f"POST {target} HTTP/1.1",
        f"Host: {callback.authority}",
        "Content-Type: application/json;charset=utf-8",
        f"Content-Length: {len(body)}",
        "Accept: */*",
        "Connection: close",
        "User-Agent: Trunkline",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


async def _answer(reader: asyncio.StreamReader) -> _Answer:
    while True:
        words = (await reader.readuntil(b"\n")).split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
            raise OSError("the answer is not HTTP/1.1")
        headers: dict[str, str] = {}
        while line := (await reader.readuntil(b"\n")).strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
            if len(headers) > _HEADERS:
                raise OSError(f"the answer has more than {_HEADERS} headers")
        status = int(words[1][:4])
        if not 100 <= status < 200:  # what comes before the answer (RFC 9110, section 15.2)
            return _Answer(status, headers)


async def _beginning(reader: asyncio.StreamReader) -> str:
    said = await reader.read(_TOLD)
    return " ".join(said.decode("utf-8", "replace").split())


def _refusal(answer: _Answer, said: str) -> Unreachable | Declined:
    reason = f"answered {answer.status}" + (f": {said}" if said else "")
    if answer.status not in _BUSY:
        return Declined(reason)
    wait = answer.headers.get("retry-after", "")
    if wait.isascii() and wait.isdigit() and len(wait) < 7:
        return Unreachable(reason, seconds=min(int(wait), _LONGEST_WAIT))
    return Unreachable(reason)


__all__ = ["CallbackRefused", "Declined", "Sender", "Unreachable"]
