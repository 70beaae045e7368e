"""The customer file: what its columns may say, and what is wrong with a line."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from trunkline.kernel.errors import Invalid
from trunkline.kernel.ids import Id
from trunkline.kernel.lines import fields_of
from trunkline.kernel.money import Money, minor_digits
from trunkline.migration.model import ImportRefused, Remark, Row
from trunkline.payments import PaymentMethodKind

Value = TypeVar("Value")

_YES_NO = {"Yes": True, "No": False}
_NO_PHONE, _NO_INTERNET = "No phone service", "No internet service"
_INTERNET = {"DSL": "dsl", "Fiber optic": "fibre", "No": None}
ADD_ONS = {
    "OnlineSecurity": "online-security",
    "OnlineBackup": "online-backup",
    "DeviceProtection": "device-protection",
    "TechSupport": "tech-support",
    "StreamingTV": "streaming-tv",
    "StreamingMovies": "streaming-movies",
}
"""Columns of what is had beside internet, with their keys in the price list."""
_CONTRACTS = {"Month-to-month": 1, "One year": 12, "Two year": 24}
_METHODS = {
    "Electronic check": (PaymentMethodKind.ELECTRONIC_CHECK, False),
    "Mailed check": (PaymentMethodKind.MAILED_CHECK, False),
    "Bank transfer (automatic)": (PaymentMethodKind.DIRECT_DEBIT, True),
    "Credit card (automatic)": (PaymentMethodKind.CREDIT_CARD, True),
}
COLUMNS = (
    "customerID",
    "gender",
    "SeniorCitizen",
    "Partner",
    "Dependents",
    "tenure",
    "PhoneService",
    "MultipleLines",
    "InternetService",
    *ADD_ONS,
    "Contract",
    "PaperlessBilling",
    "PaymentMethod",
    "MonthlyCharges",
    "TotalCharges",
    "Churn",
)
_LONGEST_TENURE = 1200
_LONGEST_FIELD = 100


def read_rows(
    lines: Iterable[bytes | str], *, currency: str
) -> Iterator[tuple[Row | None, list[Remark]]]:
    """Every line after the header as a row, with what there is to say about it; None and the
    faults for one that can't be taken. A record is one line. Amounts are in `currency`.

    Raises `ImportRefused` for a file without its header. Columns that are not `COLUMNS` are
    left, with a remark on line 1 that comes first."""
    numbered = enumerate(lines, 1)
    places, width, remarks = _header(next(numbered, (1, b""))[1])
    if remarks:
        yield None, remarks
    seen: dict[str, int] = {}
    for line, raw in numbered:
        try:
            values = fields_of(raw)
        except Invalid as fault:
            yield None, [Remark(line, "", fault.reason)]
            continue
        if not values:
            continue
        if len(values) != width:
            yield None, [Remark(line, "", f"{len(values)} fields instead of {width}")]
            continue
        fields = {name: values[place].strip() for name, place in places.items()}
        row, faults = _Reading(line, fields, currency).row()
        customer_id = fields["customerID"]
        if customer_id in seen:
            first = seen[customer_id]
            faults = [Remark(line, "customerID", f"{customer_id} stands in line {first} already")]
            row = None
        else:
            seen[customer_id] = line
        yield row, faults


def _header(raw: bytes | str) -> tuple[dict[str, int], int, list[Remark]]:
    try:
        names = [name.strip() for name in fields_of(raw, first=True)]
    except Invalid as fault:
        raise _refused([Remark(1, "", fault.reason)]) from None
    faults = [
        Remark(1, name, "is not exactly once in the header")
        for name in COLUMNS
        if names.count(name) != 1
    ]
    if faults:
        raise _refused(faults)
    unknown = [name for name in names if name not in COLUMNS]
    notices = [Remark(1, name[:40], "is a column that is not taken") for name in unknown]
    return {name: names.index(name) for name in COLUMNS}, len(names), notices


def _refused(remarks: list[Remark]) -> ImportRefused:
    missing = ", ".join(remark.column or remark.reason for remark in remarks)
    return ImportRefused(f"the header is at fault: {missing}", path="line 1", remarks=remarks)


class _Reading:
    """One line being read; collects every fault there is."""

    def __init__(self, line: int, fields: dict[str, str], currency: str) -> None:
        self.line = line
        self.fields = fields
        self.currency = currency
        self.faults: list[Remark] = []
        self.notices: list[Remark] = []

    def row(self) -> tuple[Row | None, list[Remark]]:
        """The row and its notices, or None and its faults."""
        customer_id = self._parsed("customerID", Id.parse, Id(""))
        tenure = self._tenure()
        items = self._items()
        method, automatic = self._one_of("PaymentMethod", _METHODS, (PaymentMethodKind.CASH, False))
        months = self._one_of("Contract", _CONTRACTS, 1)
        gender = self._one_of("gender", {"Female": "female", "Male": "male"}, "")
        senior = self._one_of("SeniorCitizen", {"0": False, "1": True}, False)
        partner, dependents, paperless, churned = (
            self._one_of(column, _YES_NO, False)
            for column in ("Partner", "Dependents", "PaperlessBilling", "Churn")
        )
        none = Money.zero(self.currency)
        monthly = self._parsed("MonthlyCharges", self._amount, none)
        total = self._total(tenure)
        if self.faults:
            return None, self.faults
        row = Row(
            line=self.line,
            fields=self.fields,
            customer_id=str(customer_id),
            gender=gender,
            senior_citizen=senior,
            partner=partner,
            dependents=dependents,
            tenure_months=tenure,
            items=items,
            contract=self.fields["Contract"],
            contract_months=months,
            paperless=paperless,
            payment_method=method,
            automatic=automatic,
            monthly=monthly,
            total=total,
            churned=churned,
        )
        return row, self.notices

    def _fault(self, column: str, reason: str) -> None:
        self.faults.append(Remark(self.line, column, reason))

    def _one_of(self, column: str, known: Mapping[str, Value], otherwise: Value) -> Value:
        text = self.fields[column]
        if text not in known:
            self._fault(column, f"{text[:40]!r} is none of {', '.join(known)}")
            return otherwise
        return known[text]

    def _parsed(self, column: str, parse: Callable[[str], Value], otherwise: Value) -> Value:
        try:
            return parse(self.fields[column])
        except Invalid as error:
            self._fault(column, error.reason)
            return otherwise

    def _amount(self, text: str) -> Money:
        amount = Money.of(text, self.currency)
        if amount.micros < 0:
            raise Invalid(f"{text[:40]} is negative")
        if amount.rounded() != amount:
            digits = minor_digits(self.currency)
            raise Invalid(f"{text[:40]} has more than {digits} decimals")
        return amount

    def _tenure(self) -> int:
        text = self.fields["tenure"]
        months = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1
        if not 0 <= months <= _LONGEST_TENURE:
            self._fault("tenure", f"{text[:40]!r} is not 0 to {_LONGEST_TENURE} months")
            return 0
        return months

    def _total(self, tenure: int) -> Money | None:
        if self.fields["TotalCharges"]:
            return self._parsed("TotalCharges", self._amount, None)
        if tenure:
            self._fault("TotalCharges", f"is empty, though he is a customer for {tenure} months")
        else:
            reason = "is empty: a new customer, who was never billed"
            self.notices.append(Remark(self.line, "TotalCharges", reason))
        return None

    def _items(self) -> tuple[str, ...]:
        internet = self._one_of("InternetService", _INTERNET, None)
        has_phone = self._one_of("PhoneService", _YES_NO, None)
        has_internet = None if self._is_at_fault("InternetService") else internet is not None
        items = [internet] if internet else []
        if has_phone:
            items.append("phone")
        if self._beside("MultipleLines", has_phone, _NO_PHONE):
            items.append("second-line")
        for column, key in ADD_ONS.items():
            if self._beside(column, has_internet, _NO_INTERNET):
                items.append(key)
        if has_phone is False and has_internet is False:
            self._fault("PhoneService", "a customer has phone, internet or both")
        return tuple(items)

    def _is_at_fault(self, column: str) -> bool:
        return any(remark.column == column for remark in self.faults)

    def _beside(self, column: str, base: bool | None, absent: str) -> bool:
        """Whether he has what stands in `column`, beside a service that he has, has not, or
        that is itself at fault."""
        known = {"Yes": True, "No": False, absent: False}
        has = self._one_of(column, known, False)
        if base is not None and self.fields[column] in known:
            fits = {"Yes": base, "No": base, absent: not base}
            if not fits[self.fields[column]]:
                having = "has" if base else "lacks"
                text = self.fields[column]
                self._fault(column, f"{text!r} contradicts that he {having} the service")
        return has
