"""The edge's HTTP application: the APIs and the console side by side, told apart by path."""

import gc
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

from trunkline import console, rest
from trunkline.app import System, open_system
from trunkline.app.events import callback_rule
from trunkline.app.founding import Operator, operator
from trunkline.kernel.time import zone
from trunkline.platform import settings, telemetry
from trunkline.platform.addresses import parse_networks
from trunkline.platform.loops import once_there

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Any, StartResponse], Iterable[bytes]]

PAGES = ("/console", "/static")


def create_from_environment() -> Application:
    """What an edge worker serves: the system of its settings."""
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    loaded = settings.load()
    telemetry.configure_logs(loaded.log)
    application = create(open_system(loaded))
    # What is there by now stays: looking through it for garbage would cost requests their time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    return application


def _end_with_parent(parent: int) -> None:
    """A worker whose server was killed would hold its port for ever: it ends within a second."""
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(1.0)
    os._exit(1)


def create(system: System) -> Application:
    """A WSGI application (PEP 3333) over `system`, once its books are there."""
    known = once_there(lambda: _operator(system), name="edge")
    pages = console.create_app(
        console.Console(
            books=system.books,
            charging=system.charging,
            clock=system.clock,
            operator=known.brand.name,
            zone=zone(known.market.time_zone),
            country=known.market.country,
            settings=system.settings.console,
            trusted=parse_networks(system.settings.http.trusted_proxies, "http.trusted_proxies"),
        )
    )
    apis = rest.create_app(
        books=system.books,
        charging=system.charging,
        clock=system.clock,
        callbacks=callback_rule(system.settings.hub),
        issuer=system.settings.http.url,
        origins=system.settings.http.cors_origins,
    )

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        is_page = path == "/" or path.startswith(PAGES)
        return (pages if is_page else apis)(environ, start_response)

    return application


def _operator(system: System) -> Operator:
    with system.books.read() as r:
        return operator(r)
