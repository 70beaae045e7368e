"""From a page's values to HTML: the template environment and how values look to people."""

import re
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2
import msgspec
from markupsafe import Markup

from trunkline.kernel.money import MICROS, Money, minor_digits
from trunkline.kernel.quantity import Quantity, Unit

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"

NONE = "\u2013"
"""What stands where there is no value."""

_SPELT = {"sim": "SIM", "imsi": "IMSI", "iccid": "ICCID", "msisdn": "MSISDN"}
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}


def environment(zone: ZoneInfo) -> jinja2.Environment:
    """Templates with autoescape on and undefined names refused; instants appear in `zone`."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        money=money,
        exact=exact,
        words=words,
        sentence=sentence,
        number=number,
        quantity=quantity,
        json_in_html=json_in_html,
        instant=lambda value: instant(value, zone),
        day=lambda value: day(value, zone),
    )
    return templates


def money(value: Money) -> str:
    """€1,234.50; -€0.0042; CHF 12.00. Micros that minor units can't show stay visible."""
    amount = f"{abs(value.to_decimal()):,f}"
    symbol = _SYMBOLS.get(value.currency, f"{value.currency}\u00a0")
    return f"{'-' if value.micros < 0 else ''}{symbol}{amount}"


def exact(value: Money | None, *, aligned: bool = True) -> Markup:
    """To the micro, what lies beyond minor units set back; with `aligned` always six decimals,
    for columns. Nothing for none."""
    if value is None:
        return Markup("")
    sign = "-" if value.micros < 0 else ""
    main, parts = divmod(abs(value.micros), MICROS)
    decimals, digits = f"{parts:06}", minor_digits(value.currency)
    symbol = _SYMBOLS.get(value.currency, f"{value.currency}\u00a0")
    shown = f"{sign}{symbol}{main:,}" + (f".{decimals[:digits]}" if digits else "")
    rest = decimals[digits:] if aligned else decimals[digits:].rstrip("0")
    if not rest:
        return Markup("{}").format(shown)
    return Markup('{}<span class="micros">{}{}</span>').format(shown, "" if digits else ".", rest)


def number(value: int) -> str:
    """12,345"""
    return f"{value:,}"


def quantity(value: Quantity) -> str:
    """In the unit that people say: 1.5 GB, 12 min 30 s, 3 messages."""
    match value.unit:
        case Unit.BYTES:
            return _octets(value.amount)
        case Unit.SECONDS:
            return _duration(value.amount)
        case _:
            unit = str(value.unit)
            return f"{value.amount:,} {unit[:-1] if value.amount == 1 else unit}"


def _octets(amount: int) -> str:
    for name, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if abs(amount) >= size:
            tenths = amount * 10 // size
            return (
                f"{tenths // 10:,}.{tenths % 10} {name}"
                if tenths % 10
                else f"{tenths // 10:,} {name}"
            )
    return f"{amount:,} B"


def _duration(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def words(name: str) -> str:
    """`partiallyPaid` and `reserveSim` as people write: partially paid, reserve SIM."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(name)).replace("_", " ").lower()
    return " ".join(_SPELT.get(word, word) for word in spaced.split(" "))


def sentence(text: str) -> str:
    """With a capital first letter; the others stay."""
    return text[:1].upper() + text[1:]


def instant(value: datetime | None, zone: ZoneInfo) -> str:
    """21 Nov 2026, 14:05; a dash for none."""
    if value is None:
        return NONE
    local = value.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M}"


def day(value: datetime | date | None, zone: ZoneInfo) -> str:
    """21 Nov 2026; a dash for none."""
    if value is None:
        return NONE
    local = value.astimezone(zone) if isinstance(value, datetime) else value
    return f"{local.day} {local:%b %Y}"


def json_in_html(value: object) -> Markup:
    """JSON that is safe inside a script element: nothing in it can close the element."""
    text = msgspec.json.encode(value).decode()
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - every character that HTML reads is escaped above
