"""Nchf_ConvergedCharging (TS 32.291, clause 6.1): create, update, release."""

import asyncio
from collections.abc import Sequence
from urllib.parse import quote

from trunkline.charging import Batcher, ChargeAnswer, ChargeRequest, Kind, Unanswered
from trunkline.nchf import meters
from trunkline.nchf.front import JSON, Call, Reply, Routes
from trunkline.nchf.problems import Problem, congested
from trunkline.nchf.reading import Ways, continued, created, decoded
from trunkline.nchf.writing import written
from trunkline.platform.clock import Clock

PREFIX = "/nchf-convergedcharging/v3/chargingdata"

_FAILED = (500, "SYSTEM_FAILURE", Unanswered.FAILED.value)

Asked = asyncio.Future[ChargeAnswer]


class Charging:
    """The service's requests on their way through the batcher. `failure_handling` is what a
    consumer is told to do while it gets no answer; requests are read in these `ways`."""

    def __init__(
        self, batcher: Batcher, clock: Clock, *, failure_handling: str, ways: Ways
    ) -> None:
        self._batcher = batcher
        self._clock = clock
        self._failure_handling = failure_handling
        self._ways = ways

    def answered(self, answers: Sequence[tuple[Asked, ChargeAnswer]], seconds: list[float]) -> None:
        for asked, answer in answers:
            if not asked.done():  # who asked may be gone
                asked.set_result(answer)
        for each in seconds:
            meters.SECONDS.observe(each)

    def unanswered(self, asked: Asked, why: Unanswered) -> None:
        if not asked.done():
            asked.set_exception(
                congested(why.value) if why is Unanswered.HELD else Problem(*_FAILED)
            )

    async def begin(self, body: bytes) -> tuple[str, bytes]:
        """The ref of what was created, and the answer. Raises `Problem`."""
        reading = created(decoded(body), self._now(), self._ways)
        answer = await self._ask(reading.request)
        return reading.request.session, written(reading, answer, self._failure_handling)

    async def go_on(self, body: bytes, ref: str, kind: Kind) -> bytes:
        """The answer to an update or a release. Raises `Problem`."""
        reading = continued(decoded(body), ref, kind, self._now(), self._ways)
        return written(reading, await self._ask(reading.request), self._failure_handling)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _ask(self, request: ChargeRequest) -> Asked:
        if not self._batcher.has_room():
            raise congested("too busy")
        asked: Asked = asyncio.get_running_loop().create_future()
        self._batcher.ask(self, asked, request)
        return asked


class Converged:
    """The service's resources: where they are, and what is done with them."""

    def __init__(self, charging: Charging, root: str) -> None:
        self._charging = charging
        self._root = root
        self._creates: Routes = {"POST": ("create", self.create)}
        self._verbs: dict[str, Routes] = {
            "update": {"POST": ("update", self.update)},
            "release": {"POST": ("release", self.release)},
        }

    def routes(self, path: str) -> Routes | None:
        if path.startswith(_UNDER):
            ref, _, verb = path[len(_UNDER) :].rpartition("/")
            return self._verbs.get(verb) if ref else None
        return self._creates if path == PREFIX else None

    async def create(self, call: Call) -> Reply:
        ref, body = await self._charging.begin(await call.body())
        root = self._root or call.root
        location = f"{root}{PREFIX}/{quote(ref, safe='')}"
        return Reply(201, body, [("content-type", JSON), ("location", location)])

    async def update(self, call: Call) -> Reply:
        body = await self._charging.go_on(await call.body(), _ref(call), Kind.UPDATE)
        return Reply(200, body)

    async def release(self, call: Call) -> Reply:
        await self._charging.go_on(await call.body(), _ref(call), Kind.TERMINATE)
        return Reply(204)


_UNDER = PREFIX + "/"


def _ref(call: Call) -> str:
    return call.path[len(_UNDER) : call.path.rindex("/")]
