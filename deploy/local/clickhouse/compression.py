"""Compressed bodies: HTTP's Content-Encoding, and ClickHouse's own blocks (`compress`, `decompress`).

A block is 16 bytes of CityHash128 (v1.0.2) over what follows, one byte of method (0x82 LZ4, 0x90 ZSTD, 0x02
none), the compressed size with these 9 bytes and the size of the data (both UInt32, little-endian), and data.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Protocol

import lz4.block
import lz4.frame
import zstandard
from clickhouse_cityhash.cityhash import CityHash128

from deploy.local.clickhouse.errors import QueryError

MAX_BLOCK = 1 << 28
MAX_PIECE = 1 << 29
"""Bytes that one piece of a body may become."""
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


class _Zlib:
    def __init__(self, window: int) -> None:
        self._inner = zlib.decompressobj(window)

    def decode(self, data: bytes, limit: int) -> bytes:
        try:
            out = self._inner.decompress(data, limit)
        except zlib.error as error:
            raise QueryError(354, f"Cannot decompress the body: {error}") from None
        _refuse_bomb(bool(self._inner.unconsumed_tail))
        return out

    def finish(self) -> None:
        if not self._inner.eof:
            raise QueryError(354, "The compressed body ends too early")


class _Lz4Frame:
    def __init__(self) -> None:
        self._inner = lz4.frame.LZ4FrameDecompressor()

    def decode(self, data: bytes, limit: int) -> bytes:
        try:
            # LZ4 makes at most 255 bytes of one, so what a piece becomes needs no bound beforehand.
            out: bytes = self._inner.decompress(data)
        except (RuntimeError, EOFError) as error:
            raise QueryError(354, f"Cannot decompress the body: {error}") from None
        _refuse_bomb(len(out) > limit)
        return out

    def finish(self) -> None:
        if not self._inner.eof:
            raise QueryError(354, "The compressed body ends too early")


class _Zstd:
    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()

    def decode(self, data: bytes, limit: int) -> bytes:
        out = bytearray()
        try:
            # In small bites: a bomb shows itself before it is in memory.
            for start in range(0, len(data), 4096):
                out += self._inner.decompress(data[start : start + 4096])
                _refuse_bomb(len(out) > limit)
        except zstandard.ZstdError as error:
            raise QueryError(354, f"Cannot decompress the body: {error}") from None
        return bytes(out)

    def finish(self) -> None:
        if not self._inner.eof:
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
    "gzip": lambda: _Zlib(31),
    "deflate": lambda: _Zlib(15),
    "zstd": _Zstd,
    "lz4": _Lz4Frame,
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
        out = piece
        for decoder in decoders:
            out = decoder.decode(out, min(limit, MAX_PIECE))
        total += len(out)
        _refuse_bomb(total > limit)
        if out:
            yield out
    for decoder in decoders:
        decoder.finish()
