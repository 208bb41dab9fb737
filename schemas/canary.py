"""Canaries: searches that nobody ran, which go the whole way so that a silent pipeline is noticed.

A canary says nothing but its id, its time and its source, and is signed. Whatever says anything else is a
search like any other, also with a signature that was copied: nothing can hide behind one.

The key of all canaries is made of the pseudonym key, one way, and of it one for each source: so a client can
sign its own canaries and learns nothing else. One that came in by an input is named after the way that it
took: `emit/lacris-web`, `collect/lacris-web`, `import/zeek/egress-2`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from schemas.errors import WrongUse

AGENCY = "frwatch-canary"
"""The agency of a canary's search and violation."""
POLICY = "frwatch-canary"
"""The policy that a canary's violation is said to break; no policy may have this id."""
RULE = "canary"
ATTRIBUTE = "frwatch-canary"
MAX_SOURCE = 128
_PREFIX = "frwatch-canary/"
_EMPTY: tuple[Any, ...] = (None, [], {})


EVERY = "*"
"""In place of a source: all of them."""


@dataclass(frozen=True, slots=True)
class CanaryKey:
    """What signs the canaries of a source, or of all (`*`)."""

    source: str
    secret: bytes = field(repr=False)

    @classmethod
    def of_all(cls, pseudonym_key: bytes) -> CanaryKey:
        """Return the key of all sources; no signature of it is a pseudonym."""
        return cls(EVERY, hmac.digest(pseudonym_key, b"frwatch canary", "sha256"))

    @classmethod
    def parse(cls, text: str) -> CanaryKey:
        """Return the key that `written` gave.

        Raises:
            WrongUse: it is none; nothing of it is told.
        """
        source, _, secret = text.strip().rpartition(":")
        try:
            plain = bytes.fromhex(secret)
        except ValueError:
            plain = b""
        if not 0 < len(source) <= MAX_SOURCE or len(plain) != 32:
            raise WrongUse(
                "FRWATCH_CANARY_KEY is no key of canaries; `frwatch alerts canary-key SOURCE` prints one"
            )
        return cls(source, plain)

    def written(self) -> str:
        """Return it as a text: the source, a colon, 64 hex digits."""
        return f"{self.source}:{self.secret.hex()}"

    def of(self, source: str) -> CanaryKey:
        """Return the key of one source.

        Raises:
            WrongUse: this is the key of another one, or the name is empty or longer than `MAX_SOURCE`.
        """
        if not 0 < len(source) <= MAX_SOURCE:
            raise WrongUse(f"the source of a canary has 1 to {MAX_SOURCE} characters")
        if self.source == EVERY:
            return CanaryKey(source, hmac.digest(self.secret, source.encode(), "sha256"))
        if self.source != source:
            raise WrongUse(
                f"FRWATCH_CANARY_KEY is for the canaries of {self.source}, not of {source}; "
                f"`frwatch alerts canary-key {source}` prints the key for that"
            )
        return self


def canary(event_id: UUID, occurred_at: int, source: str, key: CanaryKey) -> dict[str, Any]:
    """Return the search record of a canary for `source`; `occurred_at` is microseconds since 1970.

    Raises:
        WrongUse: the key is that of another source.
    """
    return {
        "event_id": str(event_id),
        "occurred_at": occurred_at,
        "source": _PREFIX + source,
        "agency_id": AGENCY,
        "attributes": {ATTRIBUTE: _signature(event_id, occurred_at, key.of(source))},
    }


def kafka_key(source: str) -> bytes:
    """Return the Kafka key of a canary."""
    return f"{AGENCY}/{source}".encode()


def source_of(search: Mapping[str, Any], occurred_at: int, key: bytes) -> str | None:
    """Return the source whose canary a decoded search is; None where it is no canary.

    `search` has all fields of the contract, `event_id` as 16 bytes; `key` is that of the pseudonyms.
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
    if not 0 < len(source) <= MAX_SOURCE:
        return None
    own_key = CanaryKey.of_all(key).of(source)
    expected = _signature(UUID(bytes=search["event_id"]), occurred_at, own_key)
    return source if hmac.compare_digest(signature.encode(), expected.encode()) else None


def _signature(event_id: UUID, occurred_at: int, key: CanaryKey) -> str:
    text = b"\0".join((event_id.bytes.hex().encode(), str(occurred_at).encode(), key.source.encode()))
    return hmac.new(key.secret, text, hashlib.sha256).hexdigest()
