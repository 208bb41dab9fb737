"""`frwatch dlq`: the dead letters, records that could not be stored."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from schemas.errors import FrwatchError, WrongUse
from schemas.settings import load_settings
from sinks.clickhouse.dead_letters import (
    DeadLetter,
    Place,
    Wanted,
    count_dead_letters,
    find_dead_letters,
    find_identities,
    read_dead_letters,
)
from sinks.clickhouse.redrives import Redrive, known_redrives
from streams.moments import moment_of
from streams.redrive import load_repair, redrive

AsJson = Annotated[bool, Parameter("--json", negative=())]
SHOWN = 2_048
"""Bytes of a value that a person is shown; `--save` keeps all."""


def list_command(
    *,
    reason: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    since: str | None = None,
    until: str | None = None,
    topic: str | None = None,
    partition: int | None = None,
    redriven: Annotated[bool | None, Parameter(negative="--open")] = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=100_000))] = 50,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the latest first, with how many there are of each reason.

    Parameters
    ----------
    reason:
        Only those of this reason, such as damaged; may be given several times.
    since:
        Only those that came from then on: a date (midnight UTC) or a time with its offset.
    until:
        Only those that came before then.
    topic:
        Only those of this topic, such as fr.searches.
    partition:
        Only those of this partition.
    redriven:
        Only those that were sent again, or with --open only those that were not.
    limit:
        At most so many; all are counted.
    as_json:
        Print `counts` by reason and `letters` as JSON. No value is in it.
    """
    settings = load_settings()
    start = moment_of("--since", since) if since else None
    end = moment_of("--until", until) if until else None
    wanted = Wanted(reason, start, end, topic, partition, redriven=redriven)
    counts = count_dead_letters(settings, wanted)
    letters = find_dead_letters(settings, wanted, limit) if counts else []
    known = known_redrives(settings, letters)
    if as_json:
        told = [_told(letter, known.get(letter.identity)) for letter in letters]
        print(json.dumps({"counts": counts, "letters": told}))
        return
    total = sum(counts.values())
    if not total:
        print("no dead letters")
        return
    print(f"{total:,} dead letters: " + ", ".join(f"{each} {count:,}" for each, count in counts.items()))
    table = Table(box=None, pad_edge=False)
    for name in ("place", "received (UTC)", "reason", "bytes", "sent again", "detail"):
        table.add_column(name, overflow="fold", justify="right" if name == "bytes" else "left")
    for letter in letters:
        size = "withheld" if letter.withheld else f"{letter.size:,}"
        became = known[letter.identity].became if letter.identity in known else ""
        at = f"{letter.received_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(*map(escape, (letter.place, at, letter.reason, size, became, letter.detail)))
    Console(highlight=False).print(table)
    if total > len(letters):
        print(f"… and {total - len(letters):,} more; --limit shows them")


