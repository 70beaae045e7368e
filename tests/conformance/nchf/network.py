"""A network function's end: an HTTP/2 client, the server on a real socket, and its callbacks."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.conformance.nchf.specification import CONVERGED, check, check_answer
from trunkline.charging import Attempt, Batcher, Batching
from trunkline.kernel.time import format_instant
from trunkline.nchf import NchfSettings, serve
from trunkline.platform.addresses import parse_networks
from trunkline.platform.clock import Clock

LOOPBACK = parse_networks(["127.0.0.0/8", "::1/128"], "networks")
SETTINGS = NchfSettings(port=0, networks=LOOPBACK, drain=0.2)
SMF = "0b1d3c5e-7f90-4a1b-8c2d-3e4f50617283"
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
) -> AsyncIterator[Smf]:
    """The server, and a network function with a connection to it (h2c, prior knowledge)."""
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    batcher = Batcher(attempt, clock, batching)
    served = asyncio.create_task(serve(settings, batcher, clock, ready=port.set_result, stop=stop))
    try:
        base = f"http://127.0.0.1:{await port}"
        async with httpx.AsyncClient(base_url=base, http1=False, http2=True, timeout=20) as client:
            yield Smf(client, clock)
    finally:
        stop.set()
        await served
