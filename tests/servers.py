"""The embedded PostgreSQL servers of test runs that were killed: nobody else stops them."""

import json
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path


def stop_abandoned(folder: Path | None = None) -> list[Path]:
    """Stops and removes the servers whose test processes are all gone; returns their folders."""
    stopped = []
    for place in (folder or Path(tempfile.gettempdir())).glob("trunkline-postgresql-*"):
        try:
            users = json.loads((place / ".handle_pids.json").read_text())
        except (OSError, ValueError):
            continue  # it is just being made, or just being removed
        if not any(map(_runs, users)):
            _stop(place)
            shutil.rmtree(place, ignore_errors=True)
            stopped.append(place)
    return stopped


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _stop(place: Path) -> None:
    """An immediate shutdown of the server in this folder, if there is one."""
    with suppress(OSError, ValueError):
        pid = int((place / "postmaster.pid").read_text().split()[0])
        if str(place).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGQUIT)
