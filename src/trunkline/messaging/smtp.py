"""Emails through a mail server: SMTP (RFC 5321) with STARTTLS (RFC 3207) or TLS from the start."""

import re
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Literal

import msgspec

from trunkline.messaging.model import (
    Accepted,
    ChannelAway,
    ChannelName,
    Deferred,
    DispatchId,
    Outcome,
    Outgoing,
    Rejected,
    Throttled,
    Unanswered,
)
from trunkline.platform.clock import Clock

_MEDIA = re.compile(r"(application|image|audio|video|font|model)/([A-Za-z0-9][A-Za-z0-9.+-]{0,80})")
_policy = SMTP.clone(max_line_length=78, raise_on_defect=False)


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail is given away, and as whom. `sender` is an address; `unsubscribe` is one that
    takes refusals of marketing. `certificates` is a file of authorities to trust instead of the
    system's."""

    host: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: str = ""
    sender: str
    unsubscribe: str = ""
    certificates: str = ""
    timeout: float = 30.0


class SmtpChannel:
    """Sends one email after another, so that a crash leaves one in doubt at most."""

    name = ChannelName.EMAIL
    batch = 1
    listens = False

    def __init__(self, server: MailServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._session: smtplib.SMTP | None = None

    def open(self) -> None:
        """Raises `ChannelAway`."""
        if self._session is not None and self._is_alive(self._session):
            return
        self.close()
        try:
            self._session = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            raise ChannelAway(f"{self._server.host}:{self._server.port}: {error}") from None

    def send(self, batch: Sequence[Outgoing]) -> Iterator[tuple[DispatchId, Outcome]]:
        for each in batch:
            yield each.id, self._send(each)

    def close(self) -> None:
        if self._session is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._session.quit()
            self._session.close()
            self._session = None

    def _is_alive(self, session: smtplib.SMTP) -> bool:
        try:
            return session.noop()[0] == 250
        except (smtplib.SMTPException, OSError):
            return False

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        context = ssl.create_default_context(cafile=server.certificates or None)
        if server.security == "tls":
            session: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=server.timeout, context=context
            )
        else:
            session = smtplib.SMTP(server.host, server.port, timeout=server.timeout)
        try:
            if server.security == "starttls":
                session.starttls(context=context)
            if server.user:
                session.login(server.user, server.password)
        except (OSError, smtplib.SMTPException):
            session.close()
            raise
        return session

    def _send(self, each: Outgoing) -> Outcome:
        assert self._session is not None
        try:
            message = composed(each, self._server, self._clock.now())
        except (ValueError, LookupError) as error:
            return Rejected(f"no email can be made of it: {error}")
        try:
            self._session.send_message(message, self._server.sender, [each.address])
        except smtplib.SMTPRecipientsRefused as error:
            return _refused(*error.recipients[each.address])
        except smtplib.SMTPResponseException as error:
            return _refused(error.smtp_code, error.smtp_error)
        except smtplib.SMTPServerDisconnected as error:
            self.close()
            return Unanswered(f"the connection broke: {error}")
        except smtplib.SMTPException as error:
            return Deferred(str(error))
        except OSError as error:
            self.close()
            return Unanswered(f"the connection broke: {error}")
        return Accepted()


def composed(each: Outgoing, server: MailServer, now: datetime) -> EmailMessage:
    """The email. Its Message-ID is the dispatch's, in each attempt the same: whoever gets it
    twice knows it (RFC 5322, section 3.6.4)."""
    _, _, domain = server.sender.rpartition("@")
    message = EmailMessage(policy=_policy)
    message["Message-ID"] = f"<{each.id}@{domain}>"
    message["Date"] = format_datetime(now)
    message["From"] = Address(each.sender_name or "", addr_spec=server.sender)
    message["To"] = Address(addr_spec=each.address)
    message["Subject"] = each.subject or ""
    if each.sender_email is not None:
        message["Reply-To"] = Address(each.sender_name or "", addr_spec=each.sender_email)
    message["Auto-Submitted"] = "auto-generated"
    if each.marketing and server.unsubscribe:
        message["List-Unsubscribe"] = f"<mailto:{server.unsubscribe}?subject={each.id}>"
    message.set_content(each.text)
    for attached in each.attachments:
        main, sub = _media_type(attached.mime_type)
        message.add_attachment(attached.content, main, sub, filename=attached.name)
    return message


def _media_type(said: str) -> tuple[str, str]:
    """What isn't plainly the type of an attached file is a file of bytes."""
    found = _MEDIA.fullmatch(said)
    return (found[1], found[2]) if found else ("application", "octet-stream")


def _refused(code: int, said: bytes | str) -> Outcome:
    """RFC 5321, section 4.2.1: 4yz may pass by itself, 5yz won't."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    reason = f"{code} {' '.join(text.split())}"[:200]
    if code in (421, 452):
        return Throttled(reason)
    return Deferred(reason) if 400 <= code < 500 else Rejected(reason)
