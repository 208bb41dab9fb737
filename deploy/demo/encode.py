"""The scenario's records as Kafka values: Avro single-object encoding, or damaged on purpose. Pure."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import fastavro
import numpy as np
import polars as pl

from schemas.contracts import Contract, contract
from schemas.wire import SINGLE_OBJECT, SINGLE_OBJECT_HEAD, confluent_head, encode

NO_ATTRIBUTES: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Malformed:
    """A value that is no event: its topic (`searches` or `outcomes`), bytes, and what was done to it.

    `holds_image` is true where it must be kept as a hash only. The images are random bytes behind the first
    bytes of a JPEG: there is no face in them.
    """

    topic: str
    key: bytes
    value: bytes | None
    kind: str
    holds_image: bool = False


def encode_searches(searches: pl.DataFrame) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of each search: the key is `agency_id/officer_id`."""
    shape = contract("search")
    fields = [field["name"] for field in shape.fields if field["name"] != "attributes"]
    columns = searches.select(*fields, "pair").with_columns(pl.col("occurred_at").to_physical())
    head, schema = SINGLE_OBJECT + shape.current.fingerprint, shape.current.parsed
    out = io.BytesIO()
    for row in columns.iter_rows(named=True):
        pair = row["pair"]
        row["attributes"] = NO_ATTRIBUTES if pair is None else {"pair": str(pair)}
        out.seek(0)
        out.truncate()
        out.write(head)
        fastavro.schemaless_writer(out, schema, row)
        yield f"{row['agency_id']}/{row['officer_id'] or ''}".encode(), out.getvalue()


def encode_outcomes(outcomes: pl.DataFrame) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of each outcome: the key is its agency."""
    shape = contract("outcome")
    for row in outcomes.with_columns(pl.col("recorded_at").to_physical()).iter_rows(named=True):
        yield row["agency_id"].encode(), encode(shape, row)


def malformed_values(
    rng: np.random.Generator, searches: pl.DataFrame, outcomes: pl.DataFrame
) -> list[Malformed]:
    """Return a damaged value for each of these searches and outcomes, by turns of every kind."""
    found = []
    for number, row in enumerate(_records(searches)):
        key = f"{row['agency_id']}/{row['officer_id'] or ''}".encode()
        kind, damage = _KINDS[number % len(_KINDS)]
        found.append(Malformed("searches", key, damage(rng, row), kind, kind in _IMAGES))
    for key, value in encode_outcomes(outcomes):
        found.append(Malformed("outcomes", key, value[: -len(value) // 3], "cut short"))
    return found


def _records(searches: pl.DataFrame) -> Iterator[dict[str, Any]]:
    names = [field["name"] for field in contract("search").fields if field["name"] != "attributes"]
    columns = searches.select(names).with_columns(pl.col("occurred_at").to_physical())
    for row in columns.iter_rows(named=True):
        yield row | {"attributes": {}}


def _whole(row: dict[str, Any]) -> bytes:
    return encode(_search(), row)


def _search() -> Contract:
    return contract("search")


def _cut_short(rng: np.random.Generator, row: dict[str, Any]) -> bytes:
    value = _whole(row)
    return value[: int(rng.integers(SINGLE_OBJECT_HEAD + 1, len(value) - 1))]


def _foreign_schema(rng: np.random.Generator, row: dict[str, Any]) -> bytes:
    return SINGLE_OBJECT + b"notours!" + _whole(row)[SINGLE_OBJECT_HEAD:]


def _unknown_id(rng: np.random.Generator, row: dict[str, Any]) -> bytes:
    return confluent_head(7) + _whole(row)[SINGLE_OBJECT_HEAD:]


def _json(rng: np.random.Generator, row: dict[str, Any]) -> bytes:
    return f'{{"event_id": "{row["event_id"]}", "agency": "{row["agency_id"]}"}}'.encode()


def _nothing(rng: np.random.Generator, row: dict[str, Any]) -> bytes:
    return b""


def _tombstone(rng: np.random.Generator, row: dict[str, Any]) -> None:
    return None


def _bad_uuid(rng: np.random.Generator, row: dict[str, Any]) -> bytes:
    return _whole(row | {"event_id": "no-such-" + row["event_id"][8:]})


def _bad_enum(symbol: bytes) -> Any:
    def damage(rng: np.random.Generator, row: dict[str, Any]) -> bytes:
        value = bytearray(_whole(row))
        # The enum stands behind the head, the id (its length and 36 characters) and the time (a varint).
        at = SINGLE_OBJECT_HEAD + 1 + 36
        while value[at] & 0x80:
            at += 1
        value[at + 1 : at + 2] = symbol
        return bytes(value)

    return damage


def _image_alone(rng: np.random.Generator, row: dict[str, Any]) -> bytes:
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + rng.bytes(400)


def _image_inside(rng: np.random.Generator, row: dict[str, Any]) -> bytes:
    import base64

    text = base64.b64encode(_image_alone(rng, row)).decode()
    return _whole(row | {"attributes": {"probe_image": text}})


_KINDS = (
    ("cut short", _cut_short),
    ("foreign schema", _foreign_schema),
    ("unknown schema id", _unknown_id),
    ("JSON", _json),
    ("empty", _nothing),
    ("no value", _tombstone),
    ("bad UUID", _bad_uuid),
    ("enum too high", _bad_enum(b"\x0e")),
    ("enum below zero", _bad_enum(b"\x01")),
    ("image alone", _image_alone),
    ("image in a field", _image_inside),
)
_IMAGES = frozenset({"image alone", "image in a field"})
