"""Claims beside a SQLite file: whoever holds one is alone in what it names.

They are `flock`s, which the system drops with the process that held them.
"""

import fcntl
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def waited_for_file(beside: Path, what: str) -> Iterator[None]:
    """Waits until nobody else holds `what`. The file stays: `what` is one of a few names."""
    with Path(f"{beside}-{what}").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def held_file(beside: Path, what: str) -> Iterator[bool]:
    """Whether `what` is ours inside, at once. The file goes when we do: `what` is anything."""
    name = re.sub("[^A-Za-z0-9.]+", "-", what)[:40]
    path = Path(f"{beside}-{name}-{zlib.crc32(what.encode()):08x}")
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        # Its last holder may have removed the file between our opening and locking it.
        if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
            yield False
            return
        try:
            yield True
        finally:
            path.unlink()
