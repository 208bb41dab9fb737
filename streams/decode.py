"""A batch of Kafka values to one frame of columns, and what could not be read to dead letters.

No record is dropped and none stops its batch: every index of the batch is either a row of the frame or a
`Bad`. What is a good value is decided for each alone (`streams.walk`), whoever else is in the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from schemas.contracts import Contract, WriterSchema
from schemas.wire import SINGLE_OBJECT
from streams.carriers import NUMBERS
from streams.cells import to_frame
from streams.interpreter import SOUND
from streams.program import program_of
from streams.shape import Unresolvable, columns, times
from streams.values import Rows, Values, said
from streams.walk import Walk
from streams.withhold import (
    LONG,
    MAX_VALUE,
    may_hold_face,
    names_image,
    texts_with_image,
)

EARLIEST = -2_208_988_800_000_000
"""1900-01-01 in microseconds since 1970: the first moment that ClickHouse's DateTime64 has."""
LATEST = 10_413_791_999_999_999
"""The last microsecond of 2299 since 1970: the last that DateTime64 has."""


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


def decode(values: Values, contract: Contract, schemas: Mapping[int, WriterSchema | str]) -> Decoded:
    """Return the events of a batch as columns of `contract`'s current schema, in the order of the batch.

    `schemas` has, for each of `values.schema_ids()`, the registry's schema or why there is none.
    """
    bad: list[Bad] = [_unframed(values, int(row)) for row in values.unframed]
    parts: list[_Part] = []
    for rows, writer, head_size in values.by_writer(contract, schemas):
        if isinstance(writer, WriterSchema):
            _read(values, rows, writer, head_size, contract, parts, bad)
        else:
            bad += [_refused(values, int(row), "unknown_schema", writer) for row in rows]
    if not parts:
        return Decoded(pl.DataFrame(), np.empty(0, np.int64), bad)
    return _keep(values, parts[0] if len(parts) == 1 else _in_order(parts), contract, bad)


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
        bad += [_refused(values, int(row), "unreadable", said(str(error))) for row in rows]
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


def _keep(values: Values, read: _Part, contract: Contract, bad: list[Bad]) -> Decoded:
    """The rows that can be stored: times that ClickHouse has, and nothing that holds an image."""
    frame, rows = read.frame, read.rows
    refused: dict[int, Bad] = {}
    for name in times(contract):
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
