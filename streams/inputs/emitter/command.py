"""`frwatch emit`: report searches and outcomes from a command line, a script or a file."""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from schemas.contracts import contract
from schemas.errors import NotThere, WrongUse
from schemas.settings import Settings, load_settings
from schemas.wire import encode
from streams.inputs.emitter.delivery import Delivery
from streams.inputs.emitter.emitter import Emitter
from streams.inputs.emitter.intake import STDIN, Given, from_file, from_options
from streams.inputs.emitter.probe import probe_hash
from streams.inputs.emitter.sender import BATCH
from streams.inputs.emitter.spool import Spooled
from streams.inputs.emitter.spools import drain_spools, show_spools
from streams.inputs.event import BadEvent, Kind, key_of, read_event

AsJson = Annotated[bool, Parameter("--json", negative=())]
Flag = Annotated[bool, Parameter(negative=())]
Seconds = Annotated[float, Parameter(validator=Number(gte=0, lte=86_400))]
MAX_PROBE = 256 << 20
"""Bytes of an image that is hashed."""


def emit_command(
    file: Path | None = None,
    /,
    *,
    stdin: Flag = False,
    outcome: Flag = False,
    probe: Path | None = None,
    no_spool: Flag = False,
    wait: Seconds = 10.0,
    drain: Flag = False,
    status: Flag = False,
    canary: Flag = False,
    as_json: AsJson = False,
    **fields: str,
) -> int:
    """Report searches, or outcomes; print their ids.

    Parameters
    ----------
    file:
        NDJSON, one JSON object or a list of them. Fields that are given as options are those of each event
        that has them not.
    stdin:
        The same from standard input.
    outcome:
        They are outcomes, not searches.
    probe:
        An image file: its keyed hash becomes probe_hash, under FRWATCH_PROBE_KEY; the image goes nowhere.
    no_spool:
        Keep nothing on disk: exit status 3 where Kafka does not take the events in time.
    wait:
        Seconds to wait for Kafka; what it has not taken by then stays in the spool.
    drain:
        Send what is in the spools of ended processes, and report nothing new.
    status:
        Say what the spools hold, and report nothing new.
    canary:
        Send a canary for --source, a search that nobody ran, to see that what is reported here comes through.
    as_json:
        Print an object for each event as JSON, one a line: `at`, `accepted`, and `event_id` (`outcome_id`) or
        `faults` with `pointer`, `code` and `detail`.
    fields:
        A field of the contract, such as --agency-id lapd; galleries apart by commas, attributes as JSON.
    """
    settings = load_settings()
    if drain or status:
        if file or stdin or fields or probe or (drain and status):
            raise WrongUse("--drain and --status report nothing new, and exclude each other; name one alone")
        return (
            drain_spools(settings, wait, as_json=as_json) if drain else show_spools(settings, as_json=as_json)
        )
    if canary:
        if file or stdin or probe or outcome or no_spool or fields.keys() != {"source"}:
            raise WrongUse("a canary says its source and nothing else: `--canary --source lacris-web`")
        return _canary(settings, fields["source"], wait, as_json=as_json)
    kind: Kind = "outcome" if outcome else "search"
    if file and stdin:
        raise WrongUse("a file and --stdin exclude each other; name one")
    given = _given(kind, STDIN if stdin else file, fields)
    if probe is not None:
        hashed = probe_hash(_image(probe), settings.require_probe_key())
        given = (_with(each, {"probe_hash": hashed}) for each in given)
    report = _Report(kind, as_json=as_json)
    if no_spool:
        _send_now(settings, report, given, wait)
    else:
        _spool(settings, report, given, wait)
    return report.end()


