"""The keyed hash of a probe image: what is reported in its place, and all that leaves the client of it."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from schemas.errors import WrongUse

KEY_LENGTH = 32
"""Characters that a key has at the least."""


def probe_hash(image: Any, key: str | bytes) -> str:
    """Return the HMAC-SHA-256 of an image's bytes under the client's key, 64 hex digits in lower case.

    `image` is bytes, or whatever lends its bytes, such as an array. The same bytes give the same hash, so
    that repeats of one probe are seen as such; the same picture in another encoding gives another. Whoever
    has the key can try images; whoever has none, workers and analysts, cannot.

    Raises:
        WrongUse: the key is shorter than 32 characters; or `image` has no bytes to lend.
    """
    secret = key.encode() if isinstance(key, str) else key
    if len(secret) < KEY_LENGTH:
        raise WrongUse(
            f"FRWATCH_PROBE_KEY is shorter than {KEY_LENGTH} characters; set it to a longer secret"
        )
    try:
        view = memoryview(image)
        data = view if view.c_contiguous else view.tobytes()
    except (TypeError, BufferError):
        raise WrongUse("a probe is no bytes; give the image's file, or its array") from None
    return hmac.new(secret, data, hashlib.sha256).hexdigest()
