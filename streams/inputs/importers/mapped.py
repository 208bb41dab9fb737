"""Rows of an export as data for events, by a mapping."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from streams.enrich import NOT_EVEN_ACCESS
from streams.hosts import parse_endpoint
from streams.inputs.importers.endpoint import account_of, kept_endpoint
from streams.inputs.importers.fields import address, epoch, micros
from streams.inputs.importers.identity import Identities
from streams.inputs.importers.lines import BadLine
from streams.inputs.importers.mapping import Column, FieldSource, Mapping, TimeFormat
from streams.inputs.importers.transforms import TRANSFORMS, Value
from streams.inputs.importers.visits import keyed_id
from streams.inputs.importers.watch import Watch

Row = dict[Column, str]
"""The cells of a row by the name of their column and by its number, from 1."""
MAX_TEXT = 4096
_REDACTED = re.compile(r"\*{3,}")
# Of an id, what is left of it between asterisks would be somebody else's.
_IDS = frozenset(
    {"officer_id", "requester", "agency_id", "requesting_agency_id", "case_number", "request_ref"}
)
_NUMBERS: dict[str, type[int] | type[float]] = {"candidates": int, "top_score": float}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RowReader:
    """Reads rows; `source` is what events name as theirs, `key` the pseudonym key."""

    def __init__(
        self, mapping: Mapping, source: str, key: bytes, identities: Identities, watch: Watch
    ) -> None:
        self._mapping = mapping
        self._source = source
        self._key = key
        self._identities = identities
        self._watch = watch

    def read(self, row: Row) -> dict[str, Any] | None:
        """Return a row as data for `streams.inputs.event.read_event`; None where no service is touched.

        Raises:
            BadLine: it has no time, or one that the mapping does not read.
        """
        data: dict[str, Any] = {}
        attributes: dict[str, str] = {"log": f"csv/{self._mapping.mapping}"}
        redacted: list[str] = []
        for name, source in self._mapping.fields.items():
            if name == "occurred_at":
                continue
            value = self._value(row, name, source, redacted)
            if value is None:
                continue
            if name.startswith("attributes."):
                attributes[name.removeprefix("attributes.")] = _text(value)
            elif name == "galleries":
                data[name] = value if isinstance(value, list) else [value]
            elif name in _NUMBERS:
                data[name] = _number(name, _text(value))
            else:
                data[name] = _text(value)
        data["occurred_at"] = self._time(row, attributes)
        if redacted:
            attributes["redacted"] = ", ".join(redacted)
        if not self._endpoint(data, attributes):
            return None
        self._person(data, attributes)
        data |= {
            "event_id": self._id(row),
            "evidence": self._mapping.evidence,
            "source": self._source,
            "attributes": attributes,
        }
        if attributes.get("status") in NOT_EVEN_ACCESS and self._mapping.evidence != "SEARCH":
            data["evidence"] = "LOOKUP"
        return data

    def _value(self, row: Row, name: str, source: FieldSource, redacted: list[str]) -> Value | None:
        if source.constant is not None:
            return source.constant
        text = row.get(source.column or "", "").replace("\0", "")
        if not text.strip():
            return None
        if _REDACTED.search(text) and (name in _IDS or not _REDACTED.sub("", text).strip(" \t,;")):
            redacted.append(name)
            return None
        value: Value = text.strip()[:MAX_TEXT]
        for transform in source.transform:
            value = TRANSFORMS[transform](value)
        if source.values is not None:
            words = {key.casefold(): word for key, word in source.values.items()}
            found = words.get(_text(value).strip().casefold(), words.get("*"))
            value = _text(value) if found == "*" else (found or "")
        return value or None

    def _time(self, row: Row, attributes: dict[str, str]) -> datetime:
        source = self._mapping.fields["occurred_at"]
        text = source.constant if source.constant is not None else row.get(source.column or "", "")
        text = " ".join(text.split())
        if not text:
            raise BadLine("has no time")
        for shape in self._mapping.times:
            if (moment := read_time(text, shape)) is not None:
                if _is_ambiguous(moment):
                    attributes["time"] = "the clocks went back in that hour: the earlier of two moments"
                return _EPOCH + timedelta(microseconds=micros(moment))
        raise BadLine("its time is in none of the mapping's formats, or never was on the clocks of its zone")

    def _endpoint(self, data: dict[str, Any], attributes: dict[str, str]) -> bool:
        """Clean the endpoint, and say whether a service is touched, where only such rows are events."""
        text = data.pop("endpoint", None)
        endpoint = parse_endpoint(text) if text else None
        verdict = self._watch.judge(endpoint) if endpoint else None
        if text and endpoint:
            data["endpoint"] = kept_endpoint(text, endpoint.host)
            if not data.get("account") and (account := account_of(endpoint.host, endpoint.path)):
                data["account"] = account
        if verdict is not None and verdict.look_alike:
            attributes["look_alike"] = verdict.provider_id
        if verdict is not None and verdict.public and self._mapping.evidence != "SEARCH":
            attributes.setdefault("status", "public_page")
        return verdict is not None or not self._mapping.only_services

    def _person(self, data: dict[str, Any], attributes: dict[str, str]) -> None:
        """Put the identity file's officer and agency in the place of what the export calls them.

        What the export itself says of the person stands where the file has nobody: it is an export of the
        client's own, and the name is stored only as a keyed pseudonym.
        """
        client = data["client_ip"] = address(data.get("client_ip"))
        user = data.get("officer_id")
        person = self._identities.find(user=user, client_ip=client, moment=micros(data["occurred_at"]))
        if person.basis != "none":
            data["officer_id"] = person.officer or (user if person.basis == "cidr" else None)
            data["agency_id"] = (
                person.agency if person.basis != "cidr" else data.get("agency_id") or person.agency
            )
            data["unit"] = data.get("unit") or person.unit
        data["agency_id"] = data.get("agency_id") or person.agency
        attributes["identity"] = person.basis if person.basis != "none" else "export" if user else "none"

    def _id(self, row: Row) -> Any:
        chosen = self._mapping.id
        cells = [row.get(column, "").strip() for column in chosen]
        if not chosen or not any(cells):
            numbers = sorted(column for column in row if isinstance(column, int))
            cells = [row[column].strip() for column in numbers]
            while cells and not cells[-1]:
                cells.pop()
            if not numbers:
                cells = [f"{name}={text}" for name, text in sorted(row.items(), key=str)]
        return keyed_id(self._key, self._source, self._mapping.mapping, *cells)


def read_time(text: str, shape: TimeFormat) -> datetime | None:
    """Return a time as an aware one, or None where it is not written like that.

    A time that the clocks of the zone never showed is none. Of one that they showed twice it is the first.
    """
    try:
        if shape.format in ("epoch", "epoch_ms"):
            moment = epoch(text if shape.format == "epoch" else f"{text[:-3] or '0'}.{text[-3:].zfill(3)}")
            return _EPOCH + timedelta(microseconds=moment)
        found = (
            datetime.fromisoformat(text) if shape.format == "iso" else datetime.strptime(text, shape.format)
        )
        if found.tzinfo is not None:
            return found
        if shape.zone is None:
            return None
        zone = ZoneInfo(shape.zone)
        aware = found.replace(tzinfo=zone)
        there = aware.astimezone(UTC).astimezone(zone)
    except (BadLine, ValueError, OverflowError):
        return None
    return aware if there.replace(tzinfo=None) == found else None


def cells_of(header: Sequence[str], values: Sequence[str]) -> Row:
    """Return a row by the names of the header (those that are not empty, the first of each) and by number."""
    row: Row = dict(enumerate(values, start=1))
    for name, value in zip(header, values, strict=False):
        if name:
            row.setdefault(name, value)
    return row


def flat(data: dict[str, Any], before: str = "") -> Row:
    """Return a JSON object as a row: nested fields by their path with dots, lists joined by semicolons."""
    row: Row = {}
    for name, value in data.items():
        path = f"{before}{name}"
        if isinstance(value, dict):
            if before.count(".") < 4:
                row |= flat(value, f"{path}.")
        elif isinstance(value, list):
            row[path] = ";".join(each if isinstance(each, str) else json.dumps(each) for each in value[:256])
        elif value is not None:
            row[path] = value if isinstance(value, str) else json.dumps(value)
    return row


def _text(value: Value) -> str:
    return "; ".join(value) if isinstance(value, list) else value


def _number(name: str, text: str) -> int | float | None:
    try:
        return _NUMBERS[name](text.replace(",", ""))
    except ValueError:
        raise BadLine(f"{name} is no number") from None


def _is_ambiguous(moment: datetime) -> bool:
    return moment.utcoffset() != moment.replace(fold=1).utcoffset()
