"""Every format of body that the collector takes, around events that are given as the text of their JSON."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from streams.inputs.event import Kind

PATHS: dict[Kind, str] = {"search": "/v1/searches", "outcome": "/v1/outcomes"}
IDENTITY: dict[Kind, str] = {"search": "event_id", "outcome": "outcome_id"}


@dataclass(frozen=True)
class Body:
    """What is posted: bytes, their content type, and headers beside it, `_` for `-`."""

    data: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def packed(self) -> Body:
        """The same in gzip."""
        headers = {**self.headers, "Content_Encoding": "gzip"}
        return replace(self, data=gzip.compress(self.data), headers=headers)


Wrap = Callable[[Kind, Sequence[str], Mapping[str, str]], Body]
"""From the texts of events, and what their envelopes say beside what they must, makes a body."""


def outcome(**fields: Any) -> dict[str, Any]:
    """An outcome of the LAPD as a client writes it, with an id of its own; whatever is said overrides it."""
    return {
        "outcome_id": str(uuid.uuid4()),
        "event_id": str(uuid.uuid4()),
        "agency_id": "lapd",
        "recorded_at": datetime.now(UTC).isoformat(),
        "kind": "NO_LEAD",
        **fields,
    }


def envelope(kind: Kind, more: Mapping[str, str]) -> dict[str, str]:
    """The attributes of a CloudEvent."""
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "lacris-web",
        "type": f"frwatch.{kind}",
        **more,
    }


def _one(texts: Sequence[str]) -> str:
    (text,) = texts
    return text


def _enveloped(kind: Kind, text: str, more: Mapping[str, str]) -> str:
    return f'{json.dumps(envelope(kind, more))[:-1]}, "data": {text}}}'


def _binary(kind: Kind, texts: Sequence[str], more: Mapping[str, str]) -> Body:
    headers = {f"ce-{name}": value for name, value in envelope(kind, more).items()}
    return Body(_one(texts).encode(), "application/json", headers)


FORMATS: dict[str, Wrap] = {
    "object": lambda kind, texts, more: Body(_one(texts).encode(), "application/json"),
    "array": lambda kind, texts, more: Body(f"[{','.join(texts)}]".encode(), "application/json"),
    "ndjson": lambda kind, texts, more: Body("\n".join(texts).encode(), "application/x-ndjson"),
    "structured": lambda kind, texts, more: Body(
        _enveloped(kind, _one(texts), more).encode(), "application/cloudevents+json"
    ),
    "batch": lambda kind, texts, more: Body(
        f"[{','.join(_enveloped(kind, text, more) for text in texts)}]".encode(),
        "application/cloudevents-batch+json",
    ),
    "binary": _binary,
}
MANY = ("array", "ndjson", "batch")
"""Those that take several events."""
