"""Why a host, URL or name is taken for a service, or why it is taken for none. Pure, as enrichment is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import idna
from rapidfuzz import fuzz, process

from schemas.catalogue import Catalogue, Provider
from schemas.service_name import as_written, is_telling, match_form, service_key
from streams.hosts import MAX_ENDPOINT, parse_endpoint
from streams.services import Service, ServiceReader

MISSES = 3
"""How many of what nearly matched are told."""
NEAR = 70.0
"""How alike, of 100, what nearly matched is at least: the share of characters that both have in order."""


class Miss(NamedTuple):
    """What nearly matched: the catalogue's host or name, whose it is, and why it is not the one asked for."""

    text: str
    provider_id: str
    why: str


class Reading(NamedTuple):
    """What a text stands for when it is read in one way.

    `because` says in words what decided. `misses` is empty where the text stands for a service.
    """

    service: Service
    because: str
    misses: tuple[Miss, ...]


class Explanation(NamedTuple):
    """A text as a client may write it: as the endpoint of a search, and as the name of a service."""

    endpoint: Reading
    name: Reading

    @property
    def providers(self) -> tuple[Provider, ...]:
        """The services that it stands for, each once: one, unless the two readings differ."""
        found = (self.endpoint.service.provider, self.name.service.provider)
        return tuple({each.id: each for each in found if each}.values())


class Explainer:
    """Explains by a catalogue; what it finds is what enrichment finds, because it is the same reader."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._reader = ServiceReader(catalogue)
        self._hosts = {host.host: provider.id for provider in catalogue for host in provider.hosts}
        # The id last: a person is shown a name as people write it, where one is as near.
        self._names = [
            (name, provider.id)
            for provider in catalogue
            for name in (provider.name, *provider.aliases, provider.id)
        ]
        self._ambiguous = {
            form for name in catalogue.ambiguous_names for form in (service_key(name), "=" + as_written(name))
        }

    def explain(self, text: str) -> Explanation:
        """Return what a text stands for as an endpoint and as a name. No text raises."""
        return Explanation(self._endpoint(text), self._name(text))

    def _endpoint(self, text: str) -> Reading:
        service = self._reader.read("", text)
        if service.host is None:
            return Reading(service, "it is no host and no URL of one", ())
        if service.provider is None:
            because = f"the catalogue has neither {service.host} nor a host that it is under"
            return Reading(service, because, self._host_misses(service.host))
        return Reading(service, self._place(text), ())

    def _place(self, text: str) -> str:
        """By which host of the catalogue, and which page, a service was found."""
        endpoint = parse_endpoint(text[:MAX_ENDPOINT].replace("\0", " "))
        found = self._reader.hosts.find(endpoint) if endpoint else None
        if endpoint is None or found is None:
            return ""
        entry, page = found
        same = entry.host == endpoint.host
        said = f"{entry.host} is its host" if same else f"{endpoint.host} is under its host {entry.host}"
        if page:
            return f"{said}; anyone may read {page} without searching, so it is weak evidence"
        if entry.strength == "weak":
            return f"{said}; weak evidence" + (f" ({entry.note})" if entry.note else "")
        return said

    def _name(self, text: str) -> Reading:
        service = self._reader.read(text, "")
        if service.provider is None:
            return Reading(service, *self._no_name(text))
        forms = {"=" + as_written(text), service_key(text)}
        alias = next((name for name in service.provider.names if match_form(name) in forms), None)
        if alias is None:
            because = "it is, or is under, one of its hosts, and names it as a client may"
        else:
            how = "as written" if not is_telling(alias) else "case, punctuation and company suffix aside"
            because = f"it is {alias!r}, {how}"
        because += "; weak evidence: the name says little of who searched" if service.weak else ""
        return Reading(service, because, ())

    def _no_name(self, text: str) -> tuple[str, tuple[Miss, ...]]:
        key = service_key(text)
        if {"=" + as_written(text), key} & self._ambiguous:
            sharing = (
                Miss(name, provider_id, "it may be this one")
                for name, provider_id in self._names
                if key in service_key(name)
            )
            return "several services share the name, so it decides nothing", _first(sharing, "provider_id")
        if not key:
            return "it has neither letters nor digits, or is too long", ()
        return "the catalogue has no such name", self._name_misses(key)

    def _host_misses(self, host: str) -> tuple[Miss, ...]:
        shown = _unicode(host)
        misses = []
        for entry, provider_id in self._hosts.items():
            if host.endswith(entry):
                why = "it ends alike, but not at a dot: hosts match by whole labels"
            elif f".{host}.".find(f".{entry}.") >= 0:
                why = "it stands there further to the left: hosts match from the right"
            elif entry.endswith("." + host):
                why = "the host asked for is above it, and may serve other things"
            else:
                continue
            misses.append(Miss(entry, provider_id, why))
        near = process.extract(shown, list(self._hosts), scorer=fuzz.ratio, limit=MISSES, score_cutoff=NEAR)
        misses += [
            Miss(entry, self._hosts[entry], _alike(score, shown.isascii())) for entry, score, _ in near
        ]
        return _first(misses, "text")

    def _name_misses(self, key: str) -> tuple[Miss, ...]:
        keys = [service_key(name) for name, _ in self._names]
        misses = [
            Miss(name, provider_id, "it matches only as it is written")
            for (name, provider_id), own in zip(self._names, keys, strict=True)
            if own == key
        ]
        near = process.extract(key, keys, scorer=fuzz.ratio, limit=3 * MISSES, score_cutoff=NEAR)
        misses += [
            Miss(*self._names[index], _alike(score, key.isascii()))
            for _, score, index in near
            if keys[index] != key
        ]
        return _first(misses, "provider_id")


def _alike(score: float, ascii_only: bool) -> str:
    return f"{score:.0f} % alike" + ("" if ascii_only else ", and has other letters that may look the same")


def _first(misses: Iterable[Miss], by: Literal["text", "provider_id"]) -> tuple[Miss, ...]:
    """The first few misses that differ in one of their fields."""
    first: dict[str, Miss] = {}
    for miss in misses:
        first.setdefault(getattr(miss, by), miss)
    return tuple(first.values())[:MISSES]


def _unicode(host: str) -> str:
    try:
        return idna.decode(host)
    except (idna.IDNAError, UnicodeError):
        return host
