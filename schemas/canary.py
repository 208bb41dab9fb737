"""Canaries: searches that nobody ran, which go the whole way so that a silent pipeline is noticed.

A canary says nothing but its id, its time and its source, and is signed with the pseudonym key. Whatever says
anything else is a search like any other, also with a signature that was copied: nothing can hide behind one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from uuid import UUID

AGENCY = "frwatch-canary"
"""The agency of a canary's search and violation."""
POLICY = "frwatch-canary"
"""The policy that a canary's violation is said to break; no policy may have this id."""
RULE = "canary"
ATTRIBUTE = "frwatch-canary"
MAX_SOURCE = 128
_PREFIX = "frwatch-canary/"
_EMPTY: tuple[Any, ...] = (None, [], {})


def canary(event_id: UUID, occurred_at: int, source: str, key: bytes) -> dict[str, Any]:
    """Return the search record of a canary for `source`; `occurred_at` is microseconds since 1970."""
    return {
        "event_id": str(event_id),
        "occurred_at": occurred_at,
        "source": _PREFIX + source,
        "agency_id": AGENCY,
        "attributes": {ATTRIBUTE: _signature(event_id, occurred_at, source, key)},
    }


def source_of(search: Mapping[str, Any], occurred_at: int, key: bytes) -> str | None:
    """Return the source whose canary a decoded search is; None where it is no canary.

    `search` has all fields of the contract, `event_id` as 16 bytes.
    """
    source = search["source"]
    said = dict(search["attributes"] or {})
    signature = said.pop(ATTRIBUTE, None)
    own = {"event_id", "occurred_at", "source", "agency_id", "attributes", "evidence"}
    if (
        search["agency_id"] != AGENCY
        or not source.startswith(_PREFIX)
        or not isinstance(signature, str)
        or said
        or search["evidence"] != "SEARCH"
        or any(value not in _EMPTY for name, value in search.items() if name not in own)
    ):
        return None
    source = source.removeprefix(_PREFIX)
    expected = _signature(UUID(bytes=search["event_id"]), occurred_at, source, key)
    return source if hmac.compare_digest(signature.encode(), expected.encode()) else None


def _signature(event_id: UUID, occurred_at: int, source: str, key: bytes) -> str:
    # A key of its own, so that no signature is a pseudonym.
    own_key = hmac.digest(key, b"frwatch canary", "sha256")
    text = b"\0".join((event_id.bytes.hex().encode(), str(occurred_at).encode(), source.encode()))
    return hmac.new(own_key, text, hashlib.sha256).hexdigest()
