"""What a command answers to what is wrong: one line that names the place, and an exit code."""

import os
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trunkline import cli
from trunkline.platform import audit

Answer = tuple[int, str, str]
Run = Callable[..., Answer]
AWAY = "postgresql://me:secret@127.0.0.1:1/books"


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """`run("bill", "--through", day)` in an empty folder: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    umask = os.umask(0o022)

    def run(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["trunkline", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said, errors = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return code, said, errors

    yield run
    os.umask(umask)


def only_line(errors: str) -> str:
    assert errors.count("\n") == 1, errors
    return errors.strip()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nonsense"], "No such command 'nonsense'. (trunkline --help)"),
        (["demo", "--customers", "x"], "Invalid value for '--customers'"),
        (["keys", "create", "shop"], "Missing option '--scope'. (trunkline keys create --help)"),
        (["bill", "--through", "2026-13-01"], "--through: '2026-13-01' is not a day"),
        (["bill", "--through", "9999-12-31"], "--through: 9999-12-31 is no day to bill by"),
        (["import", "usage", "nowhere.csv"], "nowhere.csv: No such file or directory"),
        (["import", "rates", "nowhere.csv"], "nowhere.csv: No such file or directory"),
        (["import", "customers", "."], ".: Is a directory"),
        (["import", "customers", "--billed-from", "soon", "x"], "--billed-from: 'soon'"),
        (["parked", "retry", "books", "99999999999999999999"], "Invalid value for 'delivery'"),
        (["bill", "--pdf", "/dev/null/invoices"], "/dev/null/invoices: Not a directory"),
        (["db", "revise", "neither", "x"], "which: 'neither' is neither"),
        (["bench"], "there is no benchmarks/ here"),
    ],
)
def test_wrong_input_is_told_in_a_line_and_changes_nothing(run, tmp_path, words, told):
    code, said, errors = run(*words)
    assert (code, said) == (2, "")
    assert only_line(errors).startswith(f"trunkline: {told}")
    assert list(tmp_path.iterdir()) == []


def test_without_arguments_the_help_is_shown(run):
    code, said, errors = run()
    assert code == 2
    assert "import" in said + errors


@pytest.mark.parametrize("words", [["serve"], ["bill"], ["db", "upgrade"], ["parked", "list"]])
def test_a_database_that_is_away_is_told_by_its_address(run, monkeypatch, words):
    monkeypatch.setenv("TRUNKLINE_DATABASES_BOOKS", AWAY)
    code, said, errors = run(*words)
    assert (code, said) == (1, "")
    line = only_line(errors)
    assert "127.0.0.1:1/books" in line
    assert "refused" in line
    assert "secret" not in line


def test_a_file_that_is_no_database_is_left_alone(run, tmp_path):
    folder = tmp_path / "var"
    folder.mkdir()
    file = folder / "books.db"
    file.write_bytes(b"no database" * 200)
    code, _, errors = run("bill")
    assert code == 1
    assert "var/books.db: file is not a database" in only_line(errors)
    assert list(folder.iterdir()) == [file]
    assert file.read_bytes() == b"no database" * 200


def test_the_first_start_is_for_its_owners_eyes_only(run, tmp_path):
    code, said, errors = run("parked", "list")
    assert (code, said) == (0, "")
    assert "Sign in as admin with " in errors.splitlines()[0]
    open_to_others = [
        each.name
        for each in tmp_path.rglob("*")
        if each.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    ]
    assert open_to_others == []
    assert run("parked", "list") == (0, "", "Nothing is parked\n"), "the secret is told once"


def test_a_refused_line_is_told_without_a_progress_bar_in_it(run, tmp_path):
    (tmp_path / "empty.csv").touch()
    run("parked", "list")
    code, said, errors = run("import", "usage", "empty.csv")
    assert (code, said) == (2, "")
    assert only_line(errors).startswith("trunkline: empty.csv: line 1: ")


def test_keys_are_listed_and_revoked(run):
    run("parked", "list")
    code, secret, _ = run("keys", "create", "shop", "--scope", "tmf620:read")
    assert code == 0
    listed = run("keys", "list")[1]
    key = listed.split()[0]
    assert listed == f"{key} shop: tmf620:read\n"
    assert secret.strip() not in listed
    assert run("keys", "revoke", key) == (0, "", "")
    assert run("keys", "list") == (0, "", "")
    code, _, errors = run("keys", "revoke", key)
    assert (code, only_line(errors)) == (2, f"trunkline: there is no key {key} that is good")


def test_a_lost_secret_is_replaced(run):
    run("parked", "list")
    code, secret, _ = run("reset-secret", "admin")
    assert code == 0
    assert len(secret.strip()) >= 20
    code, _, errors = run("reset-secret", "nobody")
    assert (code, only_line(errors)) == (2, "trunkline: there is no user 'nobody'")


def test_users_come_with_roles_and_the_last_administrator_stays(run):
    run("parked", "list")
    code, secret, _ = run("users", "add", "maeve", "--role", "careAgent")
    assert code == 0
    assert len(secret.strip()) >= 20
    assert run("users", "add", "maeve", "--role", "careAgent")[0] == 2
    assert run("users", "add", "una", "--role", "nothing")[0] == 2
    listed = run("users", "list")[1].splitlines()
    assert [line.split(": ")[0] for line in listed] == ["admin", "maeve"]
    assert listed[0] == "admin: *"
    assert "tmf621:*" in listed[1]
    code, _, errors = run("users", "disable", "admin")
    assert code == 2
    assert only_line(errors) == "trunkline: nobody would be left who may do everything"
    assert run("users", "give", "maeve", "--role", "administrator")[0] == 0
    assert run("users", "disable", "admin") == (0, "", "")
    assert run("users", "disable", "admin")[0] == 2
    assert run("users", "list")[1].startswith("admin (disabled): ")
    assert run("users", "enable", "admin") == (0, "", "")
    assert run("users", "enable", "admin")[0] == 2
    assert run("keys", "end-tokens") == (0, "", "")
    code, _, errors = run("keys", "create", "app", "--scope", "*", "--customer", "cus_1")
    assert (code, only_line(errors)) == (2, "trunkline: there is no customer cus_1")


def test_what_commands_write_is_in_the_audit_trail(run, tmp_path):
    me = audit.operating_system_user()
    (tmp_path / "calls.csv").write_text("record_id,service,subscriber,called,start,quantity\n")
    run("parked", "list")
    run("keys", "create", "shop", "--scope", "*")
    run("import", "usage", "calls.csv")
    run("bill")
    run("reset-secret", "admin")
    entries = run("audit", "list")[1].splitlines()
    told = [line.split(f"{me}: ")[1] for line in entries]
    verbs = ["reset secret", "bill today", "import usage calls.csv", "create key", "found operator"]
    assert [any(one.startswith(verb) for one in told) for verb in verbs] == [True] * len(verbs)
    assert len(told) == len(verbs)
    assert run("audit", "list", "--about", "admin")[1].count("\n") == 1
    assert run("audit", "verify") == (0, "The audit trail is whole.\n", "")


def test_an_altered_audit_trail_is_told(run, tmp_path):
    run("parked", "list")
    with sqlite3.connect(tmp_path / "var" / "books.db") as database:
        database.execute("DROP TRIGGER audit_trail_no_update")
        database.execute("UPDATE audit_trail SET who = 'somebody else'")
    database.close()
    code, said, errors = run("audit", "verify")
    assert (code, said) == (2, "")
    assert only_line(errors).endswith("entry 1: the entry was altered")
