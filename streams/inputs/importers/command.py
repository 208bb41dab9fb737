"""`frwatch import`: logs and exports of clients that nobody will change, as events."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from schemas.catalogue_files import load_catalogue
from schemas.errors import NotThere, WrongUse
from schemas.settings import Settings, load_settings
from streams.inputs.importers.bulk import Importer
from streams.inputs.importers.identity import load_identities
from streams.inputs.importers.log_file import LogFile, moved_away
from streams.inputs.importers.positions import Positions
from streams.inputs.importers.report import Malformed, Report
from streams.inputs.importers.send import Sender
from streams.inputs.importers.visits import Visits
from streams.inputs.importers.watch import Watch

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
AsJson = Annotated[bool, Parameter("--json", negative=())]
Flag = Annotated[bool, Parameter(negative=())]


def zeek_command(
    *files: str,
    source: str | None = None,
    agency: str | None = None,
    identities: Path | None = None,
    follow: Flag = False,
    again: Flag = False,
    hidden: Flag = False,
    malformed: Path | None = None,
    as_json: AsJson = False,
) -> None:
    """Import Zeek's ssl, http and dns logs, TSV or JSON, plain, gzip or zstd.

    Parameters
    ----------
    files:
        Logs; - or none is standard input. What they are is told by what stands in them.
    source:
        The sensor: events name zeek/NAME as their source.
    agency:
        Whose members they are of whom the identity file has nobody.
    identities:
        A YAML file that maps addresses and users to agency and officer.
    follow:
        Go on reading as the files grow and are rotated, until told to stop.
    again:
        Read from the beginning, whatever an earlier import has read.
    hidden:
        Make events, which prove nothing, of hosts that Encrypted Client Hello hides.
    malformed:
        Append malformed lines to this file, as JSON lines.
    as_json:
        Print the counts as a JSON object.
    """
    _run("zeek", files, source, agency, identities, follow, again, hidden, malformed, as_json)


def squid_command(
    *files: str,
    source: str | None = None,
    agency: str | None = None,
    identities: Path | None = None,
    follow: Flag = False,
    again: Flag = False,
    hidden: Flag = False,
    malformed: Path | None = None,
    as_json: AsJson = False,
) -> None:
    """Import Squid's native access log, plain, gzip or zstd.

    Parameters
    ----------
    files:
        Logs; - or none is standard input. What they are is told by what stands in them.
    source:
        The proxy: events name squid/NAME as their source.
    agency:
        Whose members they are of whom the identity file has nobody.
    identities:
        A YAML file that maps proxy users and addresses to agency and officer.
    follow:
        Go on reading as the files grow and are rotated, until told to stop.
    again:
        Read from the beginning, whatever an earlier import has read.
    hidden:
        Make events, which prove nothing, of hosts that Encrypted Client Hello hides.
    malformed:
        Append malformed lines to this file, as JSON lines.
    as_json:
        Print the counts as a JSON object.
    """
    _run("squid", files, source, agency, identities, follow, again, hidden, malformed, as_json)


def umbrella_command(
    *files: str,
    source: str | None = None,
    agency: str | None = None,
    identities: Path | None = None,
    follow: Flag = False,
    again: Flag = False,
    malformed: Path | None = None,
    as_json: AsJson = False,
) -> None:
    """Import Cisco Umbrella's DNS log: CSV of 13 columns, or 10 in older ones; it comes ten minutes late.

    Parameters
    ----------
    files:
        Logs; - or none is standard input. What they are is told by what stands in them.
    source:
        The organisation's name there: events name umbrella/NAME as their source.
    agency:
        Whose members they are of whom the identity file has nobody.
    identities:
        A YAML file that maps devices, users and addresses to agency and officer.
    follow:
        Go on reading as the files grow and are rotated, until told to stop.
    again:
        Read from the beginning, whatever an earlier import has read.
    malformed:
        Append malformed lines to this file, as JSON lines.
    as_json:
        Print the counts as a JSON object.
    """
    _run("umbrella", files, source, agency, identities, follow, again, False, malformed, as_json)


def _run(
    kind: str,
    files: Sequence[str],
    source: str | None,
    agency: str | None,
    identities: Path | None,
    follow: bool,
    again: bool,
    hidden: bool,
    malformed: Path | None,
    as_json: bool,
) -> None:
    from streams.inputs.importers.follow import Follower

    settings = load_settings()
    name = source_name(kind, source)
    paths = paths_of(files)
    key = settings.require_key()
    found = load_identities(identities, agency)
    watch, report = Watch(load_catalogue(settings.catalogue)), Report()
    report.files = [str(path) if path else "-" for path in paths]
    with ExitStack() as stack:
        sender = stack.enter_context(Sender(settings))
        positions = positions_of(settings, kind, name)
        for path in paths:
            if path is not None:
                stack.enter_context(positions.locked(path))
        out = stack.enter_context(Malformed(report, malformed))
        visits = Visits(name, key)
        importer = Importer(
            kind, name, watch, found, visits, sender.send, report, out, hidden=hidden, eager=follow
        )
        try:
            if follow:
                Follower(paths, importer, positions).run()
            else:
                _all(paths, importer, positions, again=again)
        finally:
            if report.read:
                print_report(report, as_json=as_json)
    if not report.read:
        print_report(report, as_json=as_json)


def _all(paths: Sequence[Path | None], importer: Importer, positions: Positions, *, again: bool) -> None:
    """Read files one after the other; a visit may begin in one and go on in the next."""
    read: list[LogFile] = []
    try:
        for path in paths:
            before = moved_away(path, positions) if path is not None and not again else None
            if before is not None and before not in paths:
                importer.report.files.insert(0, str(before))
                read.append(LogFile(before, importer, positions))
                read[-1].read()
            read.append(LogFile(path, importer, positions, again=again))
            read[-1].read()
    finally:
        try:
            importer.tell(importer.visits.all())
            for file in read:
                file.keep()
        finally:
            for file in read:
                file.close()


def paths_of(files: Sequence[str]) -> list[Path | None]:
    """Return the files, None for standard input, each once.

    Raises:
        WrongUse: standard input is named beside files.
        NotThere: a file is not there; before any is read.
    """
    paths = [None if file == "-" else Path(file) for file in dict.fromkeys(files)] or [None]
    if None in paths and len(paths) > 1:
        raise WrongUse("- is standard input and cannot be read beside files; import it by itself")
    for path in paths:
        if path is not None and not path.exists():
            raise NotThere(f"{path}: no such file; name a log file, or - for standard input")
    return paths


def source_name(kind: str, source: str | None) -> str:
    """Return what events name as their source: `zeek`, or `zeek/NAME`.

    Raises:
        WrongUse: the name is none that may stand there.
    """
    if source is None:
        return kind
    if not _NAME.fullmatch(source):
        raise WrongUse(
            f"--source: write a name of letters, digits, dots and hyphens, such as {kind}/lapd-egress"
        )
    return f"{kind}/{source}"


def positions_of(settings: Settings, kind: str, name: str) -> Positions:
    """Return the positions of imports into the topic as it is now."""
    from sinks.kafka.topic_ids import ask_topic_ids

    topic = settings.topic("searches")
    ids = asyncio.run(ask_topic_ids(settings, [topic]))
    return Positions(settings.home, kind, name, topic, ids[topic].hex())


def print_report(report: Report, *, as_json: bool) -> None:
    """Print what came of an import."""
    if as_json:
        print(json.dumps(report.told()))
    else:
        report.print()
