"""Looks for any part of an image, 32 bytes or more of it, in files and texts, byte by byte."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

WINDOW = 32
_BLOCK = 16


class Traces:
    """Bytes that must be nowhere, in whatever way they are written.

    Every 32 bytes in a row of them hold a block of 16 that is aligned where it is found: those are looked up.
    Blocks of one or two different bytes, such as padding, are anybody's.
    """

    def __init__(self, secrets: Iterable[bytes]) -> None:
        forms = [form for secret in secrets for form in _forms(secret)]
        self._secrets = {form[at : at + _BLOCK] for form in forms for at in range(len(form) - _BLOCK + 1)}
        self._secrets = {block for block in self._secrets if len(set(block)) > 2}
        self._windows = {form[at : at + WINDOW] for form in forms for at in range(len(form) - WINDOW + 1)}
        # A table of bits: what has none of its own is no secret.
        self._table = np.zeros(1 << 26, dtype=bool)
        self._table[_hashes(b"".join(self._secrets))] = True
        self.count = len(self._windows)

    def within(self, data: bytes) -> bool:
        """Whether 32 bytes in a row of any secret are in the data."""
        whole = data[: len(data) // _BLOCK * _BLOCK]
        hits = np.flatnonzero(self._table[_hashes(whole)]) * _BLOCK
        return any(
            data[at : at + WINDOW] in self._windows
            for hit in hits.tolist()
            if data[hit : hit + _BLOCK] in self._secrets
            for at in range(max(0, hit - _BLOCK), hit + 1)
        )

    def files(self, folder: Path) -> tuple[list[Path], int]:
        """The files below a folder that have any, and how many bytes were looked at."""
        found, size = [], 0
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink():
                data = file.read_bytes()
                size += len(data)
                if self.within(data):
                    found.append(file)
        return found, size


def _forms(secret: bytes) -> Iterator[bytes]:
    yield secret
    for shift in range(3):
        yield base64.b64encode(secret[shift:])
        yield base64.urlsafe_b64encode(secret[shift:])
    yield secret.hex().encode()
    yield secret.hex().upper().encode()


def _hashes(data: bytes) -> npt.NDArray[np.uint64]:
    halves = np.frombuffer(data, "<u8").reshape(-1, 2)
    mixed = (halves[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ halves[:, 1]) * np.uint64(0xC2B2AE3D27D4EB4F)
    return np.asarray(mixed >> np.uint64(38))
