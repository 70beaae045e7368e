"""`templates` and `parties`: words that customers are told, and what is known of them."""

import json
from datetime import UTC, datetime
from pathlib import Path

from tests.cases import together
from tests.unit.cli.test_answers import Run, only_line
from tests.unit.cli.test_answers import run as run
from trunkline import customers
from trunkline.app import open_system
from trunkline.platform import settings

NOW = datetime(2026, 11, 2, tzinfo=UTC)


def test_a_template_is_shown_and_saved(run: Run) -> None:
    code, said, _ = run("templates", "list")
    assert code == 0
    assert "security.code (urgent; de en fr): {brand} {code}" in said
    _, said, _ = run("templates", "show", "security.code", "de")
    Path("mine.toml").write_text(said.replace("Geben", "Bitte geben"), encoding="utf-8")
    assert run("templates", "save", "security.code", "de", "mine.toml")[:2] == (
        0, "security.code de: version 1\n")  # fmt: skip
    assert "Bitte geben" in run("templates", "show", "security.code", "de")[1]
    assert run("templates", "quiet", "IE", "20:00", "09:00")[0] == 0


@together(
    ("words", "file", "told"),
    [
        (["save", "security.code", "de", "x.toml"], 'sms = "{cod}"', "sms: {cod} is not among"),
        (["save", "security.code", "de", "x.toml"], 'sms = "Hello"', "sms: {code} is missing"),
        (["save", "security.code", "xx", "x.toml"], 'sms = "{code}"', "language: 'xx'"),
        (["save", "no.such", "de", "x.toml"], 'sms = "{code}"', "template: there is no template"),
        (["save", "security.code", "de", "x.toml"], "sms = 1", "sms: only subject"),
        (["save", "security.code", "de", "x.toml"], "sms", "x.toml: is no TOML"),
        (["save", "security.code", "de", "gone.toml"], "", "gone.toml: No such file"),
        (["show", "security.code", "it"], "", "security.code has no words in it"),
        (["quiet", "IE", "late", "09:00"], "", "starts: 'late' is no time"),
        (["quiet", "Mars", "20:00", "09:00"], "", "market: there is no market 'Mars'"),
    ],
)
def test_what_is_refused(run: Run, words: list[str], file: str, told: str) -> None:
    run("templates", "list")
    Path("x.toml").write_text(file, encoding="utf-8")
    code, _, errors = run("templates", *words)
    assert code == 2
    assert told in only_line(errors)


def test_a_person_is_told_and_forgotten(run: Run) -> None:
    run("templates", "list")  # the first command founds the operator
    system = open_system(settings.load())
    with system.books.transaction() as tx:
        party = customers.register_party(
            tx, customers.NewIndividual(full_name="Maeve Doyle"), now=NOW
        ).id
    system.close()
    code, said, _ = run("parties", "export", party)
    assert code == 0
    assert json.loads(said)["party"]["name"] == "Maeve Doyle"
    assert run("parties", "erase", party)[:2] == (0, f"{party} is forgotten\n")
    assert "Maeve" not in run("parties", "export", party)[1]
    code, _, errors = run("parties", "erase", "pty_none")
    assert (code, only_line(errors)) == (
        2,
        "trunkline: there is no party pty_none",
    )
