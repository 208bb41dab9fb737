"""Agencies: who runs searches, who asks for them, and under which names both are known.

A register is YAML: `default_timezone` (optional, once) and a list `agencies`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.hostname import is_address, is_public_suffix, normalise_host
from schemas.yaml_file import (
    Document,
    Faults,
    Source,
    build_model,
    items,
    read_documents,
    read_sources,
    sha256_of,
)

DEFAULT_TIMEZONE = "America/Los_Angeles"
MAX_NAME = 256
"""The length, in characters, beyond which a text is the name of no agency."""

ID_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"


def name_key(text: str) -> str:
    """Return `text` without case and punctuation, or an empty string where nothing is left or it is too long.

    `L.A.P.D.`, `lapd` and `LAPD ` have one key.
    """
    if len(text) > MAX_NAME:
        return ""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(character for character in folded if character.isalnum())


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no IANA time zone; write one such as America/Los_Angeles") from None
    return name


def _domain(text: str) -> str:
    host = normalise_host(text)
    if host is None or "." not in host:
        raise ValueError(f"{text!r} is no domain; write one such as lapdonline.org")
    if is_address(host):
        raise ValueError(f"{text!r} is an address, which many services may share; write a domain")
    if is_public_suffix(host):
        raise ValueError(
            f"{text!r} is a public suffix: anybody may register under it; write a domain below it"
        )
    return host


TimeZone = Annotated[str, AfterValidator(_zone)]
Domain = Annotated[str, AfterValidator(_domain)]
Identifier = Annotated[str, Field(pattern=ID_PATTERN, max_length=64)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


class Agency(BaseModel):
    """One agency.

    `ori` is the FBI's nine-character identifier, None where it was not confirmed. `domains` are those of its
    e-mail and web hosts, subdomains included. `parent` is the id of the body that it is a part of.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Identifier
    name: Name
    aliases: tuple[Name, ...] = ()
    ori: str | None = Field(default=None, pattern=r"^[A-Z]{2}[A-Z0-9]{7}$")
    domains: tuple[Domain, ...] = ()
    timezone: TimeZone = ""
    parent: Identifier | None = None
    note: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that names the agency: id, name, aliases, ORI."""
        return (self.id, self.name, *self.aliases, *([self.ori] if self.ori else []))


class AgencyRegister:
    """The agencies that are known. `version` is the SHA-256 of their canonical form.

    No two agencies share a name (case and punctuation aside) or a domain.
    """

    def __init__(self, agencies: Iterable[Agency], default_timezone: str = DEFAULT_TIMEZONE) -> None:
        self.default_timezone = default_timezone
        filled = (
            agency if agency.timezone else agency.model_copy(update={"timezone": default_timezone})
            for agency in agencies
        )
        self._by_id = {agency.id: agency for agency in sorted(filled, key=lambda agency: agency.id)}
        self._by_key = {name_key(name): agency for agency in self for name in agency.names}
        self._by_domain = {domain: agency for agency in self for domain in agency.domains}
        self.version = sha256_of(
            {
                "default_timezone": default_timezone,
                "agencies": [agency.model_dump(mode="json", exclude={"note"}) for agency in self],
            }
        )

    def __iter__(self) -> Iterator[Agency]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def by_id(self) -> MappingProxyType[str, Agency]:
        """The agencies by their id."""
        return MappingProxyType(self._by_id)

    def resolve(self, text: str | None) -> Agency | None:
        """Return the agency that an id, name, alias or ORI names, whatever its case and punctuation."""
        return self._by_key.get(name_key(text)) if text else None

    def resolve_domain(self, host: str | None) -> Agency | None:
        """Return the agency of a normalised host: that of the longest domain that the host ends in."""
        while host:
            if host in self._by_domain:
                return self._by_domain[host]
            host = host.partition(".")[2]
        return None

    def timezone(self, agency_id: str | None) -> ZoneInfo:
        """Return the zone of an agency, the register's default for one that is unknown."""
        agency = self._by_id.get(agency_id or "")
        return ZoneInfo(agency.timezone if agency else self.default_timezone)


def load_agencies(path: Path) -> AgencyRegister:
    """Return the register in the YAML file or folder at `path`.

    Raises:
        NotThere: there is no such file or folder.
        WrongUse: it has faults; the text has a line for each, with file, line, column and remedy.
    """
    return parse_agencies(read_sources(path))


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid")

    default_timezone: TimeZone | None = None
    agencies: Sequence[object]


def parse_agencies(sources: Iterable[Source]) -> AgencyRegister:
    """Return the register in the sources; see `load_agencies`."""
    faults = Faults()
    found: list[tuple[Document, int, Agency]] = []
    default = ""
    for source in sources:
        for document in read_documents(source, faults):
            head = build_model(_Head, document, (), faults)
            if head is None:
                continue
            if head.default_timezone:
                if default:
                    place = document.place("default_timezone")
                    faults.add(place, "default_timezone stands twice; keep one")
                default = head.default_timezone
            for index in items(document, "agencies", faults):
                agency = build_model(Agency, document, ("agencies", index), faults)
                if agency is not None:
                    found.append((document, index, agency))
    _check_distinct(found, faults)
    known = {agency.id for _, _, agency in found}
    for document, index, agency in found:
        if agency.parent is not None and (agency.parent not in known or agency.parent == agency.id):
            place = document.place("agencies", index, "parent")
            faults.add(
                place,
                f"parent {agency.parent!r} is no other agency of the register; add it or correct the id",
            )
    faults.raise_any()
    return AgencyRegister((agency for _, _, agency in found), default or DEFAULT_TIMEZONE)


def _check_distinct(found: list[tuple[Document, int, Agency]], faults: Faults) -> None:
    taken: dict[str, str] = {}
    ids: set[str] = set()
    for document, index, agency in found:
        place = document.place("agencies", index, "id")
        if agency.id in ids:
            faults.add(place, f"agency {agency.id!r} stands twice; keep one")
            continue
        ids.add(agency.id)
        for name in agency.names:
            key = name_key(name)
            if not key:
                faults.add(place, f"{name!r} has neither letters nor digits, so it names nobody; remove it")
            elif taken.setdefault(key, agency.id) != agency.id:
                faults.add(
                    place, f"{name!r} names {taken[key]!r} too; a name is one agency's, remove it from one"
                )
        for domain in agency.domains:
            if taken.setdefault(f"@{domain}", agency.id) != agency.id:
                faults.add(place, f"domain {domain!r} is {taken['@' + domain]!r}'s too; remove it from one")
