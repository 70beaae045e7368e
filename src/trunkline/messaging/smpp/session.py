"""A session with a message centre: bound, kept alive, a window of submissions under way.

One thread reads and answers; whoever submits writes. A session that has ended stays ended.
"""

import itertools
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

import msgspec
import structlog

from trunkline.messaging.model import ChannelAway
from trunkline.messaging.smpp import pdu
from trunkline.messaging.smpp.pdu import Command, Delivered, Malformed, Pdu, Status

log = structlog.get_logger(__name__)

Handler = Callable[[Delivered], bool]
"""Takes what a centre delivers; False where it couldn't be kept, so that it comes again."""


class Centre(msgspec.Struct, frozen=True, kw_only=True):
    """Where the centre is, and who we are to it. Times are in seconds."""

    host: str
    port: int = 2775
    system_id: str = ""
    password: str = ""
    system_type: str = ""
    tls: bool = False
    source: str = ""
    window: int = 10
    enquire: float = 30.0
    timeout: float = 10.0
    receipts: bool = True


class Session:
    """A bound session. Raises `ChannelAway` where the centre isn't there or doesn't let us
    in."""

    def __init__(self, centre: Centre, on_delivery: Handler) -> None:
        self._centre = centre
        self._on_delivery = on_delivery
        self._sequence = itertools.count(1)
        self._waiting: dict[int, Future[Pdu]] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._rest = b""
        self._socket = _connect(centre)
        try:
            self._bind()
        except (OSError, Malformed) as error:
            self._socket.close()
            raise ChannelAway(f"{centre.host}: {error}") from None
        self._reader = threading.Thread(target=self._read, name="smpp", daemon=True)
        self._reader.start()

    @property
    def is_open(self) -> bool:
        return not self._ended.is_set()

    def request(self, make: Callable[[int], Pdu]) -> "Future[Pdu]":
        """Sends what `make(sequence)` gives; its response comes by the future, which fails with
        `ChannelAway` when the session ends before."""
        future: Future[Pdu] = Future()
        with self._lock:
            sequence = next(self._sequence)
            if self._ended.is_set():
                future.set_exception(ChannelAway("the session has ended"))
                return future
            self._waiting[sequence] = future
        self._send(make(sequence))
        return future

    def close(self) -> None:
        """Unbinds, waits a moment for the answer, and leaves."""
        if self.is_open:
            with suppress(ChannelAway, TimeoutError):
                self.request(lambda n: Pdu(Command.UNBIND, Status.OK, n)).result(1.0)
        self._end("closed")
        self._reader.join(self._centre.timeout)

    def _bind(self) -> None:
        centre, sequence = self._centre, next(self._sequence)
        request = pdu.bind_transceiver(
            sequence,
            system_id=centre.system_id,
            password=centre.password,
            system_type=centre.system_type,
        )
        self._socket.settimeout(centre.timeout)
        self._socket.sendall(request.encoded())
        answer = self._next()
        if answer is None:
            raise Malformed("no answer to the bind")
        if answer.command != Command.BIND_TRANSCEIVER_RESP or answer.sequence != sequence:
            raise Malformed("another answer than that to the bind")
        if answer.status != Status.OK:
            raise Malformed(f"the bind is refused with 0x{answer.status:08x}")

    def _read(self) -> None:
        self._socket.settimeout(self._centre.enquire)
        asked = False
        try:
            while not self._ended.is_set():
                came = self._next()
                if came is not None:
                    asked = False
                    self._take(came)
                elif asked:
                    raise ChannelAway("the centre is silent")
                else:
                    asked = True
                    self.request(lambda n: Pdu(Command.ENQUIRE_LINK, Status.OK, n))
        except (OSError, Malformed, ChannelAway) as error:
            self._end(str(error))
        except Exception as error:  # whoever keeps what came has a bug: it comes again
            log.error("a session ends", exc_info=error)
            self._end(str(error))

    def _next(self) -> Pdu | None:
        """The next PDU; None when nothing came for as long as the socket waits."""
        while True:
            if len(self._rest) >= 4 and len(self._rest) >= (size := pdu.length_of(self._rest[:4])):
                raw, self._rest = self._rest[:size], self._rest[size:]
                return pdu.decode(raw)
            try:
                chunk = self._socket.recv(65536)
            except TimeoutError:
                return None
            if not chunk:
                raise ChannelAway("the centre has closed the connection")
            self._rest += chunk

    def _take(self, came: Pdu) -> None:
        if came.is_response:
            with self._lock:
                future = self._waiting.pop(came.sequence, None)
            if future is not None:
                future.set_result(came)
            return
        match came.command:
            case Command.ENQUIRE_LINK:
                self._send(Pdu(Command.ENQUIRE_LINK_RESP, Status.OK, came.sequence))
            case Command.DELIVER_SM:
                kept = self._keep(came)
                status = Status.OK if kept else Status.TEMPORARY
                self._send(Pdu(Command.DELIVER_SM_RESP, status, came.sequence, b"\0"))
            case Command.UNBIND:
                self._send(Pdu(Command.UNBIND_RESP, Status.OK, came.sequence))
                raise ChannelAway("the centre has unbound")
            case Command.ALERT_NOTIFICATION:
                pass
            case _:
                self._send(Pdu(Command.GENERIC_NACK, Status.INVALID_COMMAND, came.sequence))

    def _keep(self, came: Pdu) -> bool:
        """Whether it needn't come again. What can't be read would come back the same."""
        try:
            return self._on_delivery(pdu.delivered(came))
        except Malformed as error:
            log.warning("a delivery that can't be read", error=str(error))
            return True

    def _send(self, what: Pdu) -> None:
        try:
            with self._lock:
                self._socket.sendall(what.encoded())
        except OSError as error:
            self._end(str(error))

    def _end(self, why: str) -> None:
        with self._lock:
            if self._ended.is_set():
                return
            self._ended.set()
            left, self._waiting = list(self._waiting.values()), {}
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for future in left:
            future.set_exception(ChannelAway(why))


def _connect(centre: Centre) -> socket.socket:
    try:
        plain = socket.create_connection((centre.host, centre.port), timeout=centre.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not centre.tls:
            return plain
        return ssl.create_default_context().wrap_socket(plain, server_hostname=centre.host)
    except OSError as error:
        raise ChannelAway(f"{centre.host}:{centre.port}: {error}") from None
