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


def loader(data: npt.NDArray[np.uint8], dtype: str) -> npt.NDArray[Any]:
    """Return the numbers of the data, one that begins at each byte, aligned or not; no byte is copied."""
    size = np.dtype(dtype).itemsize
    return np.ndarray((len(data) - size + 1,), dtype, buffer=data, strides=(1,))


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


def not_utf8(views: Views, buffer: pa.Buffer) -> list[tuple[int, bytes]]:
    """Return the texts that are not UTF-8, with their indices."""
    texts = view_array(pa.binary_view(), views, buffer).to_pylist()
    return [(row, text) for row, text in enumerate(texts) if not _is_utf8(text)]


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
