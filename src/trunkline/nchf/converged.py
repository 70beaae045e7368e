"""Nchf_ConvergedCharging (TS 32.291, clause 6.1): create, update, release."""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from falcon import HTTP_200, HTTP_201, HTTP_204
from falcon.asgi import Request, Response

from trunkline.charging import Batcher, ChargeAnswer, ChargeRequest, Kind, Unanswered
from trunkline.nchf import meters
from trunkline.nchf.bodies import body_of
from trunkline.nchf.problems import Problem
from trunkline.nchf.reading import continued, created, decoded
from trunkline.nchf.writing import written
from trunkline.platform.clock import Clock

PREFIX = "/nchf-convergedcharging/v3/chargingdata"

_FAILED = (500, "SYSTEM_FAILURE", Unanswered.FAILED.value)
_HELD = (503, "NF_CONGESTION", Unanswered.HELD.value)

Asked = asyncio.Future[ChargeAnswer]


class Charging:
    """The service's requests on their way through the batcher. `failure_handling` is what a
    consumer is told to do while it gets no answer; a time stamp further than `tolerance`
    seconds from our own clock is not believed."""

    def __init__(
        self, batcher: Batcher, clock: Clock, *, failure_handling: str, tolerance: int
    ) -> None:
        self._batcher = batcher
        self._clock = clock
        self._failure_handling = failure_handling
        self._tolerance = tolerance

    def answered(self, answers: Sequence[tuple[Asked, ChargeAnswer]], seconds: list[float]) -> None:
        for asked, answer in answers:
            if not asked.done():  # who asked may be gone
                asked.set_result(answer)
        for each in seconds:
            meters.SECONDS.observe(each)

    def unanswered(self, asked: Asked, why: Unanswered) -> None:
        if not asked.done():
            asked.set_exception(Problem(*(_HELD if why is Unanswered.HELD else _FAILED)))

    async def begin(self, body: bytes) -> tuple[str, bytes]:
        """The ref of what was created, and the answer. Raises `Problem`."""
        reading = created(decoded(body), self._now(), self._tolerance)
        answer = await self._ask(reading.request)
        return reading.request.session, written(reading, answer, self._failure_handling)

    async def go_on(self, body: bytes, ref: str, kind: Kind) -> bytes:
        """The answer to an update or a release. Raises `Problem`."""
        reading = continued(decoded(body), ref, kind, self._now(), self._tolerance)
        return written(reading, await self._ask(reading.request), self._failure_handling)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _ask(self, request: ChargeRequest) -> Asked:
        if self._batcher.is_full:
            raise Problem(503, "NF_CONGESTION", "too busy")
        asked: Asked = asyncio.get_running_loop().create_future()
        self._batcher.ask(self, asked, request)
        return asked


class Create:
    def __init__(self, charging: Charging, root: str) -> None:
        self._charging = charging
        self._root = root

    async def on_post(self, req: Request, resp: Response) -> None:
        ref, body = await self._charging.begin(await body_of(req))
        resp.status = HTTP_201
        resp.content_type = "application/json"
        resp.data = body
        resp.set_header("Location", f"{self._root or req.prefix}{PREFIX}/{quote(ref, safe='')}")
        meters.count("create", 201)


class Update:
    def __init__(self, charging: Charging) -> None:
        self._charging = charging

    async def on_post(self, req: Request, resp: Response, ref: str) -> None:
        resp.data = await self._charging.go_on(await body_of(req), ref, Kind.UPDATE)
        resp.status = HTTP_200
        resp.content_type = "application/json"
        meters.count("update", 200)


class Release:
    def __init__(self, charging: Charging) -> None:
        self._charging = charging

    async def on_post(self, req: Request, resp: Response, ref: str) -> None:
        await self._charging.go_on(await body_of(req), ref, Kind.TERMINATE)
        resp.status = HTTP_204
        meters.count("release", 204)


def add_converged(app: Any, charging: Charging, root: str) -> None:
    app.add_route(PREFIX, Create(charging, root))
    app.add_route(PREFIX + "/{ref}/update", Update(charging))
    app.add_route(PREFIX + "/{ref}/release", Release(charging))
