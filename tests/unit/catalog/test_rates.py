import pytest

from trunkline.catalog import RateSheetEntry, RateSheetRejected
from trunkline.catalog.rates import read_sheet
from trunkline.kernel.money import Money

HEADER = '"Target Pattern Name","Prefix","Per minute charge","Connection charge","Charge period"\n'


def test_entries_come_in_the_order_of_their_prefixes() -> None:
    lines = [HEADER, '"Austria",+43,0.02,0.01,1\n', "\n", '"Austria, mobile",43676,1,0.5,60\n']
    assert read_sheet(lines, currency="EUR") == [
        RateSheetEntry(
            prefix="43",
            destination="Austria",
            price_per_minute=Money.of("0.02", "EUR"),
            connection_charge=Money.of("0.01", "EUR"),
            charge_period=1,
        ),
        RateSheetEntry(
            prefix="43676",
            destination="Austria, mobile",
            price_per_minute=Money.of(1, "EUR"),
            connection_charge=Money.of("0.5", "EUR"),
            charge_period=60,
        ),
    ]


def test_columns_may_stand_in_any_order_and_a_byte_order_mark_before_them() -> None:
    header = "Prefix,Note,Target Pattern Name,Charge period,Connection charge,Per minute charge\n"
    lines = [("\ufeff" + header).encode(), b"+1,x,USA,30,0,0.5\n"]
    (entry,) = read_sheet(lines, currency="USD")
    assert (entry.prefix, entry.charge_period) == ("1", 30)


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        (b"USA,+0,1,1,1\n", "Prefix", "digits"),
        (b"USA,one,1,1,1\n", "Prefix", "digits"),
        ("USA,+\u0661,1,1,1\n".encode(), "Prefix", "digits"),
        (b"USA,,1,1,1\n", "Prefix", "digits"),
        (b"USA,+1234567890123456,1,1,1\n", "Prefix", "digits"),
        (b"USA,+43,1,1,1\n", "Prefix", "line 2"),
        (b",+1,1,1,1\n", "Target Pattern Name", "printable"),
        (b"USA,+1,free,1,1\n", "Per minute charge", "not an amount"),
        (b"USA,+1,-1,1,1\n", "Per minute charge", "negative"),
        (b"USA,+1,0.0000001,1,1\n", "Per minute charge", "six decimals"),
        (b"USA,+1,1,,1\n", "Connection charge", "not an amount"),
        (b"USA,+1,1,1,0\n", "Charge period", "seconds"),
        (b"USA,+1,1,1,1.5\n", "Charge period", "seconds"),
        (b"USA,+1,1,1,9999\n", "Charge period", "seconds"),
        (b"USA,+1,1,1\n", "", "4 fields instead of 5"),
        (b"USA,+1,1,1,1,1\n", "", "6 fields instead of 5"),
        (b"US\xff,+1,1,1,1\n", "", "byte 3 is not UTF-8"),
        (b'"USA,+1,1,1,1\n', "", "unexpected end"),
    ],
)
def test_a_line_at_fault_is_named_and_takes_the_sheet_with_it(
    line: bytes, column: str, reason: str
) -> None:
    lines = [HEADER.encode(), b"Austria,+43,0.02,0.01,1\n", line]
    with pytest.raises(RateSheetRejected, match=reason) as refused:
        read_sheet(lines, currency="EUR")
    assert [(each[0], each[1]) for each in refused.value.fields["lines"]] == [(3, column)]  # type: ignore[attr-defined]
    assert refused.value.path == "line 3"


def test_all_faults_are_told() -> None:
    lines = [HEADER, *["USA,zero,x,y,z\n"] * 3]
    with pytest.raises(RateSheetRejected, match="and 7 more") as refused:
        read_sheet(lines, currency="EUR")
    assert len(refused.value.fields["lines"]) == 12  # type: ignore[arg-type]


@pytest.mark.parametrize("lines", [[], [HEADER], ["Prefix\n"], ["\n"]])
def test_a_file_without_header_or_entries_is_no_sheet(lines: list[str]) -> None:
    with pytest.raises(RateSheetRejected):
        read_sheet(lines, currency="EUR")
