"""Who wants to hear of policy counters, and what they are told."""

from datetime import datetime, timedelta

import pytest

from tests.locks import both
from tests.unit.charging.builders import imsi, opening
from trunkline.charging import (
    CounterStatus,
    NobodyBound,
    NoticeKind,
    Subscription,
    UnknownSubscription,
    notices,
    operations,
    store,
    subscriptions,
)
from trunkline.kernel.time import to_micros
from trunkline.platform.db import Database, Tx

WORD = "sy:pcrf.example;example"
NORMAL = [CounterStatus("fair-use", "normal"), CounterStatus("roaming", "normal")]
NEARLY = [CounterStatus("fair-use", "nearly"), CounterStatus("roaming", "normal")]


@pytest.fixture
def account(charging: Database, now: datetime) -> int:
    with charging.transaction() as tx:
        operations.open_account(tx, opening(1, opened_at=now - timedelta(days=1)))
        return subscriptions.bound_account(tx, [("imsi", "0"), ("imsi", imsi(1))], now).key


def test_only_who_wants_to_hear_of_it_is_told_and_once(
    charging: Database, account: int, now: datetime
) -> None:
    told = {each.counter: each.status for each in NORMAL}
    with charging.transaction() as tx:
        for id_, counters in (("all", ()), ("fair", ("fair-use",)), ("abroad", ("roaming",))):
            known = Subscription(id_, account, WORD, counters, told)
            subscriptions.subscribe(tx, known)
            assert subscriptions.subscription(tx, id_) == known
        assert subscriptions.watch(tx, account, NORMAL) == 0
        assert subscriptions.watch(tx, account, NEARLY) == 2
        found = notices.due(tx, now, 10, "sy")
        assert {(each.session, each.word, each.kind) for each in found} == {
            ("all", WORD, NoticeKind.STATUS),
            ("fair", WORD, NoticeKind.STATUS),
        }
        for each in found:
            known = subscriptions.subscription(tx, each.session)
            subscriptions.note_told(tx, known, known.news(NEARLY))
        notices.done(tx, [each.id for each in found])
        assert subscriptions.watch(tx, account, NEARLY) == 0


def test_what_is_taken_back_while_it_is_told_is_told_again(
    charging: Database, account: int, now: datetime
) -> None:
    normal = {each.counter: each.status for each in NORMAL}
    with charging.transaction() as tx:
        subscriptions.subscribe(tx, Subscription("one", account, WORD, (), normal))
        assert subscriptions.watch(tx, account, NEARLY) == 1
        [notice] = notices.due(tx, now, 10, "sy")
        assert subscriptions.watch(tx, account, NORMAL) == 1
        known = subscriptions.subscription(tx, "one")
        subscriptions.note_told(tx, known, known.news(NEARLY))
        notices.done(tx, [notice.id])
        [again] = notices.due(tx, now, 10, "sy")
        news = subscriptions.news_of(tx, again, lambda *_: NORMAL, now)
    assert news is not None
    assert [(each.counter, each.status) for each in news.statuses] == [("fair-use", "normal")]


def test_what_changes_as_somebody_subscribes_is_told(charging: Database, account: int) -> None:
    told: list[int] = []

    def subscribe(tx: Tx) -> None:
        subscriptions.hold(tx, account)
        normal = {each.counter: each.status for each in NORMAL}
        subscriptions.subscribe(tx, Subscription("one", account, WORD, (), normal))

    def use(tx: Tx) -> None:
        store.hold(tx, "cac_1")
        told.append(subscriptions.watch(tx, account, NEARLY))

    assert both(charging, subscribe, use) is None
    assert told == [1]


def test_another_of_the_same_name_takes_its_place(charging: Database, account: int) -> None:
    with charging.transaction() as tx:
        for counters in (("fair-use",), ("roaming",)):
            subscriptions.subscribe(tx, Subscription("one", account, WORD, counters))
        [known] = subscriptions.subscriptions_of(tx, account)
        assert known.counters == ("roaming",)
        subscriptions.unsubscribe(tx, "one")
        with pytest.raises(UnknownSubscription):
            subscriptions.unsubscribe(tx, "one")
        with pytest.raises(UnknownSubscription):
            subscriptions.subscription(tx, "one")


def test_nobody_is_known_by_it(charging: Database, account: int, now: datetime) -> None:
    assert account
    with charging.read() as r:
        for identity, at in (
            (("imsi", imsi(2)), now),
            (("imsi", imsi(1)), now - timedelta(days=9)),
        ):
            with pytest.raises(NobodyBound):
                subscriptions.bound_account(r, [identity], at)


def test_what_is_over_is_forgotten(charging: Database, account: int, now: datetime) -> None:
    with charging.transaction() as tx:
        for id_, ends in (("ends", to_micros(now)), ("lasts", None)):
            subscriptions.subscribe(tx, Subscription(id_, account, WORD, (), expires_at=ends))
        assert subscriptions.forget_expired(tx, now - timedelta(seconds=1)) == 0
        assert subscriptions.forget_expired(tx, now) == 1
        assert [each.id for each in subscriptions.subscriptions_of(tx, account)] == ["lasts"]
