"""The catalogue of providers: which face-recognition services there are, who operates each, how to know it.

`schemas.catalogue_files` reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from schemas.agencies import Domain, Identifier
from schemas.service_name import MAX_NAME, as_written, service_key
from schemas.yaml_file import sha256_of

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


def _citation(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


ServiceName = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_service)]
AsOf = Annotated[str, BeforeValidator(_date), Field(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")]


Fact = Literal[
    "name",
    "class",
    "operator",
    "software_vendor",
    "gallery",
    "gallery_kinds",
    "hosts",
    "aliases",
    "status",
    "note",
]
GENERAL_KNOWLEDGE = "general knowledge"
"""The source of what nobody looked up."""


class Citation(BaseModel):
    """Where facts were read: those in `of`, or all that no other citation of the entry names.

    `as_of` is when it was so, where that differs from the entry's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(min_length=1)
    of: tuple[Fact, ...] = ()
    as_of: AsOf | None = None


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
    sources: tuple[Annotated[Citation, BeforeValidator(_citation)], ...] = ()
    confidence: Literal["read", "known"]
    note: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The id, the name and the aliases."""
        return (self.id, self.name, *self.aliases)

    def citations_of(self, fact: Fact) -> tuple[Citation, ...]:
        """Return where a fact was read: the citations that name it, else those that name no fact."""
        own = tuple(each for each in self.sources if fact in each.of)
        return own or tuple(each for each in self.sources if not each.of)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The facts that the entry states."""
        stated: dict[Fact, object] = {
            "name": self.name,
            "class": self.provider_class,
            "operator": self.operator,
            "software_vendor": self.software_vendor,
            "gallery": self.gallery,
            "gallery_kinds": [kind for kind in self.gallery_kinds if kind != "unknown"],
            "hosts": self.hosts,
            "aliases": self.aliases,
            "status": self.status != "unknown",
        }
        return tuple(fact for fact, value in stated.items() if value)


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
