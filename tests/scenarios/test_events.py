"""Events on their way to those who listen: at least once, in order, whatever happens."""

import hashlib
import hmac
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.listener import ListenerServer
from tests.scenarios.events_town import Town, failing, town
from trunkline.kernel.errors import Conflict
from trunkline.platform.changes import Change
from trunkline.platform.db import Tx
from trunkline.tmf import hub
from trunkline.tmf.hub import queue, sender

__all__ = ["town"]

DEAD = "http://127.0.0.1:1/away"


def _change_and_fail(tx: Tx) -> None:
    tx.changed("Widget", "w1", Change.CREATED)
    raise Conflict("no")


def names(server: ListenerServer) -> list[str]:
    return [each.resource["name"] for each in server.taken]


def test_a_life_is_told_in_order(town: Town):
    server = town.server()
    town.listen(server.url)
    one = town.make("one")
    town.rename(one, "two")
    town.scrap(one)
    with town.books.transaction() as tx:
        tx.last_forms["Widget", one] = {"id": one, "name": "the last"}
        tx.changed("Widget", one, Change.DELETED)
    assert town.dispatcher.drain() == 4
    assert server.types == [
        "WidgetCreateEvent", "WidgetAttributeValueChangeEvent", "WidgetStateChangeEvent",
        "WidgetDeleteEvent",
    ]  # fmt: skip
    assert names(server) == ["one", "two", "two", "the last"]
    assert [each.path for each in server.taken][2] == "/listener/widgetStateChangeEvent"
    assert len({each.body["eventId"] for each in server.taken}) == 4
    assert town.waiting() == 0
    assert town.dispatcher.drain() == 0


def test_each_event_is_true_as_of_its_own_commit(town: Town):
    server = town.server()
    town.listen(server.url)
    one = town.make("a")
    for name in "bcdef":
        town.rename(one, name)
    town.dispatcher.drain()
    assert names(server) == list("abcdef")


def test_what_is_rolled_back_is_never_told(town: Town):
    server = town.server()
    town.listen(server.url)
    with pytest.raises(Conflict), town.books.transaction() as tx:
        _change_and_fail(tx)
    assert town.dispatcher.drain() == 0
    assert server.asked == []


def test_a_deleted_one_that_nobody_saw_is_told_by_its_id(town: Town):
    server = town.server()
    town.listen(server.url)
    with town.books.transaction() as tx:
        tx.changed("Widget", "w9", Change.DELETED)
    with town.books.transaction() as tx:  # it came and went within one commit
        tx.changed("Widget", "w8", Change.CREATED)
        tx.changed("Widget", "w8", Change.DELETED)
    town.dispatcher.drain()
    (told,) = server.taken
    assert (told.resource["id"], told.resource["@type"]) == ("w9", "Widget")
    assert told.resource["href"].endswith("/widget/w9")


@pytest.mark.parametrize(
    ("query", "heard"),
    [
        (None, ["create one", "create two", "change three", "state three"]),
        ("eventType=WidgetCreateEvent", ["create one", "create two"]),
        ("eventType=widgetCreateEvent,WidgetStateChangeEvent",
         ["create one", "create two", "state three"]),
        ("event.widget.name=two", ["create two"]),
        ("widget.name=two", ["create two"]),
        ("name=two", ["create two"]),
        ("event.widget.state=scrapped", ["state three"]),
        ("eventType.ne=WidgetCreateEvent&name=three", ["change three", "state three"]),
        ("name.regex=^t.*e$", ["change three", "state three"]),
        ("domain=Widgets&state=new&name.ne=one", ["create two", "change three"]),
        ("missing=x", []),
    ],
)  # fmt: skip
def test_filters_with_decoys(town: Town, query: str | None, heard: list[str]):
    server = town.server()
    town.listen(server.url, query)
    one = town.make("one")
    town.make("two")
    town.rename(one, "three")
    town.scrap(one)
    town.dispatcher.drain()
    short = {"WidgetCreateEvent": "create", "WidgetStateChangeEvent": "state",
             "WidgetAttributeValueChangeEvent": "change"}  # fmt: skip
    told = [f"{short[each.type]} {each.resource['name']}" for each in server.taken]
    assert sorted(told) == sorted(heard)
    assert town.waiting() == 0


def test_a_listener_may_ask_for_a_few_attributes(town: Town):
    server = town.server()
    town.listen(server.url, "fields=name&eventType=WidgetCreateEvent")
    town.make("one")
    town.dispatcher.drain()
    assert set(server.taken[0].resource) == {"id", "href", "name"}


def test_a_secret_signs_the_body(town: Town):
    server = town.server()
    town.listen(server.url, secret="between us")
    town.make()
    town.dispatcher.drain()
    (told,) = server.taken
    digest = hmac.new(b"between us", told.raw, hashlib.sha256).hexdigest()
    assert told.headers["x-trunkline-signature"] == f"sha256={digest}"


