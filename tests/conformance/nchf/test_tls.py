"""HTTP/2 over TLS: the server's certificate, and clients' where an authority is set."""

import asyncio
import ssl
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.conformance.nchf.network import CHARGING, SETTINGS, run
from tests.unit.diameter.certificates import Authority
from tests.unit.nchf.calls import generous, request
from trunkline.charging import Batcher
from trunkline.nchf import serve
from trunkline.platform.clock import SystemClock


def test_clients_show_a_certificate_of_the_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.sign("chf", "localhost")
    smf = authority.sign("smf")
    stranger = Authority(tmp_path, "elsewhere").sign("stranger")
    settings = msgspec.structs.replace(
        SETTINGS, certificate=certificate, key=key, authority=str(authority.certificate)
    )

    async def asked(port: int, shown: tuple[str, str] | None) -> int:
        context = ssl.create_default_context(cafile=str(authority.certificate))
        if shown is not None:
            context.load_cert_chain(*shown)
        async with httpx.AsyncClient(http2=True, verify=context, timeout=60) as client:
            answer = await client.post(f"https://localhost:{port}{CHARGING}", json=request())
            assert answer.http_version == "HTTP/2"
            assert answer.headers["location"].startswith(f"https://localhost:{port}/")
            return answer.status_code

    async def story() -> None:
        clock, stop = SystemClock(), asyncio.Event()
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        served = asyncio.create_task(
            serve(settings, Batcher(generous, clock), clock, ready=port.set_result, stop=stop)
        )
        try:
            assert await asked(await port, smf) == 201
            for shown in (None, stranger):
                # The alert may come while it connects, or with what it reads first (TLS 1.3).
                with pytest.raises((httpx.TransportError, ssl.SSLError)):
                    await asked(await port, shown)
        finally:
            stop.set()
            await served

    run(story)
