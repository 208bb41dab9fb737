"""The body of a request, taken apart into events.

| content type | body |
|---|---|
| `application/json` | one object, or an array of them; with headers `ce-…` one object in an envelope |
| `application/x-ndjson`, `application/ndjson`, `application/jsonl` | one object a line |
| `application/cloudevents+json` | one envelope |
| `application/cloudevents-batch+json` | an array of envelopes |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from streams.inputs.collector.envelope import from_headers, header_faults, lend, open_envelope
from streams.inputs.collector.problem import Refused
from streams.inputs.event import Kind
from streams.inputs.fault import Fault

MAX_ITEMS = 1000
"""Events of one request."""
LINES = {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
TAKEN = ("application/json", "application/x-ndjson", STRUCTURED, BATCH)
_PICTURES = ("image/", "video/", "multipart/", "application/octet-stream", "application/pdf")


class Item(NamedTuple):
    """One event of a body as it was parsed; where it could not be, its faults."""

    data: Any
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Parcel:
    """The events of a body. `many` says whether the client sent a batch, be it of one."""

    items: list[Item]
    many: bool


def media_of(content_type: str | None) -> str:
    """Return the media type of a request in lower case.

    Raises:
        Refused: it is none that is taken, or not UTF-8.
    """
    media, _, parameters = (content_type or "").partition(";")
    media = media.strip().lower()
    if media.startswith(_PICTURES):
        raise Refused(
            "media_type",
            "images, templates and files are never taken, whoever sends them; report the search as JSON and "
            "put a keyed hash of the probe into probe_hash",
        )
    if media not in TAKEN and media not in LINES:
        raise Refused("media_type", f"send {', '.join(TAKEN)}")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in {"utf-8", "utf8"}:
            raise Refused("media_type", "send UTF-8, the only charset that is read")
    return media


def take_apart(kind: Kind, media: str, headers: Mapping[str, str], body: bytes) -> Parcel:
    """Return the events of a body; `headers` are the request's, for CloudEvents in binary mode.

    Raises:
        Refused: the body as a whole cannot be read, or has too many events.
    """
    text = _decoded(body)
    if media in LINES:
        lines = [line for line in text.split("\n") if line.strip()]
        _check_count(len(lines))
        return Parcel([_line(line) for line in lines], many=True)
    parsed = _parsed(text)
    if media == STRUCTURED:
        return Parcel([_opened(kind, parsed)], many=False)
    if media == BATCH:
        return Parcel([_opened(kind, each) for each in _list(parsed)], many=True)
    if envelope := from_headers(headers):
        return Parcel([_binary(kind, envelope, parsed)], many=False)
    if isinstance(parsed, list):
        return Parcel([Item(each) for each in _list(parsed)], many=True)
    return Parcel([Item(parsed)], many=False)


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("malformed", f"is no UTF-8 (byte {error.start}); send UTF-8") from None


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("no JSON")


class _Twice(ValueError):
    """An object has two members of one name: who reads it decides which of them counts (RFC 7493)."""


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(members)
    if len(made) < len(members):
        raise _Twice
    return made


_JSON = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_object)


def _parsed(text: str) -> Any:
    # An error of the parser may quote the text: only the place is told.
    try:
        return _JSON.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refused("malformed", f"is no JSON ({where}); send JSON in UTF-8") from None
    except _Twice:
        raise Refused("malformed", "has an object with two members of one name; send each once") from None
    except ValueError:
        raise Refused("malformed", "has a number that JSON cannot have, or too long a one") from None
    except RecursionError:
        raise Refused("malformed", "is nested too deep; an event is one object of plain fields") from None


def _line(line: str) -> Item:
    try:
        return Item(_parsed(line))
    except Refused as refused:
        return Item(None, (Fault("", "malformed", refused.detail),))


def _list(parsed: Any) -> list[Any]:
    if not isinstance(parsed, list):
        raise Refused("malformed", "is no array; send a JSON array of events")
    _check_count(len(parsed))
    return parsed


def _check_count(count: int) -> None:
    if count > MAX_ITEMS:
        raise Refused("too_large", f"has {count} events; send at most {MAX_ITEMS} in one request")
    if not count:
        raise Refused("malformed", "has no event; send one or more")


def _opened(kind: Kind, envelope: Any) -> Item:
    event, faults = open_envelope(kind, envelope)
    return Item(event, tuple(faults))


def _binary(kind: Kind, envelope: Mapping[str, str], parsed: Any) -> Item:
    faults = header_faults(kind, envelope)
    if not isinstance(parsed, dict):
        faults.append(Fault("", "type", "is no object of fields; send one JSON object"))
    return Item(None, tuple(faults)) if faults else Item(lend(kind, envelope, parsed))
