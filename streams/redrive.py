"""Dead letters sent through the whole pipeline again, each at most once unless a person insists.

Which run sends a letter is decided in ClickHouse, by a claim before the sending; where it stands then is
written down after it. A run may be cut off anywhere, and two may run at one time:

| cut off | the next run |
|---|---|
| before the claim | sends it |
| between claim and note, and its record is in the topic | notes where it stands |
| between claim and note, and it is not there after `GRACE` | sends it: it never was |
| the same, before `GRACE`, or Kafka has deleted records of that time | leaves it, and says so |
| after the note | leaves it |
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from schemas.errors import FrwatchError, NotThere, WrongUse
from schemas.fault_point import reach
from schemas.moments import micros_of
from schemas.settings import Settings
from sinks.clickhouse.dead_letters import DeadLetter, Place, read_dead_letters
from sinks.clickhouse.redrives import Redrive, claim_redrives, known_redrives, note_redrives
from sinks.kafka.resend import Mark, Outgoing, find_resent, resend
from streams.own_headers import own_headers

BATCH = 500
"""Letters that are sent together."""
HEADER = "frwatch-redrive-of"
"""The header of a record that was sent again: topic/partition/offset of the dead letter."""
BEGUN = "frwatch-redrive-begun"
"""The header with when it was claimed, in microseconds since 1970: whoever made the letter cannot know it."""
CLAIM = timedelta(seconds=60)
"""How long claiming a batch may take; what takes longer is not sent."""
GRACE = timedelta(minutes=5)
"""After so long nobody sends what he claimed: claiming and sending take 2 minutes, and clocks may differ."""

Repair = Callable[[bytes, DeadLetter], bytes | None]
"""Returns the value to send in place of a letter's, or None to leave the letter alone."""


def redrive(
    settings: Settings,
    identities: Sequence[Place],
    *,
    limit: int,
    repair: Repair | None = None,
    repaired_by: str = "",
    again: bool = False,
    dry_run: bool = False,
) -> Counter[str]:
    """Send letters again to their topics, and return how many were `sent`, or left and why.

    Left are those that were `withheld`, `redriven` before (unless `again`), or `unrepaired`; those of which
    it is `unknown` whether they were sent; and those `beyond` the first `limit` that are sent.

    Raises:
        NotThere: Kafka or ClickHouse does not answer.
        FrwatchError: the repair failed; nothing of its batch was sent.
    """
    counts: Counter[str] = Counter()
    at = 0
    while at < len(identities) and (room := limit - counts["sent"]) > 0:
        batch = read_dead_letters(settings, identities[at : at + min(BATCH, room)])
        at += min(BATCH, room)
        known = known_redrives(settings, batch)
        never, unknown = (set(), set()) if again else _resolve(settings, known, dry_run=dry_run)
        chosen: list[tuple[DeadLetter, bytes]] = []
        for letter in batch:
            if letter.withheld:
                counts["withheld"] += 1
            elif letter.identity in unknown:
                counts["unknown"] += 1
            elif not again and letter.identity in known and letter.identity not in never:
                counts["redriven"] += 1
            elif (value := _repaired(repair, letter)) is None:
                counts["unrepaired"] += 1
            else:
                chosen.append((letter, value))
        sent = len(chosen) if dry_run else _send(settings, chosen, repaired_by, known)
        counts["sent"] += sent
        # Another run was faster.
        counts["redriven"] += len(chosen) - sent
    counts["beyond"] = max(0, len(identities) - at)
    return counts


def load_repair(text: str) -> Repair:
    """Return the function that `file.py:function` names.

    Raises:
        WrongUse: there is no such file or function, or the file fails.
    """
    name, _, function = text.rpartition(":")
    file = Path(name)
    if not name or not function or not file.is_file():
        raise WrongUse(f"--with: {text!r} is no file and function; write repairs.py:mend")
    spec = importlib.util.spec_from_file_location("frwatch_repair", file)
    if spec is None or spec.loader is None:
        raise WrongUse(f"--with: {file} is no Python file; write repairs.py:mend")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise WrongUse(f"--with: {file} fails: {type(error).__name__}: {error}; mend it") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise WrongUse(f"--with: {file} has no function {function!r}; write one that takes value and letter")
    repair: Repair = found
    return repair


