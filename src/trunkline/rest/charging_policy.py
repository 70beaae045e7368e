"""How accounts stand to policies, beyond TM Forum's APIs: the counters that policies watch, the
consent to data abroad, and what the host's network was asked to stop.

For staff, beside the records' explanations.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

import falcon

from trunkline import charging, usage
from trunkline.charging import ChargingAccountId, CounterStatus
from trunkline.inventory import ServiceId
from trunkline.kernel.errors import NotFound
from trunkline.kernel.time import format_instant
from trunkline.platform import audit
from trunkline.rest.forms.described import in_path, operation
from trunkline.tmf import Timestamp, Wire, wire
from trunkline.tmf.http import Server, read_object, send
from trunkline.usage import BarState, Cause

BASE = "/trunkline/charging/v1"
_COUNTERS = f"{BASE}/account/{{account}}/policyCounter"
_CONSENT = f"{BASE}/account/{{account}}/roamingConsent"
_BARS = f"{BASE}/bar"
_RETRY = f"{BASE}/bar/{{service}}/{{cause}}/retry"


class PendingForm(Wire):
    """The status that the counter will have by itself, from an instant on."""

    status: str
    active_from: Timestamp


class CounterForm(Wire, kw_only=True):
    """`amount` and `limit` are in the counter's units, or micros of the account's currency.
    `percent` is what of the limit is used."""

    counter: str
    status: str
    amount: int
    limit: int
    percent: int
    pending: tuple[PendingForm, ...] = ()


class ConsentForm(Wire):
    """`given`: data abroad goes on beyond its limit, until the billing month ends."""

    given: bool


class ConsentStanding(ConsentForm):
    until: Timestamp


class BarForm(Wire, kw_only=True):
    """What the host was asked to stop for a service, and hasn't done, or hasn't undone. `attempts`
    failed so far."""

    service: str
    cause: str
    product: str
    state: str
    wanted: bool
    asked: Timestamp
    attempts: int
    reason: str | None = None
    ticket: str | None = None


class Counters:
    """GET: the account's policy counters."""

    scopes: ClassVar = {"GET": "charging:read"}

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_get(self, _req: falcon.Request, resp: falcon.Response, account: str) -> None:
        which = ChargingAccountId.parse(account, path="account")
        now = self._server.clock.now()
        with self._server.databases["charging"].read() as r:
            charging.balance(r, which, now)  # which tells whether there is such an account
            found = charging.counters_of(r, [which], now)[which]
        send(resp, wire.encode([_counter(each) for each in found]))


class Consents:
    """GET: whether a person consented to go on with data abroad. POST: they do, or no longer."""

    scopes: ClassVar = {"GET": "charging:read", "POST": "charging:write"}

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_get(self, _req: falcon.Request, resp: falcon.Response, account: str) -> None:
        which = ChargingAccountId.parse(account, path="account")
        with self._server.databases["charging"].read() as r:
            found = charging.roaming_consent(r, which, self._server.clock.now())
        send(resp, wire.encode(ConsentStanding(found.given, format_instant(found.until))))

    def on_post(self, req: falcon.Request, resp: falcon.Response, account: str) -> None:
        asked = wire.convert(read_object(req, self._server.max_body), ConsentForm)
        which = ChargingAccountId.parse(account, path="account")
        now = self._server.clock.now()
        with self._server.databases["charging"].read() as r:
            charging.balance(r, which, now)  # which tells whether there is such an account
        with self._server.databases["books"].transaction() as tx:
            tx.emit(charging.ConsentToRoam(account=which, given=asked.given))
            audit.record(
                tx,
                who=req.context.caller.identity,
                verb="consent to roam" if asked.given else "withdraw consent to roam",
                what=which,
                now=now,
            )
        resp.status = 202
        send(resp, wire.encode(asked))


class Bars:
    """GET: what the host hasn't stopped, or let go on, the longest waiting first."""

    scopes: ClassVar = {"GET": "charging:read"}

    def __init__(self, server: Server) -> None:
        self._books = server.databases["books"]

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        with self._books.read() as r:
            found = usage.bars(r)
        send(resp, wire.encode([_bar(each) for each in found]))


class Retries:
    """POST: the host is asked once more for what it refused."""

    scopes: ClassVar = {"POST": "charging:write"}

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_post(self, req: falcon.Request, resp: falcon.Response, service: str, cause: str) -> None:
        if cause not in _CAUSES:
            raise NotFound(f"is none of {', '.join(_CAUSES)}", path="cause")
        which = ServiceId.parse(service, path="service")
        now = self._server.clock.now()
        with self._server.databases["books"].transaction() as tx:
            found = usage.retry_bar(tx, which, Cause(cause), now=now)
            audit.record(tx, who=req.context.caller.identity, verb="retry bar", what=which, now=now)
        resp.status = 202
        send(resp, wire.encode(_bar(found)))


_CAUSES = tuple(each.value for each in Cause)


def _counter(of: CounterStatus) -> CounterForm:
    return CounterForm(
        counter=of.counter,
        status=of.status,
        amount=of.amount,
        limit=of.limit,
        percent=of.percent,
        pending=tuple(
            PendingForm(status, format_instant(datetime.fromtimestamp(at, UTC)))
            for status, at in of.pending
        ),
    )


def _bar(of: usage.Bar) -> BarForm:
    return BarForm(
        service=of.service,
        cause=of.cause.value,
        product=of.product,
        state=of.state.value,
        wanted=of.wanted,
        asked=format_instant(of.asked_at),
        attempts=of.attempts,
        reason=of.reason,
        ticket=of.ticket,
    )


def paths() -> dict[str, Any]:
    """For the API's description."""
    return {
        _COUNTERS: {
            "parameters": in_path("account"),
            "get": operation(
                "CHARGING", "listPolicyCounters", "How an account stands to its policies",
                note="Those that the PCRF and PCF hear of, what data abroad has cost among them.",
                scope="charging:read", answers={"200": list[CounterForm]},
            ),
        },
        _CONSENT: {
            "parameters": in_path("account"),
            "get": operation(
                "CHARGING", "retrieveRoamingConsent",
                "Whether data abroad goes on beyond its limit",
                scope="charging:read", answers={"200": ConsentStanding},
            ),
            "post": operation(
                "CHARGING", "consentToRoam", "Data abroad goes on beyond its limit, or no longer",
                note="It holds until the account's billing month ends; sessions that were cut "
                "off are told to ask again, and a host that has stopped it to let it go on.",
                scope="charging:write", takes=ConsentForm, example={"given": True},
                answers={"202": ConsentForm},
            ),
        },
        _BARS: {
            "get": operation(
                "CHARGING", "listBars", "What the host's network was asked to stop, and hasn't",
                note=f"Also what it hasn't let go on again. `state` is one of "
                f"{', '.join(each.value for each in BarState)}.",
                scope="charging:read", answers={"200": list[BarForm]},
            ),
        },
        _RETRY: {
            "parameters": in_path("service", "cause"),
            "post": operation(
                "CHARGING", "retryBar", "The host is asked once more for what it refused",
                note=f"`cause` is one of {', '.join(_CAUSES)}.",
                scope="charging:write", answers={"202": BarForm},
            ),
        },
    }  # fmt: skip


def add_routes(app: falcon.App[Any, Any], server: Server) -> None:
    app.add_route(_COUNTERS, Counters(server))
    app.add_route(_CONSENT, Consents(server))
    app.add_route(_BARS, Bars(server))
    app.add_route(_RETRY, Retries(server))
