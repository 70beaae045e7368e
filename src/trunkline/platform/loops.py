"""The loops of those who work outside of transactions: senders, couriers, runners of jobs.

What each of them claims, and how it notes what came of it, is its own: a text message may not be
sent twice, an instruction may. That it goes on until it is told to stop, whatever happens, is the
same for all.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from trunkline.platform.db import DatabaseUnavailable

log = structlog.get_logger(__name__)

Found = TypeVar("Found")

AWAY = 1.0
"""Seconds after which a database that is away is asked again."""
AGAIN = 5.0
"""Seconds after which work that failed by our own fault begins again."""


def keep_at(
    work: Callable[[], float],
    stop: threading.Event,
    *,
    name: str,
    woken: threading.Event | None = None,
) -> None:
    """Does `work` again and again until `stop` is set. It answers with the seconds to wait before
    the next time, which `woken` cuts short. A database that is away is waited for; any other
    failure is told, and work goes on: a thread that died unseen would be work that nobody does.
    """
    while not stop.is_set():
        if woken is not None:
            woken.clear()
        waits_for = woken or stop
        try:
            pause = work()
        except DatabaseUnavailable as error:
            log.warning("waiting for a database", work=name, error=str(error))
            waits_for, pause = stop, AWAY
        except Exception:
            log.exception("failed; it begins again", work=name)
            waits_for, pause = stop, AGAIN
        if pause > 0:
            waits_for.wait(pause)


def once_there(ask: Callable[[], Found], *, name: str) -> Found:
    """The answer, for who begins with it: a database that is away is waited for, which is told
    once."""
    told = False
    while True:
        try:
            return ask()
        except DatabaseUnavailable as error:
            if not told:
                log.warning("waiting for a database", work=name, error=str(error))
            told = True
        time.sleep(AWAY)
