"""Repeated lines of one visit as one event, the same one however the lines are cut and read again.

A visit is what one client address, user or device and host do in one log with one status within half an
hour of the clock: windows begin at :00 and :30 UTC, not with the visit. So which visits there are depends on
the lines alone, and not on where a file or an import begins or ends; a visit across such a border is two. Its
id is a keyed hash of all that: the same lines count once whoever imports them again, and the id of an event
does not betray the user whose name went into it.

What an event says of a visit (how many lines, how long) is what was read by the time it was told. A visit is
told when the log has gone on for half an hour beyond its window, at the end of the import, or, in a log that
is followed, at once; lines that come later are counted in the report as `late`, and send nothing.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from streams.inputs.importers.sighting import Sighting

WINDOW = 1_800_000_000
"""Microseconds of a window; a day has a whole number of them."""
PATIENCE = WINDOW
"""How far a log has to be beyond a window, in microseconds, until its visits are told."""
MOST_OPEN = 50_000
"""So many visits are held at most; beyond, the oldest are told early."""
MOST_TOLD = 100_000
"""So many told visits are remembered."""


@dataclass(slots=True)
class Visit:
    """The lines of one visit so far; times are microseconds since 1970, UTC.

    `sighting` is the earliest line's; of lines of one moment, the one whose text comes first. `file` and
    `offset` are where its first line was read.
    """

    event_id: UUID
    sighting: Sighting
    first: int
    last: int
    file: str
    offset: int
    line: int
    lines: int = 1
    account: str | None = None

    @property
    def closes(self) -> int:
        """When its window ends."""
        return (self.first // WINDOW + 1) * WINDOW


@dataclass(slots=True)
class Visits:
    """Folds sightings; `source` is what events name as theirs, `key` the pseudonym key."""

    source: str
    key: bytes
    _open: dict[UUID, Visit] = field(default_factory=dict)
    _told: OrderedDict[UUID, int] = field(default_factory=OrderedDict)
    late: int = 0

    def add(self, sighting: Sighting, file: str, offset: int, line: int) -> None:
        """Take a line into its visit."""
        moment = sighting.attempt.moment
        event_id = self.id_of(sighting)
        if event_id in self._told:
            self.late += 1
            return
        visit = self._open.get(event_id)
        if visit is None:
            self._open[event_id] = Visit(
                event_id, sighting, moment, moment, file, offset, line, account=sighting.account
            )
            return
        visit.lines += 1
        visit.last = max(visit.last, moment)
        # A trial says more than a personal account.
        visit.account = max(visit.account or "", sighting.account or "") or None
        if (moment, _said(sighting)) < (visit.first, _said(visit.sighting)):
            visit.first, visit.sighting = moment, sighting

    def due(self, moment: int) -> list[Visit]:
        """Return the visits that are over when a log has come to `moment`; `sent` says that they went out."""
        over = [visit for visit in self._open.values() if visit.closes + PATIENCE <= moment]
        if len(self._open) - len(over) > MOST_OPEN:
            ids = {visit.event_id for visit in over}
            rest = [visit for visit in self._open.values() if visit.event_id not in ids]
            rest.sort(key=lambda visit: visit.last)
            over += rest[: len(rest) - MOST_OPEN // 2]
        return over

    def all(self) -> list[Visit]:
        """Return every visit that is open."""
        return list(self._open.values())

    def sent(self, visits: list[Visit]) -> None:
        """Note that these visits are told."""
        for visit in visits:
            self._open.pop(visit.event_id, None)
            self._told[visit.event_id] = visit.closes
        while len(self._told) > MOST_TOLD:
            self._told.popitem(last=False)

    def open_since(self, file: str) -> tuple[int, int] | None:
        """Return offset and line number of the first line of a file that belongs to an open visit."""
        places = [(visit.offset, visit.line) for visit in self._open.values() if visit.file == file]
        return min(places, default=None)

    def told_lately(self, moment: int) -> Iterator[UUID]:
        """Yield the told visits to which a log that has come to `moment` may still bring lines."""
        return (event_id for event_id, closes in self._told.items() if closes + 4 * WINDOW > moment)

    def remember(self, event_ids: list[UUID], moment: int) -> None:
        """Take visits that an earlier import told for told."""
        self._told.update(dict.fromkeys(event_ids, moment))

    def id_of(self, sighting: Sighting) -> UUID:
        """Return the id of the visit that a line belongs to: a UUID of version 8."""
        attempt = sighting.attempt
        said = (
            self.source,
            attempt.log,
            attempt.client_ip or "",
            (attempt.user or "").casefold(),
            "\x1f".join(each.casefold() for each in attempt.devices),
            sighting.host,
            sighting.status or "",
            str(attempt.moment // WINDOW),
        )
        return keyed_id(self.key, *said)


def _said(sighting: Sighting) -> tuple[str, ...]:
    """What of a line goes into an event and may differ within a visit."""
    attempt = sighting.attempt
    return sighting.endpoint, sighting.look_alike or "", attempt.user_agent or "", attempt.said or ""


def keyed_id(key: bytes, *said: str) -> UUID:
    """Return a UUID (version 8) that is the same for the same texts and key, and tells none of them."""
    message = b"frwatch import\0" + b"\0".join(text.encode("utf-8", "replace") for text in said)
    digest = bytearray(hmac.digest(key, message, "sha256")[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))
