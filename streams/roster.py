"""An agency's own list of its people, as CSV: the ids that its clients report, and what else it says."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from schemas.errors import NotThere, WrongUse

MAX_BYTES = 64 << 20
ID_COLUMNS = ("officer_id", "id")


class Member(NamedTuple):
    """A person: the id, and the roster's other columns by their names."""

    person_id: str
    more: Mapping[str, str]


def read_roster(path: Path) -> list[Member]:
    """Return the people of a roster, UTF-8 CSV with a column `officer_id` or `id`, or with ids alone.

    Raises:
        NotThere: there is no such file, or it cannot be read.
        WrongUse: it is too large, no text, or it is not clear which column has the ids. No value is told.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise WrongUse(
                f"--roster: {path} has more than {MAX_BYTES >> 20} MiB; give the agency's part of it"
            )
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise NotThere(f"--roster: {path}: {error.strerror}; name the agency's list of people") from None
    except UnicodeDecodeError:
        raise WrongUse(f"--roster: {path} is not UTF-8; save it as CSV in UTF-8") from None
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if any(row)]
    except csv.Error as error:
        raise WrongUse(f"--roster: {path} is no CSV: {error}; save it as CSV") from None
    if not rows:
        raise WrongUse(f"--roster: {path} is empty")
    names = [name.strip().casefold() for name in rows[0]]
    at = next((names.index(name) for name in ID_COLUMNS if name in names), None)
    if at is not None:
        return [_member(names, at, row) for row in rows[1:] if len(row) > at and row[at].strip()]
    if any(len(row) > 1 for row in rows):
        raise WrongUse(f"--roster: {path} has no column officer_id or id in its first line; name it so")
    return [Member(row[0], {}) for row in rows]


def _member(names: Sequence[str], at: int, row: Sequence[str]) -> Member:
    more = {name: cell for number, (name, cell) in enumerate(zip(names, row, strict=False)) if number != at}
    return Member(row[at], more)
