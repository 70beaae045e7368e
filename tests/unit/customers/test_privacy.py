"""How consents are read from what a party said."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.customers import Consent, PartyId
from trunkline.customers.privacy.model import (
    PROFILE_LIFECYCLE,
    InvalidProfile,
    Standing,
    Statement,
    channel_of,
    differences,
    is_yes,
    period,
    purpose_of,
    refused_as,
    standing,
    statements,
)
from trunkline.customers.privacy.store import as_of

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
MARKETING_MAIL = "MARKETING", "email"
YES, NO = Statement(granted=True), Statement(granted=False)


@pytest.mark.parametrize("value", [True, "true", "Yes", "ALLOWED", "opt-in", "Opted In", "1"])
def test_what_is_a_yes(value: object) -> None:
    assert is_yes(value)
    assert not is_yes(refused_as(value))


@pytest.mark.parametrize(
    "value",
    [False, None, 0, 1, "", "no", "opt-out", "perhaps", "not allowed", "yes and no", [], ["yes"],
     {"value": "yes"}],
)  # fmt: skip
def test_all_else_is_a_no(value: object) -> None:
    assert not is_yes(value)


@pytest.mark.parametrize(
    ("name", "channel"),
    [("email", "email"), ("E-Mail address", "email"), ("SMS", "sms"), ("Mobile number", "sms"),
     ("App push", "app"), ("inApp", "app"), ("voice mail", "voice mail"), ("Usage Data",
     "usage data"), ("x" * 99, "x" * 60)],
)  # fmt: skip
def test_names_of_channels(name: str, channel: str) -> None:
    assert channel_of(name) == channel


def test_purposes() -> None:
    assert [purpose_of(each) for each in ("marketing", " Research ", None, "")] == [
        "MARKETING", "RESEARCH", "MARKETING", "MARKETING"]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "meaning"),
    [("Active", Standing.IN_FORCE), ("agreed", Standing.IN_FORCE), ("created", Standing.PENDING),
     ("In Design", Standing.PENDING), ("", Standing.PENDING), ("Terminated", Standing.ENDED),
     ("withdrawn", Standing.ENDED)],
)  # fmt: skip
def test_words_of_states(word: str, meaning: Standing) -> None:
    assert standing(word) is meaning


def test_what_has_ended_stays() -> None:
    assert PROFILE_LIFECYCLE.following(Standing.ENDED) == {Standing.ENDED}
    assert Standing.PENDING in PROFILE_LIFECYCLE.following(Standing.IN_FORCE)


def profile(*said: tuple[str, Any], **rest: Any) -> dict[str, Any]:
    listed = [{"name": name, "value": value} for name, value in said]
    return {"status": "agreed", "partyPrivacyProfileCharacteristic": listed, **rest}


def test_of_two_words_a_no_counts() -> None:
    for order in ([("email", "yes"), ("mail", "no")], [("mail", "no"), ("email", "yes")]):
        assert statements(profile(*order)) == {MARKETING_MAIL: NO}


def test_a_profile_for_a_time() -> None:
    valid = {"startDateTime": "2026-11-02T09:00:00Z", "endDateTime": "2026-11-03T09:00:00+00:00"}
    said = statements(profile(("email", True), validFor=valid))
    assert said == {MARKETING_MAIL: Statement(True, NOW, NOW + timedelta(days=1))}
    with pytest.raises(InvalidProfile):
        period({"startDateTime": "2026-11-02T09:00:00Z", "endDateTime": "2026-11-02T08:00:00Z"})


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({}, {}, {}),
        ({}, {"a": YES}, {"a": YES}),
        ({}, {"a": NO}, {"a": NO}),
        ({"a": YES}, {"a": YES}, {}),
        ({"a": YES}, {"a": NO}, {"a": NO}),
        ({"a": YES}, {}, {"a": NO}),
        ({"a": NO}, {}, {}),
        ({"a": NO}, {"a": YES}, {"a": YES}),
        ({"a": YES}, {"a": Statement(True, NOW)}, {"a": Statement(True, NOW)}),
    ],
)
def test_only_what_differs_is_said_anew(before: Any, after: Any, said: Any) -> None:
    assert differences(before, after) == said


_DAYS = st.integers(0, 10)
_WORDS = st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), _DAYS, st.none() | _DAYS))


@given(_WORDS, _DAYS)
def test_the_latest_word_that_has_begun_counts(
    words: list[tuple[str, bool, int, int | None]], day: int
) -> None:
    """Against a walk backwards over all that was said."""

    def at(days: int) -> datetime:
        return NOW + timedelta(days=days)

    consents = [
        Consent(
            party=PartyId("p"), purpose="MARKETING", channel=channel, granted=granted,
            since=at(since), until=None if until is None else at(until), by="p", how="test",
            recorded_at=NOW,
        )
        for channel, granted, since, until in words
    ]  # fmt: skip
    found = as_of(consents, at(day))
    for channel in "ab":
        holds = False
        for said, granted, since, until in reversed(words):
            if said == channel and since <= day:
                holds = granted and (until is None or day < until)
                break
        latest = found.get((PartyId("p"), "MARKETING", channel))
        assert (latest is not None and latest.holds(at(day))) is holds
