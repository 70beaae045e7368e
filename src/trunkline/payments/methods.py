"""Ways to pay, as documents: what each type says, and what none may say. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from trunkline.kernel.errors import Invalid
from trunkline.kernel.lifecycle import Lifecycle
from trunkline.kernel.time import format_instant
from trunkline.payments.model import CardNumberRefused, PaymentMethodKind, luhn

Body = dict[str, Any]


class InvalidPaymentMethod(Invalid):
    code = "invalidPaymentMethod"


class MethodStatus(StrEnum):
    PENDING = "pending"
    """Not usable yet: a mandate that isn't signed, a card that isn't verified."""
    ACTIVE = "active"
    INACTIVE = "inactive"
    EXPIRED = "expired"
    CLOSED = "closed"


LIFECYCLE: Lifecycle[MethodStatus] = Lifecycle(
    "payment method",
    {
        MethodStatus.PENDING: {MethodStatus.ACTIVE, MethodStatus.INACTIVE, MethodStatus.CLOSED},
        MethodStatus.ACTIVE: {MethodStatus.INACTIVE, MethodStatus.EXPIRED, MethodStatus.CLOSED},
        MethodStatus.INACTIVE: {MethodStatus.ACTIVE, MethodStatus.EXPIRED, MethodStatus.CLOSED},
        MethodStatus.EXPIRED: {MethodStatus.ACTIVE, MethodStatus.CLOSED},
        MethodStatus.CLOSED: set(),
    },
)
BEGINS = (MethodStatus.ACTIVE.value, MethodStatus.PENDING.value)

# The first is how money comes by a method of this type that doesn't say it.
_ROADS: Mapping[str, tuple[PaymentMethodKind, ...]] = {
    "cash": (PaymentMethodKind.CASH,),
    "check": (PaymentMethodKind.MAILED_CHECK, PaymentMethodKind.ELECTRONIC_CHECK),
    "bankAccountTransfer": (PaymentMethodKind.BANK_TRANSFER,),
    "bankAccountDebit": (PaymentMethodKind.DIRECT_DEBIT,),
    "directDebit": (PaymentMethodKind.DIRECT_DEBIT,),
    "tokenizedCard": (PaymentMethodKind.CREDIT_CARD,),
    "bankCard": (PaymentMethodKind.CREDIT_CARD,),
    "digitalWallet": (PaymentMethodKind.DIGITAL_WALLET,),
    "voucher": (PaymentMethodKind.VOUCHER,),
}
_TYPES = {name.lower(): name for name in _ROADS}
_TYPE_OF = {
    PaymentMethodKind.ELECTRONIC_CHECK: "check",
    PaymentMethodKind.MAILED_CHECK: "check",
    PaymentMethodKind.BANK_TRANSFER: "bankAccountTransfer",
    PaymentMethodKind.DIRECT_DEBIT: "bankAccountDebit",
    PaymentMethodKind.CREDIT_CARD: "tokenizedCard",
    PaymentMethodKind.CASH: "cash",
    PaymentMethodKind.DIGITAL_WALLET: "digitalWallet",
    PaymentMethodKind.VOUCHER: "voucher",
}
_NAMES = {
    PaymentMethodKind.ELECTRONIC_CHECK: "Electronic check",
    PaymentMethodKind.MAILED_CHECK: "Mailed check",
    PaymentMethodKind.BANK_TRANSFER: "Bank transfer",
    PaymentMethodKind.DIRECT_DEBIT: "Direct debit",
    PaymentMethodKind.CREDIT_CARD: "Card",
    PaymentMethodKind.CASH: "Cash",
    PaymentMethodKind.DIGITAL_WALLET: "Digital wallet",
    PaymentMethodKind.VOUCHER: "Voucher",
}
_NEVER = ("cvv", "cvc", "cvc2", "cvv2", "pin")
"""Attributes that nobody may keep (PCI DSS, requirement 3.3)."""
_BANK_ACCOUNTS = frozenset({"bankAccountTransfer", "bankAccountDebit", "directDebit", "check"})
_DIGITS = re.compile(r"(?<![0-9A-Za-z])[0-9](?:[ -]?[0-9]){11,18}(?![0-9A-Za-z])", re.ASCII)
_LONGEST_NAME = 200


def kind_of(body: Body) -> PaymentMethodKind:
    """By which road money comes by it: the type's, or the one that `method` says."""
    roads = _ROADS[body["@type"]]
    said = body.get("method")
    for road in roads:
        if said == road:
            return road
    return roads[0]


