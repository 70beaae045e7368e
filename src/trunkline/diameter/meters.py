"""What the edge counts, for /metrics."""

from prometheus_client import Histogram

from trunkline.platform.telemetry import REGISTRY, counter, gauge, histogram

REQUESTS = counter(
    "gy_requests",
    "Credit-control requests answered, by CC-Request-Type and Result-Code",
    "type",
    "result",
)
SECONDS = histogram("gy_seconds", "From a request's arrival to its answer")
BATCH = Histogram(
    "trunkline_gy_batch_requests",
    "Requests in one commit",
    buckets=(1, 2, 4, 8, 16, 32, 64, 96, 128),
    registry=REGISTRY,
)
ODDITIES = counter("gy_oddities", "What gateways got wrong and was borne", "oddity")
WAITING = gauge("gy_waiting", "Requests that wait for a commit")
PEERS = gauge("diameter_peers", "Open connections of gateways")
