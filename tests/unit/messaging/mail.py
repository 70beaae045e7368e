"""A mail server on loopback (aiosmtpd), with a certificate of its own where TLS is wanted."""

import asyncio
import queue
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from trunkline.messaging import MailServer

PATIENCE = 60.0


class _Connection(SMTP):
    """Known while it is open, so that none is left when the server ends."""

    def __init__(self, owner: "TestMailServer", *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._owner = owner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._owner.open.add(transport)
        self._owner.idle.clear()
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        assert self.transport is not None
        super().connection_lost(error)
        self._owner.forget_closed()


class _Controller(Controller):
    def factory(self) -> SMTP:
        assert isinstance(self.handler, TestMailServer)
        return _Connection(self.handler, self.handler, **self.SMTP_kwargs)


class TestMailServer:
    """Keeps what comes. `answer` is the reply to DATA; `refused` are receivers that it doesn't
    know."""

    __test__ = False

    def __init__(self, certificates: Path | None = None, *, auth: bool = False) -> None:
        self.answer = "250 kept"
        self.refused: set[str] = set()
        self.mails: queue.Queue[EmailMessage] = queue.Queue()
        self.sessions = 0
        self.logins: list[tuple[bytes, bytes]] = []
        context = None
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
        self.open: set[asyncio.BaseTransport] = set()
        self.idle = threading.Event()
        self.idle.set()
        self._controller = _Controller(
            self,
            hostname="127.0.0.1",
            port=_free_port(),
            tls_context=context,
            require_starttls=context is not None,
            auth_required=auth,
            authenticator=self._login,
            auth_require_tls=context is not None,
        )

    def __enter__(self) -> "TestMailServer":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.loop.call_soon_threadsafe(self._hang_up)
        self.idle.wait(PATIENCE)
        self._controller.stop()

    def forget_closed(self) -> None:
        self.open = {each for each in self.open if not each.is_closing()}
        if not self.open:
            self.idle.set()

    def _hang_up(self) -> None:
        for each in list(self.open):
            each.close()
        self.forget_closed()

    def settings(self, **rest: Any) -> MailServer:
        known = {"host": "127.0.0.1", "port": self._controller.port, "security": "none",
                 "sender": "hello@test-mobile.example"}  # fmt: skip
        return MailServer(**{**known, **rest})

    def next(self) -> EmailMessage:
        return self.mails.get(timeout=PATIENCE)

    async def handle_EHLO(  # noqa: N802 (its name there)
        self,
        _server: SMTP,
        session: Session,
        _envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        self.sessions += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        assert envelope.rcpt_tos == [mail["To"].addresses[0].addr_spec]
        self.mails.put(mail)
        return self.answer

    def _login(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any
    ) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login, given.password))
        return AuthResult(success=given.password == b"secret", handled=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_certificate(folder: Path) -> Path:
    """A server's key and certificate for 127.0.0.1, signed by itself. Returns the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    addresses = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(addresses, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path
