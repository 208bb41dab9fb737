"""Texts by their places in a batch's bytes, as Arrow's string views: nothing is copied but what is short.

A view, as Arrow and polars have it, is 16 bytes: the length, and then either the text itself, where it has at
most 12 bytes, or its first four, the number of a buffer and the place in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Views = npt.NDArray[np.uint64]
"""A row of two for each text."""

MAX_DATA = 2**31 - 1
"""Bytes that views can point into."""
PADDING = 16
"""Bytes that must follow the last value: numbers are loaded beyond the end of short texts."""

_SHORT = 12
# By a text's length up to 12: which bits of its bytes 0 to 3, and of 4 to 11, stand in its view.
_HEAD = np.array([(1 << 8 * min(size, 4)) - 1 for size in range(_SHORT + 1)], dtype=np.uint64)
_TAIL = np.array([(1 << 8 * max(size - 4, 0)) - 1 for size in range(_SHORT + 1)], dtype=np.uint64)


def loader(data: npt.NDArray[np.uint8], dtype: str) -> npt.NDArray[Any]:
    """Return the numbers of the data, one that begins at each byte, aligned or not; no byte is copied."""
    size = np.dtype(dtype).itemsize
    return np.ndarray((len(data) - size + 1,), dtype, buffer=data, strides=(1,))


def views_of(
    data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> Views:
    """Return the views of texts that stand at `starts` to `ends` of the data."""
    sizes = (ends - starts).astype(np.uint64)
    inside = np.minimum(sizes, _SHORT).astype(np.intp)
    head = loader(data, "<u4")[starts] & _HEAD[inside]
    tail = loader(data, "<u8")[starts + 4] & _TAIL[inside]
    views = np.empty((len(starts), 2), np.uint64)
    views[:, 0] = sizes | head << np.uint64(32)
    views[:, 1] = np.where(sizes > _SHORT, starts.astype(np.uint64) << np.uint64(32), tail)
    return views


def view_array(
    kind: pa.DataType, views: Views, buffer: pa.Buffer, valid: npt.NDArray[np.bool_] | None = None
) -> pa.Array:
    """Return the views as an Arrow array of `kind` (string_view or binary_view); null where not `valid`."""
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(kind, len(views), [bitmap, pa.py_buffer(views), buffer])


def all_utf8(views: Views, buffer: pa.Buffer) -> bool:
    """Return whether each of the texts is UTF-8."""
    try:
        view_array(pa.string_view(), views, buffer).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
