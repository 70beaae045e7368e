"""Logs carry their context, metrics and checks tell the truth."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar, Literal

import pytest
import structlog

from trunkline.platform import telemetry
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx, books_metadata
from trunkline.platform.messages import Message, Reaction, Routes
from trunkline.platform.settings import LogSettings


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, kept = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**kept)


@pytest.mark.usefixtures("_logging_as_before")
def test_logs_are_json_with_their_context(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure_logs(LogSettings(format="json", level="info"))
    log = structlog.get_logger("x")
    log.debug("not told")
    with telemetry.context(order="order_1"):
        log.info("placed", items=2)
        logging.getLogger("library").warning("from %s", "elsewhere")
    try:
        raise RuntimeError("bad luck")
    except RuntimeError:
        log.exception("failed")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["placed", "from elsewhere", "failed"]
    assert [line.get("order") for line in lines] == ["order_1", "order_1", None]
    assert lines[0]["level"] == "info"
    assert lines[0]["timestamp"].endswith("Z")
    assert "bad luck" in str(lines[2]["exception"])


@pytest.mark.parametrize("format_", ["json", "console"])
@pytest.mark.usefixtures("_logging_as_before")
def test_tracebacks_keep_secrets(
    format_: Literal["json", "console"], capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry.configure_logs(LogSettings(format=format_, level="info"))

    def sign_in(secret: str) -> None:
        raise RuntimeError(f"bad luck with {len(secret)} letters")

    try:
        sign_in("".join(["sword", "fish"]))
    except RuntimeError:
        structlog.get_logger("x").exception("failed")
    told = capsys.readouterr().err
    assert "9 letters" in told
    assert "swordfish" not in told


@pytest.mark.usefixtures("_logging_as_before")
def test_logs_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure_logs(LogSettings(format="console", level="warning"))
    structlog.get_logger("x").info("not told")
    structlog.get_logger("x").warning("told", why="because")
    told = capsys.readouterr().err
    assert "told" in told
    assert "why" in told
    assert "not told" not in told


class Sent(Message, frozen=True):
    topic: ClassVar[str] = "test.sent"

    @property
    def key(self) -> str:
        return "k"


def _ignore(tx: Tx, message: Sent, now: datetime) -> None: ...


@pytest.fixture
def routes() -> Routes:
    return Routes([Reaction("test.ignore", Sent, _ignore, "books")])


def test_the_backlog_tells_how_late_deliveries_are(books: Database, clock: DrivenClock) -> None:
    with books.transaction() as tx:
        tx.emit(Sent())
        tx.emit(Sent(), not_before=clock.now() + timedelta(seconds=100))
        tx.emit(Sent(), not_before=clock.now() + timedelta(days=1))
    clock.advance(timedelta(seconds=130))
    found = telemetry.backlog(books, clock.now())
    assert found == telemetry.Backlog(due=2, later=1, parked=0, lag=130.0)
    text = telemetry.metrics({"books": books}, clock.now()).decode()
    assert 'trunkline_outbox_deliveries{database="books",state="due"} 2.0' in text
    assert 'trunkline_outbox_lag_seconds{database="books"} 130.0' in text


def test_a_late_relay_is_not_well(books: Database, clock: DrivenClock) -> None:
    with books.transaction() as tx:
        tx.emit(Sent())
    assert all(each.well for each in telemetry.check({"books": books}, clock.now()))
    clock.advance(timedelta(minutes=5))
    checks = {each.name: each for each in telemetry.check({"books": books}, clock.now())}
    assert checks["database books"].well
    assert not checks["relay books"].well
    assert "300 s" in checks["relay books"].reason


def test_a_database_that_is_away_is_not_well(clock: DrivenClock) -> None:
    away = Database("sqlite:////nowhere/at/all.db", metadata=books_metadata)
    [check] = telemetry.check({"books": away}, clock.now())
    assert not check.well
    assert telemetry.metrics({"books": away}, clock.now())
    away.close()
