"""Each rule is shown to fail on a violation, so that a green run means something."""

import ast
from pathlib import Path

import pytest

from tests.architecture import rules
from tests.architecture.rules import Source


def source(place: str, text: str) -> Source:
    return Source(Path(place), text, ast.parse(text))


@pytest.mark.parametrize(
    ("rule", "place", "text"),
    [
        (rules.faces, "billing/operations.py", "from trunkline.ledger.store import posting"),
        (rules.faces, "billing/operations.py", "import trunkline.ledger.operations"),
        (rules.faces, "rest/tmf666_account.py", "from trunkline.customers import store"),
        (rules.pure_models, "billing/model.py", "from trunkline.platform.db import Tx"),
        (rules.pure_models, "rating/kernel.py", "import trunkline.platform.db"),
        (rules.no_wire, "billing/operations.py", "from trunkline.tmf import Entity"),
        (rules.no_wire, "billing/operations.py", "from trunkline.tmf.wire import href"),
        (rules.no_wire, "billing/model.py", "from trunkline.rest.forms.wire import Money"),
        (rules.no_wire, "billing/model.py", "import falcon"),
        (rules.no_wire, "billing/model.py", "X = '/tmf-api/party/v4'"),
        (rules.banned_calls, "billing/model.py", "from datetime import datetime\ndatetime.now()"),
        (rules.banned_calls, "billing/model.py", "import time\ntime.sleep(1)"),
        (rules.banned_calls, "billing/model.py", "import uuid\nuuid.uuid4()"),
        (rules.banned_calls, "billing/model.py", "price = float('1.1')"),
        (rules.banned_names, "billing/utils.py", ""),
        (rules.banned_names, "billing/invoice_helpers.py", ""),
        (rules.lengths, "billing/model.py", "x = 1\n" * 501),
        (rules.lengths, "billing/model.py", "def f():\n" + "    x = 1\n" * 70),
    ],
)
def test_bites(rule, place, text):
    assert list(rule(source(place, text)))


@pytest.mark.parametrize(
    ("rule", "place", "text"),
    [
        (rules.faces, "billing/operations.py", "from trunkline.ledger import post"),
        (rules.faces, "billing/reactions.py", "from trunkline.ordering.events import OrderPlaced"),
        (rules.faces, "billing/operations.py", "from trunkline.billing.store import invoice"),
        (rules.faces, "app.py", "from trunkline.billing.reactions import REACTIONS"),
        (rules.pure_models, "billing/operations.py", "from trunkline.platform.db import Tx"),
        (rules.no_wire, "billing/operations.py", "from trunkline.tmf.documents import Kind"),
        (rules.no_wire, "rest/tmf678_customer_bill.py", "from trunkline.tmf import Entity"),
        (rules.banned_calls, "platform/clock.py", "from datetime import datetime\ndatetime.now()"),
        (rules.banned_calls, "billing/model.py", "def f(now): return now"),
        (rules.banned_names, "billing/invoice.py", ""),
        (rules.lengths, "billing/model.py", "x = 1\n" * 500),
        (rules.lengths, "billing/model.py", "def f():\n" + "    x = 1\n" * 69),
    ],
)
def test_lets_the_lawful_pass(rule, place, text):
    assert not list(rule(source(place, text)))


def test_the_import_law_bites(tmp_path):
    """The linter's own contract, over a house in which the kernel imports billing."""
    import configparser
    import os
    import subprocess
    import sys

    law = configparser.ConfigParser()
    law.read(Path(__file__).parents[2] / ".importlinter")
    layers = law["importlinter:contract:house"]["layers"].split()
    for layer in (each for each in layers if each != "|"):
        package = tmp_path / "trunkline" / layer
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
    (tmp_path / "trunkline" / "__init__.py").touch()
    del law["importlinter:contract:pure"]
    with (tmp_path / ".importlinter").open("w") as file:
        law.write(file)

    def lint() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert lint().returncode == 0, lint().stdout
    (tmp_path / "trunkline" / "kernel" / "__init__.py").write_text("import trunkline.billing\n")
    upward = lint()
    assert upward.returncode != 0
    assert "trunkline.kernel -> trunkline.billing" in upward.stdout
