"""Lifecycles let through what their table says, and name what they would let through."""

from enum import StrEnum

import pytest

from trunkline.kernel.errors import Conflict
from trunkline.kernel.lifecycle import IllegalTransition, Lifecycle


class Door(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    WALLED_UP = "walledUp"


DOOR = Lifecycle(
    "door",
    {
        Door.OPEN: {Door.CLOSED},
        Door.CLOSED: {Door.OPEN, Door.WALLED_UP},
        Door.WALLED_UP: set(),
    },
)


def test_what_the_table_says_is_legal() -> None:
    DOOR.check(Door.OPEN, Door.CLOSED)
    assert DOOR.following(Door.CLOSED) == {Door.OPEN, Door.WALLED_UP}
    assert DOOR.is_final(Door.WALLED_UP)
    assert not DOOR.is_final(Door.OPEN)


def test_what_it_does_not_say_is_not() -> None:
    with pytest.raises(IllegalTransition) as caught:
        DOOR.check(Door.OPEN, Door.WALLED_UP, path="status")
    error = caught.value
    assert isinstance(error, Conflict)
    assert str(error) == (
        "status: door is open and can't become walledUp; from here it may become closed"
    )
    assert error.fields == {"state": "open", "allowed": ["closed"]}


def test_staying_is_a_transition_too() -> None:
    with pytest.raises(IllegalTransition):
        DOOR.check(Door.OPEN, Door.OPEN)


def test_a_final_state_says_so() -> None:
    with pytest.raises(IllegalTransition, match="nothing: it is final"):
        DOOR.check(Door.WALLED_UP, Door.OPEN)


def test_every_state_has_its_row() -> None:
    with pytest.raises(AssertionError, match="door"):
        Lifecycle("door", {Door.OPEN: {Door.CLOSED}})
