"""The supervisor: the operator's processes, kept alive as one.

Trunkline on one machine is three kinds of process (`edge`, `charging`, `jobs`), so that
charging never shares an interpreter with other work; of `charging` there are as many as the
settings say, which take connections from the same sockets. Each is this same program, started
with `trunkline process KIND`; it says that it is ready by writing a line to the pipe whose number
is in TRUNKLINE_READY_FD. One that dies is started again, with growing delays while it keeps
dying young. SIGINT and SIGTERM stop all of them: politely, then after `patience` for good.
"""

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Literal

import structlog

from trunkline.kernel.errors import Unavailable
from trunkline.platform import listening, settings
from trunkline.platform.listening import Sockets

Kind = Literal["edge", "charging", "jobs"]
KINDS: tuple[Kind, ...] = ("charging", "jobs", "edge")
READY_FD = "TRUNKLINE_READY_FD"
METRICS_PORT = "TRUNKLINE_CHARGING_METRICS_PORT"

PATIENCE = 15.0
"""Seconds that a process has to end politely."""

_SHORTEST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_GROWN_UP = 60.0
"""Seconds after which a process counts as healthy and its next delay starts over."""

log = structlog.get_logger(__name__)


class ProcessDidNotStart(Unavailable):
    code = "processDidNotStart"


def end_with_supervisor() -> None:
    """Called by a process when it begins: from then on it ends (SIGTERM to itself) when its
    supervisor is gone, however that died: its standard input is a pipe that only the
    supervisor holds open. Does nothing where there is none."""
    if READY_FD in os.environ:
        threading.Thread(target=_end_with_supervisor, name="supervisor-watch", daemon=True).start()


def say_ready() -> None:
    """Called by a process once it can serve; does nothing where nobody asked."""
    descriptor = os.environ.pop(READY_FD, None)
    if descriptor is None:
        return
    # A supervisor that is gone hears nothing, and needn't.
    with suppress(BrokenPipeError), os.fdopen(int(descriptor), "wb", buffering=0) as pipe:
        pipe.write(b"ready\n")


def _check_metrics_ports(charging: settings.ChargingSettings) -> None:
    """Raises `InvalidSettings` where not every charging process could have one."""
    last = charging.metrics_port + charging.processes - 1
    if charging.metrics_port and last > 65535:
        raise settings.InvalidSettings(
            f"the last of {charging.processes} processes would need {last}, and ports end at 65535",
            path="charging.metrics_port",
        )


def _end_with_supervisor() -> None:
    # The descriptor itself: a thread that waits in a buffered file can't be left at the end.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)  # one that ends takes this thread along
    os._exit(1)


@dataclass
class _Child:
    kind: Kind
    number: int
    process: subprocess.Popen[bytes]
    ready: int
    started: float
    delay: float = _SHORTEST_DELAY
    restart_at: float | None = None

    def close(self) -> None:
        """Give back the pipes of a process that has ended."""
        os.close(self.ready)
        if self.process.stdin is not None:
            self.process.stdin.close()


class Supervisor:
    """`environment` is added to each process's own (settings files, overrides)."""

    def __init__(self, environment: Mapping[str, str], *, patience: float = PATIENCE) -> None:
        self._environment = dict(environment)
        self._patience = patience
        self._children: list[_Child] = []
        self._sockets: Sockets = {}
        self._metrics_port = 0
        self._stopping = False

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, kinds: Sequence[Kind] = KINDS, *, within: float = 60.0) -> None:
        """Start these and wait until each has said that it is ready. Raises `InvalidSettings`,
        `CannotListen`, and `ProcessDidNotStart` when one ends or stays silent for `within`
        seconds."""
        known = len(self._children)
        for kind in kinds:
            count = self._prepare() if kind == "charging" else 1
            for number in range(count):
                self._children.append(self._spawn(kind, number))
        deadline = time.monotonic() + within
        for child in self._children[known:]:
            self._await_ready(child, deadline)

    def run(self, *, on_tick: Callable[[], None] = lambda: None) -> None:
        """Watch the processes until SIGINT or SIGTERM, then stop them. `on_tick` is called
        about twice a second."""
        wakeup, wake = os.pipe()
        os.set_blocking(wake, False)

        def stop(_signal: int, _frame: FrameType | None) -> None:
            self._stopping = True
            os.write(wake, b".")

        kept = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        selector = selectors.DefaultSelector()
        selector.register(wakeup, selectors.EVENT_READ)
        try:
            while not self._stopping:
                selector.select(timeout=0.5)
                self._revive()
                on_tick()
        finally:
            self.stop()
            for number, handler in kept.items():
                signal.signal(number, handler)
            selector.close()
            os.close(wakeup)
            os.close(wake)

    def stop(self) -> None:
        """SIGTERM to all; what has not ended after `patience` seconds is killed."""
        self._stopping = True
        for child in self._children:
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + self._patience
        for child in self._children:
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("process killed: it did not stop in time", kind=child.kind)
                child.process.kill()
                child.process.wait()
            child.close()
        self._children.clear()
        listening.close(self._sockets)

    def runs(self, kind: Kind) -> bool:
        """Whether a process of this kind has been started."""
        return any(child.kind == kind for child in self._children)

    def pids(self, kind: Kind) -> list[int]:
        """The process ids of those that run now."""
        return [child.process.pid for child in self._children if child.kind == kind]

    def _prepare(self) -> int:
        """Binds what the charging processes listen on; returns how many of them there are."""
        loaded = settings.load(environment={**os.environ, **self._environment})
        charging = loaded.charging
        _check_metrics_ports(charging)
        self._sockets = listening.of_charging(loaded)
        self._metrics_port = charging.metrics_port
        return charging.processes

    def _spawn(self, kind: Kind, number: int) -> _Child:
        reading, writing = os.pipe()
        environment = {**os.environ, **self._environment, READY_FD: str(writing)}
        handed: Sockets = self._sockets if kind == "charging" else {}
        if handed:
            environment[listening.SOCKETS] = listening.handed_down(handed)
        if number and self._metrics_port:
            environment[METRICS_PORT] = str(self._metrics_port + number)
        process = subprocess.Popen(  # noqa: S603 - our own program, with fixed arguments
            [sys.executable, "-m", "trunkline.cli", "process", kind],
            env=environment,
            pass_fds=[writing, *(each.fileno() for each in handed.values())],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops them
        )
        os.close(writing)
        return _Child(kind, number, process, reading, time.monotonic())

    def _await_ready(self, child: _Child, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(child.ready, selectors.EVENT_READ)
            said = b""
            if selector.select(max(0.0, deadline - time.monotonic())):
                said = os.read(child.ready, 16)
        if said:
            return
        try:
            # One that ends closes the pipe a moment before it is gone.
            why = f"ended with exit code {child.process.wait(1.0)}"
        except subprocess.TimeoutExpired:
            why = "took too long"
        raise ProcessDidNotStart(f"the {child.kind} process {why} before it was ready")

    def _revive(self) -> None:
        """Start again what has died, not before its delay has passed."""
        now = time.monotonic()
        for place, child in enumerate(self._children):
            code = child.process.poll()
            if code is None:
                continue
            if child.restart_at is None:
                if now - child.started > _GROWN_UP:
                    child.delay = _SHORTEST_DELAY
                child.restart_at = now + child.delay
                log.error("process died", kind=child.kind, exit_code=code, again_in=child.delay)
            elif now >= child.restart_at:
                child.close()
                replacement = self._spawn(child.kind, child.number)
                replacement.delay = min(child.delay * 2, _LONGEST_DELAY)
                self._children[place] = replacement
