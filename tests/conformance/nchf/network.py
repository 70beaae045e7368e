"""A network function's end: an HTTP/2 client, the server on a real socket, and its callbacks."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from tests.conformance.nchf.specification import CONVERGED, check, check_answer
from tests.conformance.nchf.specification import SPENDING as SPENDING_FILE
from tests.served import free_port
from trunkline.charging import Attempt, Batcher, Batching
from trunkline.kernel.time import format_instant
from trunkline.nchf import NchfSettings, serve
from trunkline.nchf.spending import Statuses
from trunkline.platform.addresses import parse_networks
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database
from trunkline.tmf.hub import CallbackRule

LOOPBACK = parse_networks(["127.0.0.0/8", "::1/128"], "networks")
SETTINGS = NchfSettings(
    port=0, networks=LOOPBACK, drain=0.2, notify=CallbackRule(networks=LOOPBACK)
)
SMF = "0b1d3c5e-7f90-4a1b-8c2d-3e4f50617283"
SPENDING = "/nchf-spendinglimitcontrol/v1/subscriptions"
CHARGING = "/nchf-convergedcharging/v3/chargingdata"


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(story(), 60)

    asyncio.run(bounded())


class Answer:
    """What came back: `body` is None where there was nothing."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.raw = response.content
        self.body: Any = json.loads(response.content) if response.content else None

    @property
    def cause(self) -> str:
        return str(self.body["cause"])

    @property
    def units(self) -> dict[int, Any]:
        """What was told of each rating group."""
        return {each["ratingGroup"]: each for each in self.body["multipleUnitInformation"]}

    @property
    def ref(self) -> str:
        return str(self.headers["location"]).rpartition("/")[2]


class Smf:
    """Sends whole requests; each answer is held against the specification."""

    def __init__(self, client: httpx.AsyncClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self.port = client.base_url.port

    def data(self, sequence: int, *usage: Any, **more: Any) -> dict[str, Any]:
        """A ChargingDataRequest."""
        body = {
            "nfConsumerIdentification": {"nFName": SMF, "nodeFunctionality": "SMF"},
            "invocationTimeStamp": format_instant(self._clock.now()),
            "invocationSequenceNumber": sequence,
            **more,
        }
        if usage:
            body["multipleUnitUsage"] = list(usage)
        return body

    async def create(self, sequence: int, *usage: Any, **more: Any) -> Answer:
        body = self.data(sequence, *usage, **more)
        check("ChargingDataRequest", body)
        return await self.send("", "/chargingdata", body)

    async def update(self, ref: str, sequence: int, *usage: Any, **more: Any) -> Answer:
        body = self.data(sequence, *usage, **more)
        check("ChargingDataRequest", body)
        return await self.send(f"/{ref}/update", "/chargingdata/{ChargingDataRef}/update", body)

    async def release(self, ref: str, sequence: int, *usage: Any, **more: Any) -> Answer:
        body = self.data(sequence, *usage, **more)
        return await self.send(f"/{ref}/release", "/chargingdata/{ChargingDataRef}/release", body)

    async def spending(self, method: str, path: str = "", body: Any = None) -> Answer:
        """A request to Nchf_SpendingLimitControl."""
        response = await self._client.request(method, SPENDING + path, json=body)
        answer = Answer(response)
        operation = "/subscriptions/{subscriptionId}" if path else "/subscriptions"
        kind = response.headers.get("content-type", "")
        check_answer(SPENDING_FILE, operation, method.lower(), answer.status, kind, answer.body)
        return answer

    async def send(self, path: str, operation: str, body: Any) -> Answer:
        response = await self._client.post(CHARGING + path, json=body)
        assert response.http_version == "HTTP/2"
        answer = Answer(response)
        kind = response.headers.get("content-type", "")
        check_answer(CONVERGED, operation, "post", answer.status, kind, answer.body)
        return answer


def usage(group: int, *, asks: int | None = None, used: int | None = None, **more: Any) -> Any:
    """A MultipleUnitUsage in octets; `asks` 0 leaves the amount to the CHF."""
    found: dict[str, Any] = {"ratingGroup": group, **more}
    if asks is not None:
        found["requestedUnit"] = {"totalVolume": asks} if asks else {}
    if used is not None:
        found["usedUnitContainer"] = [container(1, totalVolume=used)]
    return found


def container(sequence: int, *triggers: str, **amounts: Any) -> Any:
    found = {
        "localSequenceNumber": sequence,
        "quotaManagementIndicator": "ONLINE_CHARGING",
        **amounts,
    }
    if triggers:
        found["triggers"] = [
            {"triggerType": each, "triggerCategory": "IMMEDIATE_REPORT"} for each in triggers
        ]
    return found


@asynccontextmanager
async def network(
    attempt: Attempt,
    clock: Clock,
    settings: NchfSettings = SETTINGS,
    batching: Batching | None = None,
    database: Database | None = None,
    statuses: Statuses | None = None,
) -> AsyncIterator[Smf]:
    """The server, and a network function with a connection to it (h2c, prior knowledge)."""
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    batcher = Batcher(attempt, clock, batching)
    served = asyncio.create_task(
        serve(
            settings,
            batcher,
            clock,
            ready=port.set_result,
            stop=stop,
            database=database,
            statuses=statuses,
        )
    )
    try:
        base = f"http://127.0.0.1:{await port}"
        async with httpx.AsyncClient(base_url=base, http1=False, http2=True, timeout=60) as client:
            yield Smf(client, clock)
    finally:
        stop.set()
        await served


class Callbacks:
    """Where a network function is notified: what came, and the statuses that are answered,
    one after another (204 once they are used up)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.statuses: list[int] = []
        self.location = ""
        self.came: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            event = await receive()
            body += event.get("body", b"")
            more = event.get("more_body", False)
        status = self.statuses.pop(0) if self.statuses else 204
        headers = [(b"location", self.location.encode())] if status in (307, 308) else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        await self.came.put((scope["path"], json.loads(body)))


@asynccontextmanager
async def callbacks(port: int = 0) -> AsyncIterator[Callbacks]:
    port = port or free_port()
    app = Callbacks(f"http://127.0.0.1:{port}")
    async with listening(app, port):
        yield app


@asynccontextmanager
async def listening(app: Any, port: int) -> AsyncIterator[None]:
    """A server of an ASGI application, in HTTP/2 only, in the clear."""
    server = Server(
        app,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http2,
        websockets=False,
        log_enabled=False,
    )
    served = asyncio.ensure_future(server.serve())
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.005)
        else:
            writer.transport.abort()
            break
    try:
        yield
    finally:
        server.stop()
        await served