def show_command(
    place: str,
    *,
    save: Annotated[Path | None, Parameter(name="--save")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a dead letter: why it is one, and the record as it came.

    The value may name persons in the clear. Where it may hold a face there is its SHA-256 alone.

    Parameters
    ----------
    place:
        Its topic, partition and offset, as `frwatch dlq list` has it: fr.searches/3/1234.
    save:
        Write the value's bytes to this file too; it must not be there yet.
    as_json:
        Print it as JSON, with `key`, `value` and the headers' values in base64.
    """
    topic, partition, offset = _place(place)
    settings = load_settings()
    identities = find_identities(settings, Wanted(topic=topic, partition=partition, offset=offset))
    letters = read_dead_letters(settings, identities)
    if not letters:
        raise FrwatchError(f"there is no dead letter at {place}; `frwatch dlq list` has them")
    letter = letters[-1]
    redriven = known_redrives(settings, [letter]).get(letter.identity)
    if save is not None:
        _save(save, letter.value)
    if as_json:
        whole = {
            "key": _base64(letter.key),
            "value": _base64(letter.value),
            "headers": {
                name.decode(errors="replace"): _base64(held) for name, held in letter.headers.items()
            },
        }
        print(json.dumps(_told(letter, redriven) | whole))
        return
    if len(letters) > 1:
        print(f"{len(letters)} records stood there, since the topic was made anew; this is the last")
    print(f"{letter.place}, received {letter.received_at:%Y-%m-%d %H:%M:%S} UTC")
    print(f"reason   {letter.reason}: {_line(letter.detail)}")
    if redriven is not None:
        stands_at = (
            f" as {letter.topic}/{'/'.join(map(str, redriven.stands_at))}" if redriven.stands_at else ""
        )
        print(f"again    sent {redriven.begun_at:%Y-%m-%d %H:%M:%S} UTC{stands_at}: {redriven.became}")
    missing = "withheld, since it may hold a face" if b"withheld-key" in letter.headers else "(none)"
    key = missing if letter.key is None else _line(letter.key.decode(errors="replace"))
    print(f"key      {key}")
    for name, held in letter.headers.items():
        print(f"header   {_line(name.decode(errors='replace'))} = {_line(held.decode(errors='replace'))}")
    if letter.withheld and b"withheld" not in letter.headers:
        print(f"value    erased by expungement {letter.withheld}; frwatch.expungements says more")
        return
    if letter.withheld:
        print(f"value    withheld, since it may hold a face; SHA-256 {letter.withheld}")
        return
    print(f"value    {letter.size:,} bytes")
    for at in range(0, min(letter.size, SHOWN), 16):
        piece = letter.value[at : at + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
        print(f"  {at:06x}  {piece.hex(' '):<47}  {text}")
    if letter.size > SHOWN:
        print(f"  … {letter.size - SHOWN:,} bytes more; --save keeps all")


def redrive_command(
    *places: str,
    reason: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    since: str | None = None,
    until: str | None = None,
    topic: str | None = None,
    partition: int | None = None,
    repair: Annotated[str | None, Parameter(name="--with")] = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=100_000))] = 10_000,
    again: Annotated[bool, Parameter(negative=())] = False,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    as_json: AsJson = False,
) -> None:
    """Send dead letters through the whole pipeline again, the oldest first.

    One that was sent before is left alone; `frwatch dlq list --redriven` says what became of each. Where an
    earlier run was cut off, what it sent is looked up in Kafka, and only what it did not send is sent.

    Parameters
    ----------
    places:
        Those at these places, topic/partition/offset; else all that the filters leave.
    reason:
        Only those of this reason, such as unknown_schema; may be given several times.
    since:
        Only those that came from then on: a date (midnight UTC) or a time with its offset.
    until:
        Only those that came before then.
    topic:
        Only those of this topic, such as fr.searches.
    partition:
        Only those of this partition.
    repair:
        A function that mends them, file.py:function. It takes the value's bytes and the dead letter, and
        returns the bytes to send, or None to leave it.
    limit:
        Send at most so many; how many were not looked at then is said.
    again:
        Send also those that were sent before.
    dry_run:
        Say what would be sent and send nothing.
    as_json:
        Print the counts as JSON: `sent`, and for those that were left `withheld`, `redriven`, `unrepaired`,
        `unknown` and `beyond` the limit.
    """
    settings = load_settings()
    mend = load_repair(repair) if repair else None
    start = moment_of("--since", since) if since else None
    end = moment_of("--until", until) if until else None
    wanted = Wanted(reason, start, end, topic, partition)
    if not places and wanted == Wanted():
        raise WrongUse("say which dead letters: name places or a filter such as --reason or --since")
    identities: list[Place] = []
    for place in places:
        name, number, offset = _place(place)
        found = find_identities(settings, wanted._replace(topic=name, partition=number, offset=offset))
        if not found:
            raise FrwatchError(f"there is no such dead letter at {place}; `frwatch dlq list` has them")
        identities += found[-1:]
    identities = list(dict.fromkeys(identities)) if places else find_identities(settings, wanted)
    counts = redrive(
        settings,
        identities,
        limit=limit,
        repair=mend,
        repaired_by=repair or "",
        again=again,
        dry_run=dry_run,
    )
    if as_json:
        print(json.dumps({name: counts[name] for name in ("sent", *_LEFT)}))
        return
    print(
        f"{'would send' if dry_run else 'sent'} {counts['sent']:,} of {len(identities):,} dead letters again"
    )
    for name, text in _LEFT.items():
        if counts[name]:
            print(f"  {counts[name]:,} {text}")


_LEFT = {
    "redriven": "were sent before; --again sends them once more",
    "withheld": "may hold a face, and only their hash was kept, or were expunged",
    "unrepaired": "were left alone by the repair",
    "unknown": "were being sent by a run that has not said the end; run this again in some minutes,"
    " or send them with --again, perhaps twice",
    "beyond": "were not looked at, because of --limit; run this again",
}


def _told(letter: DeadLetter, redriven: Redrive | None) -> dict[str, Any]:
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "received_at": letter.received_at.isoformat(),
        "reason": letter.reason,
        "detail": letter.detail,
        "bytes": letter.size,
        "withheld": letter.withheld,
        "redriven": None if redriven is None else redriven.became,
    }


def _place(text: str) -> tuple[str, int, int]:
    topic, _, rest = text.partition("/")
    partition, _, offset = rest.partition("/")
    if (
        not topic
        or not (partition.isascii() and partition.isdigit())
        or not (offset.isascii() and offset.isdigit())
    ):
        raise WrongUse(f"{text!r} is no place; write topic/partition/offset, such as fr.searches/3/1234")
    return topic, int(partition), int(offset)


def _save(file: Path, value: bytes) -> None:
    try:
        # It may name persons: nobody else may read it.
        file.touch(mode=0o600, exist_ok=False)
        file.write_bytes(value)
    except FileExistsError:
        raise WrongUse(f"{file}: is there already; name another file") from None
    except OSError as error:
        raise WrongUse(f"{file}: {error.strerror}; name another file") from None


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _line(text: str) -> str:
    """A text that came from outside, as one line that no terminal obeys."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
