"""Knocking at the socket beside a SQLite file, where a relay may listen (`wake`)."""

import hashlib
import socket
import tempfile
from contextlib import suppress
from pathlib import Path


def socket_path(path: Path) -> Path:
    """Where the socket of the SQLite file at `path` is: beside it, unless that path is longer
    than a socket's may be (some 100 bytes)."""
    beside = Path(f"{path}-wake")
    if len(str(beside).encode()) < 100:
        return beside
    name = hashlib.sha256(str(path).encode()).hexdigest()[:24]
    return Path(tempfile.gettempdir()) / f"trunkline-{name}-wake"


class Knocker:
    """Knocks at the socket of one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._place = str(socket_path(path))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def knock(self) -> None:
        # Nobody listens, or one who has so many knocks already that none more fits. Whatever it
        # is, the commit has happened, and the relay will look by itself.
        with suppress(OSError):
            self._socket.sendto(b"!", self._place)

    def close(self) -> None:
        self._socket.close()
