"""Which tariff is in force when, over random publications, in whatever order they arrive."""

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.charging.builders import compiled
from trunkline.charging.tariffs import Tariffs, schedule


@dataclass(frozen=True)
class Publication:
    """What was said at `at`: of then, and of these instants to come."""

    at: int
    ahead: tuple[int, ...]


@st.composite
def publications(draw: st.DrawFn) -> list[Publication]:
    found = []
    at = 0
    for _ in range(draw(st.integers(1, 6))):
        at += draw(st.integers(0, 20))
        ahead = draw(st.lists(st.integers(at, at + 40), max_size=3, unique=True))
        found.append(Publication(at, tuple(sorted(ahead))))
    return found


def installed(said: list[Publication]) -> list[tuple[int, int]]:
    versions: list[tuple[int, int]] = []
    for each in said:
        for start in (each.at, *each.ahead):
            versions.append((start, len(versions) + 1))
    return versions


def expected(said: list[Publication], at: int) -> int:
    """The last publication that was made by then, and the last of its changes that has come;
    before the first of all, that one."""
    at = max(at, said[0].at)
    version = number = 0
    for each in said:
        for start in (each.at, *each.ahead):
            number += 1
            if each.at <= at and start <= at:
                version = number
    return version


@given(publications(), st.data())
def test_the_last_word_counts_from_when_it_was_said(
    said: list[Publication], data: st.DataObject
) -> None:
    versions = data.draw(st.permutations(installed(said)))
    tariffs = Tariffs(versions, lambda version: compiled(version=version))
    starts = sorted(each for each, _ in schedule(versions))
    for at in {each + near for each, _ in versions for near in (-1, 0, 1)}:
        assert tariffs.version_at(at) == expected(said, at), at
        later = [each for each in starts if each > at]
        assert tariffs.next_after(at) == (later[0] if later else 0)


@given(publications())
def test_what_was_in_force_stays(said: list[Publication]) -> None:
    """A publication changes nothing of the time before it."""
    for before, after in pairwise([installed(said[:count]) for count in range(1, len(said) + 1)]):
        made = after[len(before)][0]
        earlier = [each for each in schedule(after) if each[0] < made]
        assert earlier == [each for each in schedule(before) if each[0] < made]
