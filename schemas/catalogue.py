"""The catalogue of providers: which face-recognition services there are, who operates each, how to know it.

A catalogue is YAML: a list `providers`; `ambiguous_names`, names that several services share; and
`gallery_words`, by which the galleries that clients name are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from schemas.agencies import Domain, Identifier
from schemas.service_name import MAX_NAME, as_written, is_telling, service_key
from schemas.yaml_file import (
    Document,
    Faults,
    Source,
    build_model,
    read_documents,
    read_sources,
    sha256_of,
)

ProviderClass = Literal["commercial", "government", "agency", "not_fr", "unknown"]
Strength = Literal["full", "weak"]
GalleryKind = Literal[
    "booking_photos",
    "driver_licences",
    "passport_visa",
    "watchlist",
    "scraped_web",
    "social_media",
    "unknown",
]


def _date(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _path(value: str) -> str:
    if not value.startswith("/") or value == "/" or "?" in value or "#" in value:
        raise ValueError(f"{value!r} is no path prefix; write one such as /help")
    return value.rstrip("/").lower()


def _host(value: Any) -> Any:
    return {"host": value} if isinstance(value, str) else value


def _service(value: str) -> str:
    if not as_written(value) or not service_key(value):
        raise ValueError(f"{value!r} has neither letters nor digits, so it names no service; remove it")
    return value


ServiceName = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_service)]
AsOf = Annotated[str, BeforeValidator(_date), Field(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")]


class Host(BaseModel):
    """A host of a service, its subdomains included where they have no entry of their own.

    `strength` is weak where reaching it says little: it does more than faces, or only informs. `public_pages`
    are path prefixes that anyone reads without searching: weak too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Domain
    strength: Strength = "full"
    public_pages: tuple[Annotated[str, AfterValidator(_path)], ...] = ()
    note: str | None = None


class Provider(BaseModel):
    """A service. `provider_class` (key `class`) and `operator` say who operates it, not whose software it is.

    `operator_agency` is the operator in the agency register, where it is there: a request form that names it
    is its own form, and says not for whom the search is.

    `strength` is weak where even the client's own name for the service says little: an engine inside other
    products.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Identifier
    name: ServiceName
    provider_class: ProviderClass = Field(alias="class")
    operator: str | None = None
    operator_agency: Identifier | None = None
    software_vendor: str | None = None
    gallery: str | None = None
    gallery_kinds: tuple[GalleryKind, ...] = ()
    hosts: tuple[Annotated[Host, BeforeValidator(_host)], ...] = ()
    aliases: tuple[ServiceName, ...] = ()
    strength: Strength = "full"
    as_of: AsOf
    status: Literal["active", "suspended", "pilot", "ended", "unknown"]
    sources: tuple[str, ...] = Field(min_length=1)
    confidence: Literal["read", "known"]
    note: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The id, the name and the aliases."""
        return (self.id, self.name, *self.aliases)


class GalleryWords(BaseModel):
    """By which words a gallery's kind is told: `within` its name, or its name as a `whole`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: GalleryKind
    within: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    whole: tuple[Annotated[str, Field(min_length=1)], ...] = ()


class Catalogue:
    """The providers that are known, and the words by which galleries are told.

    `version` is the SHA-256 of their canonical form.

    No two providers share a host, or a name that is not among `ambiguous_names`.
    """

    def __init__(
        self,
        providers: Iterable[Provider],
        ambiguous_names: Iterable[str] = (),
        gallery_words: Iterable[GalleryWords] = (),
    ) -> None:
        self._by_id = {provider.id: provider for provider in sorted(providers, key=lambda each: each.id)}
        self.ambiguous_names = tuple(sorted(set(ambiguous_names)))
        self.gallery_words = tuple(sorted(gallery_words, key=lambda each: each.kind))
        self.version = sha256_of(
            {
                "ambiguous_names": self.ambiguous_names,
                "gallery_words": [each.model_dump(mode="json") for each in self.gallery_words],
                "providers": [each.model_dump(mode="json", by_alias=True) for each in self],
            }
        )

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def by_id(self) -> MappingProxyType[str, Provider]:
        """The providers by their id."""
        return MappingProxyType(self._by_id)


def load_catalogue(path: Path) -> Catalogue:
    """Return the catalogue in the YAML file or folder at `path`.

    Raises:
        NotThere: there is no such file or folder.
        WrongUse: it has faults; the text has a line for each, with file, line, column and remedy.
    """
    return parse_catalogue(read_sources(path))


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ambiguous_names: list[ServiceName] = []
    gallery_words: list[GalleryWords] = []
    providers: Sequence[object] = []


def parse_catalogue(sources: Iterable[Source]) -> Catalogue:
    """Return the catalogue in the sources; see `load_catalogue`."""
    faults = Faults()
    found: list[tuple[Document, int, Provider]] = []
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
                    found.append((document, index, provider))
    _check_distinct(found, {service_key(name) for name in ambiguous}, faults)
    faults.raise_any()
    return Catalogue((provider for _, _, provider in found), ambiguous, galleries)


def match_form(name: str) -> str:
    """Return the form under which a catalogue's name matches: its key, or `=` and the name as written."""
    return service_key(name) if is_telling(name) else "=" + as_written(name)


def _check_distinct(found: list[tuple[Document, int, Provider]], ambiguous: set[str], faults: Faults) -> None:
    ids: set[str] = set()
    names: dict[str, str] = {}
    hosts: dict[str, str] = {}
    for document, index, provider in found:
        place = document.place("providers", index, "id")
        if provider.id in ids:
            faults.add(place, f"provider {provider.id!r} stands twice; keep one")
            continue
        ids.add(provider.id)
        for name in provider.names:
            other = names.setdefault(match_form(name), provider.id)
            if other != provider.id and service_key(name) not in ambiguous:
                faults.add(
                    place,
                    f"{name!r} names {other!r} too; remove it from one, or put it under ambiguous_names",
                )
        for number, host in enumerate(provider.hosts):
            if hosts.setdefault(host.host, provider.id) != provider.id:
                place = document.place("providers", index, "hosts", number)
                faults.add(
                    place, f"host {host.host!r} is {hosts[host.host]!r}'s too; a host has one operator"
                )
