"""The commands about files of usage, and what the network was asked to stop."""

from pathlib import Path

from tests.unit.cli.test_answers import Run, run

__all__ = ["run"]


def test_a_record_of_nobodys_is_told_and_sent_again(run: Run) -> None:
    assert run("db", "upgrade")[0] == 0
    Path("calls.csv").write_text(
        "record_id,service,subscriber,start,quantity\n"
        "d1,data,353850000001,2026-11-01T10:00:00Z,600\n"
        "nonsense\n"
    )
    assert run("usage", "files")[:2] == (0, "")
    assert run("import", "usage", "calls.csv")[0] == 2
    _, said, _ = run("usage", "files")
    assert "cdr  calls.csv  1 taken, 0 here already, 1 refused\n" in said
    code, said, _ = run("usage", "rejected", "--retry")
    assert code == 0
    assert "unknownSubscriber: 1\n" in said
    assert "2026-11-01 10:00:00  cdr d1  353850000001  unknownSubscriber  line 2\n" in said
    assert "1 sent to charging again" in said
    assert run("usage", "rejected", "--error", "ratingFailed")[1] == "Nothing waits\n"
    assert run("charging", "bars")[1] == "The network has done all that it was asked for\n"
