"""A file of calls, messages and data comes in, is charged, and stands with its prices; the same
file again changes nothing, and one that overlaps only adds what is new.

The plan: calls at 0.10 a minute by the second, with a connection fee of 0.05; messages at 0.07;
data at 0.01 a megabyte beyond 100 MB included.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from tests.unit.platform.test_schema import NewDatabase
from trunkline.app import METADATA
from trunkline.charging import (
    MOST_EVENTS,
    ChargingAccountId,
    CloseAccount,
    InstallTariff,
    OpenAccount,
)
from trunkline.customers import AccountKind, BillingAccountId
from trunkline.kernel import time
from trunkline.kernel.lifecycle import IllegalTransition
from trunkline.kernel.money import Money, to_micros
from trunkline.ledger import UNBILLED, USAGE_REVENUE, LegalEntityId, balance, create_legal_entity
from trunkline.platform import schema
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx, with_driver
from trunkline.platform.messages import Message, Routes
from trunkline.platform.relay import Relay
from trunkline.rating import (
    Allowance,
    PlanSource,
    PriceStep,
    Rate,
    TariffSource,
    UsageRule,
    compile_tariff,
)
from trunkline.usage import (
    FileOfOtherSource,
    MissingFiles,
    RejectedLine,
    SerialKnown,
    UnknownUsage,
    UnreadableFile,
    UsageId,
    UsageState,
    import_cdr_file,
    missing_files,
    rejected_lines,
    rejected_usages,
    rejection_counts,
    retry_rejected,
    retry_usage,
    usage,
    usage_counts,
    usage_files,
    usages,
    usages_of,
)
from trunkline.usage.operations import take_records

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
ANNE = "353871000001"
BRIAN = "353871000002"
HEADER = "record_id,service,subscriber,called,start,quantity,unit"
CALL = "c1,voice,353871000001,442012345678,2026-11-01T10:00:00Z,90,"
MESSAGE = "m1,sms,353871000001,442012345678,2026-11-01T10:05:00Z,1,"
DATA = "d1,data,353871000001,,2026-11-01T11:00:00Z,120,MB"
STRANGER = "x1,voice,353879999999,442012345678,2026-11-01T12:00:00Z,60,"

Write = Callable[..., Path]


class Office:
    """An operator with two subscribers, and a relay that carries what is due."""

    def __init__(
        self, books: Database, charging: Database, routes: Routes, clock: DrivenClock
    ) -> None:
        self.books = books
        self.charging = charging
        self.clock = clock
        self.relay = Relay({"books": books, "charging": charging}, routes, clock)
        with books.transaction() as tx:
            self.entity = create_legal_entity(
                tx, name="Trunk Mobile", country="IE", currency="EUR", tax_number="IE1", now=OCTOBER
            )
            tx.emit(tariff())
            for name, number in (("anne", ANNE), ("brian", BRIAN)):
                self.open(tx, name, number)
        self.settle()

    def open(self, tx: Tx, name: str, number: str) -> None:
        tx.emit(opening(name, number, self.entity))

    def settle(self) -> None:
        """Carries all deliveries that are due."""
        while self.relay.drain():
            pass

    def take_in(self, path: Path) -> tuple[int, int, int]:
        """(new, here already, lines that are no record)."""
        report = import_cdr_file(self.books, path, now=self.clock.now())
        self.settle()
        return report.accepted, report.duplicates, len(report.rejected)

    def charges(self) -> dict[str, str]:
        """Each record's charge, or its error, or where it stands."""
        with self.books.read() as r:
            return {
                each.content.record_id: str(
                    each.error or each.state if each.charge is None else each.charge
                )
                for each in usages(r)
            }


def tariff() -> Message:
    plan = PlanSource(
        "plan",
        "EUR",
        (
            UsageRule("voice", flat("Calls", "0.10", 60, connection_fee=to_micros("0.05"))),
            UsageRule("sms", flat("Messages", "0.07", 1)),
            UsageRule("data", flat("Data", "0.01", 10**6)),
        ),
        (Allowance("included", "100 MB", "data", 100 * 10**6),),
    )
    compiled = compile_tariff(TariffSource((plan,)), version=1, effective_from=OCTOBER)
    return InstallTariff(version=1, effective_from=OCTOBER, body=compiled.encode())


