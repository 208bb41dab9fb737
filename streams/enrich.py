"""Enrichment: names become register ids, persons become pseudonyms, and each search gets its provider.

Pure: the same frame, catalogue, register and key give the same result, in a worker, a replay and a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from schemas.agencies import AgencyRegister, name_key
from schemas.catalogue import Catalogue
from schemas.service_name import MAX_NAME
from streams.distinct import Lookup
from streams.galleries import GalleryReader
from streams.hosts import MAX_ENDPOINT
from streams.pseudonym import SEPARATOR, keyed, pseudonym
from streams.requests import MAX_REFERENCE, RequestReader, address_domain, names_nobody
from streams.services import ServiceReader

MAX_GALLERIES = 2_048
"""How many characters of the names of a search's galleries, put together, are looked at."""

NOT_EVEN_ACCESS = ("blocked", "denied", "failed", "nxdomain", "public_page", "hidden")
"""What `attributes.status` of a LOOKUP says of an attempt that came to nothing, or of a page for anyone."""

_NOBODY = ""
"""The key of no agency."""
_INSIDE = (
    pl.Series("outside_agency", [False]),
    pl.Series("outside_agency_id", [None], dtype=pl.String),
    pl.Series("outside_agency_basis", [None], dtype=pl.String),
)

# Paths are looked at this much deeper than the catalogue's, so that `/help/..` is not taken for `/help`.
_SPARE_SEGMENTS = 2


