"""`frwatch import`: logs and exports of clients that nobody will change, as events."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from schemas.agencies import load_agencies
from schemas.catalogue_files import load_catalogue
from schemas.errors import FrwatchError, NotThere, WrongUse
from schemas.settings import Settings, load_settings
from streams.inputs.importers.bulk import Importer, Send
from streams.inputs.importers.canaries import Canaries
from streams.inputs.importers.identity import Identities, load_identities
from streams.inputs.importers.log_file import LogFile, Takes, moved_away
from streams.inputs.importers.positions import Positions
from streams.inputs.importers.report import Malformed, Report
from streams.inputs.importers.send import Sender
from streams.inputs.importers.visits import Visits
from streams.inputs.importers.watch import Watch

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
AsJson = Annotated[bool, Parameter("--json", negative=())]
LogName = Annotated[str, Parameter(allow_leading_hyphen=True)]
Flag = Annotated[bool, Parameter(negative=())]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What every import may be told on the command line.

    Parameters
    ----------
    agency:
        Whose members they are where neither the file nor the identity file says so.
    identities:
        A YAML file that maps users, devices and addresses to agency and officer, `from` and `until` a date
        where they changed hands.
    follow:
        Go on reading as the files grow and are rotated, until told to stop.
    again:
        Read from the beginning, whatever an earlier import has read.
    malformed:
        Append malformed lines to this file, as JSON lines with line number and reason; of what may hold names
        or credentials the SHA-256 alone.
    canary:
        When all is read, and every ten minutes while following, send a canary for import/SOURCE: a search
        that nobody ran, so that an import which has ended is noticed.
    as_json:
        Print the counts as a JSON object.
    """

    agency: str | None = None
    identities: Path | None = None
    follow: Flag = False
    again: Flag = False
    malformed: Path | None = None
    canary: Flag = False
    as_json: AsJson = False


NONE = Options()


@dataclass(frozen=True, slots=True)
class Parts:
    """What an importer is made of; `name` is what events name as their source."""

    name: str
    key: bytes
    watch: Watch
    identities: Identities
    send: Send
    report: Report
    malformed: Malformed


def zeek_command(
    *files: LogName, source: str | None = None, hidden: Flag = False, options: Options = NONE
) -> None:
    """Import Zeek's ssl, http and dns logs, TSV or JSON, plain, gzip or zstd.

    Parameters
    ----------
    files:
        Logs; - or none is standard input. What they are is told by what stands in them.
    source:
        The sensor: events name zeek/NAME as their source.
    hidden:
        Make events, which prove nothing, of hosts that Encrypted Client Hello hides.
    """
    _lines("zeek", files, source, options, hidden=hidden)


def squid_command(
    *files: LogName, source: str | None = None, hidden: Flag = False, options: Options = NONE
) -> None:
    """Import Squid's native access log, plain, gzip or zstd.

    Parameters
    ----------
    files:
        Logs; - or none is standard input. What they are is told by what stands in them.
    source:
        The proxy: events name squid/NAME as their source.
    hidden:
        Make events, which prove nothing, of hosts that Encrypted Client Hello hides.
    """
    _lines("squid", files, source, options, hidden=hidden)


def umbrella_command(*files: LogName, source: str | None = None, options: Options = NONE) -> None:
    """Import Cisco Umbrella's DNS log: CSV of 13 columns, or 10 in older ones; it comes ten minutes late.

    Parameters
    ----------
    files:
        Logs; - or none is standard input. What they are is told by what stands in them.
    source:
        The organisation's name there: events name umbrella/NAME as their source.
    """
    _lines("umbrella", files, source, options)


def csv_command(*files: LogName, mapping: str, source: str | None = None, options: Options = NONE) -> None:
    """Import an export as CSV or NDJSON, by a mapping of its columns, plain, gzip or zstd.

    Parameters
    ----------
    files:
        Exports; - or none is standard input.
    mapping:
        A mapping file, or the name of one that is shipped: flock-audit, lacris.
    source:
        The client: events name csv/NAME as their source; by default NAME is the mapping's.
    """
    from streams.inputs.importers.mapped import RowReader
    from streams.inputs.importers.mapping import load_mapping
    from streams.inputs.importers.rows import RowImporter

    mapped = load_mapping(mapping)

    def make(parts: Parts) -> Takes:
        reader = RowReader(mapped, parts.name, parts.key, parts.identities, parts.watch)
        return RowImporter(mapped, reader, parts.send, parts.report, parts.malformed)

    _run("csv", files, source or mapped.mapping, options, make)


def _lines(
    kind: str, files: Sequence[str], source: str | None, options: Options, *, hidden: bool = False
) -> None:
    def make(parts: Parts) -> Takes:
        return Importer(
            kind,
            parts.name,
            parts.watch,
            parts.identities,
            Visits(parts.name, parts.key),
            parts.send,
            parts.report,
            parts.malformed,
            hidden=hidden,
            eager=options.follow,
        )

    _run(kind, files, source, options, make)


def _run(
    kind: str, files: Sequence[str], source: str | None, options: Options, make: Callable[[Parts], Takes]
) -> None:
    from streams.inputs.importers.follow import Follower

    settings = load_settings()
    name = source_name(kind, source)
    paths = paths_of(files)
    key = settings.require_key()
    identities = load_identities(options.identities, options.agency, load_agencies(settings.agencies))
    watch, report = Watch(load_catalogue(settings.catalogue)), Report()
    report.files = [str(path) if path else "-" for path in paths]
    with ExitStack() as stack:
        positions = positions_of(settings, kind, name)
        sender = stack.enter_context(Sender(settings))
        for path in paths:
            if path is not None:
                stack.enter_context(positions.locked(path))
        malformed = stack.enter_context(Malformed(report, options.malformed))
        canaries = Canaries(name, settings.require_canary_key(), sender) if options.canary else None
        importer = make(Parts(name, key, watch, identities, sender.send, report, malformed))
        try:
            if options.follow:
                Follower(paths, importer, positions, canaries).run()
            else:
                _all(paths, importer, positions, again=options.again)
                if canaries is not None:
                    canaries.send_due()
        except FrwatchError:
            if report.read:
                print_report(report, as_json=options.as_json)
            raise
    print_report(report, as_json=options.as_json)


def _all(paths: Sequence[Path | None], importer: Takes, positions: Positions, *, again: bool) -> None:
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
            importer.finish()
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
        if str(path).startswith("-"):
            raise WrongUse(f"unknown option {path}; --help lists them, and ./{path} is a file of that name")
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
