"""A batch of Kafka values to one frame of columns, and what could not be read to dead letters.

No record is dropped and none stops its batch: every index of the batch is either a row of the frame or a
`Bad`. What is a good value is decided for each alone (`streams.walk`), whoever else is in the batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from schemas.contracts import Contract, WriterSchema
from schemas.wire import CONFLUENT_HEAD, SINGLE_OBJECT, SINGLE_OBJECT_HEAD
from streams.carriers import NUMBERS
from streams.cells import to_frame
from streams.interpreter import SOUND
from streams.program import program_of
from streams.shape import Unresolvable, columns
from streams.views import MAX_DATA, PADDING
from streams.walk import Walk
from streams.withhold import (
    LONG,
    MAX_VALUE,
    holds_image,
    may_be_face,
    may_hold_face,
    may_hold_image,
    names_image,
    texts_with_image,
)

EARLIEST = -2_208_988_800_000_000
"""1900-01-01 in microseconds since 1970: the first moment that ClickHouse's DateTime64 has."""
LATEST = 10_413_791_999_999_999
"""The last microsecond of 2299 since 1970: the last that DateTime64 has."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bad:
    """A value that is no event.

    `row` is its index in the batch; `reason` one of a few words, such as `damaged`; `detail` says where and
    how, without any of its content; `withheld` whether its bytes may hold a face and must not be kept.
    """

    row: int
    reason: str
    detail: str
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a batch gave: `frame` with the contract's columns, `rows[i]` the batch index of its row i."""

    frame: pl.DataFrame
    rows: Rows
    bad: list[Bad]


@dataclass(frozen=True, slots=True)
class _Part:
    """What values of one schema gave, as `Decoded`; `large` are the columns with what may be a template."""

    frame: pl.DataFrame
    rows: Rows
    large: set[str]


class Values:
    """The values of one batch, with their framing looked at: none (a tombstone), one, or any mix.

    One above `MAX_VALUE` is no search whatever it holds: it is not joined to the others, and never copied.

    Raises:
        ValueError: the others have more than `MAX_DATA` bytes; no fetch has so many records.
    """

    def __init__(self, values: Sequence[bytes | None]) -> None:
        self._large = {
            row: value for row, value in enumerate(values) if value is not None and len(value) > MAX_VALUE
        }
        kept = values if not self._large else [None if n in self._large else v for n, v in enumerate(values)]
        joined = b"".join([*(value for value in kept if value is not None), bytes(PADDING)])
        if len(joined) > MAX_DATA:
            raise ValueError(f"{len(joined)} bytes in one batch; at most {MAX_DATA} can be decoded at once")
        self.data = np.frombuffer(joined, dtype=np.uint8)
        self.sizes = np.fromiter(
            (-1 if value is None else len(value) for value in values), np.int64, len(values)
        )
        joins = (self.sizes >= 0) & (self.sizes <= MAX_VALUE)
        self.starts = np.concatenate([[0], np.cumsum(np.where(joins, self.sizes, 0))])
        first, second = self._byte(0), self._byte(1)
        self.single = np.flatnonzero((first == 0xC3) & (second == 0x01) & (self.sizes >= SINGLE_OBJECT_HEAD))
        self.confluent = np.flatnonzero((first == 0x00) & (self.sizes >= CONFLUENT_HEAD))
        framed = np.zeros(len(values), dtype=bool)
        framed[self.single] = framed[self.confluent] = True
        self.unframed = np.flatnonzero(~framed)

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, row: int) -> bytes | None:
        if self.sizes[row] < 0:
            return None
        if (large := self._large.get(row)) is not None:
            return large
        return self.data[self.starts[row] : self.starts[row + 1]].tobytes()

    @property
    def array(self) -> pa.Array:
        """The values as large_binary, a tombstone or a large one as nothing; no byte is copied."""
        buffers = [None, pa.py_buffer(self.starts), pa.py_buffer(self.data)]
        return pa.Array.from_buffers(pa.large_binary(), len(self), buffers)

    def with_image(self, rows: Rows) -> Rows:
        """The indices in `rows` of the values that hold an image in base64, as one of their texts begins."""
        if not may_hold_image(self.data):
            return rows[:0]
        return holds_image(self.array if len(rows) == len(self) else self.array.take(pa.array(rows)))

    def schema_ids(self) -> set[int]:
        """The registry ids that the batch names."""
        return {int.from_bytes(key, "big") for key, _ in self.groups(self.confluent, 1, 4)}

    def groups(self, rows: Rows, start: int, size: int) -> Iterator[tuple[bytes, Rows]]:
        """Yield `rows` by the `size` bytes (4 or 8) that stand at `start` in each of them."""
        if not len(rows):
            return
        at = self.starts[rows][:, None] + np.arange(start, start + size)
        keys = np.ascontiguousarray(self.data[at]).view(f"<u{size}").ravel()
        distinct, group = np.unique(keys, return_inverse=True)
        order = np.argsort(group, kind="stable")
        ends = np.searchsorted(group[order], np.arange(len(distinct) + 1))
        for number, key in enumerate(distinct):
            yield key.tobytes(), rows[order[ends[number] : ends[number + 1]]]

    def _byte(self, index: int) -> npt.NDArray[np.int16]:
        """That byte of each value, -1 where the value is too short, or too large to be looked at."""
        found = np.full(len(self.sizes), -1, dtype=np.int16)
        long_enough = np.diff(self.starts) > index
        found[long_enough] = self.data[self.starts[:-1][long_enough] + index]
        return found