def _repaired(repair: Repair | None, letter: DeadLetter) -> bytes | None:
    if repair is None:
        return letter.value
    try:
        value = repair(letter.value, letter)
    except Exception as error:
        raise FrwatchError(
            f"{letter.place}: the repair fails: {type(error).__name__}; mend it, or let it return None"
        ) from error
    if value is not None and not isinstance(value, bytes):
        raise FrwatchError(f"{letter.place}: the repair returns {type(value).__name__}; return bytes or None")
    return value


def _resolve(
    settings: Settings, known: Mapping[Place, Redrive], *, dry_run: bool
) -> tuple[set[Place], set[Place]]:
    """Find out of each letter whose sending was cut off whether it was sent.

    What was is noted. Returned are those that never were, and those of which nobody can tell.
    """
    topics: dict[str, dict[Place, Redrive]] = defaultdict(dict)
    for place, each in known.items():
        if each.became == "unknown":
            topics[place.topic][place] = each
    never: set[Place] = set()
    unknown: set[Place] = set()
    over = datetime.now(UTC) - GRACE
    for topic, doubtful in topics.items():
        marks = {_mark(place, each.begun_at): place for place, each in doubtful.items()}
        since = min(each.begun_at for each in doubtful.values())
        found = asyncio.run(find_resent(settings, topic, set(marks), since))
        stand_at = {marks[mark]: at for mark, at in found.stand_at.items()}
        if not dry_run:
            noted = {place: doubtful[place]._replace(stands_at=at) for place, at in stand_at.items()}
            note_redrives(settings, noted)
        for place in doubtful.keys() - stand_at.keys():
            (never if found.complete and doubtful[place].begun_at < over else unknown).add(place)
    return never, unknown


def _mark(place: Place, begun_at: datetime) -> Mark:
    of = f"{place.topic}/{place.partition}/{place.offset}"
    return (HEADER, of.encode()), (BEGUN, str(micros_of(begun_at)).encode())


def _send(
    settings: Settings,
    chosen: Sequence[tuple[DeadLetter, bytes]],
    repaired_by: str,
    known: Mapping[Place, Redrive],
) -> int:
    """Claim letters, send those that no other run has claimed, note where they stand; return how many."""
    if not chosen:
        return 0
    letters = [letter for letter, _ in chosen]
    before = [known[letter.identity].begun_at for letter in letters if letter.identity in known]
    started = datetime.now(UTC)
    # The latest counts, also where an earlier run's clock was ahead.
    begun_at = max([started, *(moment + timedelta(microseconds=1) for moment in before)])
    ours = claim_redrives(settings, letters, begun_at, repaired_by, known)
    reach("redrive-claimed")
    if datetime.now(UTC) - started > CLAIM:
        raise NotThere("ClickHouse took too long to write down what is being sent; nothing was: run it again")
    won = [(letter, value) for letter, value in chosen if letter.identity in ours]
    records = [
        Outgoing(letter.topic, letter.key, value, [*_kept(letter), *_mark(letter.identity, begun_at)])
        for letter, value in won
    ]
    placed = asyncio.run(resend(settings, records)) if records else []
    reach("redrive-sent")
    note_redrives(
        settings,
        {
            letter.identity: Redrive(begun_at, repaired_by, "", stands_at)
            for (letter, _), stands_at in zip(won, placed, strict=True)
        },
    )
    return len(won)


def _kept(letter: DeadLetter) -> list[tuple[str, bytes]]:
    return [(name, value) for name, value in own_headers(letter.headers) if name not in (HEADER, BEGUN)]
