"""Templates: what is said on an occasion, in several languages.

A template's key is declared once, with its purpose and the variables that it is given; a wording
is what it says in one language. A placeholder is `{name}`, nothing more ({{ and }} are braces).
A wording is checked when it is saved, so that none fails when it is sent.
"""

import string
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from importlib import resources

import msgspec
from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency

from trunkline.kernel.errors import Invalid, NotFound
from trunkline.kernel.money import Money
from trunkline.messaging.model import ChannelName, Purpose, SavedTemplate

FALLBACK = "en"
_LONGEST = {"subject": 200, "text": 20_000, "sms": 1_200}
_formatter = string.Formatter()


class VariableKind(StrEnum):
    """`money` is given as "12.50 EUR", `date` as "2026-11-02"; they are shown as the language
    writes them."""

    TEXT = "text"
    MONEY = "money"
    DATE = "date"


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """`channels` in the order in which they are tried; `required` are variables that every
    text must show."""

    key: str
    purpose: Purpose
    channels: tuple[ChannelName, ...]
    variables: Mapping[str, VariableKind]
    required: tuple[str, ...] = ()


class InvalidTemplate(Invalid):
    code = "invalidTemplate"


class UnknownTemplate(NotFound):
    code = "unknownTemplate"


class InvalidVariables(Invalid):
    """What is given is not what the template was declared to get."""

    code = "invalidVariables"


class Rendered(msgspec.Struct, frozen=True):
    text: str
    subject: str | None = None


def check_declaration(declaration: Declaration) -> None:
    """Raises `InvalidTemplate`."""
    parts = declaration.key.split(".")
    if len(declaration.key) > 60 or not all(part.isidentifier() for part in parts):
        raise InvalidTemplate("a key is words with dots between, like invoice.issued", path="key")
    if not declaration.channels:
        raise InvalidTemplate("a template has at least one channel", path="channels")
    for name in declaration.variables:
        if not name.isidentifier() or len(name) > 60:
            raise InvalidTemplate(f"{name[:40]!r} can't be a variable's name", path="variables")
    for name in declaration.required:
        if name not in declaration.variables:
            raise InvalidTemplate(f"there is no variable {name[:40]!r}", path="required")


def check_language(language: str) -> str:
    """As `de` or `de-AT`. Raises `InvalidTemplate`."""
    try:
        return str(Locale.parse(language, sep="-")).replace("_", "-")
    except (ValueError, UnknownLocaleError, TypeError):
        raise InvalidTemplate(f"{language[:20]!r} is not a language", path="language") from None


def check_wording(declaration: Declaration, wording: SavedTemplate) -> None:
    """Raises `InvalidTemplate` for a placeholder that isn't declared, one that is required and
    missing, one that is more than a name, and where there is nothing to say."""
    if wording.text is None and wording.sms is None:
        raise InvalidTemplate("there is neither a text nor an sms", path="text")
    if wording.text is not None and wording.subject is None:
        raise InvalidTemplate("a text has a subject", path="subject")
    for part in ("subject", "text", "sms"):
        said = getattr(wording, part)
        if said is None:
            continue
        if not said.strip() or len(said) > _LONGEST[part] or "\0" in said:
            raise InvalidTemplate(f"has 1 to {_LONGEST[part]} characters", path=part)
        if part == "subject" and not said.isprintable():
            raise InvalidTemplate("is one line", path=part)
        used = _placeholders(said, part)
        unknown = sorted(used - declaration.variables.keys())
        if unknown:
            names = ", ".join(declaration.variables) or "none"
            raise InvalidTemplate(f"{{{unknown[0][:40]}}} is not among {names}", path=part)
        missing = [each for each in declaration.required if each not in used]
        if missing and part != "subject":
            raise InvalidTemplate(f"{{{missing[0]}}} is missing", path=part)


def _placeholders(text: str, path: str) -> set[str]:
    found: set[str] = set()
    try:
        for _, name, form, conversion in _formatter.parse(text):
            if name is None:
                continue
            if not name.isidentifier() or form or conversion:
                raise InvalidTemplate(f"{{{name[:40]}}} is no plain {{name}}", path=path)
            found.add(name)
    except ValueError as error:
        raise InvalidTemplate(f"braces don't match: {error}", path=path) from None
    return found


def render(
    declaration: Declaration,
    wording: SavedTemplate,
    variables: Mapping[str, str],
    channel: ChannelName,
) -> Rendered:
    """What is said. Raises `InvalidVariables`."""
    values = shown(declaration, variables, wording.language)
    if channel is ChannelName.SMS:
        assert wording.sms is not None
        return Rendered(_filled(wording.sms, values))
    assert wording.text is not None
    subject = (
        None if wording.subject is None else " ".join(_filled(wording.subject, values).split())
    )
    return Rendered(_filled(wording.text, values), subject)


def says(wording: SavedTemplate, channel: ChannelName) -> bool:
    """Whether it has words for this channel."""
    return (wording.sms if channel is ChannelName.SMS else wording.text) is not None


def shown(declaration: Declaration, variables: Mapping[str, str], language: str) -> dict[str, str]:
    """The variables as this language writes them. Raises `InvalidVariables` where one is
    missing, unknown, or not of its kind."""
    unknown = sorted(variables.keys() - declaration.variables.keys())
    if unknown:
        raise InvalidVariables(f"{declaration.key} has no variable {unknown[0][:40]!r}")
    values = {}
    for name, kind in declaration.variables.items():
        if name not in variables:
            raise InvalidVariables(f"{declaration.key} needs {name!r}", path=name)
        values[name] = _shown(kind, variables[name], language, name)
    return values


def _shown(kind: VariableKind, value: str, language: str, path: str) -> str:
    locale = language.replace("-", "_")
    try:
        if kind is VariableKind.MONEY:
            number, _, currency = value.partition(" ")
            return format_currency(Decimal(number), currency, locale=locale)
        if kind is VariableKind.DATE:
            return format_date(date.fromisoformat(value), locale=locale)
    except (ValueError, InvalidOperation, UnknownLocaleError):
        raise InvalidVariables(f"{value[:40]!r} is no {kind}", path=path) from None
    return value


def _filled(text: str, values: Mapping[str, str]) -> str:
    return "".join(
        literal + ("" if name is None else values[name])
        for literal, name, _, _ in _formatter.parse(text)
    )


def money(amount: Money) -> str:
    """An amount as a variable."""
    return f"{amount.to_decimal()} {amount.currency}"


@cache
def shipped_declarations() -> Mapping[str, Declaration]:
    return {
        key: msgspec.convert(said | {"key": key}, Declaration)
        for key, said in _read("declarations").items()
    }


@cache
def shipped_wordings() -> Mapping[tuple[str, str], SavedTemplate]:
    """By key and language."""
    found = {}
    for language in ("en", "de", "fr"):
        for key, said in _read(language).items():
            given = said | {"key": key, "language": language, "version": 0}
            found[key, language] = msgspec.convert(given, SavedTemplate)
    return found


def _read(name: str) -> dict[str, dict[str, object]]:
    file = resources.files("trunkline.messaging") / "wordings" / f"{name}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def choose(languages: Iterable[str], there: Mapping[str, SavedTemplate]) -> SavedTemplate | None:
    """The wording in the first of the languages that there is one for: the region's (`de-AT`),
    else the language's (`de`); English where there is none."""
    for asked in (*languages, FALLBACK):
        for language in (asked, asked.partition("-")[0]):
            if language in there:
                return there[language]
    return None
