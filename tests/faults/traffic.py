"""An independent producer: numbered searches at a steady rate, and a report of what was acknowledged.

`python -m tests.faults.traffic …` is a process of its own and uses none of frwatch's code: the contract's
schema file, fastavro and a Kafka client. Search number n of run r has the id `r-0000-4000-8000-n`, both in
hexadecimal, so whoever counts needs no list. Every 50th is a Clearview search of the LAPD after its ban. With
`--poison N` one in N values is of a kind in `tests.faults.poison`; the report has each of these with its
place in Kafka.

It ends after `--seconds`, or when its standard input is closed, once all it sent is acknowledged.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import select
import sys
import time
from pathlib import Path
from typing import Any

import fastavro
from confluent_kafka import Producer

from tests.faults.poison import HEAD, KINDS, RARE

SCHEMA = Path(__file__).resolve().parents[2] / "schemas" / "search.avsc"
FORBIDDEN_EACH = 50
TICK = 0.01
RARE_EACH = 400
_AGENCIES = ("lapd", "lasd", "long-beach-pd", "glendale-pd", "pasadena-pd", "burbank-pd")
_START = 1_700_000_000_000_000


def event_id(run: int, number: int) -> str:
    """The id of a search."""
    return f"{run:08x}-0000-4000-8000-{number:012x}"


def _tails(rng: random.Random, *, forbidden: bool, count: int) -> list[tuple[bytes, bytes]]:
    """Keys, and all of a value that comes after the event id."""
    schema = fastavro.parse_schema(json.loads(SCHEMA.read_text()))
    made = []
    for number in range(count):
        agency = "lapd" if forbidden else rng.choice(_AGENCIES)
        officer = f"P{rng.randrange(400)}"
        record = {
            "event_id": event_id(0, 0),
            "occurred_at": _START + number * 1_000_000,
            "source": "lacris-web",
            "source_version": "3.2",
            "agency_id": agency,
            "officer_id": officer,
            "unit": f"unit-{rng.randrange(30)}",
            "provider": "Clearview AI" if forbidden else "LACRIS",
            "endpoint": "https://app.clearview.ai/search" if forbidden else None,
            "case_number": f"23-{rng.randrange(10**6):06}",
            "crime_type": rng.choice(("robbery", "burglary", "fraud", "assault")),
            "probe_hash": f"{rng.getrandbits(256):064x}",
            "candidates": rng.randrange(30),
            "top_score": rng.random(),
            "training_cert": "LACRIS-2020-0001",
            "attributes": {"workstation": f"ws{rng.randrange(200)}"},
        }
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, record)
        made.append((f"{agency}/{officer}".encode(), out.getvalue()[1 + 36 :]))
    return made


class Traffic:
    """The searches of one run."""

    def __init__(self, kafka: str, topic: str, run: int, poison: int) -> None:
        self._topic, self._run, self._poison = topic, run, poison
        self._rng = random.Random(run)
        self._plain = _tails(self._rng, forbidden=False, count=991)
        self._forbidden = _tails(self._rng, forbidden=True, count=97)
        self._kinds = [kind for kind in KINDS if kind not in RARE]
        self._poisoned = 0
        self.number = 0
        self.forbidden = 0
        self.delivered = 0
        self.failed: list[str] = []
        self.strange: list[dict[str, Any]] = []
        self._producer = Producer(
            {
                "bootstrap.servers": kafka,
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": 20,
                # A broker may be away for long; whoever reports a search does not give up.
                "message.timeout.ms": 0,
                "queue.buffering.max.messages": 2_000_000,
                "queue.buffering.max.kbytes": 1 << 20,
                "message.max.bytes": 16 << 20,
                "topic.metadata.refresh.interval.ms": 2_000,
                "log_level": 2,
            }
        )

    def send(self, count: int) -> None:
        """Hand so many more to the client."""
        for _ in range(count):
            number = self.number
            self.number += 1
            if self._poison and number % self._poison == self._poison - 1:
                self._send_strange(event_id(self._run, number))
                continue
            if number % FORBIDDEN_EACH == 0:
                key, tail = self._forbidden[number // FORBIDDEN_EACH % len(self._forbidden)]
                self.forbidden += 1
            else:
                key, tail = self._plain[number % len(self._plain)]
            self._produce(HEAD + b"\x48" + event_id(self._run, number).encode() + tail, key, self._done)
        self._producer.poll(0)

    def _send_strange(self, fresh: str) -> None:
        self._poisoned += 1
        rare = self._poisoned % RARE_EACH == 0
        if rare:
            kind = sorted(RARE)[self._poisoned // RARE_EACH % len(RARE)]
        else:
            kind = self._kinds[self._poisoned % len(self._kinds)]
        # Of one partition, so that neighbours stay neighbours.
        key = f"poison/{self._poisoned % 16}".encode()
        for each in KINDS[kind](fresh, self._rng):
            told = {
                "kind": each.kind,
                "good": each.good,
                "sha256": hashlib.sha256(each.value or b"").hexdigest(),
                "size": len(each.value or b""),
            }
            self.strange.append(told)

            def done(error: Any, message: Any, told: dict[str, Any] = told) -> None:
                self._done(error, message)
                if error is None:
                    told |= {"partition": message.partition(), "offset": message.offset()}

            self._produce(each.value, key, done)

    def _produce(self, value: bytes | None, key: bytes, done: Any) -> None:
        while True:
            try:
                self._producer.produce(self._topic, value, key, on_delivery=done)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _done(self, error: Any, _: Any) -> None:
        if error is None:
            self.delivered += 1
        else:
            self.failed.append(str(error))

    def finish(self) -> dict[str, Any]:
        """Wait until all is acknowledged, and return the report."""
        self._producer.flush()
        return {
            "run": self._run,
            "numbered": self.number,
            "forbidden": self.forbidden,
            "delivered": self.delivered,
            "failed": self.failed[:5],
            "strange": self.strange,
        }


def main() -> None:
    """Send until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.traffic", description=__doc__)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--run", type=int, required=True)
    parser.add_argument("--rate", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--poison", type=int, default=0)
    parser.add_argument("--report", type=Path, required=True)
    given = parser.parse_args()
    traffic = Traffic(given.kafka, given.topic, given.run, given.poison)
    began = time.monotonic()
    ends = began + given.seconds
    while (now := time.monotonic()) < ends:
        traffic.send(int((now - began) * given.rate) - traffic.number)
        if select.select([sys.stdin], [], [], TICK)[0]:
            break
    draft = given.report.with_suffix(".tmp")
    draft.write_text(json.dumps(traffic.finish()))
    draft.replace(given.report)


if __name__ == "__main__":
    main()