def decode(values: Values, contract: Contract, schemas: Mapping[int, WriterSchema | str]) -> Decoded:
    """Return the events of a batch as columns of `contract`'s current schema, in the order of the batch.

    `schemas` has, for each of `values.schema_ids()`, the registry's schema or why there is none.
    """
    bad: list[Bad] = [_unframed(values, int(row)) for row in values.unframed]
    parts: list[_Part] = []
    for key, rows in values.groups(values.single, 2, 8):
        writer = contract.released.get(key)
        if writer is None:
            detail = f"schema fingerprint {key.hex()} is no version of {contract.name}"
            bad += [_refused(values, int(row), "unknown_schema", detail) for row in rows]
        else:
            _read(values, rows, writer, SINGLE_OBJECT_HEAD, contract, parts, bad)
    for key, rows in values.groups(values.confluent, 1, 4):
        known = schemas.get(int.from_bytes(key, "big"), "no schema registry is configured")
        if isinstance(known, str):
            bad += [_refused(values, int(row), "unknown_schema", _said(known)) for row in rows]
        else:
            _read(values, rows, known, CONFLUENT_HEAD, contract, parts, bad)
    if not parts:
        return Decoded(pl.DataFrame(), np.empty(0, np.int64), bad)
    return _keep(values, parts[0] if len(parts) == 1 else _in_order(parts), bad)


def warm_up(contract: Contract) -> None:
    """Walk a value that nobody made, so that no real one waits for the walk to be compiled."""
    decode(Values([SINGLE_OBJECT + contract.current.fingerprint]), contract, {})


def _read(
    values: Values,
    rows: Rows,
    writer: WriterSchema,
    head_size: int,
    contract: Contract,
    parts: list[_Part],
    bad: list[Bad],
) -> None:
    try:
        program = program_of(writer, contract)
    except Unresolvable as error:
        bad += [_refused(values, int(row), "unreadable", _said(str(error))) for row in rows]
        return
    walk = Walk(values.data, values.starts[rows], values.starts[rows + 1], program, head_size)
    damaged = walk.faults != SOUND
    for at in np.flatnonzero(damaged):
        bad.append(_refused(values, int(rows[at]), "damaged", walk.detail(int(at))))
    whole = rows[~damaged] if damaged.any() else rows
    if len(whole):
        wanted = columns(contract)
        large = {wanted[number].name for number in walk.large(LONG, NUMBERS)}
        parts.append(_Part(to_frame(walk, contract), whole, large))


def _in_order(parts: list[_Part]) -> _Part:
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    frame = pl.concat([part.frame for part in parts])[order]
    return _Part(frame, rows[order], set().union(*(part.large for part in parts)))


def _keep(values: Values, read: _Part, bad: list[Bad]) -> Decoded:
    """The rows that can be stored: times that ClickHouse has, and nothing that holds an image."""
    frame, rows = read.frame, read.rows
    refused: dict[int, Bad] = {}
    for name, dtype in frame.schema.items():
        if isinstance(dtype, pl.Datetime):
            micros = frame[name].cast(pl.Int64).to_numpy()
            for at in np.flatnonzero((micros < EARLIEST) | (micros > LATEST)):
                detail = f"{name} is outside the years 1900 to 2299"
                refused[int(at)] = _refused(values, int(rows[at]), "time_out_of_range", detail)
    for at in values.with_image(rows):
        refused[int(at)] = Bad(int(rows[at]), "holds_image", "a field holds an image", withheld=True)
    # Nearly no batch has a long text, and to look for one in each column takes as long as to read a few rows.
    for at in texts_with_image(frame[sorted(read.large)]) if read.large else ():
        detail = "a field holds an image or a template"
        refused[int(at)] = Bad(int(rows[at]), "holds_image", detail, withheld=True)
    if "attributes" in frame.columns:
        refused |= _image_attributes(frame, rows)
    if not refused:
        return Decoded(frame, rows, bad)
    bad += refused.values()
    kept = np.setdiff1d(np.arange(len(rows)), np.fromiter(refused, np.int64))
    return Decoded(frame[kept], rows[kept], bad)


def _image_attributes(frame: pl.DataFrame, rows: Rows) -> dict[int, Bad]:
    named = names_image(set(frame["attributes"].to_arrow().keys.unique().to_pylist()))
    if not named:
        return {}
    keys = frame["attributes"].map.keys()
    hits = keys.list.eval(pl.element().is_in(list(named))).list.any().arg_true()
    return {
        at: Bad(
            int(rows[at]), "holds_image", "an attribute is named as an image or a template", withheld=True
        )
        for at in hits
    }


def _unframed(values: Values, row: int) -> Bad:
    value = values[row]
    if value is None:
        return Bad(row, "empty", "the record has no value")
    if len(value) > MAX_VALUE:
        detail = f"{len(value)} bytes, above the limit of {MAX_VALUE}"
        return Bad(row, "too_large", detail, withheld=True)
    detail = f"{len(value)} bytes that begin with neither C3 01 nor 00 and a schema id"
    return _refused(values, row, "empty" if not value else "unknown_framing", detail)


def _refused(values: Values, row: int, reason: str, detail: str) -> Bad:
    if not may_hold_face(values[row] or b""):
        return Bad(row, reason, detail)
    # What was taken for the fingerprint or id of a schema may be a part of an image.
    return Bad(
        row, reason, "its schema is not known" if reason == "unknown_schema" else detail, withheld=True
    )


def _said(detail: str) -> str:
    """What a registry or a schema of its says, unless it quotes what no schema should hold."""
    return "its schema cannot be read" if may_be_face(detail.encode(), 1_000) else detail
