"""CloudEvents 1.0 around an event: structured, in a batch, or binary in HTTP headers.

The envelope lends the event what the event does not say itself:

| envelope | search | outcome |
|---|---|---|
| `id` | `event_id`; where it is no UUID, the UUIDv5 of `source` and `id` | `outcome_id`, likewise |
| `source` | `source` | - |
| `time` | `occurred_at` | `recorded_at` |

`type` is `frwatch.search` or `frwatch.outcome`. Extension attributes are not looked at. The package
`cloudevents` makes up an `id` and a `time` where there is none, which would count one event twice and date it
wrongly; so envelopes are opened here, and the tests pack them with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid5

from streams.inputs.collector.problem import is_json
from streams.inputs.event import Kind
from streams.inputs.fault import Fault

TYPES: dict[Kind, str] = {"search": "frwatch.search", "outcome": "frwatch.outcome"}
NAMESPACE = UUID("3f3ad2a6-0d0c-5a53-9c6e-3f5f0c6b3c61")
"""Of the UUIDv5 that an `id` which is no UUID becomes."""
MAX_ATTRIBUTE = 1024
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-?)(?:[0-9A-Fa-f]{4}\1){3}[0-9A-Fa-f]{12}")
_LENT: dict[Kind, tuple[str, str | None, str]] = {
    "search": ("event_id", "source", "occurred_at"),
    "outcome": ("outcome_id", None, "recorded_at"),
}
_REQUIRED = ("specversion", "id", "source", "type")


def open_envelope(kind: Kind, envelope: Any) -> tuple[Any, list[Fault]]:
    """Return the event in an envelope of JSON, and the envelope's faults; with faults there is no event."""
    if not isinstance(envelope, Mapping):
        return None, [Fault("", "type", "is no CloudEvent; send one JSON object per event")]
    faults = _faults(kind, envelope)
    if "data_base64" in envelope:
        faults.append(
            Fault("/data_base64", "type", "bytes are never taken; put the event into data, as JSON")
        )
    elif not isinstance(envelope.get("data"), Mapping):
        faults.append(Fault("/data", "type", "is no object of fields; put the event there"))
    media = envelope.get("datacontenttype")
    if media is not None and not (
        isinstance(media, str) and is_json(media.partition(";")[0].strip().lower())
    ):
        faults.append(Fault("/datacontenttype", "format", "is no JSON; send the event as application/json"))
    if faults:
        return None, faults
    return lend(kind, envelope, envelope["data"]), []


def from_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the envelope that stands in headers `ce-…`, percent-decoded; empty where there is none."""
    return {
        name[3:].lower(): unquote(value, errors="replace")
        for name, value in headers.items()
        if name[:3].lower() == "ce-"
    }


def header_faults(kind: Kind, envelope: Mapping[str, str]) -> list[Fault]:
    """Return the faults of an envelope in headers; their pointers are `/ce-id` and the like."""
    return [Fault(f"/ce-{fault.pointer[1:]}", fault.code, fault.detail) for fault in _faults(kind, envelope)]


def lend(kind: Kind, envelope: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event with what the envelope says in its place; what the event says itself stays."""
    identity, source, moment = _LENT[kind]
    event = dict(data)
    if event.get(identity) is None:
        event[identity] = _identity(envelope["source"], envelope["id"])
    if source is not None and event.get(source) is None:
        event[source] = envelope["source"]
    if event.get(moment) is None and "time" in envelope:
        event[moment] = envelope["time"]
    return event


def _identity(source: str, name: str) -> str:
    if _UUID.fullmatch(name):
        return str(UUID(name))
    return str(uuid5(NAMESPACE, f"{len(source)}/{source}/{name}"))


def _faults(kind: Kind, envelope: Mapping[str, Any]) -> list[Fault]:
    faults = []
    for name in _REQUIRED:
        value = envelope.get(name)
        if value is None or value == "":
            faults.append(Fault(f"/{name}", "missing", "is missing; CloudEvents 1.0 requires it"))
        elif not isinstance(value, str):
            faults.append(Fault(f"/{name}", "type", "is no text; write it as a text"))
        elif len(value) > MAX_ATTRIBUTE:
            faults.append(
                Fault(f"/{name}", "too_long", f"has more than {MAX_ATTRIBUTE} characters; shorten it")
            )
        elif not _is_unicode(value):
            faults.append(Fault(f"/{name}", "format", "has half of a surrogate pair; send Unicode text"))
    if not faults and envelope["specversion"] != "1.0":
        faults.append(Fault("/specversion", "format", "is not 1.0, the only version that is read"))
    if not faults and envelope["type"] != TYPES[kind]:
        faults.append(Fault("/type", "format", f"is not {TYPES[kind]}, the only type that is taken here"))
    return faults


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
