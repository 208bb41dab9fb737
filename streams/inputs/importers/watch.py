"""Which lines matter: a fast look over whole blocks, and a sure word on single hosts.

A host matters where the catalogue has it, or a host above it, as a service that is not `not_fr`; or where it
looks like one. It looks like a service's host where

- the service's host stands in it, whole labels, but further left: `clearview.ai.example.com`;
- one of its labels holds the service's distinctive name: `notclearview.ai`, `clearview-app.example`;
- one of its labels is that name with one letter left out, doubled or swapped with the next one, with a
  hyphen put in, or with one letter as another that looks like it: `c1earview.ai`, `clear-view.example`.

A distinctive name is the label before the public suffix of a full-strength host that is a registrable domain
itself, of seven letters or more, if it is not a word of the trade (`schemas.service_name.is_telling`).
A look-alike may be innocent. What is entered in the catalogue as `not_fr` is one no more.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import idna
import numpy as np
import polars as pl

from schemas.catalogue import Catalogue
from schemas.hostname import is_address, is_public_suffix
from schemas.service_name import is_telling
from streams.hosts import Endpoint, HostMatcher
from streams.inputs.importers.lines import NEWLINE, Lines, Rows
from streams.inputs.importers.plain import folded, odd_rows, plain

DISTINCTIVE = 7
"""A name of fewer letters tells nothing inside other words."""
ECH_FRONTS = ("cloudflare-ech.com",)
"""Names that stand in the clear where Encrypted Client Hello hides the real one."""

_LOOKS_LIKE = {
    "a": "4", "b": "8", "e": "3", "g": "9q", "i": "1lj", "l": "1i", "m": "n", "n": "m", "o": "0",
    "s": "5z", "t": "7", "u": "v", "v": "uw", "w": "v", "y": "v", "z": "s", "c": "e", "q": "g",
}  # fmt: skip
# Lower case, and all that is not ASCII as one byte: positions stay, and the text is valid.
_PLAIN = bytes.maketrans(bytes(range(65, 91)) + bytes(range(128, 256)), bytes(range(97, 123)) + b"?" * 128)


class Verdict(NamedTuple):
    """A host that matters: the provider that it is or looks like, and whether the place is a public page."""

    provider_id: str
    look_alike: bool
    public: bool


class Watch:
    """Knows which hosts matter, by a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._matcher = HostMatcher(catalogue)
        self._not_fr = {each.id for each in catalogue if each.provider_class == "not_fr"}
        services = [each for each in catalogue if each.id not in self._not_fr]
        self._hosts = {host.host: each.id for each in services for host in each.hosts}
        self._names: dict[str, str] = {}
        for each in services:
            for host in each.hosts:
                name, _, suffix = host.host.partition(".")
                if (
                    host.strength == "full"
                    and is_public_suffix(suffix)
                    and len(name) >= DISTINCTIVE
                    and is_telling(name)
                ):
                    self._names.setdefault(name, each.id)
        self._slips = {slip: owner for name, owner in self._names.items() for slip in slips(name)}
        self._patterns = self._shortest([*self._hosts, *self._names, *self._slips, *ECH_FRONTS])
        self._folded = self._shortest([*self._patterns, *(folded(_unicode(host)) for host in self._hosts)])
        self._judge = lru_cache(maxsize=65_536)(self._judge_host)

    def rows(self, lines: Lines) -> list[int]:
        """Return the rows of the lines in which something stands that may be a host that matters.

        None that has one is left out, also where the host has escapes or letters outside ASCII, as in
        `clearview%2eai` or with full-width letters.
        """
        found = lines.rows_of(self.positions(lines.data))
        odd = odd_rows(lines)
        if not len(odd):
            return found
        text = plain([lines.line(int(row)) for row in odd])
        feeds = np.flatnonzero(np.frombuffer(text, np.uint8) == NEWLINE)
        at = np.searchsorted(feeds, _find(text.decode(), self._folded))
        return sorted({*found, *odd[np.unique(at)].tolist()})

    def positions(self, data: bytes) -> Rows:
        """Where in the data such a text begins, in order."""
        return _find(data.translate(_PLAIN).decode("ascii"), self._patterns)

    def may_matter(self, text: str) -> bool:
        """Return whether a text holds something that may be a host that matters."""
        low = text.lower()
        return any(pattern in low for pattern in self._patterns)

    def judge(self, endpoint: Endpoint) -> Verdict | None:
        """Return what an endpoint is or looks like; None where it is nobody's that matters."""
        verdict = self._judge(endpoint.host)
        if verdict is None or verdict.look_alike:
            return verdict
        found = self._matcher.find(endpoint)
        return verdict._replace(public=found is not None and found[1] is not None)

    def _judge_host(self, host: str) -> Verdict | None:
        match = self._matcher.match(Endpoint(host, "/"))
        if match is not None:
            return None if match.provider_id in self._not_fr else Verdict(match.provider_id, False, False)
        owner = self._like(host)
        return Verdict(owner, True, False) if owner else None

    def _like(self, host: str) -> str | None:
        if is_address(host):
            return None
        for entry, owner in self._hosts.items():
            if f".{host}.".find(f".{entry}.") >= 0:
                return owner
        for label in host.split("."):
            if label in self._slips:
                return self._slips[label]
            for name, owner in self._names.items():
                if name in label:
                    return owner
        return None

    @staticmethod
    def _shortest(texts: list[str]) -> list[str]:
        """Those texts in which no other one stands: they find whatever the others would."""
        kept: list[str] = []
        for text in sorted(set(texts), key=lambda each: (len(each), each)):
            if not any(each in text for each in kept):
                kept.append(text)
        return kept


def _find(text: str, patterns: list[str]) -> Rows:
    """Where in the bytes of a text one of the patterns begins, in order."""
    found = pl.Series([text]).str.find_many(patterns)
    return np.sort(found[0].to_numpy().astype(np.int64))


def _unicode(host: str) -> str:
    """A host with the letters that its A-labels stand for."""
    try:
        return idna.decode(host) if "xn--" in host else host
    except (idna.IDNAError, UnicodeError):
        return host


def is_hidden(host: str) -> bool:
    """Whether a host is the front behind which Encrypted Client Hello hides the real one."""
    return any(host == front or host.endswith("." + front) for front in ECH_FRONTS)


def slips(name: str) -> set[str]:
    """Return what a slip of the hand, or somebody who wants to pass for it, makes of a name."""
    made: set[str] = set()
    for at, letter in enumerate(name):
        before, after = name[:at], name[at + 1 :]
        made.add(before + after)
        made.add(before + letter + letter + after)
        made.update(before + other + after for other in _LOOKS_LIKE.get(letter, ""))
        if after:
            made.add(before + after[0] + letter + after[1:])
            made.add(before + letter + "-" + after)
    if "m" in name:
        made.add(name.replace("m", "rn", 1))
    return {each for each in made if name not in each and not each.startswith("-")}
