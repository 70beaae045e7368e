"""The real edge process with its two workers, and the load generator beside it."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks.harness import ROOT
from trunkline.app import System
from trunkline.platform import security
from trunkline.supervisor import Kind, Supervisor

Request = tuple[str, str, str, str]
"""Method, path, the rest of the headers, body."""


@contextmanager
def running(url: Callable[[str], str], *processes: Kind) -> Iterator[int]:
    """The edge over these databases, and other processes too where they are named; gives its
    port once it answers."""
    port = _free_port()
    environment = {
        "TRUNKLINE_DATABASES_BOOKS": url("books"),
        "TRUNKLINE_DATABASES_CHARGING": url("charging"),
        "TRUNKLINE_HTTP_PORT": str(port),
        "TRUNKLINE_LOG_LEVEL": "error",
    }
    with Supervisor(environment) as supervisor:
        supervisor.start(("edge", *processes))
        _await_answer(port)
        yield port


def credentials(system: System) -> str:
    """The header of a caller who may do everything."""
    with system.books.transaction() as tx:
        key = security.create_api_key(tx, name="bench", scopes=("*",), now=system.clock.now())
    return f"Authorization: Bearer {key.secret}\r\n"


def drive(port: int, requests: Sequence[Request], *options: str) -> dict[str, Any]:
    """Runs the generator to its end."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "benchmarks.rest_load", "127.0.0.1", str(port), *options],
        cwd=ROOT,
        input="\n".join(map(json.dumps, requests)).encode(),
        stdout=subprocess.PIPE,
        check=False,
        timeout=600,
    )
    found: dict[str, Any] = json.loads(done.stdout or b"{}")
    if done.returncode:
        raise RuntimeError(f"the load generator failed: {found}")
    return found


def _await_answer(port: int) -> None:
    """Returns once a worker listens: the edge says that it is ready before that."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
