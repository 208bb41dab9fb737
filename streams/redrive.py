"""Dead letters sent through the whole pipeline again, each at most once unless a person insists."""

from __future__ import annotations

import asyncio
import importlib.util
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from schemas.errors import FrwatchError, WrongUse
from schemas.settings import Settings
from sinks.clickhouse.dead_letters import DeadLetter
from sinks.clickhouse.redrives import known_redrives, note_redrives
from sinks.kafka.resend import Outgoing, resend
from streams.own_headers import own_headers

BATCH = 500
"""Letters that are sent together."""
HEADER = "frwatch-redrive-of"
"""The header of a record that was sent again: topic/partition/offset of the dead letter."""

Repair = Callable[[bytes, DeadLetter], bytes | None]
"""Returns the value to send in place of a letter's, or None to leave the letter alone."""


def redrive(
    settings: Settings,
    letters: Sequence[DeadLetter],
    *,
    repair: Repair | None = None,
    repaired_by: str = "",
    again: bool = False,
    dry_run: bool = False,
) -> Counter[str]:
    """Send letters again to their topics, and return how many were `sent`, or left and why.

    Left are those that were `withheld`, `redriven` before (unless `again`), or `unrepaired`. What is being
    sent is written down first: where that is cut off, its letters are left until a person insists.

    Raises:
        NotThere: Kafka or ClickHouse does not answer.
        FrwatchError: the repair failed; nothing of its batch was sent.
    """
    counts: Counter[str] = Counter()
    for at in range(0, len(letters), BATCH):
        batch = letters[at : at + BATCH]
        known = {} if again else known_redrives(settings, batch)
        chosen: list[tuple[DeadLetter, bytes]] = []
        for letter in batch:
            if letter.withheld:
                counts["withheld"] += 1
            elif letter.place in known:
                counts["redriven"] += 1
            elif (value := _repaired(repair, letter)) is None:
                counts["unrepaired"] += 1
            else:
                chosen.append((letter, value))
        counts["sent"] += len(chosen)
        if chosen and not dry_run:
            _send(settings, chosen, repaired_by)
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


def _send(settings: Settings, chosen: Sequence[tuple[DeadLetter, bytes]], repaired_by: str) -> None:
    letters = [letter for letter, _ in chosen]
    begun_at = datetime.now(UTC)
    note_redrives(settings, letters, begun_at, repaired_by)
    records = [
        Outgoing(letter.topic, letter.key, value, [*_kept(letter), (HEADER, letter.place.encode())])
        for letter, value in chosen
    ]
    placed = asyncio.run(resend(settings, records))
    sent = {letter.place: place for letter, place in zip(letters, placed, strict=True)}
    note_redrives(settings, letters, begun_at, repaired_by, sent)


def _kept(letter: DeadLetter) -> list[tuple[str, bytes]]:
    return [(name, value) for name, value in own_headers(letter.headers) if name != HEADER]
