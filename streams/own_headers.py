"""What is kept of a dead letter beside its value: the record's key and its own headers.

Each is judged by itself, and what may hold a face is kept as its SHA-256. Places count from 1.

| in the record | in the dead letter |
|---|---|
| a key that may hold a face | no key, and a header `withheld-key` |
| a header that may | `withheld-header-` and its name, or `#` and its place where the name is not plain |
| more than `MAX_HEADERS` bytes of headers | none of them, and `withheld-headers` |
| a header named as one of ours, or as one before it | `own-`, its place, `-` and its name |
| any other | itself |

So no header of a record can pass for one of ours, none hides another, and all that are kept come back
(`own_headers`) as they were.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from streams.withhold import is_image_name, may_be_face, sha256

MAX_HEADER = 1024
"""Bytes of a key, or of a header, above which it may hold an image: keys and trace ids take some 50."""
MAX_HEADERS = 16 * 1024
"""Bytes of all headers of a record."""

Headers = tuple[tuple[str, bytes], ...]

_OURS = re.compile(r"reason|detail|topic|partition|offset|withheld.*|own-.*", re.S)
_OWN = re.compile(r"own-(\d+)-(.*)", re.S)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")


def kept_key(key: bytes | None) -> tuple[bytes | None, Headers]:
    """Return what is kept of a key, and the header that says what is not."""
    if key is not None and may_be_face(key, MAX_HEADER):
        return None, (("withheld-key", sha256(key).encode()),)
    return key, ()


def kept_headers(headers: Sequence[tuple[str, bytes | None]]) -> Headers:
    """Return what is kept of a record's own headers: no two of one name, and none named as ours are."""
    known = [(name, value or b"") for name, value in headers]
    if sum(len(name) + len(value) for name, value in known) > MAX_HEADERS:
        return (("withheld-headers", _sha256_of_all(known).encode()),)
    kept: dict[str, bytes] = {}
    for place, (name, value) in enumerate(known, 1):
        if is_image_name(name) or may_be_face(name.encode(), MAX_HEADER) or may_be_face(value, MAX_HEADER):
            label = f"withheld-header-{name if _PLAIN_NAME.fullmatch(name) else f'#{place}'}"
            kept[f"withheld-header-#{place}" if label in kept else label] = sha256(value).encode()
        elif name in kept or _OURS.fullmatch(name):
            kept[f"own-{place}-{name}"] = value
        else:
            kept[name] = value
    return tuple(kept.items())


def own_headers(kept: Mapping[bytes, bytes]) -> list[tuple[str, bytes]]:
    """Return the record's own headers that were kept, with the names they had."""
    found: list[tuple[int, str, bytes]] = []
    for raw, value in kept.items():
        name = raw.decode(errors="replace")
        if own := _OWN.fullmatch(name):
            found.append((int(own[1]), own[2], value))
        elif not _OURS.fullmatch(name):
            found.append((0, name, value))
    return [(name, value) for _, name, value in sorted(found, key=lambda header: header[0])]


def _sha256_of_all(headers: Sequence[tuple[str, bytes]]) -> str:
    """SHA-256 over each name and value, each after its length in 4 bytes, big-endian; hex."""
    digest = hashlib.sha256()
    for name, value in headers:
        for part in (name.encode(), value):
            digest.update(len(part).to_bytes(4, "big") + part)
    return digest.hexdigest()
