"""Whatever a listener answers and whenever: all events, each resource's in their order."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.scenarios.events_town import Town, town
from trunkline.tmf import hub

__all__ = ["town"]

STATUSES = st.sampled_from([200, 201, 204, 302, 400, 404, 410, 429, 500, 503])
STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.lists(STATUSES, max_size=4), st.integers(0, 90)),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=examples(12),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_all_arrives_in_order(town: Town, steps: list[tuple[int, list[int], int]]) -> None:
    """Each step changes a widget, lets the listener answer so to what it is asked next, and lets
    time pass; in the end it answers well, and an operator sends again what was parked."""
    server = town.server()
    listener = town.listen(server.url)
    answers: list[int] = []
    server.answer = lambda _heard: answers.pop(0) if answers else 201
    ids: dict[int, str] = {}
    told: dict[str, list[str]] = {}
    for number, (which, statuses, pause) in enumerate(steps):
        if which in ids:
            town.rename(ids[which], str(number))
        else:
            ids[which] = town.make(str(number))
        told.setdefault(ids[which], []).append(str(number))
        answers += statuses
        town.later(seconds=pause)
    answers.clear()
    for _ in range(10):
        with town.books.transaction() as tx:
            hub.resend_all(tx, listener)
        town.later(hours=1)
    assert town.waiting() == 0
    for ident, names in told.items():
        heard = [each.resource["name"] for each in server.taken if each.resource["id"] == ident]
        assert heard == names, "all of them once, in their order"
    with town.books.transaction() as tx:
        hub.unregister(tx, listener_id=listener)
    town.clock.advance(timedelta(seconds=1))
