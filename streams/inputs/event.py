"""Events from the outside, checked against their contract, with every fault named and no value told.

An event that passes is taken by the workers: what they would make a dead letter is refused here, where
somebody can still mend it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, Literal

from schemas.canary import AGENCY
from schemas.contracts import contract
from schemas.wire import encode
from streams.inputs.fault import MAX_FAULTS, BadEvent, Fault, pointer_to
from streams.inputs.field import Reader, readers
from streams.shape import Column
from streams.withhold import MAX_VALUE, image_texts, is_image_name, spread_over

__all__ = ["BadEvent", "Fault", "Kind", "key_of", "read_event"]

Kind = Literal["search", "outcome"]
Path = tuple[str | int, ...]

_IMAGE = "is named as, or carries, an image or a template, which are never taken; leave it out"
_NAMED = ("source", "agency_id")
# A source has few names of attributes, and sends them with each event.
_is_image_name = lru_cache(maxsize=4096)(is_image_name)


def read_event(kind: Kind, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record that `schemas.wire.encode` takes, with all fields of the contract.

    `data` is JSON as it is parsed, or has Python's own values: aware datetimes, UUIDs. A field that is None
    is left out. `event_id` (of an outcome: `outcome_id`) is required: who may make one does so before.
    Times are ISO 8601 with an offset, 1970 to 2199, and become microseconds since 1970, UTC. Texts have at
    most 4096 characters, galleries and attributes at most 64 entries, the record at most 64 KiB. Whatever is
    named as an image or carries one is refused, whoever sends it, and so is what only a canary may say.

    Raises:
        BadEvent: the event has faults; all are there (of more than 100, the first), and no value is.
    """
    if not isinstance(data, Mapping):
        raise BadEvent([Fault("", "type", "is no object of fields; send one JSON object per event")])
    reading = _Reading(kind)
    record = reading.fields(data)
    if not reading.faults:
        texts = _texts(record)
        reading.images(record, texts)
        if not reading.faults:
            reading.whole(record, texts)
    if reading.faults:
        raise BadEvent(reading.faults)
    return record


def key_of(kind: Kind, record: Mapping[str, Any]) -> bytes:
    """Return the Kafka key of a record: `agency_id/officer_id` of a search, the agency of an outcome."""
    if kind == "outcome":
        return str(record["agency_id"]).encode()
    return f"{record['agency_id']}/{record['officer_id'] or ''}".encode()


@cache
def _readers(kind: Kind) -> dict[str, tuple[Column, bool, Reader]]:
    return readers(contract(kind))


class _Reading:
    """The faults of one event, as they are found."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._field = ""
        self.faults: list[Fault] = []

    def fields(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Every field of the contract, read from the data."""
        record: dict[str, Any] = {}
        known = _readers(self._kind)
        for name in data.keys() - known.keys():
            self._unknown(name)
            if len(self.faults) > MAX_FAULTS:
                break
        for name, (column, required, read) in known.items():
            value = data.get(name)
            if value is None:
                record[name] = _default(column)
                if required:
                    self._note((name,), "missing", "is missing; it is required")
                continue
            before = len(self.faults)
            self._field = name
            record[name] = read(value, self._note_below)
            if name in _NAMED and len(self.faults) == before:
                self._named(name, record[name])
        return record

    def images(self, record: dict[str, Any], texts: list[str]) -> None:
        """Faults for what is named as an image, and for the record's texts that carry one."""
        for name, value in record.items():
            if isinstance(value, list):
                self._spread(name, value)
            elif isinstance(value, dict):
                for key in value:
                    if _is_image_name(key):
                        self._note((name, key), "image", _IMAGE)
                self._spread(name, list(value.values()))
        found = image_texts(texts)
        if not found:
            return
        if len(found) == len(texts):
            self._note((), "image", _IMAGE)
            return
        places = _places(record)
        for row in found:
            self._note(places[row], "image", _IMAGE)

    def whole(self, record: dict[str, Any], texts: list[str]) -> None:
        """A fault where the record, with all its texts, is larger than one may be."""
        # Four bytes a character and ten for whatever else are more than any field takes.
        most = 4 * sum(map(len, texts)) + 10 * (len(texts) + len(record))
        if most > MAX_VALUE and (size := len(encode(contract(self._kind), record))) > MAX_VALUE:
            self._note((), "too_long", f"has {size} bytes; at most {MAX_VALUE} are taken")

    def _spread(self, name: str, items: list[str]) -> None:
        if spread_over(items):
            self._note((name,), "image", _IMAGE)

    def _named(self, name: str, text: str) -> None:
        if not text.strip():
            self._note((name,), "missing", "is empty; it is required")
        elif name == "agency_id" and text.strip().casefold() == AGENCY:
            self._note((name,), "reserved", "is the agency of canaries; `frwatch emit --canary` sends one")

    def _unknown(self, name: Any) -> None:
        if isinstance(name, str) and is_image_name(name[:256]):
            self._note((name,), "image", _IMAGE)
            return
        also = "; what the source says beyond the contract goes into attributes, as texts"
        remedy = also if self._kind == "search" else "; leave it out"
        shown = isinstance(name, str) and pointer_to(name) is not None
        what = "is no field of the contract" if shown else "has a field that the contract has not"
        self._note((name,) if shown else (), "unknown_field", what + remedy)

    def _note_below(self, at: Path, code: str, detail: str) -> None:
        self._note((self._field, *at), code, detail)

    def _note(self, at: Path, code: str, detail: str) -> None:
        if len(self.faults) == MAX_FAULTS:
            self.faults.append(Fault("", "too_many", "has more faults than are told here; mend these first"))
        if len(self.faults) > MAX_FAULTS:
            return
        pointer = pointer_to(*at)
        while pointer is None:
            at = at[:-1]
            pointer = pointer_to(*at)
        fault = Fault(pointer, code, detail)
        if fault not in self.faults:
            self.faults.append(fault)


def _texts(record: dict[str, Any]) -> list[str]:
    """Every text of a record, in the order of `_places`."""
    texts: list[str] = []
    for value in record.values():
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, list):
            texts += value
        elif isinstance(value, dict):
            for entry in value.items():
                texts += entry
    return texts


def _places(record: dict[str, Any]) -> list[Path]:
    """Where each of the texts stands; the name of an attribute stands where all attributes do."""
    places: list[Path] = []
    for name, value in record.items():
        if isinstance(value, str):
            places.append((name,))
        elif isinstance(value, list):
            places += [(name, number) for number in range(len(value))]
        elif isinstance(value, dict):
            for key in value:
                places += [(name,), (name, key)]
    return places


def _default(column: Column) -> Any:
    return type(column.default)(column.default) if column.default is not None else None
