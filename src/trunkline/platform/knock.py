"""Knocking at the sockets beside a SQLite file, where others may listen (`wake`)."""

import hashlib
import itertools
import os
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

_serials = itertools.count()


def socket_path(path: Path) -> Path:
    """Where the relay's socket of the SQLite file at `path` is: beside it, unless that path is
    longer than a socket's may be (some 100 bytes, with room for `ear_path`)."""
    beside = Path(f"{path}-wake")
    if len(str(beside).encode()) < 80:
        return beside
    name = hashlib.sha256(str(path).encode()).hexdigest()[:24]
    return Path(tempfile.gettempdir()) / f"trunkline-{name}-wake"


def ear_path(path: Path, channel: str) -> Path:
    """A place to listen on `channel` that is this call's own: any number may listen."""
    base = socket_path(path)
    return base.with_name(f"{base.name}-{channel}-{os.getpid()}-{next(_serials)}")


class Knocker:
    """Knocks at the sockets of one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._relay = socket_path(path)
        self._place = str(self._relay)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def knock(self) -> None:
        # Nobody listens, or one who has so many knocks already that none more fits. Whatever it
        # is, the commit has happened, and the relay will look by itself.
        with suppress(OSError):
            self._socket.sendto(b"!", self._place)

    def knock_at(self, channel: str) -> None:
        """At everybody's who listens on `channel`; what a dead process left goes away."""
        for place in self._relay.parent.glob(f"{self._relay.name}-{channel}-*"):
            try:
                self._socket.sendto(b"!", str(place))
            except ConnectionRefusedError:
                place.unlink(missing_ok=True)
            except OSError:
                pass  # gone meanwhile, or knocked at so often already that no more fits

    def close(self) -> None:
        self._socket.close()