def flat(label: str, price: str, per: int, *, connection_fee: int = 0) -> Rate:
    return Rate(label, per, (PriceStep(0, to_micros(price)),), connection_fee=connection_fee)


def opening(name: str, number: str, entity: LegalEntityId) -> OpenAccount:
    return OpenAccount(
        account=ChargingAccountId(f"cac_{name}"),
        billing_account=BillingAccountId(f"bac_{name}"),
        legal_entity=entity,
        currency="EUR",
        kind=AccountKind.POSTPAID,
        plan="plan",
        cycle_day=1,
        time_zone="Europe/Dublin",
        identities=(("msisdn", number),),
        opened_at=OCTOBER,
    )


@pytest.fixture
def office(books: Database, charging: Database, routes: Routes, clock: DrivenClock) -> Office:
    return Office(books, charging, routes, clock)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(*lines: str, name: str = "calls.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
        return path

    return write


def test_a_file_is_charged(office: Office, write: Write) -> None:
    """90 s are 0.05 + 90 x 0.10 / 60 = 0.20; a message 0.07; 120 MB are 20 beyond the 100
    included: 0.20. In all 0.47, in the ledger as unbilled revenue."""
    assert office.take_in(write(CALL, MESSAGE, DATA)) == (3, 0, 0)
    assert office.charges() == {"c1": "0.20 EUR", "m1": "0.07 EUR", "d1": "0.20 EUR"}
    with office.books.read() as r:
        latest, message, call = usages_of(r, BillingAccountId("bac_anne"))
        assert balance(r, UNBILLED, "EUR") == Money.of("0.47", "EUR")
        assert balance(r, USAGE_REVENUE, "EUR") == Money.of("-0.47", "EUR")
        assert usage(r, call.id) == call
    assert (latest.label, latest.free) == ("Data", 100 * 10**6)
    assert (message.label, message.free) == ("Messages", 0)
    assert call.account == "cac_anne"
    assert (call.state, call.line, call.source) == (UsageState.RATED, 2, "cdr")


def test_the_same_file_again_changes_nothing(office: Office, write: Write) -> None:
    path = write(CALL, MESSAGE, "nonsense")
    assert office.take_in(path) == (2, 0, 1)
    renamed = path.rename(path.with_name("renamed.csv"))
    assert office.take_in(renamed) == (0, 2, 1)
    assert office.charges() == {"c1": "0.20 EUR", "m1": "0.07 EUR"}
    with office.books.read() as r:
        assert balance(r, UNBILLED, "EUR") == Money.of("0.27", "EUR")
        assert [each.name for each in usage_files(r)] == ["calls.csv"]


def test_a_file_that_overlaps_adds_what_is_new(office: Office, write: Write) -> None:
    office.take_in(write(CALL, MESSAGE))
    assert office.take_in(write(MESSAGE, DATA, CALL, name="later.csv")) == (1, 2, 0)
    assert office.charges() == {"c1": "0.20 EUR", "m1": "0.07 EUR", "d1": "0.20 EUR"}


def test_a_record_twice_in_one_file_counts_once(office: Office, write: Write) -> None:
    assert office.take_in(write(CALL, CALL, MESSAGE)) == (2, 1, 0)
    assert office.charges() == {"c1": "0.20 EUR", "m1": "0.07 EUR"}


def test_an_id_that_says_something_else_the_second_time_is_told(
    office: Office, write: Write
) -> None:
    other = CALL.replace(",90,", ",91,")
    office.take_in(write(CALL, other))
    office.clock.advance(timedelta(hours=1))
    report = import_cdr_file(
        office.books, write(MESSAGE, other, name="b.csv"), now=office.clock.now()
    )
    assert report.rejected == (
        RejectedLine(
            3, "record_id", "'c1' came before, in line 2 of another file, and said something else"
        ),
    )
    assert (report.accepted, report.duplicates) == (1, 0)
    with office.books.read() as r:
        (first, _) = reversed(usage_files(r))
        (told,) = rejected_lines(r, first.sha256)
        assert told.reason == "'c1' came before, in line 2 of this file, and said something else"


def test_each_source_has_its_own_ids(office: Office, write: Write) -> None:
    office.take_in(write(CALL))
    path = write(CALL, MESSAGE, name="other.csv")
    report = import_cdr_file(office.books, path, now=office.clock.now(), source="msc2")
    assert (report.accepted, report.duplicates) == (2, 0)
    with pytest.raises(FileOfOtherSource, match=r"came in as 'other\.csv' of 'msc2'"):
        import_cdr_file(office.books, path, now=office.clock.now(), source="msc3")


def test_what_is_no_file_of_usage_is_refused_whole(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("prefix,price\n44,0.10\n")
    with pytest.raises(UnreadableFile, match=r"rates\.csv: line 1: record_id is missing"):
        office.take_in(path)
    with pytest.raises(UnreadableFile, match=r"gone\.csv: No such file"):
        office.take_in(tmp_path / "gone.csv")
    with office.books.read() as r:
        assert usage_files(r) == []


def test_what_charging_rejects_waits_for_a_person(office: Office, write: Write) -> None:
    """A stranger's call is rejected, again when nothing has changed, and charged once the
    number has an account: 60 s are 0.05 + 0.10."""
    office.take_in(write(STRANGER, CALL))
    assert office.charges() == {"x1": "unknownSubscriber", "c1": "0.20 EUR"}
    with office.books.read() as r:
        assert usage_counts(r) == {UsageState.RATED: 1, UsageState.REJECTED: 1}
        assert rejection_counts(r) == {"unknownSubscriber": 1}
        (rejected,) = rejected_usages(r, error="unknownSubscriber")
    assert retry_rejected(office.books, now=office.clock.now()) == 1
    with office.books.read() as r:
        assert usage(r, rejected.id).state is UsageState.RECYCLED
    office.settle()
    assert office.charges()["x1"] == "unknownSubscriber"

    with office.books.transaction() as tx:
        office.open(tx, "xenia", "353879999999")
    office.settle()
    with office.books.transaction() as tx:
        retry_usage(tx, usages=[rejected.id], now=office.clock.now())
    office.settle()
    assert office.charges() == {"x1": "0.15 EUR", "c1": "0.20 EUR"}
    assert retry_rejected(office.books, now=office.clock.now()) == 0


def test_only_what_is_rejected_can_be_tried_again(office: Office, write: Write) -> None:
    office.take_in(write(CALL))
    with office.books.read() as r:
        (call,) = usages(r)
    with (
        pytest.raises(IllegalTransition, match="usage is rated"),
        office.books.transaction() as tx,
    ):
        retry_usage(tx, usages=[call.id], now=office.clock.now())
    with pytest.raises(UnknownUsage), office.books.transaction() as tx:
        retry_usage(tx, usages=[UsageId("usg_nope")], now=office.clock.now())
    with office.books.read() as r, pytest.raises(UnknownUsage):
        usage(r, UsageId("usg_nope"))


def messages(count: int) -> list[str]:
    return [f"m{i},sms,{(ANNE, BRIAN)[i % 2]},44,2026-11-01T10:00:00Z,1," for i in range(count)]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_an_import_that_was_killed_continues(
    office: Office, write: Write, monkeypatch: pytest.MonkeyPatch, chunks: int
) -> None:
    """600 messages at 0.07 are 42.00, wherever the first import was torn out of its work."""
    path = write(*messages(600), "nonsense")
    taken = 0

    def take_or_die(*args: object, **kwargs: object) -> object:
        nonlocal taken
        result = take_records(*args, **kwargs)  # type: ignore[arg-type]
        taken += 1
        if taken > chunks:
            raise Killed
        return result

    with monkeypatch.context() as patch:
        patch.setattr("trunkline.usage.jobs.take_records", take_or_die)
        with pytest.raises(Killed):
            office.take_in(path)
    office.settle()
    with office.books.read() as r:
        assert sum(usage_counts(r).values()) == chunks * MOST_EVENTS
    assert office.take_in(path) == (600 - chunks * MOST_EVENTS, chunks * MOST_EVENTS, 1)
    with office.books.read() as r:
        assert usage_counts(r) == {UsageState.RATED: 600}
        assert balance(r, UNBILLED, "EUR") == Money.of("42.00", "EUR")
        (file,) = usage_files(r)
    assert (file.accepted, file.duplicates, file.rejected) == (600, 0, 1)
    assert file.finished_at is not None


def test_progress_is_told(office: Office, write: Write) -> None:
    told: list[tuple[int, int]] = []
    import_cdr_file(
        office.books,
        write(*messages(250)),
        now=office.clock.now(),
        progress=lambda done, total: told.append((done, total)),
    )
    whole = range(MOST_EVENTS, 250, MOST_EVENTS)
    assert told == [*((done, 250) for done in whole), (250, 250)]


def test_a_file_that_was_cut_off_names_its_last_line_and_the_whole_one_adds_the_rest(
    office: Office, write: Write
) -> None:
    """The sender broke down in the middle of the third record."""
    whole = write(CALL, MESSAGE, DATA, name="whole.csv")
    cut = write(name="cut.csv")
    cut.write_bytes(whole.read_bytes()[:-20])
    report = import_cdr_file(office.books, cut, now=office.clock.now())
    assert [(each.line, each.reason) for each in report.rejected] == [(4, "5 fields instead of 7")]
    assert office.take_in(whole) == (1, 2, 0)
    assert office.charges() == {"c1": "0.20 EUR", "m1": "0.07 EUR", "d1": "0.20 EUR"}


def test_what_comes_late_and_out_of_order_is_charged_by_the_month_it_was_used_in(
    office: Office, write: Write
) -> None:
    """November's 120 MB come before October's 70 and 70. Each month has 100 MB included: 20 and 40
    are paid."""
    office.take_in(write(DATA))
    october = [f"o{hour},data,{ANNE},,2026-10-31T0{hour}:00:00Z,70,MB" for hour in (9, 8)]
    assert office.take_in(write(*october, name="late.csv")) == (2, 0, 0)
    assert office.charges() == {"d1": "0.20 EUR", "o9": "0.00 EUR", "o8": "0.40 EUR"}


def test_a_number_that_was_given_to_somebody_else_is_whose_it_was_then(
    office: Office, write: Write
) -> None:
    """Anne leaves at eleven, Carl has her number from the next day on. Files that tell of all that
    come after: her message is hers, his is his, and nobody's at noon waits for a person."""
    with office.books.transaction() as tx:
        left = datetime(2026, 11, 1, 11, tzinfo=UTC)
        tx.emit(CloseAccount(account=ChargingAccountId("cac_anne"), closed_at=left))
    office.settle()
    with office.books.transaction() as tx:
        carl = opening("carl", ANNE, office.entity)
        came = datetime(2026, 11, 2, tzinfo=UTC)
        tx.emit(msgspec.structs.replace(carl, opened_at=came))
    office.settle()
    times = ("01T10:05", "01T12:00", "02T08:00")
    lines = [f"m{at[:5]},sms,{ANNE},442012345678,2026-11-{at}:00Z,1," for at in times]
    office.take_in(write(*lines))
    with office.books.read() as r:
        found = {each.content.record_id: each.account or each.error for each in usages(r)}
    assert found == {"m01T10": "cac_anne", "m01T12": "unknownSubscriber", "m02T08": "cac_carl"}


def test_what_has_not_come_yet_is_refused_and_taken_when_it_has(
    office: Office, write: Write
) -> None:
    """A network's clock is five hours ahead: that says something is wrong. In the evening the same
    record is one like any other."""
    early = MESSAGE.replace("2026-11-01T10:05:00Z", "2026-11-02T14:00:00Z")
    report = import_cdr_file(office.books, write(early), now=office.clock.now())
    assert [(each.column, each.reason) for each in report.rejected] == [
        ("start", "2026-11-02T14:00:00Z has not come yet")
    ]
    office.clock.advance(timedelta(hours=6))
    assert office.take_in(write(early, CALL, name="again.csv")) == (2, 0, 0)


def test_a_file_that_is_missing_between_numbered_ones_is_known_until_it_comes(
    office: Office, write: Write
) -> None:
    """7, 8 and 11 came, then 10. Another file as number 8 is none of the source's."""
    now = office.clock.now()

    def take_in(serial: int, line: str) -> int:
        path = write(line, name=f"{serial}.csv")
        return import_cdr_file(office.books, path, now=now, source="msc", serial=serial).accepted

    def missing() -> list[MissingFiles]:
        with office.books.read() as r:
            return missing_files(r)

    assert [take_in(7, CALL), take_in(8, MESSAGE), take_in(11, DATA)] == [1, 1, 1]
    assert missing() == [("msc", 9, 10)]
    assert take_in(10, STRANGER) == 1
    assert take_in(10, STRANGER) == 0
    assert missing() == [("msc", 9, 9)]
    with pytest.raises(SerialKnown, match=r"file 8 of 'msc' came in as '8\.csv'"):
        take_in(8, STRANGER)
    office.take_in(write(CALL, MESSAGE, name="unnumbered.csv"))
    assert missing() == [("msc", 9, 9)]


def test_files_that_are_alike_come_each_under_its_number(office: Office, write: Write) -> None:
    """Hours without a record are a header alone, of any source; a file that came without its number
    comes with it, and one that was refused has taken none."""

    def take_in(name: str, serial: int | None, *lines: str, source: str = "msc") -> str:
        report = import_cdr_file(
            office.books,
            write(*lines, name=name),
            now=office.clock.now(),
            source=source,
            serial=serial,
        )
        assert report.file.serial == serial
        office.clock.advance(timedelta(hours=1))
        return f"{report.accepted} + {report.duplicates}"

    def missing() -> list[MissingFiles]:
        with office.books.read() as r:
            return missing_files(r)

    assert take_in("7.csv", 7, CALL) == "1 + 0"
    assert [take_in(f"{quiet}.csv", quiet) for quiet in (8, 10)] == ["0 + 0"] * 2
    assert take_in("11.csv", None, MESSAGE) == "1 + 0"
    assert take_in("12.csv", 12) == "0 + 0"
    assert missing() == [("msc", 9, 9), ("msc", 11, 11)]
    assert [take_in("11.csv", 11, MESSAGE), take_in("9.csv", 9)] == ["0 + 1", "0 + 0"]
    assert missing() == []
    assert [take_in(f"{quiet}.csv", quiet, source="msc2") for quiet in (7, 9)] == ["0 + 0"] * 2
    with pytest.raises(FileOfOtherSource):
        take_in("8.csv", 8, CALL, source="msc2")
    with pytest.raises(SerialKnown, match=r"file 9 of 'msc' came in as '9\.csv'"):
        take_in("10.csv", 9, DATA)
    assert missing() == [("msc2", 8, 8)]
    with office.books.read() as r:
        came = [(each.source, each.serial, each.name, each.accepted) for each in usage_files(r)]
    assert came[:4] == [
        ("msc2", 9, "9.csv", 0),
        ("msc2", 7, "7.csv", 0),
        ("msc", 9, "9.csv", 0),
        ("msc", 11, "11.csv", 1),
    ]
    assert len(came) == 8


def test_of_two_files_at_once_under_one_number_one_is_refused(office: Office, write: Write) -> None:
    paths = [write(line, name=f"{place}.csv") for place, line in enumerate((CALL, MESSAGE))]

    def take_in(path: Path) -> str:
        try:
            import_cdr_file(office.books, path, now=office.clock.now(), source="msc", serial=1)
        except SerialKnown as error:
            return error.code
        return "taken"

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(take_in, paths)) == ["taken", SerialKnown.code]
    with office.books.read() as r:
        assert [each.serial for each in usage_files(r)] == [1]
        assert len(usages(r)) == 1


def test_numbers_that_came_before_the_upgrade_are_kept(
    new_database: NewDatabase,
    clock: DrivenClock,
    routes: Routes,
) -> None:
    url = new_database("upgraded", empty=True)
    schema.upgrade(url, "books", "books_0031")
    engine = sa.create_engine(with_driver(sa.make_url(url)))
    with engine.begin() as connection:
        for sha256, serial in (("a", 7), ("b", None), ("c", 9)):
            connection.execute(
                sa.text(
                    "INSERT INTO usage_file (sha256, source, name, size, accepted, duplicates,"
                    " rejected, started_at, serial) VALUES (:sha256, 'msc', :name, 1, 1, 0, 0,"
                    " :at, :serial)"
                ),
                {
                    "sha256": sha256,
                    "name": f"{sha256}.csv",
                    "at": time.to_micros(clock.now()),
                    "serial": serial,
                },
            )
    engine.dispose()
    schema.upgrade(url, "books")
    database = Database(url, metadata=METADATA["books"], routes=routes, clock=clock)
    with database.read() as r:
        assert missing_files(r) == [("msc", 8, 8)]
        assert [(each.name, each.serial) for each in usage_files(r)] == [
            ("a.csv", 7),
            ("b.csv", None),
            ("c.csv", 9),
        ]
    database.close()
