"""Searches for benches: as wide and as varied as a state's, made quickly."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator

from schemas.contracts import contract
from schemas.wire import encode

_AGENCIES = ("lapd", "lasd", "long-beach-pd", "glendale-pd", "pasadena-pd", "burbank-pd")
_BAN = 1_605_254_400_000_000


def searches(first: int, count: int, *, forbidden: float = 0.02) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield id, key and value of `count` searches; every so many of them break one rule of the LAPD."""
    rng = random.Random(first)
    shape = contract("search")
    each = round(1 / forbidden)
    for number in range(first, first + count):
        bad = number % each == 0
        agency = "lapd" if bad else rng.choice(_AGENCIES)
        officer = f"P{rng.randrange(400)}"
        event_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        record = {
            "event_id": event_id,
            "occurred_at": _BAN + number * 40_000,
            "source": "lacris-web",
            "source_version": "3.2",
            "agency_id": agency,
            "officer_id": officer,
            "unit": f"unit-{rng.randrange(30)}",
            "provider": "Clearview AI" if bad else "LACRIS",
            "endpoint": "https://app.clearview.ai/search" if bad else None,
            "account": "trial" if bad else "agency",
            "galleries": [] if bad else ["lacris-booking"],
            "case_number": f"20-{rng.randrange(10**6):06}",
            "crime_type": rng.choice(("robbery", "burglary", "fraud", "assault")),
            "purpose": "investigation",
            "probe_hash": f"{rng.getrandbits(256):064x}",
            "candidates": rng.randrange(30),
            "top_score": rng.random(),
            "training_cert": "LACRIS-2020-0001",
            "approved_by": "S12",
            "attributes": {"workstation": f"ws{rng.randrange(200)}"},
        }
        yield event_id, f"{agency}/{officer}".encode(), encode(shape, record)
