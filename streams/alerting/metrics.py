"""What the alerter tells Prometheus, and `frwatch status`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sinks.alerts.outcome import Outcome
from streams.alerting.alert import Alert
from streams.metrics_server import serve_metrics

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 86_400)
_STATES = {"closed": 0, "half-open": 1, "open": 2}


class Metrics:
    """Counts since the start of the process; labels are names of routes, destinations and sources."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        on = self.registry
        self._attempts = Counter(
            "frwatch_alert_attempts", "Attempts to deliver", ["destination", "outcome"], registry=on
        )
        self._suppressed = Counter(
            "frwatch_alert_suppressed", "Violations told in a summary", ["route"], registry=on
        )
        self._latency = Histogram(
            "frwatch_alert_delivery_seconds",
            "From the decision, or the end of quiet hours, to the delivery",
            ["destination"],
            buckets=_SECONDS,
            registry=on,
        )
        self._answer = Histogram(
            "frwatch_alert_attempt_seconds",
            "How long one attempt took",
            ["destination"],
            buckets=_SECONDS,
            registry=on,
        )
        self._circuit = Gauge(
            "frwatch_alert_circuit", "0 closed, 1 half-open, 2 open", ["destination"], registry=on
        )
        self._waiting = Gauge("frwatch_alert_waiting", "Deliveries that wait", ["destination"], registry=on)
        self._canary = Gauge(
            "frwatch_alert_last_canary_timestamp_seconds",
            "When the last canary came through",
            ["source"],
            registry=on,
        )
        self._rows = Gauge("frwatch_alert_rows_waiting", "Rows that ClickHouse has not yet", registry=on)
        self._active = Gauge("frwatch_alert_active", "1 where this is the active alerter", registry=on)
        self.delivered = 0
        self.failed = 0

    def serve(self, where: str) -> None:
        """Serve them on `port` of loopback, or on `host:port`.

        Raises:
            NotThere: it cannot be listened on.
        """
        serve_metrics(self.registry, where, "FRWATCH_ALERTS_METRICS")

    def attempt(
        self, destination: str, alert: Alert, outcome: Outcome, *, began: int, ended: int, given_up: bool
    ) -> None:
        """Count an attempt; times are microseconds."""
        word = "given_up" if given_up else outcome.result
        self._attempts.labels(destination, word).inc()
        self._answer.labels(destination).observe(max(0, ended - began) / 1e6)
        if outcome.result == "delivered":
            self.delivered += 1
            self._latency.labels(destination).observe(
                max(0, ended - alert.deliveries[destination].since) / 1e6
            )
        else:
            self.failed += 1

    def decided(self, alert: Alert) -> None:
        """Count what a summary tells."""
        if alert.suppressed:
            self._suppressed.labels(alert.route).inc(alert.suppressed)

    def lane(self, destination: str, circuit: str, waiting: int) -> None:
        """Say how a destination does."""
        self._circuit.labels(destination).set(_STATES[circuit])
        self._waiting.labels(destination).set(waiting)

    def canary(self, source: str, arrived_at: int) -> None:
        """Say when the last canary of a source came through, in microseconds since 1970."""
        self._canary.labels(source).set(arrived_at / 1e6)

    def state(self, *, active: bool, rows: int) -> None:
        """Say whether this alerter is the active one, and how many rows wait."""
        self._active.set(int(active))
        self._rows.set(rows)
