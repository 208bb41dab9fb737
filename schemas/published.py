"""Published policies: one record of `fr.policies` holds a whole set, so that it is taken whole or not at all.

The key is the version of the set, so compaction keeps every set that was ever in force, and a bad record
cannot push out a good one. The set in force is that of the last good record.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from schemas.agencies import AgencyRegister
from schemas.errors import WrongUse
from schemas.policies import PolicySet, parse_policies
from schemas.yaml_file import Source

FORMAT = 1
MAX_RECORD = 1_900_000
"""Bytes of a record, below what the topic takes."""


class BadRecord(ValueError):
    """A record is no set of policies that can be put in force; the text says why, a line for each fault."""


@dataclass(frozen=True, slots=True)
class Published:
    """A set of policies as it was published; `at` is UTC, by the publisher's clock."""

    version: str
    at: datetime
    policies: PolicySet


def to_record(policies: PolicySet, at: datetime) -> tuple[bytes, bytes]:
    """Return key and value of the record that publishes the set; their tests stay behind.

    Raises:
        WrongUse: the set is too large for one record.
    """
    value = json.dumps(
        {
            "format": FORMAT,
            "version": policies.version,
            "published_at": at.astimezone(UTC).isoformat(),
            "policies": [json.loads(policy.canonical) for policy in policies],
        },
        ensure_ascii=False,
    ).encode()
    if len(value) > MAX_RECORD:
        raise WrongUse(
            f"the policies take {len(value):,} bytes, and one record at most {MAX_RECORD:,}; "
            "shorten titles and citations, or take out versions that are long over"
        )
    return policies.version.encode(), value


def from_record(key: bytes | None, value: bytes | None, agencies: AgencyRegister, name: str) -> Published:
    """Return the set that a record holds; `name` is what errors call the record.

    The rules' SQL is not looked at here: `streams.judge` compiles it.

    Raises:
        BadRecord: it is no such record, a policy in it has faults, or the set is not the one that its version
            and its key say.
    """
    if not value:
        raise BadRecord(f"{name}: it has no value; publish the policies that shall hold instead")
    if len(value) > MAX_RECORD:
        raise BadRecord(f"{name}: {len(value):,} bytes; at most {MAX_RECORD:,} are read")
    try:
        data = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"{name}: no JSON: {str(error)[:200]}") from None
    said, at, policies = _parts(data, name)
    sources = [
        Source(f"{name}, policy {number}", json.dumps(policy, ensure_ascii=False))
        for number, policy in enumerate(policies, 1)
    ]
    try:
        found = parse_policies(sources, agencies)
    except WrongUse as error:
        raise BadRecord(str(error)) from None
    if found.version != said or (key or b"").decode(errors="replace") != said:
        raise BadRecord(
            f"{name}: its policies have the version {found.version}, and it is said to be {said[:64]} in the "
            f"value and {(key or b'')[:64].decode(errors='replace')!r} in the key; publish it with `frwatch`"
        )
    return Published(said, at, found)


def _parts(data: Any, name: str) -> tuple[str, datetime, list[Any]]:
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise BadRecord(
            f"{name}: not a set of policies in format {FORMAT}; a newer frwatch may have written it"
        )
    said, moment, policies = data.get("version"), data.get("published_at"), data.get("policies")
    if not isinstance(said, str) or not isinstance(moment, str) or not isinstance(policies, list):
        raise BadRecord(f"{name}: version, published_at or policies is missing or of another type")
    if not policies:
        raise BadRecord(f"{name}: a set of no policies would forbid nothing; it is not put in force")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        raise BadRecord(f"{name}: published_at is no time") from None
    if at.tzinfo is None:
        raise BadRecord(f"{name}: published_at has no offset")
    return said, at.astimezone(UTC), policies