def test_a_failing_resource_holds_back_only_itself_and_only_there(town: Town):
    """One listener refuses what is about the first widget; everything else goes on."""
    picky, other = town.server(), town.server()
    town.listen(picky.url)
    town.listen(other.url)
    first, second = town.make("a1"), town.make("b1")
    with failing(picky, lambda heard: heard.resource["id"] == first, 500):
        town.dispatcher.drain()
        town.rename(first, "a2")
        town.rename(second, "b2")
        town.dispatcher.drain()
        town.rename(first, "a3")
        town.later(seconds=1)
        assert names(picky) == ["b1", "b2"]
        assert sorted(names(other)) == ["a1", "a2", "a3", "b1", "b2"]
        asked = [each.resource["name"] for each in picky.asked if each.resource["id"] == first]
        assert asked == ["a1", "a1"], "what follows it waits"
    assert town.later(seconds=4) == 0
    assert town.later(seconds=1) == 3
    assert names(picky) == ["b1", "b2", "a1", "a2", "a3"]


def test_retries_grow_apart_and_end_parked_and_it_can_be_sent_again(town: Town):
    server = town.server()
    listener = town.listen(server.url)
    one = town.make("a")
    town.rename(one, "b")
    with failing(server, lambda _heard: True, 400):
        town.dispatcher.drain()
        for delay in queue.DELAYS:
            before = len(server.asked)
            town.later(seconds=delay - 1)
            assert len(server.asked) == before, "not before its time"
            town.later(seconds=1)
            assert len(server.asked) == before + 1
        town.later(days=30)
    (parked,) = town.parked()
    assert len(server.asked) == 1 + len(queue.DELAYS)
    assert (parked.listener, parked.event_type) == (listener, "WidgetCreateEvent")
    assert parked.about == f"Widget {one}"
    assert parked.last_error is not None
    assert "answered 400" in parked.last_error
    assert names(server) == []
    with town.books.transaction() as tx:
        hub.resend(tx, parked.id)
    assert town.dispatcher.drain() == 2
    assert names(server) == ["a", "b"], "and then what waited for it"
    assert town.parked() == []
    with pytest.raises(hub.NotParked), town.books.transaction() as tx:
        hub.resend(tx, parked.id)


def test_one_that_is_let_go_lets_the_next_run(town: Town):
    server = town.server()
    listener = town.listen(server.url)
    one = town.make("a")
    town.rename(one, "b")
    with failing(server, lambda heard: heard.resource["name"] == "a", 422):
        town.dispatcher.drain()
        for delay in queue.DELAYS:
            town.later(seconds=delay)
    (parked,) = town.parked()
    with town.books.transaction() as tx:
        hub.drop(tx, parked.id)
    town.dispatcher.drain()
    assert names(server) == ["b"]
    with town.books.transaction() as tx:
        assert hub.resend_all(tx, listener) == 0


def test_a_dead_listener_costs_a_live_one_nothing(town: Town):
    live = town.server()
    dead = town.listen(DEAD)
    town.listen(live.url)
    made = [town.make(str(number)) for number in range(40)]
    assert town.dispatcher.drain() == 40
    assert len(live.taken) == 40
    away = town.listener(dead)
    assert (away.failures, away.failing_since) == (1, town.clock.now())
    assert away.last_error is not None
    assert "refused" in away.last_error.lower()
    assert town.waiting() == 40
    for name in made[:3]:
        town.rename(name, "again")
    assert town.dispatcher.drain() == 3


def test_a_dead_listener_is_probed_by_one_and_gets_everything_when_it_is_back(town: Town):
    server = town.server()
    listener = town.listen(server.url)
    ids = [town.make(str(number)) for number in range(20)]
    with failing(server, lambda _heard: True, 503):
        town.dispatcher.drain()
        probes = len(server.asked)
        for delay in queue.ABSENCE[1:]:
            town.later(seconds=delay)
            probes += 1
            assert len(server.asked) == probes, "one delivery at a time"
        town.later(hours=5)
        assert len(server.asked) == probes + 1
        assert town.parked() == []
    town.rename(ids[0], "last")
    assert town.later(seconds=60) == 21
    assert names(server)[-1] == "last" or names(server).index("0") < names(server).index("last")
    assert town.listener(listener).failures == 0


def test_what_could_not_be_delivered_for_days_is_parked(town: Town):
    town.listen(DEAD)
    town.make()
    town.dispatcher.drain()
    assert town.parked() == []
    town.later(days=2)
    assert town.parked() == []
    town.later(days=1)
    assert len(town.parked()) == 1


