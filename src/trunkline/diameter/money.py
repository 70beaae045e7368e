"""Amounts of money, and what bounds all amounts (RFC 8506, 8.22)."""

import msgspec

from trunkline.charging import MOST_UNITS
from trunkline.diameter import dictionary as d
from trunkline.diameter.codec import Malformed, avp, avps, missing, s32_at, s64_at, wrong_length
from trunkline.diameter.currencies import NAMES, NUMBERS


class Sum(msgspec.Struct, frozen=True, gc=False):
    """An amount of money; the currency where it is told."""

    micros: int
    currency: str = ""


def money_in(message: bytes, begin: int, end: int) -> Sum:
    """The CC-Money whose data lies there. Raises `Malformed`."""
    digits: int | None = None
    exponent = 0
    currency = ""
    for value in avps(message, begin, end):
        if value.code == d.CURRENCY_CODE:
            number = value.u32()
            if number not in NAMES:
                raise Malformed(d.INVALID_AVP_VALUE, f"{number} is no currency", value.encode())
            currency = NAMES[number]
        if value.code != d.UNIT_VALUE:
            continue
        for part in avps(value.data, 0):
            if part.code == d.VALUE_DIGITS:
                if len(part.data) != 8:
                    raise wrong_length(d.VALUE_DIGITS, 0, 8)
                digits = s64_at(part.data)[0]
            elif part.code == d.EXPONENT:
                if len(part.data) != 4:
                    raise wrong_length(d.EXPONENT, 0, 4)
                exponent = s32_at(part.data)[0]
    if digits is None:
        raise missing(d.VALUE_DIGITS)
    scale: int = 10 ** (min(max(exponent, -24), 18) + 24)
    micros, rest = divmod(digits * scale, 10**18)
    if rest or not 0 <= micros <= MOST_UNITS:
        raise Malformed(
            d.INVALID_AVP_VALUE,
            "CC-Money is no amount in whole micros that the books can hold",
            avp(d.CC_MONEY, message[begin:end]),
        )
    return Sum(micros, currency)


def added(one: Sum, other: Sum) -> Sum:
    """Raises `Malformed` for two currencies."""
    if one.currency and other.currency and one.currency != other.currency:
        raise Malformed(
            d.INVALID_AVP_VALUE,
            "money in two currencies",
            avp(d.CURRENCY_CODE, NUMBERS[other.currency].to_bytes(4, "big")),
        )
    return Sum(
        bounded(one.micros + other.micros, d.USED_SERVICE_UNIT), one.currency or other.currency
    )


def bounded(amount: int, code: int = d.USED_SERVICE_UNIT) -> int:
    if amount > MOST_UNITS:
        raise Malformed(
            d.INVALID_AVP_VALUE,
            "an amount that no network delivers",
            avp(code, min(amount, 2**64 - 1).to_bytes(8, "big")),
        )
    return amount
