"""What might hold a face: such a value is kept as its SHA-256 and the reason only, never as bytes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MAX_VALUE = 64 * 1024
"""A value above this many bytes is no search record (they take some 300) and may hold an image."""

# The first bytes of JPEG, PNG, GIF, WebP/RIFF, as base64 has them, in its two alphabets, and data: URLs.
_BASE64_START = (
    r"[/_]9j[/_][A-Za-z0-9+/_-]{24}|iVBORw0KGgo[A-Za-z0-9+/_-]{16}|R0lGOD[dl][A-Za-z0-9+/_-]{20}"
    r"|UklGR[A-Za-z0-9+/_-]{24}|data:image/"
)
_BASE64_BLOCK = re.compile(_BASE64_START.encode())
_RAW_START = re.compile(
    rb"\xff\xd8\xff[\xc0-\xfe]|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF.{4}WEBP|II\*\0|MM\0\*", re.S
)
_FIELD = re.compile(
    rb"(?i)(?:probe|face|candidate|mugshot)?_?(?:image|photo|picture|template|embedding|descriptor|faceprint)"
    rb"(?:_?(?:data|bytes|base64|b64|vector))?"
)
_IMAGE_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
_FIELD_NAMES = frozenset(
    f"{prefix}{noun}{suffix}"
    for prefix in ("", "probe_", "face_", "candidate_", "mugshot_")
    for noun in ("image", "photo", "picture", "template", "embedding", "descriptor", "faceprint")
    for suffix in ("", "_data", "_bytes", "_base64", "_b64", "_vector")
)


def sha256(value: bytes) -> str:
    """Return the SHA-256 of a value, hex."""
    return hashlib.sha256(value).hexdigest()


def holds_image(values: pa.Array) -> npt.NDArray[np.int64]:
    """Return the indices of the values (binary) that hold a base64 image; for records that were decoded well.

    Raw image bytes are no UTF-8, so no string of a sound record can hold them.
    """
    found = pc.match_substring_regex(values, _BASE64_START)
    suspects = np.flatnonzero(found.to_numpy(zero_copy_only=False))
    return np.array([row for row in suspects if _has_base64_image(values[int(row)].as_py())], dtype=np.int64)


def names_image(keys: set[str]) -> set[str]:
    """Return which of the attribute names say that their value is an image or a template."""
    return {key for key in keys if key.casefold().replace("-", "_") in _FIELD_NAMES}


def may_hold_face(value: bytes) -> bool:
    """Return whether a damaged value may hold an image or a template: by size, bytes, base64 or a name."""
    return (
        len(value) > MAX_VALUE
        or _RAW_START.search(value) is not None
        or _has_base64_image(value)
        or _FIELD.search(value) is not None
    )


def _has_base64_image(value: bytes) -> bool:
    for match in _BASE64_BLOCK.finditer(value):
        text = match.group().translate(bytes.maketrans(b"-_", b"+/"))
        if text.startswith(b"data:image/"):
            return True
        try:
            head = base64.b64decode(text[: len(text) // 4 * 4])
        except binascii.Error:
            continue
        if head.startswith(_IMAGE_MAGIC) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP"):
            return True
    return False
