"""What the edge counts, for /metrics."""

from collections.abc import Callable

from trunkline.platform.telemetry import counter, histogram

REQUESTS = counter(
    "nchf_requests", "Requests answered, by operation and HTTP status", "operation", "status"
)
SECONDS = histogram("nchf_seconds", "From a charging request's arrival to its answer")
NOTICES = counter("nchf_notices", "Notifications sent, by kind and outcome", "kind", "outcome")

_counters: dict[tuple[str, int], Callable[[], None]] = {}


def count(operation: str, status: int) -> None:
    key = operation, status
    increment = _counters.get(key)
    if increment is None:
        increment = _counters[key] = REQUESTS.labels(operation, status).inc
    increment()
