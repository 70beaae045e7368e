"""freeDiameter, which shares no code with ours, as an agent between gateways and servers, and as a
peer (Debian's package; Open5GS's Diameter is made of it)."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.served import free_port
from tests.unit.diameter.certificates import Authority

PROGRAM = shutil.which("freeDiameterd")
"""In /usr/bin, where `make test` has it installed as root."""
NAME = "dra.example"


def required() -> None:
    if PROGRAM is None:
        pytest.skip("there is no freeDiameter here (apt-get install freediameter)")


class Agent:
    """Listens on `port`. What it says is its log."""

    def __init__(self, port: int, configuration: Path) -> None:
        self.port = port
        assert PROGRAM is not None
        self._process = subprocess.Popen(
            [PROGRAM, "-c", str(configuration)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._said: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self._said.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def until(self, *words: str) -> None:
        """Returns once one of its lines had all these words."""
        assert self._says(words), "".join(self._said)

    def _says(self, words: tuple[str, ...]) -> bool:
        def said() -> bool:
            return any(all(word in line for word in words) for line in self._said)

        with self._news:
            assert self._news.wait_for(lambda: said() or self._ended, 30), "".join(self._said)
            return said()

    def runs(self) -> bool:
        """False where somebody else has taken one of its ports meanwhile."""
        return self._says(("daemon initialized",)) or not self._says(("already in use",))

    def open(self, server: str) -> None:
        """Returns once it exchanges messages with that server."""
        self.until("-> 'STATE_OPEN'", f"'{server}'")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def freediameter(place: Path, *peers: str, authority: Authority | None = None) -> Iterator[Agent]:
    """`peers` are its ConnectPeer (`connect_peer`); whoever is of the realm "example" may connect.
    Its certificate is signed by `authority`, whom it trusts."""
    authority = authority or Authority(place, "agents")
    certificate, key = authority.sign(NAME, NAME)
    allowed = place / "allowed.conf"
    allowed.write_text("ALLOW_IPSEC *.example\n")
    extensions = "dict_nasreq", "dict_dcca", "dict_dcca_3gpp"
    lines = (
        f'Identity = "{NAME}";',
        'Realm = "example";',
        "No_SCTP;",
        "No_IPv6;",
        'ListenOn = "127.0.0.1";',
        f'TLS_Cred = "{certificate}", "{key}";',
        f'TLS_CA = "{authority.certificate}";',
        *(f'LoadExtension = "{each}.fdx";' for each in extensions),
        f'LoadExtension = "acl_wl.fdx" : "{allowed}";',
        *peers,
    )
    agent = _begun(place / "freediameter.conf", lines)
    try:
        agent.until("daemon initialized")
        yield agent
    finally:
        agent.stop()


def _begun(configuration: Path, lines: tuple[str, ...]) -> Agent:
    while True:
        port = free_port()
        ports = f"Port = {port};", f"SecPort = {free_port()};"
        configuration.write_text("\n".join((*ports, *lines)) + "\n")
        agent = Agent(port, configuration)
        if agent.runs():
            return agent
        agent.stop()


def connect_peer(name: str, port: int, *options: str) -> str:
    """A server that it connects to."""
    told = "".join(f" {each};" for each in ("No_SCTP", *options))
    return f'ConnectPeer = "{name}" {{ ConnectTo = "127.0.0.1"; Port = {port};{told} }};'
