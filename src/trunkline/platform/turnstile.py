"""One writer at a time on a SQLite file, fairly.

SQLite's own busy handler sleeps and retries, so that a waiter may starve beside a busy writer.
Here writers queue on two lock files. A writer takes the gate, then the lock, then lets go of
the gate, so that exactly one waiter stands directly behind the holder; the holder, when it
comes again, must pass the gate behind the others. Who yields (the jobs process) passes only
where nobody stands at the gate, or when it has waited long enough. Both are `flock`s: the
system drops them with the process that held them, however it ended.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

YIELDS_FOR = 0.02
"""Seconds for which one who yields lets others go first, each time."""
_LOOK_EVERY = 0.001


class Turnstile:
    """Locks beside `path`: `<path>-gate` and `<path>-lock`. For all threads and processes that
    use one of the same path; not re-entrant."""

    def __init__(self, path: Path, *, yields: bool = False) -> None:
        self._yields = yields
        self._gate = f"{path}-gate"
        self._lock = f"{path}-lock"
        # Pairs of open files, one for each thread that is ever inside at once: a flock belongs
        # to the open file, so that threads exclude each other only through files of their own.
        self._free: list[tuple[int, int]] = []
        self._owner = os.getpid()

    def _borrow(self) -> tuple[int, int]:
        if self._owner != os.getpid():  # a fork shares its parent's open files and their locks
            self._free, self._owner = [], os.getpid()
        try:
            return self._free.pop()
        except IndexError:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            return os.open(self._gate, flags, 0o600), os.open(self._lock, flags, 0o600)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Inside, the caller is the only writer."""
        gate, lock = pair = self._borrow()
        try:
            self._pass(gate)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
            finally:
                fcntl.flock(gate, fcntl.LOCK_UN)
            try:
                yield
            finally:
                fcntl.flock(lock, fcntl.LOCK_UN)
        finally:
            self._free.append(pair)

    def _pass(self, gate: int) -> None:
        if self._yields:
            until = time.monotonic() + YIELDS_FOR
            while time.monotonic() < until:
                try:
                    fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    time.sleep(_LOOK_EVERY)
                else:
                    return
        fcntl.flock(gate, fcntl.LOCK_EX)

    def close(self) -> None:
        """Closes the files that nobody holds."""
        while self._free:
            for file in self._free.pop():
                os.close(file)
