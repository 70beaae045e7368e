"""Who may connect: by name, realm, network and certificate; TLS on a port of its own."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import struct
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from tests.unit.diameter.builders import GATEWAY, ccr, cer
from tests.unit.diameter.certificates import Authority
from tests.unit.diameter.wire import Wire, generous, result_of, run, serving
from trunkline.app.gy import gy_settings
from trunkline.charging import ChargeAnswer, ChargeRequest
from trunkline.diameter import GySettings, PeerSettings, Tls, codec
from trunkline.diameter import dictionary as d
from trunkline.kernel.errors import Invalid
from trunkline.platform.settings import Settings
from trunkline.platform.settings_diameter import DiameterSettings


def allowing(peer: PeerSettings, tls: Tls | None = None) -> GySettings:
    return GySettings("ocs.example", "example", port=0, peer=peer, tls=tls, tls_port=0)


async def dial(port: int, context: ssl.SSLContext | None = None) -> Wire:
    name = None if context is None else "ocs.example"
    return Wire(
        *await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    )


@pytest.mark.parametrize(
    ("peer", "result"),
    [
        (PeerSettings(allowed=frozenset(("pgw.example",))), d.SUCCESS),
        (PeerSettings(allowed=frozenset(("dra.example",))), d.UNKNOWN_PEER),
        (PeerSettings(realms=frozenset(("example",))), d.SUCCESS),
        (PeerSettings(realms=frozenset(("elsewhere",))), d.UNKNOWN_PEER),
        (PeerSettings(networks=(ipaddress.ip_network("127.0.0.0/8"),)), d.SUCCESS),
    ],
)
def test_by_name_realm_and_network(peer: PeerSettings, result: int) -> None:
    async def story() -> None:
        async with serving(generous, allowing(peer)) as (_, port):
            wire = await dial(port)
            assert result_of(await wire.ask(cer())) == result
            await wire.close()

    run(story)


def test_from_elsewhere_nothing_is_heard() -> None:
    peer = PeerSettings(networks=(ipaddress.ip_network("10.0.0.0/8"),))

    async def story() -> None:
        async with serving(generous, allowing(peer)) as (_, port):
            wire = await dial(port)
            assert await wire.ended()
            await wire.close()

    run(story)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def client(authority: Authority, certificate: tuple[str, str] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return context


def test_tls(authority: Authority) -> None:
    tls = Tls(*authority.sign("ocs", "ocs.example"))

    async def story() -> None:
        async with serving(generous, allowing(PeerSettings(), tls)) as (server, _):
            wire = await dial(server.tls_port, client(authority))
            assert result_of(await wire.ask(cer())) == d.SUCCESS
            assert result_of(await wire.ask(ccr())) == d.SUCCESS
            await wire.close()

    run(story)


@pytest.mark.parametrize(
    ("hosts", "result"),
    [
        (("pgw.example",), d.SUCCESS),
        (("*.example",), d.SUCCESS),
        (("mme.example",), d.UNKNOWN_PEER),
        ((), d.SUCCESS),
    ],
)
def test_a_peer_s_certificate_says_who_it_is(
    authority: Authority, hosts: tuple[str, ...], result: int
) -> None:
    tls = Tls(*authority.sign("ocs", "ocs.example"), str(authority.certificate))
    context = client(authority, authority.sign("gateway", *hosts))

    async def story() -> None:
        async with serving(generous, allowing(PeerSettings(), tls)) as (server, _):
            wire = await dial(server.tls_port, context)
            assert result_of(await wire.ask(cer())) == result
            await wire.close()

    run(story)


def test_without_a_certificate_that_the_authority_signed(
    authority: Authority, tmp_path: Path
) -> None:
    tls = Tls(*authority.sign("ocs", "ocs.example"), str(authority.certificate))
    stranger = Authority(tmp_path, "stranger").sign("other", "pgw.example")

    async def greet(port: int, context: ssl.SSLContext) -> None:
        wire = await dial(port, context)
        try:
            await wire.ask(cer())
        finally:
            with contextlib.suppress(ssl.SSLError):
                await wire.close()

    async def story() -> None:
        async with serving(generous, allowing(PeerSettings(), tls)) as (server, port):
            for context in (client(authority), client(authority, stranger)):
                with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                    await greet(server.tls_port, context)
            wire = await dial(port)
            assert result_of(await wire.ask(cer())) == d.SUCCESS, "without TLS it is as before"
            await wire.close()

    run(story)


INSISTS = cer(origin=GATEWAY + codec.u32(d.INBAND_SECURITY_ID, d.INBAND_TLS))


@pytest.mark.parametrize(("host", "served"), [("pgw.example", True), ("mme.example", False)])
def test_tls_begun_inside_the_connection(authority: Authority, host: str, *, served: bool) -> None:
    """As older peers have it (RFC 3588, 13.1): what the certificate says counts as well."""
    tls = Tls(*authority.sign("ocs", "ocs.example"), str(authority.certificate))
    context = client(authority, authority.sign("gateway", host))

    async def story() -> None:
        async with serving(generous, allowing(PeerSettings(), tls)) as (server, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            wire = Wire(reader, writer)
            agreed = await wire.ask(INSISTS)
            securities = [
                each.u32() for each in codec.avps(agreed) if each.code == d.INBAND_SECURITY_ID
            ]
            assert (result_of(agreed), securities) == (d.SUCCESS, [d.INBAND_TLS])
            await writer.start_tls(context, server_hostname="ocs.example")
            if served:
                assert result_of(await wire.ask(ccr())) == d.SUCCESS
                assert [each.secured for each in server.peers.all] == [True]
            else:
                assert await wire.ended()
            await wire.close()

    run(story)


@pytest.mark.parametrize("resets", [True, False])
def test_a_connection_that_ends_while_tls_begins_is_forgotten(
    authority: Authority, *, resets: bool
) -> None:
    """By the peer's reset, or closed here, as when its time is over: else its place among the
    connections that may be open would be lost for ever."""
    tls = Tls(*authority.sign("ocs", "ocs.example"))

    async def story() -> None:
        async with serving(generous, allowing(PeerSettings(), tls)) as (server, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await Wire(reader, writer).ask(INSISTS)
            if resets:
                taken = writer.get_extra_info("socket")
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            else:
                for peer in tuple(server.peers.all):
                    peer.close()
            while server.peers.all:
                await asyncio.sleep(0.001)
            writer.close()

    run(story)


def test_tls_is_not_begun_inside_tls(authority: Authority) -> None:
    tls = Tls(*authority.sign("ocs", "ocs.example"))

    async def story() -> None:
        async with serving(generous, allowing(PeerSettings(), tls)) as (server, _):
            wire = await dial(server.tls_port, client(authority))
            assert result_of(await wire.ask(INSISTS)) == d.NO_COMMON_SECURITY
            await wire.close()

    run(story)


@pytest.mark.parametrize(
    ("first", "then"), [(INSISTS + ccr(), b""), (INSISTS, ccr()), (INSISTS, b"")]
)
def test_what_goes_on_in_the_clear_is_dropped(
    authority: Authority, first: bytes, then: bytes
) -> None:
    """Behind the request, instead of TLS, or nothing at all: nothing of it is served."""
    tls = Tls(*authority.sign("ocs", "ocs.example"))

    charged: list[ChargeRequest] = []

    def noted(requests: Sequence[ChargeRequest], now: datetime) -> list[ChargeAnswer]:
        charged.extend(requests)
        return generous(requests, now)

    async def story() -> None:
        async with serving(noted, allowing(PeerSettings(), tls)) as (server, port):
            wire = await dial(port)
            wire.send(first)
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await wire.receive()
                wire.send(then)
            await wire.close()
            while server.peers.all:
                await asyncio.sleep(0.001)

    run(story)
    assert not charged


def test_settings(authority: Authority) -> None:
    certificate, key = authority.sign("ocs", "ocs.example")
    known = DiameterSettings(
        peers=("PGW.example",),
        realms=("example",),
        allow_networks=("10.0.0.0/8",),
        certificate=certificate,
        key=key,
        client_authority=str(authority.certificate),
    )
    settings = gy_settings(Settings(diameter=known))
    assert settings.peer.allowed == {"pgw.example"}
    assert settings.peer.networks == (ipaddress.ip_network("10.0.0.0/8"),)
    assert settings.tls == Tls(certificate, key, str(authority.certificate))
    assert gy_settings(Settings()).tls is None


@pytest.mark.parametrize(
    ("known", "path"),
    [
        (DiameterSettings(certificate="a.pem"), "diameter.certificate"),
        (DiameterSettings(client_authority="a.pem"), "diameter.client_authority"),
        (DiameterSettings(certificate="a.pem", key="b.pem"), "diameter.certificate"),
        (DiameterSettings(certificate=__file__, key=__file__), "diameter.certificate"),
        (DiameterSettings(allow_networks=("10/8/8",)), "diameter.allow_networks"),
    ],
)
def test_settings_that_can_not_be(known: DiameterSettings, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        gy_settings(Settings(diameter=known))
    assert refused.value.path == path
