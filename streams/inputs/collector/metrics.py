"""What the collector tells Prometheus. Labels are names from the file of clients and the register only."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.samples import Sample

from streams.metrics_server import serve_metrics

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Counts since the start of the process."""

    def __init__(self) -> None:
        self.registry = on = CollectorRegistry()
        self.requests = Counter("frwatch_collect_requests", "Requests by status", ["status"], registry=on)
        self.events = Counter(
            "frwatch_collect_events",
            "Events by result: accepted, refused, unacknowledged",
            ["client", "kind", "result"],
            registry=on,
        )
        self.faults = Counter(
            "frwatch_collect_faults", "Faults of refused events", ["client", "code"], registry=on
        )
        self.foreign = Counter(
            "frwatch_collect_foreign_agency",
            "Events refused because the client may not speak for the agency",
            ["client", "agency"],
            registry=on,
        )
        self.strangers = Counter(
            "frwatch_collect_unauthenticated", "Requests without a known key or certificate", registry=on
        )
        self.seconds = Histogram(
            "frwatch_collect_request_seconds", "From the headers to the answer", buckets=_SECONDS, registry=on
        )
        self.in_hand = Gauge("frwatch_collect_in_hand_bytes", "Bytes of bodies in hand", registry=on)
        self.connections = Gauge("frwatch_collect_connections", "Open connections", registry=on)
        self.kafka_away = Gauge(
            "frwatch_collect_kafka_away", "1 while Kafka owes acknowledgements", registry=on
        )

    def since_start(self) -> dict[str, int]:
        """Return how many events were `accepted`, `refused` (`foreign` of them) and `unacknowledged`."""
        told = dict.fromkeys(("accepted", "refused", "unacknowledged"), 0)
        for sample in _totals(self.events):
            told[sample.labels["result"]] += int(sample.value)
        return told | {"foreign": sum(int(sample.value) for sample in _totals(self.foreign))}

    def serve(self, where: str) -> None:
        """Serve them on `port` of loopback, or on `host:port`.

        Raises:
            NotThere: it cannot be listened on.
        """
        serve_metrics(self.registry, where, "FRWATCH_COLLECT_METRICS")


def _totals(counter: Counter) -> Iterator[Sample]:
    return (
        sample for family in counter.collect() for sample in family.samples if sample.name.endswith("_total")
    )
