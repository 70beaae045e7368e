"""What the edge counts, for /metrics."""

from trunkline.platform.telemetry import counter, gauge, histogram

REQUESTS = counter(
    "gy_requests",
    "Credit-control requests answered, by CC-Request-Type and Result-Code",
    "type",
    "result",
)
SECONDS = histogram("gy_seconds", "From a request's arrival to its answer")
ODDITIES = counter("gy_oddities", "What gateways got wrong and was borne", "oddity")
PEERS = gauge("diameter_peers", "Open connections of gateways")
TOLD = counter("gy_told", "Requests of ours to gateways, by kind and Result-Code", "kind", "result")
SY = counter("sy_requests", "Sy requests answered, by kind and Result-Code", "type", "result")
