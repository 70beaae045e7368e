"""The REST edge as a WSGI application: the APIs, their documents, health and metrics."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import cached_property
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import falcon
import structlog

from trunkline.charging import measure_refused
from trunkline.kernel.errors import Unavailable
from trunkline.platform import telemetry
from trunkline.platform.clock import Clock
from trunkline.platform.db import Database
from trunkline.rest import (
    charging_records,
    oauth,
    party_history,
    retail,
    tmf620_product_catalog,
    tmf621_trouble_ticket,
    tmf622_product_order,
    tmf629_customer,
    tmf632_party,
    tmf633_service_catalog,
    tmf634_resource_catalog,
    tmf635_usage,
    tmf637_product_inventory,
    tmf638_service_inventory,
    tmf639_resource_inventory,
    tmf640_service_activation,
    tmf641_service_ordering,
    tmf644_privacy,
    tmf648_quote,
    tmf651_agreement,
    tmf654_prepay_balance,
    tmf663_shopping_cart,
    tmf666_account,
    tmf668_partnership,
    tmf669_party_role,
    tmf670_payment_method,
    tmf671_promotion,
    tmf672_user_role_permission,
    tmf676_payment,
    tmf677_usage_consumption,
    tmf678_customer_bill,
    tmf679_product_offering_qualification,
    tmf681_communication,
    tmf683_party_interaction,
    tmf687_stock,
    tmf688_event,
    top_ups,
    vouchers,
)
from trunkline.rest.manner import Manner
from trunkline.tmf import Api, wire
from trunkline.tmf.errors import ErrorBody, answer
from trunkline.tmf.guard import Guard
from trunkline.tmf.http import JSON, MAX_BODY, Server, add_api, add_error_handlers
from trunkline.tmf.hub import CallbackRule, add_hub, measure
from trunkline.tmf.openapi import document
from trunkline.usage import measure_exposure

log = structlog.get_logger(__name__)

NOWHERE_PRIVATE = CallbackRule()
_BESIDE = {
    charging_records.API.number: charging_records.add_routes,
    retail.API.number: retail.add_routes,
    vouchers.API.number: vouchers.add_routes,
}
"""What adds the routes of an API that are no resources."""


def all_apis(books: Database, charging: Database, clock: Clock) -> tuple[Api, ...]:
    """What is offered: TM Forum's APIs, and our own. Balances are read where charging keeps
    them."""
    return (*open_apis(books, charging, clock), *own_apis(charging))


def own_apis(charging: Database) -> tuple[Api, ...]:
    """For what TM Forum has no resource."""
    return (
        charging_records.API,
        party_history.API,
        retail.API,
        top_ups.api(charging),
        vouchers.API,
    )


def open_apis(books: Database, charging: Database, clock: Clock) -> tuple[Api, ...]:
    """Those that TM Forum's documents describe."""
    return (
        tmf620_product_catalog.API,
        tmf621_trouble_ticket.API,
        tmf622_product_order.API,
        tmf629_customer.API,
        tmf632_party.API,
        tmf633_service_catalog.API,
        tmf634_resource_catalog.API,
        tmf635_usage.API,
        tmf637_product_inventory.API,
        tmf638_service_inventory.API,
        tmf639_resource_inventory.API,
        tmf640_service_activation.API,
        tmf641_service_ordering.API,
        tmf687_stock.API,
        tmf644_privacy.API,
        tmf648_quote.API,
        tmf654_prepay_balance.api(books, charging, clock),
        tmf663_shopping_cart.API,
        tmf651_agreement.API,
        tmf666_account.API,
        tmf668_partnership.API,
        tmf669_party_role.API,
        tmf670_payment_method.API,
        tmf671_promotion.API,
        tmf672_user_role_permission.API,
        tmf676_payment.API,
        tmf677_usage_consumption.api(charging),
        tmf678_customer_bill.api(charging, clock),
        tmf681_communication.API,
        tmf683_party_interaction.API,
        tmf688_event.API,
        tmf679_product_offering_qualification.API,
    )