class Enricher:
    """Adds to decoded searches who operates the service, whom it was run for, and pseudonyms.

    `key` is the secret of the pseudonyms: hex HMAC-SHA-256 over the agency's register id (as it came, where
    the register does not know it), a NUL and the person's id; a requester's is made with the requesting
    agency's register id, or nothing where that is unknown.
    """

    def __init__(self, catalogue: Catalogue, agencies: AgencyRegister, key: bytes) -> None:
        self.catalogue = catalogue
        self._agencies = agencies
        self._key = key
        self._services = ServiceReader(catalogue)
        self._galleries = GalleryReader(catalogue)
        self._requests = RequestReader(agencies, (name for provider in catalogue for name in provider.names))
        text, flag, texts = pl.String, pl.Boolean, pl.List(pl.String)
        self._own = Lookup(
            self._describe_agency,
            {
                "agency_id": text,
                "agency_known": flag,
                "own_key": text,
                "own_parent": text,
                "own_person": text,
                "own_reference": text,
            },
        )
        self._asking = Lookup(
            self._describe_asking,
            {
                "requesting_agency_id": text,
                "requesting_agency_known": flag,
                "asking_key": text,
                "asking_person": text,
            },
            nothing={"asking_key": _NOBODY, "asking_person": SEPARATOR},
        )
        self._officers = Lookup(self._describe_officer, {"officer": text})
        self._requesters = Lookup(
            self._describe_requester,
            {"requester": text, "requester_domain": text, "domain_key": text},
            nothing={"domain_key": _NOBODY},
        )
        self._references = Lookup(
            self._describe_reference,
            {"reference_key": text},
            nothing={"reference_key": _NOBODY},
            remember=8_192,
        )
        self._providers = Lookup(
            self._describe_service,
            {
                "provider_id": text,
                "provider_class": text,
                "operator": text,
                "endpoint_host": text,
                "provider_basis": text,
                "provider_conflict": text,
                "evidence_strength": text,
                "operator_key": text,
                "provider_galleries": texts,
            },
            remember=8_192,
            longest=2_048,
        )
        self._named_galleries = Lookup(
            self._describe_galleries,
            {"gallery_kinds": texts, "names_galleries": flag},
            nothing={"names_galleries": False},
            remember=8_192,
            longest=MAX_GALLERIES,
        )
        self._read = _read(self._services.hosts.depth + _SPARE_SEGMENTS, self._requests.pattern)
        self._version = pl.Series("catalogue_version", [catalogue.version])

    def enrich(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the searches, row by row, with the columns of `streams.columns.ENRICHED`.

        Columns that enrichment does not know, such as the Kafka position, pass through untouched. No value,
        however long or strange, raises.

        For a few rows a plan of polars takes as long as fifty operations on columns, so there is one plan.
        """
        read = frame.select_seq(self._read)
        agency, known, own_key, own_parent, own_person, own_reference = self._own(frame["agency_id"])
        asking, asking_known, asking_key, asking_person = self._asking(frame["requesting_agency_id"])
        # What one of them lacks is null together.
        (officer,) = self._officers(own_person + read["officer_id"])
        requester, domain, domain_key = self._requesters(asking_person + read["requester"])
        *services, operator_key, offered = self._providers(read["service"])
        (reference_key,) = self._references(own_reference + read["reference"])
        kinds, named = self._named_galleries(read["galleries"])
        by_field = _others(asking_key, own_key, own_parent)
        by_domain = _others(domain_key, own_key, own_parent)
        # A form of the agency that runs the service is how one asks for its use: it says not for whom.
        by_reference = _others(reference_key, own_key, own_parent, operator_key)
        outside = _first(
            {
                "field": (by_field, asking),
                "domain": (by_domain, domain_key),
                "reference": (by_reference, reference_key),
            },
            frame.height,
        )
        columns = {column.name: column for column in frame if column.name != "officer_id"}
        columns |= {column.name: column for column in services}
        columns |= {column.name: column for column in (agency, known, asking, asking_known)}
        columns |= {column.name: column for column in (officer, requester, domain, *outside)}
        columns["evidence_strength"] = _without_failed(frame, columns["evidence_strength"])
        # What a service holds is what it was asked, unless the client says which of it.
        columns["gallery_kinds"] = kinds.zip_with(named, offered)
        columns["catalogue_version"] = self._version.new_from_index(0, frame.height)
        return pl.DataFrame(columns)

    def pseudonym(self, agency_id: str, person_id: str) -> str:
        """Return the pseudonym under which a person of an agency (its register id) is stored."""
        return pseudonym(self._key, agency_id, person_id)

    def _describe_agency(self, text: str) -> tuple[Any, ...]:
        agency = self._agencies.resolve(text)
        if agency is None:
            return text, False, _unknown_key(text), _NOBODY, text + SEPARATOR, SEPARATOR
        person = agency.id + SEPARATOR
        return agency.id, True, agency.id, agency.parent or _NOBODY, person, person

    def _describe_asking(self, text: str) -> tuple[Any, ...]:
        if not text.strip():
            return None, None, _NOBODY, SEPARATOR
        agency = self._agencies.resolve(text)
        if agency is not None:
            return agency.id, True, agency.id, agency.id + SEPARATOR
        if names_nobody(text):
            return text, None, _NOBODY, SEPARATOR
        return text, False, _unknown_key(text), SEPARATOR

    def _describe_officer(self, message: str) -> tuple[Any, ...]:
        return (keyed(self._key, message),)

    def _describe_requester(self, message: str) -> tuple[Any, ...]:
        domain = address_domain(message.partition(SEPARATOR)[2])
        agency = self._agencies.resolve_domain(domain)
        return keyed(self._key, message), domain, agency.id if agency else _NOBODY

    def _describe_reference(self, key: str) -> tuple[Any, ...]:
        own_id, _, reference = key.partition(SEPARATOR)
        agency = self._requests.outside(reference, self._agencies.by_id.get(own_id))
        return (agency.id if agency else _NOBODY,)

    def _describe_service(self, key: str) -> tuple[Any, ...]:
        name, _, endpoint = key.rpartition(SEPARATOR)
        service = self._services.read(name, endpoint)
        strength = "weak" if service.weak else "full"
        if service.provider is None:
            return None, "unknown", None, service.host, service.basis, None, strength, _NOBODY, ()
        return (
            service.provider.id,
            service.provider.provider_class,
            service.provider.operator,
            service.host,
            service.basis,
            service.conflict,
            strength,
            service.provider.operator_agency or _NOBODY,
            service.provider.gallery_kinds,
        )

    def _describe_galleries(self, key: str) -> tuple[Any, ...]:
        return self._galleries.kinds(key.split(SEPARATOR)), True


def _without_failed(frame: pl.DataFrame, strength: pl.Series) -> pl.Series:
    """The strength of the evidence, none where a LOOKUP says itself that nothing came of it.

    A SEARCH or an ACCESS cannot say so: nobody takes a search back by an attribute.
    """
    looked_up = frame["evidence"] == "LOOKUP"
    if not looked_up.any():
        return strength
    rows = looked_up.arg_true()
    said = [dict(each or ()).get("status") in NOT_EVEN_ACCESS for each in frame["attributes"].gather(rows)]
    return strength.scatter(rows.filter(pl.Series(said, dtype=pl.Boolean)), "none") if any(said) else strength


def _unknown_key(text: str) -> str:
    """A key that no register id equals, the same for two spellings of one unknown agency."""
    return SEPARATOR + (name_key(text) or text)


def _service_key(depth: int) -> pl.Expr:
    """The name and the part of the endpoint that matching looks at, as one string; the latter has no NUL."""
    start = r"^\s*(?:[A-Za-z][A-Za-z0-9+.\-]*:)?[/\\]*[^/\\?#]*(?:[/\\][^/\\?#]*){0,DEPTH}".replace(
        "DEPTH", str(depth)
    )
    name = pl.col("provider")
    # Four bytes is the most that a character takes.
    name = pl.when(name.str.len_bytes() <= 4 * MAX_NAME).then(name).fill_null("")
    endpoint = pl.col("endpoint").str.slice(0, MAX_ENDPOINT).str.replace_all("\0", " ", literal=True)
    return pl.concat_str(name, endpoint.str.extract(start, 0).fill_null(""), separator=SEPARATOR)


def _read(depth: int, pattern: str) -> list[pl.Expr]:
    """What of a search has a form of its own to be looked up by."""
    reference = pl.col("request_ref").str.slice(0, MAX_REFERENCE)
    return [
        *(pl.when(pl.col(name).str.contains(r"\S")).then(name) for name in ("officer_id", "requester")),
        # Only where it may name an agency. Numbers say nothing here, and without them few are distinct.
        pl.when(reference.str.contains(pattern))
        .then(reference.str.replace_all(r"\d+", "0"))
        .alias("reference"),
        _service_key(depth).alias("service"),
        pl.when(pl.col("galleries").list.len() > 0).then(
            pl.col("galleries").list.join(SEPARATOR, ignore_nulls=True).str.slice(0, MAX_GALLERIES)
        ),
    ]


def _others(named: pl.Series, *inside: pl.Series) -> pl.Series | None:
    """Where the agency that is named is none of these; None where nobody is named at all."""
    there = named != _NOBODY
    if not there.any():
        return None
    for each in inside:
        there &= named != each
    return there


def _first(ways: Mapping[str, tuple[pl.Series | None, pl.Series]], height: int) -> tuple[pl.Series, ...]:
    """Whether a search was run for an outside agency, for which, and by what that is known: the first way."""
    outside, agency, basis = (each.new_from_index(0, height) for each in _INSIDE)
    for name, (found, named) in reversed(list(ways.items())):
        if found is not None:
            outside |= found
            agency = named.zip_with(found, agency)
            basis = pl.Series([name]).new_from_index(0, height).zip_with(found, basis)
    names = [each.name for each in _INSIDE]
    return tuple(each.alias(name) for each, name in zip((outside, agency, basis), names, strict=True))