def test_a_listener_that_says_when_is_asked_then(town: Town):
    server = town.server()
    town.listen(server.url)
    town.make()
    server.answer = lambda _heard: (429, {"Retry-After": "120"})
    town.dispatcher.drain()
    server.answer = lambda _heard: 201
    assert town.later(seconds=119) == 0
    assert town.later(seconds=1) == 1


def test_redirects_are_not_followed(town: Town):
    server, elsewhere = town.server(), town.server()
    town.listen(server.url)
    town.make()
    server.answer = lambda _heard: (307, {"Location": elsewhere.url})
    town.dispatcher.drain()
    assert len(server.asked) == 1
    assert elsewhere.asked == []
    assert server.taken == []


def test_a_slow_listener_costs_others_nothing(town: Town):
    """It holds its answer for as long as the other needs to hear everything."""
    slow, quick = town.server(), town.server()
    slow.held.clear()
    town.listen(slow.url)
    town.listen(quick.url)
    for number in range(30):
        town.make(str(number))
    dispatcher = town.new_dispatcher(total=25.0)
    working = threading.Thread(target=dispatcher.drain)
    working.start()
    for _ in range(30):
        assert quick.reached.acquire(timeout=60)
    assert slow.taken == []
    slow.held.set()
    working.join()
    assert len(slow.taken) == len(quick.taken) == 30


def test_one_that_never_answers_is_away(town: Town):
    server = town.server()
    server.held.clear()
    listener = town.listen(server.url)
    town.make()
    town.new_dispatcher(total=0.2).drain()
    assert town.listener(listener).last_error == "no answer within 0.2 s"
    server.held.set()


def test_what_a_killed_sender_had_claimed_is_sent_again(town: Town):
    server = town.server()
    town.listen(server.url)
    one = town.make("a")
    town.rename(one, "b")
    with town.books.transaction() as tx:
        taken = queue.claim(
            tx, [each.id for each in hub.find_listeners(tx)], town.clock.now(), under_way={}
        )
    assert len(taken) == 1, "and what follows waits"
    assert town.dispatcher.drain() == 0, "somebody has it"
    assert town.later(seconds=queue.LEASE.total_seconds()) == 2
    assert names(server) == ["a", "b"]


def test_two_dispatchers_send_each_event_once_and_in_order(town: Town):
    server = town.server()
    town.listen(server.url)
    ids = [town.make(f"{number}.0") for number in range(10)]
    for step in range(1, 6):
        for number, ident in enumerate(ids):
            town.rename(ident, f"{number}.{step}")
    working = [threading.Thread(target=town.new_dispatcher().drain) for _ in range(2)]
    for each in working:
        each.start()
    for each in working:
        each.join()
    town.dispatcher.drain()
    assert len(server.taken) == 60
    for number, ident in enumerate(ids):
        told = [each.resource["name"] for each in server.taken if each.resource["id"] == ident]
        assert told == [f"{number}.{step}" for step in range(6)]


def test_addresses_are_looked_at_again_at_each_delivery(town: Town):
    """Registered while it was allowed; then the settings change."""
    server = town.server()
    town.listen(server.url)
    town.make()
    narrow = hub.Dispatcher(town.books, town.clock, hub.CallbackRule())
    assert narrow.drain() == 0
    assert server.asked == []
    town.clock.advance(timedelta(seconds=1))
    assert town.dispatcher.drain() == 1


def test_who_commits_wakes_a_running_dispatcher(town: Town):
    server = town.server()
    town.listen(server.url)
    stop = threading.Event()
    running = threading.Thread(target=town.dispatcher.run, args=(stop,))
    running.start()
    town.make()
    assert server.reached.acquire(timeout=60)
    stop.set()
    town.dispatcher.wake()
    running.join()
    assert names(server) == ["one"]


def test_one_dispatcher_takes_turns_among_many_resources(town: Town):
    server = town.server()
    town.listen(server.url)
    for number in range(100):
        town.make(str(number))
    assert town.dispatcher.drain() == 100
    assert sorted(int(name) for name in names(server)) == list(range(100))


@pytest.fixture
def certificate(tmp_path: Path) -> Iterator[Path]:
    """A key and its self-signed certificate for 127.0.0.1, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(pem, *plain) + made.public_bytes(pem))
    sender._tls.cache_clear()
    yield file
    sender._tls.cache_clear()


def test_certificates_are_checked(town: Town, certificate: Path, monkeypatch: pytest.MonkeyPatch):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    server = town.server(tls)
    listener = town.listen(server.url)
    town.make()
    assert town.dispatcher.drain() == 0
    assert "certificate verify failed" in str(town.listener(listener).last_error)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    sender._tls.cache_clear()
    assert town.later(seconds=1) == 1
    assert names(server) == ["one"]
