import pytest

from tests.unit.migration.builders import HEADER, NO_INTERNET, NO_PHONE, line, phone_only
from trunkline.kernel.money import Money
from trunkline.migration import ImportRefused, Remark
from trunkline.migration.model import Row
from trunkline.migration.rows import COLUMNS, read_rows
from trunkline.payments import PaymentMethodKind


def read(*lines: bytes | str) -> tuple[list[Row], list[Remark]]:
    rows, remarks = [], []
    for row, said in read_rows([HEADER, *lines], currency="USD"):
        remarks += said
        if row is not None:
            rows.append(row)
    return rows, remarks


def test_a_line_is_a_customer() -> None:
    (row,), remarks = read(line())
    assert remarks == []
    assert row.customer_id == "1000-ADA"
    assert row.items == ("fibre", "phone", "second-line", "online-backup", "streaming-tv")
    assert (row.contract_months, row.tenure_months) == (12, 12)
    assert (row.payment_method, row.automatic) == (PaymentMethodKind.CREDIT_CARD, True)
    assert (row.monthly, row.total) == (Money.of("91.35", "USD"), Money.of("1096.2", "USD"))
    assert (row.partner, row.dependents, row.paperless, row.churned) == (True, False, True, False)


def test_a_customer_may_have_one_service_only() -> None:
    (phone, internet), remarks = read(
        phone_only(), line(customerID="2", **NO_PHONE, InternetService="DSL")
    )
    assert remarks == []
    assert phone.items == ("phone",)
    assert internet.items == ("dsl", "online-backup", "streaming-tv")


def test_a_new_customer_comes_in_with_a_notice() -> None:
    (row,), remarks = read(line(tenure="0", TotalCharges=" "))
    assert row.total is None
    assert [(each.line, each.column) for each in remarks] == [(2, "TotalCharges")]


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("customerID", "", "not an id"),
        ("customerID", "a b", "not an id"),
        ("customerID", "x" * 101, "not an id"),
        ("gender", "male", "none of Female, Male"),
        ("SeniorCitizen", "No", "none of 0, 1"),
        ("Partner", "", "none of Yes, No"),
        ("Dependents", "maybe", "none of Yes, No"),
        ("tenure", "-1", "months"),
        ("tenure", "1.5", "months"),
        ("tenure", "\u0661", "months"),
        ("tenure", "999999", "months"),
        ("PhoneService", "No", "contradicts"),
        ("MultipleLines", "No phone service", "contradicts"),
        ("MultipleLines", "Two", "none of Yes, No, No phone service"),
        ("InternetService", "Cable", "none of DSL, Fiber optic, No"),
        ("OnlineSecurity", "No internet service", "contradicts"),
        ("StreamingMovies", "sometimes", "none of Yes, No"),
        ("Contract", "Three year", "none of Month-to-month"),
        ("PaperlessBilling", "1", "none of Yes, No"),
        ("PaymentMethod", "Barter", "none of Electronic check"),
        ("MonthlyCharges", "", "not an amount"),
        ("MonthlyCharges", "ninety", "not an amount"),
        ("MonthlyCharges", "-1", "negative"),
        ("MonthlyCharges", "91.355", "more than 2 decimals"),
        ("MonthlyCharges", "NaN", "not an amount"),
        ("MonthlyCharges", "1e30", "not an amount that the books can hold"),
        ("TotalCharges", "much", "not an amount"),
        ("TotalCharges", "", "customer for 12 months"),
        ("Churn", "Perhaps", "none of Yes, No"),
    ],
)
def test_a_value_at_fault_is_named_by_line_and_column(column: str, text: str, reason: str) -> None:
    rows, remarks = read(phone_only(customerID="good"), line(**{column: text}))
    assert [row.customer_id for row in rows] == ["good"]
    places = {(each.line, each.column) for each in remarks}
    # One who says that he has no phone also contradicts himself about the second line.
    expected = "MultipleLines" if column == "PhoneService" else column
    assert places == {(3, expected)}
    assert reason in remarks[0].reason


def test_all_faults_of_a_line_are_told() -> None:
    _, remarks = read(line(gender="x", tenure="x", Churn="x"))
    assert sorted(each.column for each in remarks) == ["Churn", "gender", "tenure"]


def test_one_with_nothing_is_no_customer() -> None:
    rows, remarks = read(line(**NO_PHONE, **NO_INTERNET))
    assert rows == []
    assert [each.column for each in remarks] == ["PhoneService"]


def test_an_id_comes_once_in_a_file() -> None:
    rows, remarks = read(line(), line(MonthlyCharges="1"), line(gender="x"))
    assert [row.line for row in rows] == [2]
    assert [(each.line, each.column) for each in remarks] == [(3, "customerID"), (4, "customerID")]
    assert "line 2" in remarks[0].reason


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line().rstrip("\n") + ",\n", "22 fields instead of 21"),
        ("1000-ADA\n", "1 fields instead of 21"),
        (b"1000-\xff\n", "byte 6 is not UTF-8"),
        ('"1000,Female\n', "no CSV record"),
        ("x" * 200_000 + "\n", "no CSV record"),
    ],
)
def test_a_line_that_is_no_record_spoils_no_other(bad: bytes | str, reason: str) -> None:
    rows, remarks = read(line(), bad, phone_only(customerID="2"))
    assert [row.line for row in rows] == [2, 4]
    assert [(each.line, each.column) for each in remarks] == [(3, "")]
    assert reason in remarks[0].reason


def test_empty_lines_are_nothing() -> None:
    rows, remarks = read("\n", line(), "", " \t \n", "\r\n")
    assert (len(rows), remarks) == (1, [])


@pytest.mark.parametrize(
    "header", [b"", b"\n", b"\xff\n", b'"\n', b"customerID\n", HEADER.replace("Churn", "gender")]
)
def test_a_file_without_its_header_is_refused(header: bytes | str) -> None:
    with pytest.raises(ImportRefused) as refused:
        list(read_rows([header, line()], currency="USD"))
    assert refused.value.path == "line 1"
    assert refused.value.fields["remarks"]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_spreadsheet_quotes_and_marks_as_it_likes(mark: str, end: str) -> None:
    """A byte order mark stands before the first quote, not within it."""
    header, values = (
        ",".join(f'"{field}"' for field in text.strip().split(",")) + end
        for text in (HEADER, line())
    )
    for text in (mark + header, (mark + header).encode()):
        ((row, remarks),) = read_rows([text, values], currency="USD")
        assert (row is not None, remarks) == (True, [])


def test_columns_may_stand_in_any_order_and_others_beside_them() -> None:
    header = "Note," + ",".join(reversed(COLUMNS)) + "\r\n"
    values = "hello," + ",".join(reversed(line().strip().split(","))) + "\r\n"
    said = list(read_rows([("\ufeff" + header).encode(), values], currency="USD"))
    assert said[0] == (None, [Remark(1, "Note", "is a column that is not taken")])
    row = said[1][0]
    assert row is not None
    assert row.customer_id == "1000-ADA"
