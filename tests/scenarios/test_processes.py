"""The operator's processes: they start from nothing, come back when killed, stop on Ctrl-C."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.cases import together
from tests.served import environment_in, serving

pytestmark = pytest.mark.slow

PATIENCE = 240.0
"""Seconds until a test gives up; no wait is this long unless something is broken."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return environment_in(tmp_path)


def children(pid: int) -> dict[str, int]:
    """The kinds of the supervisor's processes that live, with their pids."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended between the two reads
        if b"process" in words:
            found[words[words.index(b"process") + 1].decode()] = int(child)
    return found


def until(condition, what: str):
    """The first true answer of `condition`."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        os.sched_yield()
    raise AssertionError(f"in vain: {what}")


def get(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def listens(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


def test_serve_from_nothing_survives_a_kill_and_stops_on_ctrl_c(environment, tmp_path):
    http = f"http://127.0.0.1:{environment['TRUNKLINE_HTTP_PORT']}"
    with serving(environment, tmp_path) as supervisor:
        until(lambda: get(f"{http}/healthz") == 200, "the edge is alive")
        assert get(f"{http}/readyz") == 200
        assert get(f"{http}/openapi.json") == 200
        assert get(f"{http}/console/sign-in") == 200
        assert get(f"{http}/tmf-api/productCatalogManagement/v4/productOffering") == 401
        assert listens(environment["TRUNKLINE_CHARGING_PORT"])
        assert get(f"http://127.0.0.1:{environment['TRUNKLINE_CHARGING_METRICS_PORT']}/") == 200

        before = children(supervisor.pid)
        assert sorted(before) == ["charging", "edge", "jobs"]
        os.kill(before["charging"], signal.SIGKILL)
        after = until(
            lambda: (
                (now := children(supervisor.pid)).get("charging") not in (None, before["charging"])
                and now
            ),
            "charging is started again",
        )
        until(lambda: listens(environment["TRUNKLINE_CHARGING_PORT"]), "charging listens again")
        assert after["edge"] == before["edge"], "the others are left alone"

        os.kill(before["edge"], signal.SIGKILL)
        until(
            lambda: (
                children(supervisor.pid).get("edge") not in (None, before["edge"])
                and get(f"{http}/healthz") == 200
            ),
            "the edge is started again",
        )

        supervisor.send_signal(signal.SIGINT)
        assert supervisor.wait(PATIENCE) == 0
        assert not listens(environment["TRUNKLINE_CHARGING_PORT"])
        assert get(f"{http}/healthz") == 0


def test_its_processes_end_when_the_supervisor_is_killed(environment, tmp_path):
    with serving(environment, tmp_path) as supervisor:
        pids = children(supervisor.pid).values()
        supervisor.kill()
        supervisor.wait()
        until(lambda: not any(is_running(pid) for pid in pids), "all have ended")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("TRUNKLINE_HTTP_PORT", "eighty", "TRUNKLINE_HTTP_PORT"),
        ("TRUNKLINE_HTTP_PROT", "80", "TRUNKLINE_HTTP_PROT"),
        ("TRUNKLINE_DATABASES_BOOKS", "mysql://x", "TRUNKLINE_DATABASES_BOOKS"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(environment, tmp_path, name, value, told):
    ended = subprocess.run(
        [sys.executable, "-m", "trunkline.cli", "serve"],
        env=environment | {name: value},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 2
    assert told in ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert not re.search("Traceback", ended.stderr)
    assert not list(tmp_path.glob("*.db"))


@together(
    "port", ["TRUNKLINE_HTTP_PORT", "TRUNKLINE_CHARGING_PORT", "TRUNKLINE_CHARGING_METRICS_PORT"]
)
def test_a_port_that_is_taken_ends_serve_with_a_line(environment, tmp_path, port):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(environment[port])))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "-m", "trunkline.cli", "serve"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 1
    assert f"127.0.0.1:{environment[port]}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr
    assert "killed" not in done.stderr, "the others end politely"


def test_its_processes_end_when_it_is_told_to_stop_before_it_serves(environment, tmp_path):
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "trunkline.cli", "serve"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pids = until(lambda: list(children(supervisor.pid).values()), "it starts its processes")
    supervisor.terminate()
    supervisor.wait(PATIENCE)
    until(lambda: not any(is_running(pid) for pid in pids), "all have ended")
