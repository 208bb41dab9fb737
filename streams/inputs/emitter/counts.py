"""What became of a client's events since its start, for whoever watches the client."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class Counts:
    """Events of one emitter since its start.

    `accepted` came into the spool, `sent` were acknowledged by Kafka (also what an earlier process left),
    `waiting` are in the spool. `refused` says how many were not accepted, by reason: `invalid` (against the
    contract), `full` (the spool), `spool` (its file), `fault` (anything else). `unsendable` were put aside
    since Kafka will never take them. `away_for` is how long Kafka has not answered, in seconds; 0 if it does.
    """

    accepted: int
    sent: int
    waiting: int
    unsendable: int
    refused: Mapping[str, int]
    away_for: float


class Tally:
    """Counts as they are made, by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counter: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._away_since: float | None = None

    def add(self, what: str, number: int = 1) -> None:
        """Count events that were `accepted`, `sent` or `unsendable`."""
        with self._lock:
            self._counter[what] += number

    def refuse(self, reason: str) -> int:
        """Count an event that was refused; return how many were for this reason, with it."""
        with self._lock:
            self._refused[reason] += 1
            return self._refused[reason]

    def away(self, is_away: bool) -> bool:
        """Note whether Kafka answers; return whether that is news."""
        with self._lock:
            news = (self._away_since is not None) != is_away
            if news:
                self._away_since = time.monotonic() if is_away else None
            return news

    def counts(self, waiting: int) -> Counts:
        """Return all counts of now."""
        with self._lock:
            since = self._away_since
            return Counts(
                accepted=self._counter["accepted"],
                sent=self._counter["sent"],
                waiting=waiting,
                unsendable=self._counter["unsendable"],
                refused=dict(self._refused),
                away_for=0.0 if since is None else time.monotonic() - since,
            )


class Metrics(Collector):
    """Counts of an emitter as Prometheus has them: `REGISTRY.register(emitter.metrics)`."""

    def __init__(self, counts: Callable[[], Counts]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of now."""
        counts = self._counts()
        events = CounterMetricFamily("frwatch_emitter_events", "What became of events", labels=["result"])
        events.add_metric(["accepted"], counts.accepted)
        events.add_metric(["sent"], counts.sent)
        events.add_metric(["unsendable"], counts.unsendable)
        for reason, number in counts.refused.items():
            events.add_metric([f"refused_{reason}"], number)
        yield events
        yield GaugeMetricFamily("frwatch_emitter_waiting", "Events in the spool", value=counts.waiting)
        yield GaugeMetricFamily(
            "frwatch_emitter_away_seconds", "How long Kafka has not answered", value=counts.away_for
        )
