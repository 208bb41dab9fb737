"""The catalogue as files: YAML that people write, read with every fault told at once.

A document has any of: a list `providers`; `ambiguous_names`, names that several services share; and
`gallery_words`, by which the galleries that clients name are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from schemas.agencies import AgencyRegister
from schemas.catalogue import GENERAL_KNOWLEDGE, Catalogue, GalleryWords, Provider, ServiceName
from schemas.hostname import normalise_host
from schemas.service_name import match_form, service_key
from schemas.yaml_file import (
    Document,
    Faults,
    Key,
    Place,
    Source,
    build_model,
    read_documents,
    read_sources,
)


def load_catalogue(path: Path) -> Catalogue:
    """Return the catalogue in the YAML file or folder at `path`.

    Raises:
        NotThere: there is no such file or folder.
        WrongUse: it has faults; the text has a line for each, with file, line, column and remedy.
    """
    return parse_catalogue(read_sources(path))


def parse_catalogue(sources: Iterable[Source]) -> Catalogue:
    """Return the catalogue in the sources; see `load_catalogue`."""
    faults = Faults()
    catalogue = collect_catalogue(sources, faults)
    faults.raise_any()
    return catalogue


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ambiguous_names: list[ServiceName] = []
    gallery_words: list[GalleryWords] = []
    providers: Sequence[object] = []


@dataclass(frozen=True, slots=True)
class _Entry:
    document: Document
    index: int
    provider: Provider

    def place(self, *path: Key) -> Place:
        return self.document.place("providers", self.index, *path)

    @property
    def names(self) -> Iterable[tuple[str, Place]]:
        yield self.provider.id, self.place("id")
        yield self.provider.name, self.place("name")
        for number, alias in enumerate(self.provider.aliases):
            yield alias, self.place("aliases", number)


def collect_catalogue(
    sources: Iterable[Source], faults: Faults, agencies: AgencyRegister | None = None
) -> Catalogue:
    """Return what can be read of a catalogue, and note every fault; with a fault, use none of it.

    Where `agencies` is given, an operator that it does not have is a fault too.
    """
    found: list[_Entry] = []
    ambiguous: list[str] = []
    galleries: list[GalleryWords] = []
    for source in sources:
        for document in read_documents(source, faults):
            head = build_model(_Head, document, (), faults)
            if head is None:
                continue
            ambiguous += head.ambiguous_names
            galleries += head.gallery_words
            for index in range(len(head.providers)):
                provider = build_model(Provider, document, ("providers", index), faults)
                if provider is not None:
                    found.append(_Entry(document, index, provider))
    distinct = _check_ids(found, faults)
    _check_names(distinct, {service_key(name) for name in ambiguous}, faults)
    _check_hosts(distinct, faults)
    for entry in found:
        _check_sources(entry, faults)
        operator = entry.provider.operator_agency
        if agencies is not None and operator is not None and operator not in agencies.by_id:
            near = agencies.resolve(operator)
            remedy = f"its id is {near.id!r}" if near else "add it to the register or correct the id"
            faults.add(entry.place("operator_agency"), f"no agency has the id {operator!r}; {remedy}")
    return Catalogue((entry.provider for entry in distinct), ambiguous, galleries)


def _check_ids(found: list[_Entry], faults: Faults) -> list[_Entry]:
    by_id: dict[str, _Entry] = {}
    for entry in found:
        first = by_id.setdefault(entry.provider.id, entry)
        if first is not entry:
            text = f"provider {entry.provider.id!r} stands at {first.place('id')} too; keep one"
            faults.add(entry.place("id"), text)
    return list(by_id.values())


def _check_names(found: list[_Entry], ambiguous: set[str], faults: Faults) -> None:
    taken: dict[str, str] = {}
    for entry in found:
        for name, place in entry.names:
            other = taken.setdefault(match_form(name), entry.provider.id)
            if other != entry.provider.id and service_key(name) not in ambiguous:
                text = f"{name!r} names {other!r} too; remove it from one, or put it under ambiguous_names"
                faults.add(place, text)


def _check_hosts(found: list[_Entry], faults: Faults) -> None:
    taken: dict[str, str] = {}
    for entry in found:
        own: set[str] = set()
        for number, host in enumerate(entry.provider.hosts):
            place = entry.place("hosts", number)
            other = taken.setdefault(host.host, entry.provider.id)
            if other != entry.provider.id:
                faults.add(place, f"host {host.host!r} is {other!r}'s too; a host has one operator")
            elif host.host in own:
                faults.add(place, f"host {host.host!r} stands here twice; keep one")
            own.add(host.host)
    for entry in found:
        for name, place in entry.names:
            owner = _owner(name, taken)
            if owner not in (None, entry.provider.id):
                faults.add(place, f"{name!r} is a host of {owner!r}; a name that is a host is its operator's")


def _owner(name: str, hosts: dict[str, str]) -> str | None:
    host = normalise_host(name) if "." in name else None
    while host:
        if host in hosts:
            return hosts[host]
        host = host.partition(".")[2]
    return None


def _check_sources(entry: _Entry, faults: Faults) -> None:
    provider = entry.provider
    if not provider.sources:
        faults.add(entry.place("sources"), f"{provider.id!r} has no source; add where its facts were read")
        return
    bare = [fact for fact in provider.facts if not provider.citations_of(fact)]
    if bare:
        text = f"no source is one of {', '.join(bare)}; add one, or one without `of` for all the rest"
        faults.add(entry.place("sources"), text)
    read = any(not cited.source.startswith(GENERAL_KNOWLEDGE) for cited in provider.sources)
    if provider.confidence == "read" and not read:
        text = f"confidence is read, and every source is {GENERAL_KNOWLEDGE}; write known, or add a source"
        faults.add(entry.place("confidence"), text)
