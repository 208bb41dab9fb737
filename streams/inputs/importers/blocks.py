"""Files and standard input as blocks of whole lines, packed or not, with flat memory."""

from __future__ import annotations

import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, Protocol, cast

import pyarrow as pa

from schemas.errors import NotThere, WrongUse
from streams.inputs.importers.lines import NEWLINE

BLOCK = 4 << 20
"""Bytes that are read at once."""
MAX_LINE = 1 << 20
"""A line of more bytes is malformed; it is never held as a whole."""
HEAD = 64 << 10
"""So many bytes at the beginning tell the format."""

BOM = b"\xef\xbb\xbf"
_NULS = re.compile(rb"\0{4,}")
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class Reads(Protocol):
    """A stream of bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


class Block(NamedTuple):
    """Whole lines: `data` ends with a line feed, which the file's last line may lack (`tail`).

    `offset` is where the block begins in the unpacked stream. `overlong` is whether the block is one line
    that was too long; of it only the beginning is there.
    """

    data: bytes
    offset: int
    end: int
    tail: bool = False
    overlong: bool = False


def open_log(path: Path | None) -> IO[bytes]:
    """Return a file, or standard input for None, opened to be read.

    Raises:
        NotThere: it is no file that can be read.
    """
    if path is None:
        return sys.stdin.buffer
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder")
        return path.open("rb", buffering=0)
    except OSError as error:
        raise NotThere(f"{path}: {error.strerror}; name a log file, or - for standard input") from None


def unpacked(raw: Reads, name: str) -> tuple[Reads, bool]:
    """Return the stream unpacked, by its first bytes and not by its name, and whether it was packed."""
    start = raw.read(4) or b""
    while 0 < len(start) < 4 and (more := raw.read(4 - len(start))):
        start += more
    whole: Reads = _Rejoined(start, raw)
    if start.startswith(_GZIP):
        return _Packed(gzip.GzipFile(fileobj=cast("IO[bytes]", _Raw(whole))), name), True
    if start.startswith(_ZSTD):
        # Unlike zstandard's reader, Arrow's tells a file that is cut off from one that ends.
        packed = pa.PythonFile(_Raw(whole), mode="r")
        return _Packed(pa.CompressedInputStream(packed, "zstd"), name), True
    return whole, False


class Cutter:
    """Cuts a stream into blocks of whole lines, from `offset` on; more may be read where it ended before."""

    def __init__(self, stream: Reads, offset: int = 0) -> None:
        self._stream = stream
        self._kept = b""
        self._offset = offset
        self._skipping = False

    def blocks(self, *, final: bool) -> Iterator[Block]:
        """Yield what there is now, as it comes; with `final` also a last line that no line feed ends."""
        while more := self._stream.read(BLOCK):
            if (block := self._cut(more)) is not None:
                yield block
        if final and self._kept and not self._skipping:
            data, self._kept = self._kept + b"\n", b""
            yield Block(data, self._offset, self._offset + len(data) - 1, tail=True)

    def _cut(self, more: bytes) -> Block | None:
        if self._skipping:
            rest = more.partition(b"\n")
            self._offset += len(rest[0]) + len(rest[1])
            if not rest[1]:
                return None
            self._skipping, more = False, rest[2]
        data = self._kept + more
        end = data.rfind(NEWLINE) + 1
        offset = self._offset
        if end:
            self._kept, self._offset = data[end:], offset + end
            return Block(data if end == len(data) else data[:end], offset, offset + end)
        if len(data) <= MAX_LINE:
            self._kept = data
            return None
        self._kept, self._skipping, self._offset = b"", True, offset + len(data)
        return Block(data[:256] + b"\n", offset, self._offset, overlong=True)


def skip(stream: Reads, size: int) -> bool:
    """Read over so many bytes; return False where there are not as many."""
    while size > 0:
        passed = len(stream.read(min(size, BLOCK)))
        if not passed:
            return False
        size -= passed
    return True


def peek(stream: Reads, name: str) -> tuple[bytes, Reads]:
    """Return the head of a stream without NUL bytes, enough to tell its format, and the stream with it.

    NUL bytes before it, as a crash or a log that is cut short under its writer leaves behind, may be many.

    Raises:
        WrongUse: it is no text.
    """
    head, hole = b"", 0
    while len(head) < HEAD and (more := stream.read(HEAD - len(head))):
        head += more
        if not head.strip(b"\0"):
            head, hole = b"", hole + len(head)
        # A pipe that is followed may give a line now and the next one tomorrow.
        if _told(head):
            break
    if not _is_text(head):
        raise WrongUse(f"{name}: this is no text; frwatch reads logs as text in UTF-8, gzip or zstd")
    rest: Reads = _Rejoined(head, stream)
    return head.translate(None, b"\0"), _Hole(hole, rest) if hole else rest


def _told(head: bytes) -> bool:
    """Whether there is a whole line that is neither blank, comment nor damaged."""
    lines = head.removeprefix(BOM).split(b"\n")[:-1]
    return any(line.strip() and not line.startswith(b"#") and b"\0" not in line for line in lines)


def _is_text(head: bytes) -> bool:
    """Whether a head is text, but for runs of NUL bytes: UTF-16 has single ones."""
    start = _NULS.sub(b"", head)[:512]
    return 16 * start.count(b"\0") <= len(start)


class _Hole:
    """So many NUL bytes, and then a stream."""

    def __init__(self, size: int, rest: Reads) -> None:
        self._size = size
        self._rest = rest

    def read(self, size: int = -1, /) -> bytes:
        if not self._size:
            return self._rest.read(size)
        given = min(self._size, size if size >= 0 else BLOCK)
        self._size -= given
        return bytes(given)


class Live:
    """Standard input that gives what there is, and does not wait for more."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes as soon as there are some; none at the end."""
        read1 = getattr(self._stream, "read1", self._stream.read)
        return bytes(read1(size))


class _Rejoined:
    """Bytes that were read already, and then the rest of the stream."""

    def __init__(self, start: bytes, rest: Reads) -> None:
        self._start = start
        self._rest = rest

    def read(self, size: int = -1, /) -> bytes:
        if self._start:
            if size < 0 or size >= len(self._start):
                start, self._start = self._start, b""
                return start
            start, self._start = self._start[:size], self._start[size:]
            return start
        return self._rest.read(size) or b""


class _Raw(io.RawIOBase):
    """The same for libraries that want a file."""

    def __init__(self, stream: Reads) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._stream.read(size)


class _Packed:
    """A packed stream, whose damage is told in one line."""

    def __init__(self, stream: Reads, name: str) -> None:
        self._stream = stream
        self._name = name

    def read(self, size: int = -1, /) -> bytes:
        try:
            return bytes(self._stream.read(size))
        except (EOFError, OSError, zlib.error) as error:
            why = type(error).__name__
            raise WrongUse(
                f"{self._name}: the packed file is damaged or cut off ({why}); what stood before was read"
            ) from None
