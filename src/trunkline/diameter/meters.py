"""What the edge counts, for /metrics."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "trunkline_gy_requests_total",
    "Credit-control requests answered, by CC-Request-Type and Result-Code",
    ("type", "result"),
)
SECONDS = Histogram(
    "trunkline_gy_seconds",
    "From a request's arrival to its answer's sending",
    buckets=(0.001, 0.002, 0.004, 0.006, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 1.0, 5.0),
)
BATCH = Histogram(
    "trunkline_gy_batch_requests",
    "Requests in one commit",
    buckets=(1, 2, 4, 8, 16, 32, 64, 96, 128),
)
ODDITIES = Counter(
    "trunkline_gy_oddities_total", "What gateways got wrong and was borne", ("oddity",)
)
WAITING = Gauge("trunkline_gy_waiting", "Requests that wait for a commit")
PEERS = Gauge("trunkline_diameter_peers", "Open connections")
