"""Pseudonyms: what stands in the tables in place of a person."""

from __future__ import annotations

import hmac

SEPARATOR = "\0"
"""Between the agency and the person."""


def pseudonym(key: bytes, agency_id: str, person_id: str) -> str:
    """Return the pseudonym of a person of an agency: HMAC-SHA-256 over both under the key, hex."""
    return keyed(key, agency_id + SEPARATOR + person_id)


def keyed(key: bytes, message: str) -> str:
    """Return the pseudonym of agency and person, put together already."""
    return hmac.digest(key, message.encode(), "sha256").hex()
