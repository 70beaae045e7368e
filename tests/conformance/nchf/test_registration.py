"""The CHF registers at an NRF, shows that it lives, and leaves (TS 29.510, 5.2.2)."""

import asyncio
import json
import ssl
from typing import Any

import msgspec
import pytest

from tests.conformance.nchf.network import SETTINGS, listening, network, run
from tests.conformance.nchf.specification import check
from tests.conftest import MakeDatabase
from tests.served import free_port
from tests.unit.nchf.calls import generous
from trunkline.app.nchf import nchf_settings
from trunkline.kernel.errors import Invalid
from trunkline.nchf import NrfSettings
from trunkline.nchf.posting import Poster, Reply
from trunkline.nchf.registration import Registration, profile_of
from trunkline.platform.clock import SystemClock
from trunkline.platform.settings import Settings
from trunkline.platform.settings_nchf import NchfSettings
from trunkline.tmf.hub import Callback, CallbackRule, parse_callback

FILE = "TS29510_Nnrf_NFManagement.yaml"
ADDRESS = "http://192.0.2.10:7777"
INSTANCE = "7f1c8a52-3b1d-5f0e-9a7c-2d6e8f901234"
PATH = f"/nnrf-nfm/v1/nf-instances/{INSTANCE}"


class Nrf:
    """Refuses each heart-beat, as one that was restarted does."""

    def __init__(self, refusal: int) -> None:
        self._refusal = refusal
        self.came: asyncio.Queue[tuple[str, str, str, Any]] = asyncio.Queue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            event = await receive()
            body += event.get("body", b"")
            more = event.get("more_body", False)
        document: Any = json.loads(body) if body else None
        kind = dict(scope["headers"]).get(b"content-type", b"").decode()
        status, answer = {"PUT": 201, "PATCH": self._refusal, "DELETE": 204}[scope["method"]], b""
        if status == 201:
            answer = json.dumps({**document, "heartBeatTimer": 1}).encode()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": answer})
        await self.came.put((scope["method"], scope["path"], kind, document))


@pytest.mark.parametrize("refusal", [404, 400])
def test_registered_for_as_long_as_it_lives(refusal: int) -> None:
    port = free_port()
    nrf = Nrf(refusal)
    settings = msgspec.structs.replace(
        SETTINGS, nrf=NrfSettings(f"http://127.0.0.1:{port}", ADDRESS, instance=INSTANCE)
    )

    async def story() -> None:
        async with listening(nrf, port):
            async with network(generous, SystemClock(), settings):
                method, path, kind, profile = await nrf.came.get()
                assert (method, path, kind) == ("PUT", PATH, "application/json")
                check("NFProfile", profile, FILE)
                method, path, kind, patch = await nrf.came.get()
                assert (method, path, kind) == ("PATCH", PATH, "application/json-patch+json")
                assert patch == [{"op": "replace", "path": "/nfStatus", "value": "REGISTERED"}]
                again = await nrf.came.get()
                assert again == ("PUT", PATH, "application/json", profile)
            assert await nrf.came.get() == ("DELETE", PATH, "", None)

    run(story)


def test_an_nrf_that_is_away_keeps_nobody_waiting() -> None:
    settings = msgspec.structs.replace(
        SETTINGS, nrf=NrfSettings(f"http://127.0.0.1:{free_port()}", ADDRESS)
    )

    async def story() -> None:
        async with network(generous, SystemClock(), settings) as smf:
            assert (await smf.create(0, subscriberIdentifier="imsi-999700000000001")).status == 201

    run(story)


def test_of_several_processes_the_last_takes_leave(make_database: MakeDatabase) -> None:
    """Who stops alone leaves the CHF registered; on SQLite there is one process only."""
    charging = make_database("charging")
    last_only = charging.dialect == "postgresql"
    told: list[str] = []

    class Told(Poster):
        async def send(
            self, method: str, target: Callback, body: bytes, kind: str = "application/json"
        ) -> Reply:
            told.append(method)
            return Reply(201 if method == "PUT" else 204)

    async def begun() -> Registration:
        poster = Told(CallbackRule(), ssl.create_default_context())
        settings = NrfSettings("http://nrf.example", ADDRESS)
        registration = Registration(settings, poster, charging)
        running = asyncio.create_task(registration.run())
        puts = told.count("PUT")
        while told.count("PUT") == puts:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])
        return registration

    async def story() -> None:
        one, other = await begun(), await begun()
        await one.leave()
        await other.leave()
        assert told == ["PUT", "PUT", *(["DELETE"] if last_only else ["DELETE", "DELETE"])]
        told.clear()
        await (await begun()).leave()
        assert told == ["PUT", "DELETE"]

    run(story)


