"""For whom a search was run: the agencies that a request form, a ticket or an e-mail address names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from schemas.agencies import Agency, AgencyRegister, name_key
from schemas.hostname import normalise_host

MAX_REFERENCE = 256
"""How many characters of a request's reference are looked at."""
MAX_ADDRESS = 512
"""The length, in characters, beyond which a text is no e-mail address."""

_NOBODY = frozenset({"", "na", "none", "null", "nil", "no", "unknown", "notapplicable", "self", "own", "tbd"})
_WORD = re.compile(r"[^\W\d_]+")
_AT = re.compile(r"@([\w.\-]+)")
_ADDRESS = re.compile(r"(?:[^<>]*<)?\s*(?:mailto:)?[^@\s<>:]+@([^@\s<>:/%\[\]]+)\s*>?")


def names_nobody(text: str) -> bool:
    """Whether a requesting agency is only a stand-in for an empty field, such as `N/A`."""
    return len(text) <= MAX_REFERENCE and name_key(text) in _NOBODY


def address_domain(text: str) -> str | None:
    """Return the domain of an e-mail address in normal form, or None where the text is none."""
    found = _ADDRESS.fullmatch(text.strip()) if len(text) <= MAX_ADDRESS else None
    host = normalise_host(found[1]) if found else None
    if host is None or "." not in host or host.rpartition(".")[2].isdigit():
        return None
    return host


class RequestReader:
    """Finds agencies in the reference of a request, by whole words.

    A name of one word and three letters or fewer (`ICE`) counts only as the register writes it; other names
    in any case. Names with digits, such as an ORI, are not looked for. An e-mail address names the agency of
    its domain. A name among `systems` names nobody, though an agency's is a part of it: the form of the `Los
    Angeles County Regional Identification System` is not the county's request.
    """

    def __init__(self, agencies: AgencyRegister, systems: Iterable[str] = ()) -> None:
        self._agencies = agencies
        self._exact: dict[str, Agency] = {}
        self._folded: dict[tuple[str, ...], Agency | None] = {}
        for system in systems:
            self._folded[tuple(_WORD.findall(system.casefold()))] = None
        for agency in agencies:
            for name in (agency.id, agency.name, *agency.aliases):
                self._learn(name, agency)
        self._longest = max((len(words) for words in self._folded), default=1)

    def _learn(self, name: str, agency: Agency) -> None:
        words = tuple(_WORD.findall(name))
        if not words or any(character.isdigit() for character in name):
            return
        if len(words) == 1 and len(words[0]) <= 3:
            if words[0] != agency.id:
                self._exact[words[0]] = agency
        else:
            self._folded[tuple(word.casefold() for word in words)] = agency

    @property
    def pattern(self) -> str:
        """A regular expression that finds something in every reference in which `outside` can."""
        firsts = {words[0] for words, agency in self._folded.items() if agency} | {
            word.casefold() for word in self._exact
        }
        return "(?i)@" + "".join(f"|{re.escape(word)}" for word in sorted(firsts))

    def outside(self, reference: str, own: Agency | None) -> Agency | None:
        """Return the first agency in the reference that is neither `own` nor its parent."""
        inside = {own.id, own.parent} if own else set()
        return next((agency for agency in self._named(reference) if agency.id not in inside), None)

    def _named(self, reference: str) -> list[Agency]:
        text = unicodedata.normalize("NFKC", reference[:MAX_REFERENCE])
        hosts = (normalise_host(found) for found in _AT.findall(text))
        named = [agency for host in hosts if (agency := self._agencies.resolve_domain(host))]
        words = _WORD.findall(_AT.sub(" ", text))
        folded = [word.casefold() for word in words]
        at = 0
        while at < len(words):
            taken = 1
            # The longest name wins: "Los Angeles County Sheriff" is not the county.
            for length in range(min(self._longest, len(words) - at), 0, -1):
                key = tuple(folded[at : at + length])
                agency = self._folded.get(key) or (self._exact.get(words[at]) if length == 1 else None)
                if agency is not None:
                    named.append(agency)
                if agency is not None or key in self._folded:
                    taken = length
                    break
            at += taken
        return named
