"""A message centre on loopback, whose PDUs an independent codec (smpplib) reads and writes."""

import itertools
import queue
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from smpplib import smpp

from trunkline.messaging import Centre

PATIENCE = 60.0
OK, THROTTLED, INVALID_DESTINATION, SYSTEM_ERROR = 0x00, 0x58, 0x0B, 0x08


class Numbers:
    """What smpplib takes sequence numbers from."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1000)
        self.sequence = 0

    def next_sequence(self) -> int:
        self.sequence = next(self._numbers)
        return self.sequence


class TestCentre:
    """Accepts one connection after another. `answer(submit)` gives the status of each
    submission, None for silence; `submitted` holds them all, `confirmed` the statuses of
    deliver_sm_resp."""

    __test__ = False

    def __init__(
        self,
        answer: Callable[[Any], int | None] = lambda _: OK,
        *,
        password: str = "secret",  # noqa: S107
        port: int = 0,
    ) -> None:
        self.answer = answer
        self.password = password
        self.submitted: queue.Queue[Any] = queue.Queue()
        self.confirmed: queue.Queue[int] = queue.Queue()
        self.enquired = threading.Event()
        self.bound = threading.Event()
        self.unbound = threading.Event()
        self.largest_window = 0
        self._numbers = Numbers()
        self._names = itertools.count(0xA1)
        self._connection: socket.socket | None = None
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> "TestCentre":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # it wakes who waits for a connection
        self._listener.close()
        self.hang_up()
        self._thread.join(PATIENCE)

    def settings(self, **rest: Any) -> Centre:
        known = {"host": "127.0.0.1", "port": self.port, "system_id": "trunk",
                 "password": "secret", "source": "TestMobile", "timeout": PATIENCE}  # fmt: skip
        return Centre(**{**known, **rest})

    def next(self) -> Any:
        """The next submission."""
        return self.submitted.get(timeout=PATIENCE)

    def hang_up(self) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
            self._connection.close()

    def deliver(self, **fields: Any) -> int:
        """Sends a deliver_sm; returns the status of its response."""
        self.send("deliver_sm", **fields)
        return self.confirmed.get(timeout=PATIENCE)

    def report(self, reference: str, stat: str = "DELIVRD", error: str = "000") -> int:
        """A receipt as Appendix B writes it."""
        text = (
            f"id:{reference} sub:001 dlvrd:001 submit date:2611020900 done date:2611020901 "
            f"stat:{stat} err:{error} text:Your SIM"
        )
        return self.deliver(esm_class=4, short_message=text.encode(), **_people())

    def say(self, text: str, source: str = "353850000001") -> int:
        """A message from a person."""
        return self.deliver(short_message=text.encode(), **(_people() | {"source_addr": source}))

    def send(self, command: str, **fields: Any) -> None:
        pdu = smpp.make_pdu(command, client=self._numbers, **fields)
        for name, value in fields.items():
            setattr(pdu, name, value)
        if "short_message" in fields:
            pdu.sm_length = len(fields["short_message"])
        self.raw(pdu.generate())

    def raw(self, octets: bytes) -> None:
        assert self._connection is not None
        self._connection.sendall(octets)

    def _serve(self) -> None:
        while True:
            try:
                self._connection, _ = self._listener.accept()
            except OSError:
                return
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with suppress(OSError):
                self._talk(self._connection)
            self._connection.close()

    def _talk(self, connection: socket.socket) -> None:
        rest = b""
        while chunk := connection.recv(65536):
            rest += chunk
            waiting = 0
            while len(rest) >= 4 and len(rest) >= (size := struct.unpack(">I", rest[:4])[0]):
                raw, rest = rest[:size], rest[size:]
                pdu = smpp.parse_pdu(raw, client=self._numbers)
                waiting += pdu.command == "submit_sm"
                self._take(pdu)
            self.largest_window = max(self.largest_window, waiting)

    def _take(self, pdu: Any) -> None:
        match pdu.command:
            case "bind_transceiver":
                good = pdu.password.decode() == self.password
                self._respond(pdu, status=OK if good else 0x0E, system_id="centre")
                if good:
                    self.bound.set()
            case "submit_sm":
                self.submitted.put(pdu)
                status = self.answer(pdu)
                if status is not None:
                    name = format(next(self._names), "x") if status == OK else ""
                    self._respond(pdu, status=status, message_id=name)
            case "enquire_link":
                self.enquired.set()
                self._respond(pdu)
            case "deliver_sm_resp":
                self.confirmed.put(pdu.status)
            case "unbind":
                self.unbound.set()
                self._respond(pdu)

    def _respond(self, pdu: Any, status: int = OK, **fields: Any) -> None:
        response = smpp.make_pdu(f"{pdu.command}_resp", client=self._numbers, **fields)
        response.sequence, response.status = pdu.sequence, status
        for name, value in fields.items():
            setattr(response, name, value)
        self.raw(response.generate())


def _people() -> dict[str, Any]:
    return {
        "source_addr_ton": 1, "source_addr_npi": 1, "source_addr": "353850000001",
        "dest_addr_ton": 0, "dest_addr_npi": 1, "destination_addr": "50123",
    }  # fmt: skip