def kind_of_type(text: str) -> PaymentMethodKind | None:
    """How money comes by a method of this type, however it is written."""
    type_ = type_of(text)
    return None if type_ is None else _ROADS[type_][0]


def type_of(text: str) -> str | None:
    """TMF670's name of a type, however it is written: TokenizedCard, tokenizedCard."""
    return _TYPES.get(text.replace(" ", "").lower())


def body_for(
    kind: PaymentMethodKind,
    account: str,
    *,
    token: str | None,
    last_digits: str | None,
    automatic: bool,
) -> Body:
    """What a method says that comes with no body of its own."""
    body: Body = {
        "@type": _TYPE_OF[kind],
        "name": _NAMES[kind],
        "method": kind.value,
        "automatic": automatic,
        "account": [{"id": account, "@referredType": "BillingAccount"}],
    }
    if token is not None:
        body["token"] = token
    if last_digits is not None:
        body["lastFourDigits"] = last_digits
    return body


def complete(body: Body, before: Body | None, now: datetime) -> Body:
    """As it is kept: with its type's own name and the day of its status. Raises
    `InvalidPaymentMethod`, and `CardNumberRefused` for what looks like a card's number."""
    said = body.get("@type")
    type_ = type_of(said) if isinstance(said, str) else None
    if type_ is None:
        raise InvalidPaymentMethod(f"is one of {', '.join(_ROADS)}", path="@type")
    if before is not None and type_ != before["@type"]:
        raise InvalidPaymentMethod("can't be changed", path="@type")
    kept = {**body, "@type": type_}
    _check_name(kept.get("name"))
    _check_road(kept)
    _check_secrets(kept, type_)
    period = kept.get("validFor")
    if isinstance(period, dict):
        _check_period(period)
    if before is None or before.get("status") != kept.get("status"):
        kept["statusDate"] = format_instant(now)
    elif before.get("statusDate") != kept.get("statusDate"):
        raise InvalidPaymentMethod("follows the status, by itself", path="statusDate")
    kept.setdefault("isPreferred", False)
    return kept


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        raise InvalidPaymentMethod(f"has 1 to {_LONGEST_NAME} characters", path="name")


def _check_road(body: Body) -> None:
    roads = _ROADS[body["@type"]]
    if "method" in body and body["method"] not in tuple(map(str, roads)):
        raise InvalidPaymentMethod(f"is one of {', '.join(roads)}", path="method")


def _check_secrets(body: Body, type_: str) -> None:
    for path, name, text in _texts(body, ""):
        if name.lower() in _NEVER:
            raise CardNumberRefused("is never kept: send the card's token", path=path)
        if name == "lastFourDigits" and len(text) > 4:
            raise CardNumberRefused("has at most four digits", path=path)
        if name == "accountNumber" and type_ in _BANK_ACCOUNTS:
            continue
        if name == "code" and type_ == "voucher":
            continue
        if holds_card_number(text):
            raise CardNumberRefused("a card's number is never kept: send its token", path=path)


def holds_card_number(text: str) -> bool:
    """Whether 12 to 19 digits with a valid Luhn sum stand in it by themselves."""
    for found in _DIGITS.finditer(text):
        digits = found.group().replace(" ", "").replace("-", "")
        if luhn(digits):
            return True
    return False


def _texts(value: object, path: str, name: str = "") -> Iterator[tuple[str, str, str]]:
    """(path, attribute, text) of all texts, and of numbers as they are written."""
    if isinstance(value, dict):
        for each, inner in value.items():
            yield from _texts(inner, f"{path}.{each}" if path else each, each)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{path}[{index}]", name)
    elif value is not None and not isinstance(value, bool):
        yield path, name, str(value)


def _check_period(period: Mapping[str, Any]) -> None:
    start, end = (_instant(period, each) for each in ("startDateTime", "endDateTime"))
    if start is not None and end is not None and end <= start:
        raise InvalidPaymentMethod("ends before it begins", path="validFor.endDateTime")


def _instant(period: Mapping[str, Any], name: str) -> datetime | None:
    text = period.get(name)
    return datetime.fromisoformat(text) if isinstance(text, str) else None
