"""`trunkline import reach`: where an access technology reaches."""

from pathlib import Path

import pytest

from tests.unit.cli.test_answers import Run, only_line, run
from trunkline.ordering import Place
from trunkline.ordering.qualification.store import accesses_at
from trunkline.platform.db import Database, books_metadata

__all__ = ["run"]


def test_a_file_of_areas_is_taken_in_and_withdrawn(run: Run, tmp_path: Path) -> None:
    (tmp_path / "dublin.csv").write_text("postcode,country\nD02,IE\nD04,IE\n")
    run("parked", "list")
    words = ("import", "reach", "dublin.csv", "--access", "FTTH")
    assert run(*words)[:2] == (0, "FTTH: 2 areas, 2 new\n")
    assert run(*words)[:2] == (0, "FTTH: 2 areas, 0 new\n")
    books = Database(f"sqlite:///{tmp_path}/var/books.db", metadata=books_metadata)
    home = [Place(postcode="D02 X285", country="IE")]
    with books.read() as r:
        assert accesses_at(r, home) == {"ftth"}
    assert run(*words, "--withdraw")[:2] == (0, "FTTH: withdrawn from 2 areas\n")
    with books.read() as r:
        assert accesses_at(r, home) == frozenset()
    books.close()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"town\nDublin\n", "line 1: the columns are among"),
        (b"postcode\n\xff\n", "bad.csv: is not UTF-8"),
        (b"postcode,country\nD02,Ireland\n", "line 2: a country has two letters"),
    ],
)
def test_a_file_that_cannot_be_changes_nothing(
    run: Run, tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "bad.csv").write_bytes(content)
    code, said, errors = run("import", "reach", "bad.csv", "--access", "FTTH")
    assert (code, said) == (2, "")
    assert told in only_line(errors)
