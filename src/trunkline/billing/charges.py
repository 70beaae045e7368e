"""What an account owes for a month. Pure: the same input makes the same bill.

Every charge is reckoned to the micro and becomes minor units once, as a line; what that moves
goes to the ledger's rounding account, so that the entry still sums to zero.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec

from trunkline.billing.cycle import window
from trunkline.billing.model import InvoiceLine, LineKind
from trunkline.inventory import PriceKind, Product, ProductPrice
from trunkline.kernel.money import CurrencyMismatch, Money
from trunkline.kernel.time import Period, monthly_period
from trunkline.ledger import (
    ONE_TIME_REVENUE,
    RECEIVABLES,
    RECURRING_REVENUE,
    ROUNDING,
    TAX_PAYABLE,
    UNBILLED,
    USAGE_REVENUE,
    Posting,
    merged,
)
from trunkline.rating import Days, Part, prorate
from trunkline.tax import Taxable, Taxed, TaxRate, TaxRegime, calculate_tax

_CREDITED = {
    LineKind.RECURRING: RECURRING_REVENUE,
    LineKind.ONE_TIME: ONE_TIME_REVENUE,
    LineKind.USAGE: UNBILLED,
}
"""What a line is booked against. Usage became revenue when it was charged."""
_EARNED = _CREDITED | {LineKind.USAGE: USAGE_REVENUE}
"""Where a line's revenue stands, from which an inclusive price gives up its tax."""


class UsageCharge(msgspec.Struct, frozen=True):
    """Usage under one price: `amount` to the micro, as charging debited it. `unit` is bytes,
    seconds or messages; `included` units cost nothing."""

    label: str
    unit: str
    quantity: int
    included: int
    events: int
    amount: Money
    tax_category: str = "standard"
    product: str | None = None
    subscriber: str = ""
    """Whose it is, where an account has several."""


class Charge(msgspec.Struct, frozen=True):
    """A line before its rounding: `exact` is to the micro."""

    line: InvoiceLine
    exact: Money


class ToBill(msgspec.Struct, frozen=True, kw_only=True):
    """All that a bill is made from. `rates` are those that hold for the month; nothing before
    `since`, the beginning of the account's first month, is billed. `begun` names the products
    that an earlier bill has had: of any other, its earlier months are billed too."""

    currency: str
    month: Period
    since: datetime
    begun: Set[str]
    cycle_day: int
    tz: ZoneInfo
    products: Sequence[Product]
    usage: Sequence[UsageCharge]
    regime: TaxRegime
    rates: Mapping[str, tuple[TaxRate, ...]]


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What the month comes to, and the postings that book it."""

    lines: tuple[InvoiceLine, ...]
    taxed: Taxed
    postings: tuple[Posting, ...]


def calculate_bill(to_bill: ToBill) -> Bill | None:
    """The bill of one account's month, or None where nothing was in service or used. Raises
    `NoRate` for a tax category without a rate and `CurrencyMismatch` for a price in another
    currency than the account's: such an account is set aside."""
    charges = [*_product_charges(to_bill), *_usage_charges(to_bill)]
    if not charges:
        return None
    for charge in charges:
        if charge.exact.currency != to_bill.currency:
            raise CurrencyMismatch(
                f"{charge.line.text} costs {charge.exact}, and the account pays in "
                f"{to_bill.currency}"
            )
    charges.sort(key=lambda charge: _ORDER[charge.line.kind])
    taxed = calculate_tax(
        [Taxable(charge.line.tax_category, charge.line.amount) for charge in charges],
        to_bill.rates,
        currency=to_bill.currency,
        rounding=to_bill.regime.rounding,
        inclusive=to_bill.regime.inclusive,
    )
    lines = tuple(
        msgspec.structs.replace(charge.line, line=number, amount=net)
        for number, (charge, net) in enumerate(zip(charges, taxed.lines, strict=True), start=1)
    )
    return Bill(lines=lines, taxed=taxed, postings=_postings(charges, taxed))


_ORDER = {kind: place for place, kind in enumerate(LineKind)}


def _product_charges(to_bill: ToBill) -> Iterator[Charge]:
    for product in to_bill.products:
        for month in _months(to_bill, product):
            served = product.service_period(month)
            if served is None:
                continue
            for price in product.prices:
                if price.kind is PriceKind.RECURRING and product.fee_from_balance:
                    continue
                if price.kind is PriceKind.RECURRING:
                    yield from _recurring(to_bill, month, product, price)
                elif _begins(to_bill, month, product, price):
                    yield from _charges(LineKind.ONE_TIME, product, price, served, Part(1, 1), "")


