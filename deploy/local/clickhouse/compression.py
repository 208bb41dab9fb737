"""Compressed bodies: HTTP's Content-Encoding, and ClickHouse's own blocks (`compress`, `decompress`).

A block is 16 bytes of CityHash128 (v1.0.2) over what follows, one byte of method (0x82 LZ4, 0x90 ZSTD, 0x02
none), the compressed size with these 9 bytes and the size of the data (both UInt32, little-endian), and data.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any, Protocol

import lz4.block
import lz4.frame
import zstandard
from clickhouse_cityhash.cityhash import CityHash128

from deploy.local.clickhouse.errors import QueryError

MAX_BLOCK = 1 << 28
MAX_PIECE = 1 << 27
"""Bytes that one bite of a body may become."""
BITE = 1 << 16
_LZ4, _ZSTD, _NONE = 0x82, 0x90, 0x02
_BLOCK_SIZE = 1 << 20


class Decoder(Protocol):
    """Takes compressed bytes as they come and gives what is in them."""

    def decode(self, data: bytes, limit: int) -> bytes:
        """Return what these bytes add; more than `limit` bytes are refused."""

    def finish(self) -> None:
        """Refuse a body that has not come to its end."""


class Encoder(Protocol):
    """Takes bytes as they come and gives them compressed."""

    def encode(self, data: bytes) -> bytes:
        """Return these bytes so that a reader can have all of them."""

    def finish(self) -> bytes:
        """Return what ends the body."""


class _Stream(Protocol):
    """A decompressor of zlib, zstandard or lz4, as far as they are alike."""

    eof: bool
    unused_data: bytes | None

    def decompress(self, data: bytes) -> bytes:
        """Return what these bytes add."""


class _Members:
    """A body of one compressed stream or of several end to end, as `cat a.gz b.gz` makes them."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._inner: _Stream = make()
        self._empty = True

    def decode(self, data: bytes, limit: int) -> bytes:
        out = bytearray()
        while data:
            if self._inner.eof:
                self._inner, self._empty = self._make(), True
            try:
                out += self._inner.decompress(data)
            except (zlib.error, zstandard.ZstdError, RuntimeError, EOFError) as error:
                raise QueryError(354, f"Cannot decompress the body: {error}") from None
            self._empty = False
            _refuse_bomb(len(out) > limit)
            data = (self._inner.unused_data or b"") if self._inner.eof else b""
        return bytes(out)

    def finish(self) -> None:
        if not self._empty and not self._inner.eof:
            raise QueryError(354, "The compressed body ends too early")


