"""What a killed test run leaves behind is found, and nothing else."""

import json
import os
import subprocess
import sys

from tests.servers import stop_abandoned

STAND_IN = """
import signal, sys
# As a server does: in a job of the background SIGQUIT is ignored by default.
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
print("ready", flush=True)
sys.stdin.read()
"""


def test_only_servers_without_a_living_test_run_are_stopped(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    owners = {"abandoned": [gone.pid], "ours": [gone.pid, os.getpid()]}
    for name, pids in owners.items():
        place = tmp_path / f"trunkline-postgresql-{name}"
        place.mkdir()
        (place / ".handle_pids.json").write_text(json.dumps(pids))
    starting = tmp_path / "trunkline-postgresql-starting"
    starting.mkdir()
    server = subprocess.Popen(
        [
            sys.executable,
            *("-c", STAND_IN),
            tmp_path / "trunkline-postgresql-abandoned",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    (tmp_path / "trunkline-postgresql-abandoned" / "postmaster.pid").write_text(f"{server.pid}\n")

    assert [place.name for place in stop_abandoned(tmp_path)] == ["trunkline-postgresql-abandoned"]

    assert server.wait() != 0
    server.stdin.close()
    server.stdout.close()
    left = sorted(place.name for place in tmp_path.iterdir())
    assert left == ["trunkline-postgresql-ours", "trunkline-postgresql-starting"]
