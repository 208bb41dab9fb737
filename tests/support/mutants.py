"""Bodies for the collector that are nearly right: valid ones, damaged as bytes and as JSON, from a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from streams.inputs.event import Kind
from tests.support.bodies import FORMATS, MANY, Body, outcome
from tests.support.collector import search

_TOKENS = [
    b'"agency_id"', b'"lasd"', b'"evidence":"LOOKUP"', b'"evidence":"ACCESS",', b"null", b"NaN", b"1e999",
    b"-0", b"\\ud800", b"\\u0000", b"\xff", b"\xed\xa0\x80", b"[[[[", b"}}", b'{"', b",", b"\n", b"\r\n",
    b'"data":', b'"specversion":"1.0"', b"9" * 400, b"\x00", b"\xef\xbb\xbf", b'"attributes":{',
]  # fmt: skip
_VALUES: list[Any] = [
    None, True, 0, -1, 2**31, 2**63, 10**400, 0.5, 1e300, "", " ", "lasd", "LAPD", "l\u0430pd", "*",
    "\ud800", "a\0b", "x" * 5000, [], [[]], ["lapd"], {}, {"a": {"b": 1}}, "2020-11-14T12:00:00Z",
    "0000-00-00T99:99:99Z", "LOOKUP", "ACCESS", "SEARCH", "frwatch-canary", "0" * 32, "\u202elapd",
]  # fmt: skip


def mutants(seed: int, count: int) -> Iterator[tuple[Kind, Body]]:
    """Yield so many; the same for the same seed, but for ids and times."""
    rng = random.Random(seed)  # noqa: S311  reproducible, no secret
    forms = list(FORMATS)
    for _ in range(count):
        kind: Kind = rng.choice(("search", "search", "search", "outcome"))
        form = rng.choice(forms)
        events = [_event(rng, kind) for _ in range(rng.randint(1, 3) if form in MANY else 1)]
        body = FORMATS[form](kind, [json.dumps(event) for event in events], _attributes(rng))
        data = body.data
        for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
            data = _damaged(rng, data)
        made = Body(data, body.content_type, body.headers)
        yield kind, made.packed() if rng.random() < 0.1 else made


def _event(rng: random.Random, kind: Kind) -> dict[str, Any]:
    event = search() if kind == "search" else outcome()
    for _ in range(rng.choice((0, 0, 1, 1, 2, 5))):
        name = rng.choice([*event, "galleries", "attributes", "evidence", "candidates", "top_score", "zzz"])
        if rng.random() < 0.2:
            event.pop(name, None)
        else:
            event[name] = rng.choice(_VALUES)
    return event


def _attributes(rng: random.Random) -> dict[str, str]:
    if rng.random() < 0.7:
        return {}
    name = rng.choice(("id", "source", "type", "specversion", "time", "subject", "agencyid"))
    said = ("", "lasd", "1.0", "frwatch.outcome", "%00%ff", "x" * 2000, "2020-11-14T12:00:00Z")
    return {name: rng.choice(said)}


def _damaged(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    to = min(len(data), at + rng.choice((1, 2, 8, 64)))
    match rng.randrange(5):
        case 0:
            return data[:at] + data[to:]
        case 1:
            return data[:to] + data[at:]
        case 2:
            return data[:at] + rng.randbytes(rng.randint(1, 4)) + data[to:]
        case 3:
            return data[:at] + rng.choice(_TOKENS) + data[at:]
    return data[:at]
