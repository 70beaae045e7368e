"""The composition root knows every reaction and every table there is."""

import importlib
import pkgutil
import subprocess
import sys

import trunkline
from trunkline.app import REACTIONS

ALL_TABLES = """
import importlib, pkgutil, trunkline
from trunkline.app import METADATA
known = {name: set(each.tables) for name, each in METADATA.items()}
for module in pkgutil.walk_packages(trunkline.__path__, "trunkline."):
    if ".versions." not in module.name and not module.name.endswith(("schema.env", "__main__")):
        importlib.import_module(module.name)
forgotten = {name: set(each.tables) - known[name] for name, each in METADATA.items()}
assert not any(forgotten.values()), forgotten
"""


def test_every_domains_reactions_are_routed():
    written = [
        reaction
        for package in pkgutil.iter_modules(trunkline.__path__)
        if importlib.util.find_spec(f"trunkline.{package.name}.reactions" if package.ispkg else "x")
        for reaction in importlib.import_module(f"trunkline.{package.name}.reactions").REACTIONS
    ]
    assert written
    assert sorted(each.name for each in REACTIONS) == sorted(each.name for each in written)
    assert len({each.name for each in REACTIONS}) == len(REACTIONS)


def test_every_table_is_known_without_importing_more():
    done = subprocess.run(
        [sys.executable, "-c", ALL_TABLES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