def _months(to_bill: ToBill, product: Product) -> Iterator[Period]:
    """The months that this bill charges a product for."""
    if product.id not in to_bill.begun and product.start_date is not None:
        at = max(product.start_date, to_bill.since)
        while at < to_bill.month.start:
            missed = monthly_period(at, cycle_day=to_bill.cycle_day, tz=to_bill.tz)
            # A bill in between may have cut the last of them.
            yield Period(missed.start, min(missed.end, to_bill.month.start))
            at = missed.end
    yield to_bill.month


def _begins(to_bill: ToBill, month: Period, product: Product, price: ProductPrice) -> bool:
    """Whether a one-time price falls into the month: the product's start, or the price's own
    where it came later."""
    if price.valid_from is not None:
        return price.valid_from in month and price.valid_from >= to_bill.since
    start = product.start_date
    assert start is not None, "a product in service has started"
    return start in month and start >= to_bill.since and product.id not in to_bill.begun


def _recurring(
    to_bill: ToBill, month: Period, product: Product, price: ProductPrice
) -> Iterator[Charge]:
    """A price in arrears: when its period ends, or the product or the price does. The day on
    which it starts counts whole, the one on which it ends not at all."""
    assert product.start_date is not None, "a product in service has started"
    if price.within(month) is None:
        return
    # A month that a bill on demand has cut is charged in parts of the whole.
    priced = monthly_period(month.start, cycle_day=to_bill.cycle_day, tz=to_bill.tz)
    if price.period_months > 1:
        priced = window(
            month,
            price.period_months,
            price.valid_from or product.start_date,
            cycle_day=to_bill.cycle_day,
            tz=to_bill.tz,
        )
        ends = (product.termination_date, price.valid_until)
        ended = any(end is not None and end <= month.end for end in ends)
        if priced.end > month.end and not ended:
            return
    served = product.service_period(month if price.period_months == 1 else priced)
    assert served is not None, "a product in service in the month is so in the price's period"
    held = price.within(served)
    if held is None:
        return
    served = Period(max(held.start, to_bill.since), held.end)
    first, last = _day(priced.start, to_bill.tz), _day(priced.end, to_bill.tz)
    start = max(first, _day(served.start, to_bill.tz))
    end = min(last, _day(served.end, to_bill.tz))
    if start == end:
        return
    part = prorate(start, end, period=(first, last), days=Days.ACTUAL)
    whole = part.numerator == part.denominator
    detail = "" if whole else f"{part.numerator} of {part.denominator} days"
    yield from _charges(LineKind.RECURRING, product, price, served, part, detail)


def _charges(
    kind: LineKind, product: Product, price: ProductPrice, period: Period, part: Part, detail: str
) -> Iterator[Charge]:
    """The price as listed, and what was agreed beside it as lines of their own."""
    amounts = [(price.name, price.amount)]
    amounts += [(alteration.name, alteration.amount) for alteration in price.alterations]
    for text, amount in amounts:
        exact = part.of(amount)
        yield Charge(
            InvoiceLine(
                line=0,
                kind=kind,
                text=text,
                amount=exact.rounded(),
                tax_category=price.tax_category,
                product=product.id,
                period=period,
                detail=detail,
            ),
            exact,
        )


def _usage_charges(to_bill: ToBill) -> Iterator[Charge]:
    for usage in to_bill.usage:
        yield Charge(
            InvoiceLine(
                line=0,
                kind=LineKind.USAGE,
                text=usage.label,
                amount=usage.amount.rounded(),
                tax_category=usage.tax_category,
                product=usage.product,
                period=to_bill.month,
                detail=usage.subscriber,
                unit=usage.unit,
                quantity=usage.quantity,
                included=usage.included,
                events=usage.events,
            ),
            usage.amount,
        )


def _postings(charges: Sequence[Charge], taxed: Taxed) -> tuple[Posting, ...]:
    """Receivables against revenue, unbilled usage and tax; the rest is rounding."""
    postings = [Posting(RECEIVABLES, taxed.gross), Posting(TAX_PAYABLE, -taxed.tax)]
    for charge, net in zip(charges, taxed.lines, strict=True):
        kind = charge.line.kind
        postings.append(Posting(_CREDITED[kind], -charge.exact))
        contained = charge.line.amount - net
        if contained:
            postings.append(Posting(_EARNED[kind], contained))
    rest = sum(posting.amount.micros for posting in postings)
    postings.append(Posting(ROUNDING, Money(-rest, taxed.gross.currency)))
    return merged(postings)


def _day(instant: datetime, tz: ZoneInfo) -> date:
    return instant.astimezone(tz).date()
