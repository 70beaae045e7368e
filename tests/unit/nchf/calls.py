"""Requests as granian would give them, without a socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline.charging import Attempt, Batcher, ChargeAnswer, ChargeRequest, Result, UnitAnswer
from trunkline.nchf import NchfSettings, create_app
from trunkline.platform.addresses import parse_networks
from trunkline.platform.clock import Clock, SystemClock

SETTINGS = NchfSettings(networks=parse_networks(["127.0.0.0/8", "::1/128"], "networks"))
CHARGING = "/nchf-convergedcharging/v3/chargingdata"


class Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: Any


class Scope:
    scheme = "http"
    authority: str | None = "chf.example:7777"

    def __init__(self, method: str, path: str, headers: Any, client: str) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.client = client


class Transport:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self.answer: Answer | None = None

    async def __call__(self) -> bytes:
        return self._body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._body), 65_536):
            yield self._body[at : at + 65_536]

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.answer = Answer(status, dict(headers), None)

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answer = Answer(status, dict(headers), json.loads(body))


def call(
    body: bytes | dict[str, Any],
    path: str = CHARGING,
    *,
    method: str = "POST",
    attempt: Attempt | None = None,
    settings: NchfSettings = SETTINGS,
    headers: dict[str, str] | None = None,
    client: str = "127.0.0.1:40000",
    clock: Clock | None = None,
) -> Answer:
    """One request's answer."""
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    transport = Transport(octets)
    told = {"content-type": "application/json", **(headers or {})}

    async def story() -> None:
        time = clock or SystemClock()
        app = create_app(settings, Batcher(attempt or generous, time), time)
        await asyncio.wait_for(app.__rsgi__(Scope(method, path, told, client), transport), 60)

    asyncio.run(story())
    assert transport.answer is not None
    return transport.answer


def generous(requests: Sequence[ChargeRequest], _now: datetime) -> list[ChargeAnswer]:
    """Grants whatever is asked."""
    return [
        ChargeAnswer(
            Result.SUCCESS,
            tuple(
                UnitAnswer(unit.rating_group, None, Result.SUCCESS, unit.requested or 5, 60)
                for unit in request.units
            ),
        )
        for request in requests
    ]


def request(**more: Any) -> dict[str, Any]:
    """A ChargingDataRequest with what is mandatory."""
    return {
        "subscriberIdentifier": "imsi-999700000000001",
        "nfConsumerIdentification": {"nodeFunctionality": "SMF"},
        "invocationTimeStamp": "2026-11-02T09:00:00Z",
        "invocationSequenceNumber": 1,
        **more,
    }
