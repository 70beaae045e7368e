"""Templates: what is refused when they are saved, and what they say."""

from typing import Any

import pytest

from trunkline.messaging import (
    ChannelName,
    Declaration,
    InvalidTemplate,
    InvalidVariables,
    Purpose,
    SavedTemplate,
    VariableKind,
)
from trunkline.messaging.smpp.text import GSM, segments
from trunkline.messaging.templates import (
    check_declaration,
    check_language,
    check_wording,
    choose,
    render,
    shipped_declarations,
    shipped_wordings,
)

DECLARED = Declaration(
    key="balance.low",
    purpose=Purpose.SERVICE,
    channels=(ChannelName.SMS,),
    variables={"name": VariableKind.TEXT, "left": VariableKind.MONEY, "until": VariableKind.DATE},
    required=("left",),
)
GIVEN = {"name": "Maeve", "left": "1234.5 EUR", "until": "2026-11-30"}


def wording(**said: Any) -> SavedTemplate:
    return SavedTemplate(**{"key": "balance.low", "language": "en", "version": 1, **said})


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({}, "text"),
        ({"text": "{left}"}, "subject"),
        ({"sms": "{lift} and {left}"}, "sms"),
        ({"sms": "Hello {name}"}, "sms"),
        ({"sms": "{left.real}"}, "sms"),
        ({"sms": "{left!r}"}, "sms"),
        ({"sms": "{left:>100000000}"}, "sms"),
        ({"sms": "{0} {left}"}, "sms"),
        ({"sms": "{} {left}"}, "sms"),
        ({"sms": "{left[0]}"}, "sms"),
        ({"sms": "{left"}, "sms"),
        ({"sms": "left}"}, "sms"),
        ({"sms": " "}, "sms"),
        ({"sms": "{left}" + "x" * 1200}, "sms"),
        ({"sms": "{left}\0"}, "sms"),
        ({"sms": "{left}", "text": "Hello", "subject": "Low"}, "text"),
        ({"text": "{left}", "subject": "Low\nBcc: x"}, "subject"),
        ({"text": "{left}", "subject": "{what}"}, "subject"),
    ],
)
def test_wordings_that_are_refused(said: dict[str, str], path: str) -> None:
    with pytest.raises(InvalidTemplate) as refused:
        check_wording(DECLARED, wording(**said))
    assert refused.value.path == path


def test_braces_are_doubled() -> None:
    said = wording(sms="{{{name}}}: {left}")
    check_wording(DECLARED, said)
    assert render(DECLARED, said, GIVEN, ChannelName.SMS).text == "{Maeve}: €1,234.50"


@pytest.mark.parametrize(
    ("language", "shown"),
    [("en", "€1,234.50 Nov 30, 2026"), ("de", "1.234,50\xa0€ 30.11.2026"),
     ("fr", "1\u202f234,50\xa0€ 30 nov. 2026")],
)  # fmt: skip
def test_values_as_the_language_writes_them(language: str, shown: str) -> None:
    said = wording(language=language, sms="{left} {until}")
    assert render(DECLARED, said, GIVEN, ChannelName.SMS).text == shown


def test_a_value_is_never_a_placeholder() -> None:
    given = GIVEN | {"name": "{left}"}
    assert render(DECLARED, wording(sms="{name}"), given, ChannelName.SMS).text == "{left}"


def test_a_subject_stays_one_line() -> None:
    given = GIVEN | {"name": "Maeve\r\nBcc: x@y.z"}
    said = wording(subject="For {name}", text="{left}")
    rendered = render(DECLARED, said, given, ChannelName.EMAIL)
    assert rendered.subject == "For Maeve Bcc: x@y.z"


@pytest.mark.parametrize(
    "given",
    [GIVEN | {"other": "?"}, {"name": "Maeve"}, GIVEN | {"left": "much"}, GIVEN | {"left": ""},
     GIVEN | {"until": "tomorrow"}],
)  # fmt: skip
def test_variables_that_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(InvalidVariables):
        render(DECLARED, wording(sms="{left}"), given, ChannelName.SMS)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"key": "Balance Low"}, "key"),
        ({"key": "balance..low"}, "key"),
        ({"key": "b" * 61}, "key"),
        ({"channels": ()}, "channels"),
        ({"variables": {"not a name": VariableKind.TEXT}}, "variables"),
        ({"required": ("gone",)}, "required"),
    ],
)
def test_declarations_that_are_refused(change: dict[str, Any], path: str) -> None:
    known = {"key": "a.b", "purpose": Purpose.SERVICE, "channels": (ChannelName.SMS,)}
    with pytest.raises(InvalidTemplate) as refused:
        check_declaration(Declaration(**{**known, "variables": {}, **change}))
    assert refused.value.path == path


def test_languages() -> None:
    assert check_language("de-AT") == "de-AT"
    for unknown in ("", "xx", "german", "../en", "e" * 50):
        with pytest.raises(InvalidTemplate):
            check_language(unknown)


def test_the_language_is_chosen() -> None:
    there = {each: wording(language=each, sms=each) for each in ("en", "de", "de-AT")}
    for asked, found in (
        (["de-AT"], "de-AT"), (["de-CH"], "de"), (["fr", "de"], "de"), (["fr"], "en"), ([], "en"),
    ):  # fmt: skip
        chosen = choose(asked, there)
        assert chosen is not None
        assert chosen.language == found
    assert choose(["fr"], {"de": wording()}) is None


def test_what_is_shipped_is_whole() -> None:
    wordings = shipped_wordings()
    for key, declared in shipped_declarations().items():
        check_declaration(declared)
        for language in ("en", "de", "fr"):
            check_wording(declared, wordings[key, language])
            sms = wordings[key, language].sms
            assert sms is not None
            if language == "de":
                assert segments(sms)[0].coding == GSM
    assert {key for key, _ in wordings} == set(shipped_declarations())