class _Report:
    """Says what became of each event as it is known."""

    def __init__(self, kind: Kind, *, as_json: bool) -> None:
        self.kind = kind
        self._name = "event_id" if kind == "search" else "outcome_id"
        self._moment = "occurred_at" if kind == "search" else "recorded_at"
        self._as_json = as_json
        self._events = self._refused = 0

    def complete(self, data: Any) -> Any:
        """An event with an id and a time of its own where it has none."""
        if not isinstance(data, dict):
            return data
        made = {self._name: str(uuid.uuid4()), self._moment: datetime.now(UTC)}
        return {name: value for name, value in made.items() if data.get(name) is None} | {
            name: value for name, value in data.items() if value is not None
        }

    def accepted(self, at: str, event_id: str) -> None:
        """Say that an event was accepted."""
        self._events += 1
        print(json.dumps({"at": at, "accepted": True, self._name: event_id}) if self._as_json else event_id)

    def refused(self, at: str, error: BadEvent) -> None:
        """Say why an event was refused."""
        self._events += 1
        self._refused += 1
        faults = [
            {"pointer": fault.pointer, "code": fault.code, "detail": fault.detail} for fault in error.faults
        ]
        if self._as_json:
            print(json.dumps({"at": at, "accepted": False, "faults": faults}))
            return
        for fault in error.faults:
            print(f"{at}: {fault.pointer or 'the event'} {fault.detail}", file=sys.stderr)

    def end(self) -> int:
        """The exit status; where some of several were refused, how many."""
        sys.stdout.flush()
        if self._refused and self._events > 1:
            print(f"frwatch: refused {self._refused:,} of {self._events:,}", file=sys.stderr)
        return 1 if self._refused else 0


def _given(kind: Kind, file: Path | None, fields: dict[str, str]) -> Iterator[Given]:
    if file is None:
        if not fields:
            raise WrongUse("nothing to report: name fields such as --agency-id lapd, a file, or --stdin")
        return iter([from_options(kind, fields)])
    return (_with(each, from_options(kind, fields).data) for each in from_file(file))


def _with(given: Given, fields: dict[str, Any]) -> Given:
    """An event with fields that it has not."""
    if not isinstance(given.data, dict):
        return given
    return Given(given.at, fields | {name: value for name, value in given.data.items() if value is not None})


def _spool(settings: Settings, report: _Report, given: Iterator[Given], wait: float) -> None:
    emitter = Emitter(settings=settings, strict=True)
    try:
        for each in given:
            data = report.complete(each.data)
            try:
                # Of a file a `probe` is no image.
                read_event(report.kind, data)
                event_id = emitter.emit_outcome(**data) if report.kind == "outcome" else emitter.emit(**data)
            except BadEvent as error:
                report.refused(each.at, error)
            else:
                report.accepted(each.at, event_id or "")
    finally:
        _close(emitter, settings, wait)


def _canary(settings: Settings, source: str, wait: float, *, as_json: bool) -> int:
    report = _Report("search", as_json=as_json)
    emitter = Emitter(settings=settings, strict=True)
    try:
        report.accepted("the canary", emitter.canary(source) or "")
    finally:
        _close(emitter, settings, wait)
    return report.end()


def _close(emitter: Emitter, settings: Settings, wait: float) -> None:
    if not emitter.close(wait):
        print(
            f"frwatch: Kafka at {settings.kafka} has not taken all within {wait:g} s; what is left waits "
            f"in {settings.spool_folder}: `frwatch emit --drain` sends it",
            file=sys.stderr,
        )


def _send_now(settings: Settings, report: _Report, given: Iterator[Given], wait: float) -> None:
    delivery = Delivery(settings)
    batch: list[tuple[str, Spooled]] = []

    def send() -> None:
        deadline = time.monotonic() + wait
        found = delivery.deliver([event for _, event in batch], lambda: time.monotonic() > deadline, _nothing)
        taken = {event.n for event in found.acknowledged}
        for at, event in batch:
            if event.n in taken:
                report.accepted(at, event.event_id)
        if len(taken) < len(batch):
            why = found.why or ("it refuses them" if found.never else f"no answer within {wait:g} s")
            raise NotThere(
                f"Kafka at {settings.kafka} did not take {len(batch) - len(taken)} events ({why}); start it, "
                "set FRWATCH_KAFKA, or leave --no-spool out so that they wait on disk"
            )
        batch.clear()

    try:
        for each in given:
            try:
                record = read_event(report.kind, report.complete(each.data))
            except BadEvent as error:
                report.refused(each.at, error)
                continue
            value = encode(contract(report.kind), record)
            event_id = record["event_id" if report.kind == "search" else "outcome_id"]
            key = key_of(report.kind, record)
            batch.append((each.at, Spooled(len(batch), report.kind, event_id, key, value, 0)))
            if len(batch) == BATCH:
                send()
        if batch:
            send()
    finally:
        delivery.close()


def _image(file: Path) -> bytes:
    try:
        if os.stat(file).st_size > MAX_PROBE:
            raise WrongUse(f"{file}: is above {MAX_PROBE} bytes; that is no probe image")
        return file.read_bytes()
    except OSError as error:
        raise NotThere(f"{file}: {error.strerror}; name an image file that can be read") from None


def _nothing() -> None:
    """What is done while waiting, where there is nothing to do."""
