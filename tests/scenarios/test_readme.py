"""What the README tells a reader to type does what it says."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.served import environment_in, serving

README = Path(__file__).parents[2] / "README.md"
pytestmark = pytest.mark.slow


def with_curl() -> str:
    """The commands of the section \"With curl\"."""
    section = README.read_text().partition("## With curl\n")[2].partition("\n## ")[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ") or not line]
    return "\n".join(lines)


def test_a_customer_signs_up_orders_tops_up_and_reads_the_balance(tmp_path: Path) -> None:
    environment = environment_in(tmp_path)
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    commands = with_curl().replace(":8080/", f":{environment['TRUNKLINE_HTTP_PORT']}/")
    with serving(environment, tmp_path):
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    balance = msgspec.json.decode(ran.stdout.splitlines()[-1])
    assert balance["remainingValue"] == {"amount": 10.0, "units": "EUR"}
    assert balance["status"] == "active"
