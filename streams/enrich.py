"""Enrichment: names become register ids, persons become pseudonyms, and each search gets its provider.

Pure: the same frame, catalogue, register and key give the same result, in a worker, a replay and a test.
"""

from __future__ import annotations

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
            self._describe_agency, {"own_id": text, "own_key": text, "own_parent": text, "agency_known": flag}
        )
        self._asking = Lookup(
            self._describe_asking,
            {
                "asking_id": text,
                "asking_key": text,
                "requesting_agency_id": text,
                "requesting_agency_known": flag,
            },
        )
        self._officers = Lookup(self._describe_officer, {"officer": text})
        self._requesters = Lookup(
            self._describe_requester, {"requester": text, "requester_domain": text, "domain_agency": text}
        )
        self._references = Lookup(self._describe_reference, {"reference_agency": text}, remember=8_192)
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
                "operator_agency": text,
                "provider_galleries": texts,
            },
            remember=8_192,
            longest=2_048,
        )
        self._named_galleries = Lookup(
            self._describe_galleries, {"named_galleries": texts}, remember=8_192, longest=MAX_GALLERIES
        )
        self._read = _read(self._services.hosts.depth + _SPARE_SEGMENTS, self._requests.pattern)
        self._messages = _messages()
        self._result = _result(catalogue.version)

    def enrich(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the searches, row by row, with the columns of `streams.columns.ENRICHED`.

        Columns that enrichment does not know, such as the Kafka position, pass through untouched. No value,
        however long or strange, raises.
        """
        read = frame.select_seq(self._read)
        agencies = [*self._own(read["agency_id"]), *self._asking(read["asking"])]
        messages = pl.DataFrame([*read, *agencies]).select_seq(self._messages)
        persons = [*self._officers(messages["officer"]), *self._requesters(messages["requester"])]
        references = self._references(messages["reference"])
        *services, operators, kinds = self._providers(read["service"])
        named = self._named_galleries(read["galleries"])
        known = [read["agency_id"], *agencies, *persons, *references, operators, kinds, *named]
        drawn = pl.DataFrame(known).select_seq(self._result)
        columns = {column.name: column for column in frame if column.name != "officer_id"}
        for facts in (services, drawn):
            columns |= {column.name: column for column in facts}
        columns["evidence_strength"] = _without_failed(frame, columns["evidence_strength"])
        return pl.DataFrame(list(columns.values()))

    def pseudonym(self, agency_id: str, person_id: str) -> str:
        """Return the pseudonym under which a person of an agency (its register id) is stored."""
        return pseudonym(self._key, agency_id, person_id)

    def _describe_agency(self, text: str) -> tuple[Any, ...]:
        agency = self._agencies.resolve(text)
        if agency is None:
            return None, _unknown_key(text), None, False
        return agency.id, agency.id, agency.parent, True

    def _describe_asking(self, text: str) -> tuple[Any, ...]:
        if not text.strip():
            return None, None, None, None
        agency = self._agencies.resolve(text)
        if agency is not None:
            return agency.id, agency.id, agency.id, True
        if names_nobody(text):
            return None, None, text, None
        return None, _unknown_key(text), text, False

    def _describe_officer(self, message: str) -> tuple[Any, ...]:
        return (keyed(self._key, message),)

    def _describe_requester(self, message: str) -> tuple[Any, ...]:
        domain = address_domain(message.partition(SEPARATOR)[2])
        agency = self._agencies.resolve_domain(domain)
        return keyed(self._key, message), domain, agency.id if agency else None

    def _describe_reference(self, key: str) -> tuple[Any, ...]:
        own_id, _, reference = key.partition(SEPARATOR)
        agency = self._requests.outside(reference, self._agencies.by_id.get(own_id))
        return (agency.id if agency else None,)

    def _describe_service(self, key: str) -> tuple[Any, ...]:
        name, _, endpoint = key.rpartition(SEPARATOR)
        service = self._services.read(name, endpoint)
        strength = "weak" if service.weak else "full"
        if service.provider is None:
            return None, "unknown", None, service.host, service.basis, None, strength, None, ()
        return (
            service.provider.id,
            service.provider.provider_class,
            service.provider.operator,
            service.host,
            service.basis,
            service.conflict,
            strength,
            service.provider.operator_agency,
            service.provider.gallery_kinds,
        )

    def _describe_galleries(self, key: str) -> tuple[Any, ...]:
        return (self._galleries.kinds(key.split(SEPARATOR)),)


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
    """What of a search enrichment looks at; a reference only where it may name an agency."""
    reference = pl.col("request_ref").str.slice(0, MAX_REFERENCE)
    # Numbers say nothing here, and without them few references are distinct.
    reference = pl.when(reference.str.contains(pattern)).then(reference.str.replace_all(r"\d+", "0"))
    return [
        pl.col("agency_id"),
        pl.col("requesting_agency_id").alias("asking"),
        *(pl.when(pl.col(name).str.contains(r"\S")).then(name) for name in ("officer_id", "requester")),
        reference.alias("reference"),
        _service_key(depth).alias("service"),
        pl.when(pl.col("galleries").list.len() > 0).then(
            pl.col("galleries").list.join(SEPARATOR, ignore_nulls=True).str.slice(0, MAX_GALLERIES)
        ),
    ]


def _messages() -> list[pl.Expr]:
    own_id, asking_id = pl.col("own_id").fill_null(""), pl.col("asking_id").fill_null("")
    agency = pl.coalesce("own_id", "agency_id")
    return [
        pl.concat_str(agency, "officer_id", separator=SEPARATOR).alias("officer"),
        pl.concat_str(asking_id, "requester", separator=SEPARATOR).alias("requester"),
        pl.concat_str(own_id, "reference", separator=SEPARATOR).alias("reference"),
    ]


def _result(catalogue_version: str) -> list[pl.Expr]:
    def outside(column: str) -> pl.Expr:
        named = pl.col(column)
        return (named != pl.col("own_key")) & named.ne_missing(pl.col("own_parent"))

    by_field, by_domain, by_reference = map(outside, ("asking_key", "domain_agency", "reference_agency"))
    # A form of the agency that runs the service is how one asks for its use: it says not for whom.
    by_reference &= pl.col("reference_agency").ne_missing(pl.col("operator_agency"))
    outside_id = (
        pl.when(by_field)
        .then("requesting_agency_id")
        .when(by_domain)
        .then("domain_agency")
        .when(by_reference)
        .then("reference_agency")
    )
    basis = (
        pl.when(by_field)
        .then(pl.lit("field"))
        .when(by_domain)
        .then(pl.lit("domain"))
        .when(by_reference)
        .then(pl.lit("reference"))
    )
    return [
        pl.coalesce("own_id", "agency_id").alias("agency_id"),
        pl.col("agency_known", "requesting_agency_id", "requesting_agency_known"),
        pl.col("officer", "requester", "requester_domain"),
        outside_id.is_not_null().alias("outside_agency"),
        outside_id.alias("outside_agency_id"),
        basis.alias("outside_agency_basis"),
        # What a service holds is what it was asked, unless the client says which of it.
        pl.coalesce("named_galleries", "provider_galleries").alias("gallery_kinds"),
        pl.lit(catalogue_version).alias("catalogue_version"),
    ]
