"""Emails through a real mail server on loopback."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.messaging.mail import TestMailServer, make_certificate
from trunkline.messaging import (
    Accepted,
    ChannelAway,
    Deferred,
    DispatchId,
    Outcome,
    Outgoing,
    Rejected,
    SmtpChannel,
    Throttled,
    Unanswered,
)
from trunkline.messaging.model import Attachment
from trunkline.platform.clock import DrivenClock

Send = Callable[..., Outcome]


def outgoing(**rest: Any) -> Outgoing:
    known = {"id": DispatchId("dsp_1"), "address": "maeve@example.ie", "subject": "Grüße",
             "text": "Ihre SIM ist unterwegs.\n", "sender_name": "Test Mobile"}  # fmt: skip
    return Outgoing(**{**known, **rest})


@pytest.fixture
def server() -> Iterator[TestMailServer]:
    with TestMailServer() as running:
        yield running


@pytest.fixture
def channels() -> Iterator[list[SmtpChannel]]:
    made: list[SmtpChannel] = []
    yield made
    for each in made:
        each.close()


@pytest.fixture
def send(clock: DrivenClock, channels: list[SmtpChannel]) -> Send:
    def through(server: TestMailServer, message: Outgoing, **settings: Any) -> Outcome:
        channel = SmtpChannel(server.settings(**settings), clock)
        channels.append(channel)
        channel.open()
        ((ident, outcome),) = channel.send([message])
        assert ident == message.id
        return outcome

    return through


def test_an_email(server: TestMailServer, send: Send) -> None:
    assert send(server, outgoing(sender_email="care@example.ie")) == Accepted()
    mail = server.next()
    assert mail["Message-ID"] == "<dsp_1@test-mobile.example>"
    assert mail["From"] == "Test Mobile <hello@test-mobile.example>"
    assert mail["To"] == "maeve@example.ie"
    assert mail["Reply-To"] == "Test Mobile <care@example.ie>"
    assert mail["Subject"] == "Grüße"
    assert mail["Date"].datetime.isoformat() == "2026-11-02T09:00:00+00:00"
    assert mail["List-Unsubscribe"] is None
    assert mail.get_content().splitlines() == ["Ihre SIM ist unterwegs."]


def test_marketing_says_how_to_refuse_it(server: TestMailServer, send: Send) -> None:
    send(server, outgoing(marketing=True), unsubscribe="no-more@test-mobile.example")
    wanted = "<mailto:no-more@test-mobile.example?subject=dsp_1>"
    assert server.next()["List-Unsubscribe"] == wanted


@pytest.mark.parametrize(
    ("mime", "kept"),
    [("application/pdf", "application/pdf"), ("image/svg+xml", "image/svg+xml"),
     ("text/html", "application/octet-stream"), ("", "application/octet-stream"),
     ("a/b\r\nX: y", "application/octet-stream")],
)  # fmt: skip
def test_attachments(server: TestMailServer, send: Send, mime: str, kept: str) -> None:
    attached = Attachment(name="Rechnung März.pdf", mime_type=mime, content=b"%PDF\x00\xff")
    assert send(server, outgoing(attachments=(attached,))) == Accepted()
    (part,) = server.next().iter_attachments()
    assert (part.get_content_type(), part.get_filename()) == (kept, "Rechnung März.pdf")
    assert part.get_payload(decode=True) == b"%PDF\x00\xff"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [("550 spam", Rejected), ("451 try later", Deferred), ("450 greylisted", Deferred),
     ("452 too many", Throttled), ("421 busy", Throttled)],
)  # fmt: skip
def test_what_the_server_refuses(
    server: TestMailServer, send: Send, answer: str, outcome: type
) -> None:
    server.answer = answer
    said = send(server, outgoing())
    assert isinstance(said, outcome)
    assert getattr(said, "reason", None) == answer


def test_nobody_of_that_name(server: TestMailServer, send: Send) -> None:
    server.refused.add("maeve@example.ie")
    assert send(server, outgoing()) == Rejected("550 no such user here")


def test_the_session_is_kept_until_it_breaks(
    clock: DrivenClock, channels: list[SmtpChannel]
) -> None:
    with TestMailServer() as server:
        channel = SmtpChannel(server.settings(), clock)
        channels.append(channel)
        for number in range(3):
            channel.open()
            list(channel.send([outgoing(id=DispatchId(f"dsp_{number}"))]))
        assert [server.next()["Message-ID"][1:6] for _ in range(3)] == ["dsp_0", "dsp_1", "dsp_2"]
        assert server.sessions == 1
    ((_, outcome),) = channel.send([outgoing()])
    assert isinstance(outcome, Unanswered)
    with pytest.raises(ChannelAway):
        channel.open()


def test_over_starttls_with_a_password(tmp_path: Path, send: Send) -> None:
    trusted = str(make_certificate(tmp_path))
    with TestMailServer(tmp_path, auth=True) as server:
        secure = {"security": "starttls", "certificates": trusted, "user": "trunk"}
        assert send(server, outgoing(), **secure, password="secret") == Accepted()
        assert server.logins == [(b"trunk", b"secret")]
        with pytest.raises(ChannelAway, match="535"):
            send(server, outgoing(), **secure, password="wrong")


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path, send: Send) -> None:
    make_certificate(tmp_path)
    with TestMailServer(tmp_path) as server, pytest.raises(ChannelAway, match="certificate"):
        send(server, outgoing(), security="starttls")


def test_a_server_without_tls_is_not_trusted_with_mail(server: TestMailServer, send: Send) -> None:
    with pytest.raises(ChannelAway, match="STARTTLS"):
        send(server, outgoing(), security="starttls")
    assert server.mails.empty()
