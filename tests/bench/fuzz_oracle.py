"""Says of events whether they may be, by the lines that they are of, and shares no code with the importers.

It is one-sided: what it takes for a look-alike is more than the importers do. Only what it refuses is wrong.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any
from urllib.parse import unquote

import idna
from rapidfuzz.distance import OSA

from schemas.agencies import load_agencies
from schemas.catalogue_files import load_catalogue
from schemas.contracts import contract
from schemas.settings import Settings
from schemas.wire import encode
from streams.decode import decode
from streams.enrich import Enricher
from streams.inputs.importers.sighting import Sighting
from streams.values import Values
from tests.bench.fuzz_seeds import Parser
from tests.support.imports import KEY

Seen = Sequence[tuple[int, Sighting]]
"""The number of a line, and what the importer made of it."""
_TIERS = {"LOOKUP": 0, "ACCESS": 1, "SEARCH": 2}
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))")
_DENIED = {"denied", "blocked", "failed", "nxdomain", "hidden", "public_page"}
_BREAKS = str.maketrans("", "", "\t\r\n")
_ECH = "cloudflare-ech.com"


class Oracle:
    """Knows the shipped catalogue, and enriches as workers do."""

    def __init__(self) -> None:
        settings = Settings()
        found = load_catalogue(settings.catalogue)
        self._hosts = {host.host for each in found if each.provider_class != "not_fr" for host in each.hosts}
        labels = {label for host in self._hosts for label in host.split(".")}
        self._names = {label for label in labels if len(label) >= 7}
        self._enricher = Enricher(found, load_agencies(settings.agencies), KEY)
        self.matters = cache(self._matters)

    def faults(self, parser: Parser, data: bytes, records: Sequence[dict[str, Any]], seen: Seen) -> list[str]:
        """What is wrong about the events that a log gave."""
        lines = data.split(b"\n")
        told = [self._line(parser, lines[number - 1], sighting) for number, sighting in seen]
        return [fault for faults in told for fault in faults] + self._events(parser, records)

    def _line(self, parser: Parser, line: bytes, sighting: Sighting) -> list[str]:
        faults = []
        if not self.matters(sighting.host):
            faults.append(f"{sighting.host!r} is no service and looks like none")
        if not _stands_in(sighting.host, line):
            faults.append(f"{sighting.host!r} does not stand there")
        if _TIERS[sighting.attempt.tier] > _TIERS[parser.tier]:
            faults.append(f"{sighting.attempt.tier} is more than such a log can show")
        if sighting.status is None and parser.denied(line):
            faults.append("it was denied, blocked or failed")
        return [f"{fault}: {line[:500]!r}" for fault in faults]

    def _events(self, parser: Parser, records: Sequence[dict[str, Any]]) -> list[str]:
        if not records:
            return []
        shape = contract("search")
        done = decode(Values([encode(shape, record) for record in records]), shape, {})
        faults = [f"the workers refuse it: {bad}" for bad in done.bad]
        rows = self._enricher.enrich(done.frame)
        rows = rows.select("evidence", "evidence_strength", "endpoint_host", "attributes")
        for evidence, strength, host, attributes in rows.iter_rows():
            status = dict(attributes or ()).get("status")
            if _TIERS[evidence] > _TIERS[parser.tier]:
                faults.append(f"an event says {evidence}, which is more than such a log can show")
            if status in _DENIED and parser.tier != "SEARCH" and (evidence, strength) != ("LOOKUP", "none"):
                faults.append(f"{status}, and yet {evidence} of strength {strength}")
            if parser.tier != "SEARCH" and not self.matters(host or ""):
                faults.append(f"an event of {host!r}, which is no service and looks like none")
        return faults

    def _matters(self, host: str) -> bool:
        dotted = f".{host}."
        if any(f".{each}." in dotted for each in (*self._hosts, _ECH)):
            return True
        labels = {form for label in host.split(".") for form in (label, label.replace("rn", "m"))}
        return any(
            name in label or OSA.distance(name, label, score_cutoff=1) <= 1
            for label in labels
            for name in self._names
        )


def _stands_in(host: str, line: bytes) -> bool:
    """Whether a host stands in a line, in whatever way it is written."""
    try:
        names = {host, idna.decode(host)}
    except (idna.IDNAError, UnicodeError):
        names = {host}
    text = line.decode("utf-8", "replace")
    unescaped = _ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)), text)
    as_bytes = _ESCAPE.sub(lambda match: f"%{match[1]}" if match[1] else chr(int(match[2], 16)), text)
    # A line break within an escape is nothing, as to browsers.
    forms = {text, unescaped, as_bytes}
    forms |= {unquote(each) for form in forms for each in (form, form.translate(_BREAKS))}
    return any(_plain(name) in _plain(form) for name in names for form in forms)


def _plain(text: str) -> str:
    """A text without width, case, and characters that show nothing, and with one kind of dot."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("\u3002", ".")
    return "".join(each for each in text if unicodedata.category(each) not in ("Cf", "Mn", "Cc", "Cs"))
