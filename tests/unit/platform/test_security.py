"""Keys, sign-ins and their limits."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.cases import together
from tests.locks import both
from trunkline.kernel.errors import Invalid
from trunkline.platform import attempts, audit, security
from trunkline.platform.clock import DrivenClock
from trunkline.platform.db import Database, Tx
from trunkline.platform.security import (
    ApiKeyId,
    ConsoleSession,
    LacksScope,
    NoSuchKey,
    Principal,
    TooManyAttempts,
    Unauthenticated,
)


def sign_in(
    books: Database, clock: DrivenClock, secret: str, name: str = "admin", address: str = "::1"
) -> tuple[str, ConsoleSession]:
    return security.sign_in(books, name=name, secret=secret, address=address, now=clock.now())


@pytest.fixture
def secret(books: Database, clock: DrivenClock) -> str:
    with books.transaction() as tx:
        secret = security.ensure_administrator(tx, clock.now())
    assert secret is not None
    return secret


def test_a_key_says_who_calls_until_it_is_revoked(books: Database, clock: DrivenClock) -> None:
    with books.transaction() as tx:
        key = security.create_api_key(tx, name="shop", scopes=["tmf622:write"], now=clock.now())
    with books.read() as r:
        principal = security.authenticate(r, key.secret, clock.now())
    assert principal == Principal("shop", frozenset({"tmf622:write"}), key.id)
    with books.transaction() as tx:
        security.revoke_api_key(tx, key=key.id, now=clock.now())
    with books.read() as r, pytest.raises(Unauthenticated):
        security.authenticate(r, key.secret, clock.now())
    with books.transaction() as tx, pytest.raises(NoSuchKey):
        security.revoke_api_key(tx, key=key.id, now=clock.now())
    with books.read() as r:
        assert [each.revoked_at for each in security.api_keys(r)] == [clock.now()]


def test_no_secret_is_stored(books: Database, clock: DrivenClock, secret: str) -> None:
    with books.transaction() as tx:
        key = security.create_api_key(tx, name="shop", scopes=["*"], now=clock.now())
    token, _ = sign_in(books, clock, secret)
    with books.read() as r:
        for table in (security.api_key, security.user, security.session):
            stored = str(r.execute(sa.select(table)).all())
            assert not any(each in stored for each in (key.secret, token, secret))


@together("scope", ["", "tmf620", "tmf620:", ":read", "a b:c", "**"])
def test_a_scope_that_is_none(books: Database, clock: DrivenClock, scope: str) -> None:
    with books.transaction() as tx, pytest.raises(Invalid):
        security.create_api_key(tx, name="shop", scopes=[scope], now=clock.now())


def test_scopes_cover() -> None:
    shop = Principal("shop", frozenset({"tmf620:read", "tmf622:*"}))
    assert shop.may("tmf620:read")
    assert not shop.may("tmf620:write")
    assert shop.may("tmf622:write")
    assert Principal("root", frozenset({"*"})).may("anything:else")
    with pytest.raises(LacksScope, match="tmf678:read"):
        shop.require("tmf678:read")


def test_the_administrator_is_made_once(books: Database, clock: DrivenClock, secret: str) -> None:
    with books.transaction() as tx:
        assert security.ensure_administrator(tx, clock.now()) is None
    token, session = sign_in(books, clock, secret)
    with books.read() as r:
        assert security.console_session(r, token, clock.now()) == session
        assert security.console_session(r, "another", clock.now()) is None
    assert security.same_secret(session.csrf, session.csrf)
    assert not security.same_secret(session.csrf, "")


def test_sessions_end(books: Database, clock: DrivenClock, secret: str) -> None:
    token, session = sign_in(books, clock, secret)
    other, _ = sign_in(books, clock, secret)
    with books.transaction() as tx:
        security.sign_out(tx, other, clock.now())
    with books.read() as r:
        assert security.console_session(r, other, clock.now()) is None
        assert security.console_session(r, token, clock.now()) is not None
        assert security.console_session(r, token, session.expires_at) is None


def test_a_new_secret_ends_sessions(books: Database, clock: DrivenClock, secret: str) -> None:
    token, _ = sign_in(books, clock, secret)
    with books.transaction() as tx:
        new = security.reset_secret(tx, name="admin")
    with books.read() as r:
        assert security.console_session(r, token, clock.now()) is None
    with pytest.raises(Unauthenticated):
        sign_in(books, clock, secret)
    sign_in(books, clock, new)


def guess_until_slowed(books: Database, clock: DrivenClock, **where: str) -> None:
    for _ in range(attempts.FREE_FAILURES + 1):
        with pytest.raises(Unauthenticated):
            sign_in(books, clock, "guess", **where)
    with pytest.raises(TooManyAttempts):
        sign_in(books, clock, "guess", **where)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setattr(security, "_verify", lambda _, given: given == secret)


@pytest.mark.usefixtures("_quick")
def test_guessing_is_slowed_down_and_forgiven(
    books: Database, clock: DrivenClock, secret: str
) -> None:
    guess_until_slowed(books, clock)
    with pytest.raises(TooManyAttempts):
        sign_in(books, clock, secret)
    clock.advance(timedelta(seconds=1))
    sign_in(books, clock, secret)
    with pytest.raises(Unauthenticated):
        sign_in(books, clock, "guess")
    sign_in(books, clock, secret)


@pytest.mark.usefixtures("_quick")
def test_a_stranger_elsewhere_locks_nobody_out(
    books: Database, clock: DrivenClock, secret: str
) -> None:
    guess_until_slowed(books, clock, address="2001:db8::1")
    with pytest.raises(TooManyAttempts):
        sign_in(books, clock, secret, address="2001:db8::2")  # of the same network
    sign_in(books, clock, secret, address="2001:db8:0:1::1")
    sign_in(books, clock, secret, address="192.0.2.1")


@pytest.mark.usefixtures("_quick")
def test_one_address_that_tries_many_names_waits(
    books: Database, clock: DrivenClock, secret: str
) -> None:
    for number in range(attempts.FREE_AT_ADDRESS + 1):
        with pytest.raises(Unauthenticated):
            sign_in(books, clock, "guess", name=f"user {number}", address="192.0.2.7")
    with pytest.raises(TooManyAttempts):
        sign_in(books, clock, "guess", name="another", address="192.0.2.7")
    with pytest.raises(TooManyAttempts):
        sign_in(books, clock, "guess", name="another", address="::ffff:192.0.2.7")
    sign_in(books, clock, secret, address="192.0.2.8")


@pytest.mark.usefixtures("_quick")
def test_sign_ins_are_audited(books: Database, clock: DrivenClock, secret: str) -> None:
    token, _ = sign_in(books, clock, secret, address="192.0.2.7")
    for name in ("admin", "my secret typed as a name"):
        with pytest.raises(Unauthenticated):
            sign_in(books, clock, "guess", name=name, address="2001:db8::1")
    with books.transaction() as tx:
        security.sign_out(tx, token, clock.now())
        security.sign_out(tx, token, clock.now())
    with books.read() as r:
        told = [(each.who, each.verb, each.detail) for each in audit.about(r, "admin")]
        unknown = [(each.who, each.verb) for each in audit.about(r, "unknown user")]
        everything = str(audit.latest(r))
    assert told == [
        ("admin", "sign out", None),
        ("admin", "fail to sign in", {"address": "2001:db8::/64"}),
        ("admin", "sign in", {"address": "192.0.2.7"}),
    ]
    assert unknown == [("unknown user", "fail to sign in")]
    assert "my secret" not in everything


def test_the_wait_grows_to_its_limit(
    books: Database, clock: DrivenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "_verify", lambda *_: False)
    waits = []
    for _ in range(30):
        try:
            sign_in(books, clock, "guess")
        except TooManyAttempts as error:
            waits.append(error.fields["seconds"])
            clock.advance(timedelta(seconds=int(str(error.fields["seconds"]))))
        except Unauthenticated:
            pass
    assert waits[:4] == [2, 3, 5, 9]
    assert waits[-1] == security.LONGEST_WAIT.total_seconds() + 1


def test_an_unknown_name_fails_like_a_wrong_secret(books: Database, clock: DrivenClock) -> None:
    with pytest.raises(Unauthenticated):
        sign_in(books, clock, "x", name="nobody")


def test_an_unknown_key(books: Database) -> None:
    with books.transaction() as tx, pytest.raises(NoSuchKey):
        security.revoke_api_key(tx, key=ApiKeyId("key_x"), now=books.now())


def test_failures_at_the_same_moment_all_count(books: Database, now: datetime) -> None:
    def fail(tx: Tx) -> None:
        attempts.note_failure(tx, "ada", "192.0.2.7", now)

    for _ in range(3):
        assert both(books, fail, fail) is None
    with books.read() as r, pytest.raises(attempts.TooManyAttempts):
        attempts.check(r, "ada", "192.0.2.7", now)