class _Blocks:
    """ClickHouse's own blocks."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def decode(self, data: bytes, limit: int) -> bytes:
        self._rest += data
        out = bytearray()
        while len(self._rest) >= 25:
            method, packed, size = struct.unpack_from("<BII", self._rest, 16)
            if packed < 9 or packed > MAX_BLOCK or size > MAX_BLOCK:
                raise QueryError(432, "A compressed block has an impossible size")
            if len(self._rest) < 16 + packed:
                break
            body = bytes(self._rest[16 : 16 + packed])
            if _checksum(body) != bytes(self._rest[:16]):
                raise QueryError(40, "Checksum doesn't match: corrupted data")
            del self._rest[: 16 + packed]
            _refuse_bomb(len(out) + size > limit)
            out += _unpack(method, body[9:], size)
        return bytes(out)

    def finish(self) -> None:
        if self._rest:
            raise QueryError(33, "The compressed body ends too early")


def _unpack(method: int, data: bytes, size: int) -> bytes:
    try:
        if method == _LZ4:
            out: bytes = lz4.block.decompress(data, uncompressed_size=size)
        elif method == _ZSTD:
            out = zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
        elif method == _NONE:
            out = data
        else:
            raise QueryError(89, f"Unknown compression method 0x{method:02x}")
    except (lz4.block.LZ4BlockError, zstandard.ZstdError) as error:
        raise QueryError(271, f"Cannot decompress a block: {error}") from None
    if len(out) != size:
        raise QueryError(271, "A compressed block has another size than it says")
    return out


def _checksum(body: bytes) -> bytes:
    value = CityHash128(body)
    return struct.pack("<QQ", value >> 64, value & (2**64 - 1))


def _refuse_bomb(more: bool) -> None:
    if more:
        raise QueryError(307, "The body is larger than this server takes once it is decompressed")


class _ZlibEncoder:
    def __init__(self, window: int) -> None:
        self._inner = zlib.compressobj(3, zlib.DEFLATED, window)

    def encode(self, data: bytes) -> bytes:
        return self._inner.compress(data) + self._inner.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._inner.flush()


class _Lz4FrameEncoder:
    def __init__(self) -> None:
        self._inner = lz4.frame.LZ4FrameCompressor()
        self._begun = False

    def encode(self, data: bytes) -> bytes:
        head = b"" if self._begun else self._inner.begin()
        self._begun = True
        return bytes(head + self._inner.compress(data))

    def finish(self) -> bytes:
        head = b"" if self._begun else self._inner.begin()
        return bytes(head + self._inner.flush())


class _ZstdEncoder:
    def __init__(self) -> None:
        self._inner = zstandard.ZstdCompressor(level=1).compressobj()

    def encode(self, data: bytes) -> bytes:
        return self._inner.compress(data) + self._inner.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def finish(self) -> bytes:
        return self._inner.flush()


class BlockEncoder:
    """ClickHouse's own blocks, with LZ4."""

    def encode(self, data: bytes) -> bytes:
        """Return the data as blocks of at most 1 MiB."""
        out = bytearray()
        for start in range(0, len(data), _BLOCK_SIZE):
            part = data[start : start + _BLOCK_SIZE]
            packed = lz4.block.compress(part, store_size=False)
            body = struct.pack("<BII", _LZ4, len(packed) + 9, len(part)) + packed
            out += _checksum(body) + body
        return bytes(out)

    def finish(self) -> bytes:
        """Blocks have no end of their own."""
        return b""


_DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": lambda: _Members(lambda: zlib.decompressobj(31)),
    "deflate": lambda: _Members(lambda: zlib.decompressobj(15)),
    "zstd": lambda: _Members(lambda: zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()),
    "lz4": lambda: _Members(lz4.frame.LZ4FrameDecompressor),
}
_ENCODERS: dict[str, Callable[[], Encoder]] = {
    "zstd": _ZstdEncoder,
    "lz4": _Lz4FrameEncoder,
    "gzip": lambda: _ZlibEncoder(31),
    "deflate": lambda: _ZlibEncoder(15),
}


def encoder_for(accepted: str) -> tuple[str, Encoder] | None:
    """Return the first encoding of an Accept-Encoding header that is known here, and its encoder."""
    for part in accepted.split(","):
        name, _, quality = part.strip().lower().partition(";")
        if name.strip() in _ENCODERS and quality.replace(" ", "") not in {"q=0", "q=0.0"}:
            return name.strip(), _ENCODERS[name.strip()]()
    return None


async def decompressed(
    body: AsyncIterable[bytes], encoding: str, *, blocks: bool, limit: int
) -> AsyncIterator[bytes]:
    """Yield what is in a body; `limit` bounds what one piece and what all of it may become.

    Raises:
        QueryError: the encoding is unknown, the data are damaged, or there are more than `limit` bytes.
    """
    decoders: list[Decoder] = []
    if encoding and encoding != "identity":
        if encoding not in _DECODERS:
            raise QueryError(89, f"Unknown Content-Encoding {encoding[:40]!r}")
        decoders.append(_DECODERS[encoding]())
    if blocks:
        decoders.append(_Blocks())
    total = 0
    async for piece in body:
        # In small bites: a bomb shows itself before it is in memory.
        bite = BITE if decoders else len(piece) or 1
        for start in range(0, len(piece), bite):
            out = piece[start : start + bite]
            for decoder in decoders:
                out = decoder.decode(out, MAX_PIECE)
            total += len(out)
            _refuse_bomb(total > limit)
            if out:
                yield out
    for decoder in decoders:
        decoder.finish()