def create_app(
    *,
    books: Database,
    charging: Database,
    clock: Clock,
    apis: Sequence[Api] | None = None,
    max_body: int = MAX_BODY,
    callbacks: CallbackRule = NOWHERE_PRIVATE,
    issuer: str = "http://127.0.0.1:8080",
    origins: Collection[str] = (),
) -> falcon.App[Any, Any]:
    """The application over these databases; events go where `callbacks` allow; `issuer` is the
    URL by which clients know it; pages of `origins` may ask too. Pages under /docs load their
    assets from /static/vendor/swagger-ui, which the console serves."""
    databases = {"books": books, "charging": charging}
    server = Server(databases, clock, max_body)
    app: falcon.App[Any, Any] = falcon.App(
        middleware=[Manner(origins), Guard(books, clock, issuer=issuer)]
    )
    app.req_options.strip_url_path_trailing_slash = True
    app.req_options.auto_parse_form_urlencoded = False
    offered = all_apis(books, charging, clock) if apis is None else tuple(apis)
    for api in offered:
        add_api(app, server, api)
        if api.hub:
            add_hub(app, server, api, callbacks)
        if api.number in _BESIDE:
            _BESIDE[api.number](app, server)
        app.add_route(api.base, _Document([api], api.title, api.version))
    if tmf688_event.API in offered:
        tmf688_event.add_topics(app, server, offered, callbacks)
    app.add_route(tmf678_customer_bill.BILL_DOCUMENT, tmf678_customer_bill.BillDocument(books))
    app.add_route(oauth.TOKEN, oauth.Token(books, clock, issuer))
    app.add_route(oauth.JWKS, oauth.Keys(books))
    app.add_route(oauth.METADATA, oauth.Metadata(issuer, offered))
    app.add_route("/openapi.json", _Document(offered, "Trunkline", version("trunkline")))
    app.add_route("/docs", _Page(_PAGE, "text/html"))
    app.add_route("/docs/start.js", _Page(_SCRIPT, "text/javascript"))
    app.add_route("/healthz", _Alive())
    app.add_route("/readyz", _Ready(server))
    app.add_route("/metrics", _Metrics(server))
    add_error_handlers(app, _on_bug)
    return app


class _Document:
    """An OpenAPI document: what is offered is no secret. It is made when it is first asked for,
    since all of them would take most of a start."""

    is_open = True

    def __init__(self, apis: Sequence[Api], title: str, version: str) -> None:
        self._apis, self._title, self._version = apis, title, version

    @cached_property
    def _encoded(self) -> bytes:
        return wire.encode(
            document(self._apis, title=self._title, version=self._version, token_url=oauth.TOKEN)
        )

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = JSON
        resp.data = self._encoded


_PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Trunkline Open APIs</title>
<link rel="stylesheet" href="/static/vendor/swagger-ui/swagger-ui.css">
</head>
<body>
<main id="documentation"></main>
<script src="/static/vendor/swagger-ui/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_SCRIPT = b"""SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#documentation",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  tryItOutEnabled: true,
});
"""


_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


class _Page:
    """A part of the interactive documentation; it loads nothing from elsewhere."""

    is_open = True

    def __init__(self, content: bytes, media: str) -> None:
        self._content = content
        self._media = f"{media}; charset=utf-8"

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = self._media
        resp.set_header("Content-Security-Policy", _POLICY)
        resp.data = self._content


class _Alive:
    """The process answers."""

    is_open = True

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = JSON
        resp.data = b'{"status":"alive"}'


class _Ready:
    """The process can do its work: 503 where a database is away or the relay lags."""

    is_open = True

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        checks = telemetry.check(self._server.databases, self._server.clock.now())
        ready = all(each.well for each in checks)
        resp.status = 200 if ready else 503
        resp.content_type = JSON
        resp.data = wire.encode({"status": "ready" if ready else "notReady", "checks": checks})


class _Metrics:
    is_open = True

    def __init__(self, server: Server) -> None:
        self._server = server

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        now = self._server.clock.now()
        with suppress(Unavailable), self._server.databases["books"].read() as r:
            measure(r)
            measure_exposure(r, now)
            measure_refused(r)
        resp.content_type = telemetry.CONTENT_TYPE
        resp.data = telemetry.metrics(self._server.databases, now)


def _on_bug(req: falcon.Request, resp: falcon.Response, error: Exception, _params: object) -> None:
    """Our own fault: logged with its trace, answered without it."""
    log.error("request failed", method=req.method, path=req.path, exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    said = "something went wrong here; it has been logged"
    answer(resp, status, ErrorBody("internal", status.phrase, said, str(status.value)))
