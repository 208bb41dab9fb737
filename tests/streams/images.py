"""Images and templates for tests: nobody's, and as real ones are built."""

from __future__ import annotations

import base64
import gzip
import json
import random
import struct
import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import zstandard


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311  reproducible, no secret


def png(size: int, seed: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + noise(16, seed + row) for row in range(max(4, size // 16)))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, max(4, size // 16), 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _brand(name: bytes) -> Callable[[int, int], bytes]:
    head = b"\0\0\0\x18ftyp" + name + b"\0\0\0\0" + name + b"mif1"
    return lambda size, seed: head + b"\0\0\x01\0meta" + noise(size, seed)


IMAGES: dict[str, Callable[[int, int], bytes]] = {
    "jpeg": lambda size, seed: b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + noise(size, seed),
    "jpeg-exif": lambda size, seed: b"\xff\xd8\xff\xe1\1\2Exif\0\0II*\0\x08\0\0\0" + noise(size, seed),
    "jpeg-dqt": lambda size, seed: b"\xff\xd8\xff\xdb\0\x84\0" + noise(size, seed),
    "png": png,
    "gif": lambda size, seed: b"GIF89a\x40\0\x40\0\xf7\0\0" + noise(size, seed),
    "bmp": lambda size, seed: (
        b"BM" + struct.pack("<IIIIiiHH", size + 54, 0, 54, 40, 9, 9, 1, 24) + bytes(24) + noise(size, seed)
    ),
    "webp": lambda size, seed: b"RIFF" + struct.pack("<I", size + 12) + b"WEBPVP8 " + noise(size, seed),
    "tiff": lambda size, seed: b"II*\0\x08\0\0\0\x0e\0" + noise(size, seed),
    "tiff-big-endian": lambda size, seed: b"MM\0*\0\0\0\x08\0\x0e" + noise(size, seed),
    "jpeg2000": lambda size, seed: b"\0\0\0\x0cjP  \r\n\x87\n" + noise(size, seed),
    "jpeg-xl": lambda size, seed: b"\0\0\0\x0cJXL \r\n\x87\n" + noise(size, seed),
    "heic": _brand(b"heic"),
    "avif": _brand(b"avif"),
    "mif1": _brand(b"mif1"),
    "ico": lambda size, seed: b"\0\0\1\0\1\0\x20\x20\0\0\1\0\x20\0" + noise(size, seed),
    "pdf": lambda size, seed: b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + noise(size, seed),
    "gzip": lambda size, seed: gzip.compress(png(size, seed)),
    "zstd": lambda size, seed: zstandard.compress(png(size, seed)),
}


def lines(text: str, width: int = 76, end: str = "\r\n") -> str:
    return end.join(text[at : at + width] for at in range(0, len(text), width))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


WRITTEN: dict[str, Callable[[bytes], str]] = {
    "base64": _b64,
    "base64url": lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
    "base64 in lines": lambda data: lines(_b64(data)),
    "base64 in short lines": lambda data: lines(_b64(data), 40, "\n  "),
    "base64 in JSON": lambda data: _b64(data).replace("/", "\\/"),
    "base64 lines in JSON": lambda data: json.dumps(lines(_b64(data))),
    "base64 in a URL": lambda data: _b64(data).replace("/", "%2F").replace("+", "%2B").replace("=", "%3D"),
    "base32": lambda data: base64.b32encode(data).decode(),
    "hex": lambda data: data.hex(),
    "HEX": lambda data: data.hex().upper(),
    "0xhex": lambda data: "0x" + data.hex(),
    "hex apart": lambda data: data.hex(" "),
    "hex:apart": lambda data: data.hex(":"),
    "0x, apart": lambda data: ", ".join(f"0x{byte:02x}" for byte in data),
    "\\xff": lambda data: "".join(f"\\x{byte:02x}" for byte in data),
    "repr": repr,
    "%ff": lambda data: "".join(f"%{byte:02X}" for byte in data),
    "\\u00ff": lambda data: json.dumps(data.decode("latin-1")),
    "numbers": lambda data: json.dumps(list(data), separators=(",", ":")),
    "signed numbers": lambda data: str([byte - 256 if byte > 127 else byte for byte in data]),
    "taken for Latin-1": lambda data: data.decode("latin-1"),
    "taken for UTF-8": lambda data: data.decode(errors="replace"),
}
"""How clients write bytes as a text."""


def embedding(size: int, seed: int, kind: str = "<f4") -> bytes:
    vector = np.random.default_rng(seed).normal(size=size)
    return (vector / np.linalg.norm(vector)).astype(kind).tobytes()


def quantised(seed: int) -> npt.NDArray[np.int64]:
    vector = np.frombuffer(embedding(512, seed), "<f4")
    steps: npt.NDArray[np.int64] = np.round(vector / np.abs(vector).max() * 127).astype(np.int64)
    return steps


TEMPLATES: dict[str, Callable[[int], str]] = {
    "floats": lambda seed: json.dumps(np.frombuffer(embedding(128, seed), "<f4").tolist()),
    "rounded floats": lambda seed: ", ".join(
        f"{x:.3f}" for x in np.frombuffer(embedding(64, seed), "<f4").tolist()
    ),
    "numpy": lambda seed: str(np.frombuffer(embedding(64, seed), "<f4")),
    "base64 of float32": lambda seed: _b64(embedding(128, seed)),
    "base64 of float64": lambda seed: _b64(embedding(128, seed, "<f8")),
    "base64 of float16": lambda seed: _b64(embedding(128, seed, "<f2")),
    "hex of big-endian float16": lambda seed: embedding(128, seed, ">f2").hex(),
    "base64 of bytes": lambda seed: _b64(quantised(seed).tobytes()),
    "base64 of bytes around 128": lambda seed: _b64((quantised(seed) + 128).astype("u1").tobytes()),
    "bytes": lambda seed: str(quantised(seed).tolist()),
    "hex of float32": lambda seed: embedding(128, seed).hex(),
    "hex of big-endian float32": lambda seed: embedding(128, seed, ">f4").hex(),
}
"""How clients write templates as a text."""
