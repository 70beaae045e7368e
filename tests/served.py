"""`trunkline serve` as an operator runs it: real processes in a folder of their own."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment_in(folder: Path) -> dict[str, str]:
    """Settings of an operator whose files are in `folder`, on ports that are free."""
    return {
        **os.environ,
        "TRUNKLINE_DATABASES_BOOKS": f"sqlite:///{folder}/books.db",
        "TRUNKLINE_DATABASES_CHARGING": f"sqlite:///{folder}/charging.db",
        "TRUNKLINE_HTTP_PORT": str(free_port()),
        "TRUNKLINE_HTTP_WORKERS": "1",
        "TRUNKLINE_CHARGING_PORT": str(free_port()),
        "TRUNKLINE_CHARGING_METRICS_PORT": str(free_port()),
        "TRUNKLINE_NCHF_PORT": "0",
    }


@contextmanager
def serving(environment: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`trunkline serve`, once it says that it serves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "trunkline.cli", "serve"],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    try:
        assert process.stdout is not None
        said = next((line for line in process.stdout if line.startswith("Serving on")), None)
        assert said is not None, "it ended before it served"
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
