"""Which policies are in force: what was published last, or the files where nothing was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.agencies import AgencyRegister
from schemas.errors import FrwatchError
from schemas.policies import PolicySet
from schemas.published import BadRecord, Published, from_record
from schemas.settings import Settings
from sinks.kafka.policy_log import PolicyLog, PolicyRecord
from streams.judge import compile_policies


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of the topic: the set that it publishes, or why it is refused."""

    offset: int
    written_at: datetime
    published: Published | None
    refused: str | None


async def history(settings: Settings, agencies: AgencyRegister) -> list[Entry]:
    """Return what was published, oldest first; bad records among it.

    Raises:
        NotThere: the topic cannot be read.
    """
    async with PolicyLog(settings) as records:
        return [_entry(record, agencies) for record in await records.read_to_end()]


def last_good(entries: list[Entry]) -> Published | None:
    """Return the set in force; None where none was published."""
    return next((entry.published for entry in reversed(entries) if entry.published), None)


def changes(old: PolicySet, new: PolicySet) -> list[tuple[str, str]]:
    """Return what becomes of each policy: (`added`, `removed` or `changed`, id), by id; none that stays."""
    before, after = _versions(old), _versions(new)
    found = []
    for policy_id in sorted(before.keys() | after.keys()):
        if policy_id not in before:
            found.append(("added", policy_id))
        elif policy_id not in after:
            found.append(("removed", policy_id))
        elif before[policy_id] != after[policy_id]:
            found.append(("changed", policy_id))
    return found


def _versions(policies: PolicySet) -> dict[str, set[str]]:
    versions: dict[str, set[str]] = {}
    for policy in policies:
        versions.setdefault(policy.id, set()).add(policy.version)
    return versions


def _entry(record: PolicyRecord, agencies: AgencyRegister) -> Entry:
    name = f"fr.policies offset {record.offset}"
    try:
        published = from_record(record.key, record.value, agencies, name)
        compile_policies(published.policies, agencies)
    except (BadRecord, FrwatchError) as error:
        return Entry(record.offset, record.written_at, None, str(error))
    return Entry(record.offset, record.written_at, published, None)
