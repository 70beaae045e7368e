"""Ids know their kind and sort by the instant of their making."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.kernel.errors import Invalid
from trunkline.kernel.ids import Id, IdSource
from trunkline.kernel.time import from_micros, to_micros

START = datetime(2026, 11, 21, 20, 50, tzinfo=UTC)


class OrderId(Id):
    prefix = "order"


instants = st.integers(0, to_micros(datetime(9000, 1, 1, tzinfo=UTC))).map(from_micros)


def test_an_id_says_its_kind() -> None:
    made = IdSource().new(OrderId, START)
    assert isinstance(made, OrderId)
    assert made.startswith("order_")
    assert len(made) == len("order_") + 26
    assert made == made.lower()
    assert OrderId.parse(made) == made


@given(instants, st.integers(1, 10**9))
def test_ids_sort_by_their_instant(first: datetime, later: int) -> None:
    source = IdSource()
    second = first + timedelta(milliseconds=later)
    assert source.new(OrderId, first) < source.new(OrderId, second)


def test_a_seed_replays() -> None:
    one, other = (IdSource(random.Random(7).randbytes) for _ in range(2))
    assert [one.new(OrderId, START) for _ in range(3)] == [
        other.new(OrderId, START) for _ in range(3)
    ]


def test_ids_of_the_same_instant_differ() -> None:
    source = IdSource()
    assert len({source.new(OrderId, START) for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("text", ["7590-VHVEG", "x", "a" * 100, "order_é", "a.b:c"])
def test_foreign_ids_are_legal(text: str) -> None:
    assert OrderId.parse(text) == text


@pytest.mark.parametrize("text", ["", " ", "a b", "a/b", "a" * 101, "a\nb", "a\x00"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not an id"):
        OrderId.parse(text, path="id")
