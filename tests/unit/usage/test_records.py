"""What a line of a usage file says, and what is wrong with it."""

import io
from datetime import UTC, datetime

import pytest

from trunkline.charging import Service
from trunkline.usage import RejectedLine, UnreadableFile, UsageRecord
from trunkline.usage.records import LONGEST_LINE, read_header, read_lines, read_record

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
HEADER = b"record_id,service,subscriber,called,start,quantity,unit,rating_group"


def read(line: str | bytes, header: bytes = HEADER) -> UsageRecord | RejectedLine | None:
    raw = line.encode() if isinstance(line, str) else line
    return read_record(raw, read_header(header), line=7, now=NOW)


def test_a_call() -> None:
    assert read("r1,voice,+353871234567,+442012345678,2026-11-01T10:00:00+01:00,75,,\r\n") == (
        UsageRecord(
            record_id="r1",
            service=Service.VOICE,
            subscriber="353871234567",
            start=datetime(2026, 11, 1, 9, tzinfo=UTC),
            quantity=75,
            called="442012345678",
        )
    )


def test_units_and_rating_groups() -> None:
    data = read("r2,DATA,353871234567,,2026-11-01T10:00:00Z,1.5,MB,10")
    assert isinstance(data, UsageRecord)
    assert (data.service, data.quantity, data.rating_group) == (Service.DATA, 1_500_000, 10)
    call = read("r3,voice,353871234567,112,2026-11-01T10:00:00Z,2,min,")
    assert isinstance(call, UsageRecord)
    assert (call.quantity, call.called, call.rating_group) == (120, "112", None)


def test_what_was_received() -> None:
    call = read("r4,voice-in,353871234567,,2026-11-01T10:00:00Z,2,min,")
    assert isinstance(call, UsageRecord)
    assert (call.service, call.quantity, call.called) == (Service.VOICE_IN, 120, "")
    called = read("r5,sms-in,353871234567,44,2026-11-01T10:00:00Z,1,,")
    assert called == RejectedLine(7, "called", "sms-in calls nobody")


def test_columns_stand_in_any_order_and_optional_ones_may_lack() -> None:
    header = b"\xef\xbb\xbfquantity, start ,subscriber,service,record_id\n"
    record = read('5,2026-11-01T10:00:00Z,353871234567,data,"a,b"', header)
    assert isinstance(record, UsageRecord)
    assert (record.record_id, record.quantity) == ("a,b", 5)


def test_blank_lines_say_nothing() -> None:
    assert read("") is None
    assert read(" \r\n") is None


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("r,voice,353871234567", "", "3 fields instead of 8"),
        (",voice,1,1,1,1,,", "record_id", "an id has 1 to 100 printable characters"),
        ("r\0,voice,1,1,1,1,,", "record_id", "an id has 1 to 100 printable characters"),
        (
            "r,Fax!,353871234567,1,x,1,,",
            "service",
            (
                "'fax!' is none of data, voice, sms, mms, voice-in, sms-in, nor a name of 1 to 11"
                " of a-z, 0-9 and -, a letter first"
            ),
        ),
        (
            "r,voice,0123456,1,2026-11-01T10:00:00Z,1,,",
            "subscriber",
            "'0123456' is not a telephone number in E.164 digits",
        ),
        (
            "r,sms,353871234567,,2026-11-01T10:00:00Z,1,,",
            "called",
            "'' is not a telephone number in E.164 digits",
        ),
        ("r,data,353871234567,44,2026-11-01T10:00:00Z,1,,", "called", "data calls nobody"),
        (
            "r,data,353871234567,,2026-11-01T10:00:00,1,,",
            "start",
            "'2026-11-01T10:00:00' lacks its offset from UTC (write Z)",
        ),
        (
            "r,data,353871234567,,2026-13-01T10:00:00Z,1,,",
            "start",
            "'2026-13-01T10:00:00Z' is not an RFC 3339 instant",
        ),
        (
            "r,data,353871234567,,2026-11-02T10:00:01Z,1,,",
            "start",
            "2026-11-02T10:00:01Z has not come yet",
        ),
        ("r,data,353871234567,,2026-11-01T10:00:00Z,-1,,", "quantity", "'-1' is not a quantity"),
        (
            "r,data,353871234567,,2026-11-01T10:00:00Z,1e9,,",
            "quantity",
            "'1e9' is not a quantity",
        ),
        (
            "r,data,353871234567,,2026-11-01T10:00:00Z,0.5,,",
            "quantity",
            "0.5 bytes is not a whole number of bytes",
        ),
        (
            "r,voice,353871234567,1,2026-11-01T10:00:00Z,100000001,,",
            "quantity",
            "100000001 is more than one record can hold",
        ),
        ("r,data,353871234567,,2026-11-01T10:00:00Z,1,min,", "unit", "min is no unit of data"),
        (
            "r,data,353871234567,,2026-11-01T10:00:00Z,1,ell,",
            "quantity",
            "'ell' is not a known unit",
        ),
        (
            "r,data,353871234567,,2026-11-01T10:00:00Z,1,,4294967296",
            "rating_group",
            "'4294967296' is not a rating group",
        ),
        (
            "r,sms,353871234567,1,2026-11-01T10:00:00Z,1,,1",
            "rating_group",
            "only data has rating groups",
        ),
        ('r,"voice,353871234567\n', "", "is no CSV record: unexpected end of data"),
        (b"r,\xff", "", "byte 3 is not UTF-8"),
        (b"x" * 5000, "", "longer than 4096 bytes"),
    ],
)
def test_what_is_wrong_names_its_place(line: str | bytes, column: str, reason: str) -> None:
    assert read(line) == RejectedLine(7, column, reason)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"", "record_id is missing; service is missing; subscriber is missing; start is"),
        (b"record_id,service,subscriber,start,quantity,tariff\n", "'tariff' is not a column"),
        (b"record_id,service,subscriber,start,quantity,start\n", "start stands twice"),
        (b"\xff\xfe", "byte 1 is not UTF-8"),
    ],
)
def test_a_wrong_header_refuses_the_file(header: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=f"line 1: {reason}"):
        read_header(header)


def test_lines_are_counted_and_measured() -> None:
    text = b"one\n\ntwo\r\n" + b"x" * (3 * LONGEST_LINE) + b"\nlast"
    lines = list(read_lines(io.BytesIO(text), line=0, end=len(text)))
    assert [(number, raw[:3]) for number, _, raw in lines] == [
        (1, b"one"), (2, b"\n"), (3, b"two"), (4, b"xxx"), (5, b"las"),
    ]  # fmt: skip
    assert [offset for _, offset, _ in lines] == [4, 5, 10, 10 + 3 * LONGEST_LINE + 1, len(text)]
    assert all(len(raw) <= LONGEST_LINE + 1 for _, _, raw in lines)


def test_reading_goes_on_where_it_stopped_and_ends_where_it_is_told() -> None:
    file = io.BytesIO(b"one\ntwo\nthree\nfour")
    file.seek(4)
    assert [raw for _, _, raw in read_lines(file, line=1, end=14)] == [b"two\n", b"three\n"]
