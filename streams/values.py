"""The values of one batch, one after the other in memory, by their framing and by who wrote them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.contracts import Contract, WriterSchema
from schemas.wire import CONFLUENT_HEAD, SINGLE_OBJECT_HEAD
from streams.views import MAX_DATA, PADDING
from streams.withhold import MAX_VALUE, holds_image, may_be_face, may_hold_image

Rows = npt.NDArray[np.int64]


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

    def by_writer(
        self, contract: Contract, schemas: Mapping[int, WriterSchema | str]
    ) -> Iterator[tuple[Rows, WriterSchema | str, int]]:
        """Yield the indices of the framed values by who wrote them, with how many bytes the framing has.

        Of who is not known it is said why. `schemas` has, for each of `schema_ids`, the registry's schema or
        why there is none.
        """
        for key, rows in self.groups(self.single, 2, 8):
            unknown = f"schema fingerprint {key.hex()} is no version of {contract.name}"
            yield rows, contract.released.get(key, unknown), SINGLE_OBJECT_HEAD
        for key, rows in self.groups(self.confluent, 1, 4):
            known = schemas.get(int.from_bytes(key, "big"), "no schema registry is configured")
            yield rows, known if isinstance(known, WriterSchema) else said(known), CONFLUENT_HEAD

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


def said(detail: str) -> str:
    """Return what a registry or a schema of its says, unless it quotes what no schema should hold."""
    return "its schema cannot be read" if may_be_face(detail.encode(), 1_000) else detail