def test_another_nrf_answers_for_the_first() -> None:
    """307 and 308 lead to it, by a whole URI or a path (TS 29.500, 6.10.9)."""
    port, other, wrong = free_port(), free_port(), free_port()
    came: list[tuple[int, str, str]] = []

    class Redirecting:
        def __init__(self, port: int, status: int, location: str) -> None:
            self._port = port
            self._status = status
            self._location = location

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            while (await receive()).get("more_body"):
                pass
            came.append((self._port, scope["method"], scope["path"]))
            headers = [(b"location", self._location.encode())] if self._location else []
            await send({"type": "http.response.start", "status": self._status, "headers": headers})
            await send({"type": "http.response.body", "body": b""})

    async def story() -> None:
        poster = Poster(CallbackRule(allow_private=True), ssl.create_default_context())
        first = parse_callback(f"http://127.0.0.1:{port}{PATH}")
        async with (
            listening(Redirecting(port, 308, f"http://127.0.0.1:{other}/moved"), port),
            listening(Redirecting(other, 307, "/elsewhere"), other),
            listening(Redirecting(wrong, 307, "ftp://nrf.example/"), wrong),
        ):
            assert (await poster.send("PUT", first, b"{}")).status == 307, "once, not for ever"
            assert came == [(port, "PUT", PATH), (other, "PUT", "/moved")]
            came.clear()
            second = parse_callback(f"http://127.0.0.1:{other}{PATH}")
            assert (await poster.send("PATCH", second, b"[]")).status == 307
            assert came == [(other, "PATCH", PATH), (other, "PATCH", "/elsewhere")]
            with pytest.raises(Invalid):
                await poster.send("PUT", msgspec.structs.replace(first, port=wrong), b"{}")

    run(story)


def test_a_profile() -> None:
    settings = NrfSettings(
        "http://nrf.example",
        "https://chf.example/trunkline",
        plmns=("99970", "310410"),
        supis=("999700000000000-999709999999999", "^imsi-00101.*"),
        gpsis=("46701000000-46701999999",),
        served_plmns=("99970-99979",),
        group="group-1",
    )
    profile = profile_of(settings)
    check("NFProfile", profile, FILE)
    assert profile["fqdn"] == "chf.example"
    assert profile["plmnList"] == [{"mcc": "999", "mnc": "70"}, {"mcc": "310", "mnc": "410"}]
    assert profile["chfInfo"] == {
        "supiRangeList": [
            {"start": "999700000000000", "end": "999709999999999"},
            {"pattern": "^imsi-00101.*"},
        ],
        "gpsiRangeList": [{"start": "46701000000", "end": "46701999999"}],
        "plmnRangeList": [{"start": "99970", "end": "99979"}],
        "groupId": "group-1",
    }
    charging, spending = profile["nfServices"]
    assert charging["serviceName"] == "nchf-convergedcharging"
    assert charging["versions"][0]["apiVersionInUri"] == "v3"
    assert charging["apiPrefix"] == "/trunkline"
    assert charging["ipEndPoints"] == [{"transport": "TCP", "port": 443}]
    assert spending["versions"][0]["apiVersionInUri"] == "v1"
    assert profile_of(settings)["nfInstanceId"] == profile["nfInstanceId"], "the same for ever"


@pytest.mark.parametrize(
    ("known", "path"),
    [
        ({"host": "0.0.0.0"}, "nchf.url"),  # noqa: S104 - nobody listens there
        ({"url": "chf.example"}, "nchf.url"),
        ({"nrf": "nrf.example"}, "nchf.nrf"),
        ({"nrf_instance": "chf-1"}, "nchf.nrf_instance"),
        ({"nrf_plmns": ("999",)}, "nchf.nrf_plmns"),
        ({"nrf_supis": ("9-1",)}, "nchf.nrf_supis"),
        ({"nrf_gpsis": ("467",)}, "nchf.nrf_gpsis"),
        ({"nrf_served_plmns": ("99979-99970",)}, "nchf.nrf_served_plmns"),
    ],
)
def test_settings_that_can_not_be(known: dict[str, Any], path: str) -> None:
    settings = Settings(nchf=NchfSettings(**{"nrf": "http://nrf.example", **known}))
    with pytest.raises(Invalid) as refused:
        nchf_settings(settings)
    assert refused.value.path == path
