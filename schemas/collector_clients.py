"""Who may report over HTTP: the clients of the collector, how each is known, and for whom it may speak.

The file is YAML with a list `clients`. It holds no secret: a key stands there as its SHA-256, which is enough
because `new_key` makes 256 random bits that nobody can guess.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from schemas.agencies import ID_PATTERN, AgencyRegister, Identifier
from schemas.hostname import normalise_host
from schemas.yaml_file import Document, Faults, Source, build_model, items, read_documents, read_sources

EVERY = "*"
"""In place of agencies: all of them, those too that the register does not know."""
MAX_RATE = 1_000_000
_PREFIX = "frw"


def _fingerprint(text: str) -> str:
    plain = text.removeprefix("sha256:").replace(":", "").lower()
    if len(plain) != 64 or any(digit not in "0123456789abcdef" for digit in plain):
        raise ValueError(
            "is no SHA-256; write the 64 hex digits of `frwatch collect key`, or of "
            "`openssl x509 -noout -fingerprint -sha256`"
        )
    return plain


def _host(text: str) -> str:
    host = normalise_host(text)
    if host is None:
        raise ValueError(f"{text!r} is no host name; write a DNS name of the certificate")
    return host


Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
HostName = Annotated[str, AfterValidator(_host)]
SourceName = Annotated[str, Field(max_length=256, pattern=r"^[^*]+(/\*)?$")]
AgencyIds = Annotated[
    tuple[Annotated[str, Field(pattern=rf"^\*$|{ID_PATTERN}", max_length=64)], ...],
    BeforeValidator(lambda said: (said,) if said == EVERY else said),
]


class Client(BaseModel):
    """One client.

    `keys` are SHA-256 of its keys, hex; two while one replaces the other. `certificates` are SHA-256 of
    client certificates (DER), hex; `certificate_names` are DNS names of those that the client CA signed.
    `agencies` are ids of the register, or `*`. `sources` are what its events may have in `source`: as it
    stands, or everything below a name that ends in `/*`. `outcomes` says whether it may report outcomes.
    `rate` is events a second, over time; in one go ten seconds' worth.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Identifier
    keys: tuple[Fingerprint, ...] = ()
    certificates: tuple[Fingerprint, ...] = ()
    certificate_names: tuple[HostName, ...] = ()
    agencies: AgencyIds = Field(min_length=1)
    sources: tuple[SourceName, ...] = Field(min_length=1)
    outcomes: bool = False
    rate: float = Field(default=1000.0, gt=0, le=MAX_RATE)
    note: str | None = None

    def speaks_for(self, agency_id: str | None) -> bool:
        """Whether it may report for an agency: its id in the register, None where the register has none."""
        return EVERY in self.agencies or (agency_id is not None and agency_id in self.agencies)

    def reports_as(self, source: str) -> bool:
        """Whether its events may have this `source`."""
        return any(
            source == pattern
            or (pattern.endswith("/*") and source.startswith(pattern[:-1]) and source != pattern[:-1])
            for pattern in self.sources
        )


class Clients:
    """All clients, found by what they show. How long that takes tells nothing of a key."""

    def __init__(self, clients: Iterable[Client]) -> None:
        self._by_id = {client.id: client for client in clients}
        self._by_certificate = {
            fingerprint: client for client in self._by_id.values() for fingerprint in client.certificates
        }
        self._by_name = {name: client for client in self._by_id.values() for name in client.certificate_names}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Client]:
        return iter(self._by_id.values())

    def of_key(self, key: str) -> Client | None:
        """Return the client whose key this is.

        The id in a key is no secret and finds the client. The whole key is compared as its hash, in constant
        time, with as many hashes for an id that nobody has as for one that somebody has.
        """
        digest = sha256_of_key(key)
        client = self._by_id.get(client_of_key(key) or "")
        known = list(client.keys) if client else []
        known += [_NOBODY] * max(0, 2 - len(known))
        found = False
        for each in known:
            found |= secrets.compare_digest(each, digest)
        return client if found else None

    def of_certificate(self, der: bytes, names: Iterable[str]) -> Client | None:
        """Return the client of a certificate that the client CA signed: by its hash, else by a DNS name."""
        client = self._by_certificate.get(hashlib.sha256(der).hexdigest())
        if client is None:
            client = next(
                (self._by_name[name.lower()] for name in names if name.lower() in self._by_name), None
            )
        return client


_NOBODY = hashlib.sha256(secrets.token_bytes(32)).hexdigest()


def new_key(client_id: str) -> str:
    """Return a key for a client, `frw_CLIENT_SECRET`; the secret has 256 bits of the system's randomness."""
    return f"{_PREFIX}_{client_id}_{secrets.token_hex(32)}"


def client_of_key(key: str) -> str | None:
    """Return the id of the client that a key names, None where it is no key of the collector."""
    parts = key.split("_")
    return parts[1] if len(parts) == 3 and parts[0] == _PREFIX else None


def sha256_of_key(key: str) -> str:
    """Return what stands for a key in the file of clients, hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def load_clients(path: Path, agencies: AgencyRegister) -> Clients:
    """Return the clients in the YAML file or folder at `path`.

    Raises:
        NotThere: there is no such file or folder.
        WrongUse: it has faults; the text has a line for each, with file, line, column and remedy.
    """
    faults = Faults()
    clients = collect_clients(read_sources(path), agencies, faults)
    faults.raise_any()
    return clients


def collect_clients(sources: Iterable[Source], agencies: AgencyRegister, faults: Faults) -> Clients:
    """Return the clients in the sources; what is wrong goes to `faults`."""
    found: list[Client] = []
    taken: dict[str, str] = {}
    for source in sources:
        for document in read_documents(source, faults):
            for index in items(document, "clients", faults):
                client = build_model(Client, document, ("clients", index), faults)
                if client is not None:
                    _check(client, document, index, agencies, taken, faults)
                    found.append(client)
    return Clients(found)


def _check(
    client: Client,
    document: Document,
    index: int,
    agencies: AgencyRegister,
    taken: dict[str, str],
    faults: Faults,
) -> None:
    path = ("clients", index)
    place = document.place(*path, "id")
    if not (client.keys or client.certificates or client.certificate_names):
        faults.add(
            place, f"{client.id!r} has no way to be known; add keys, certificates or certificate_names"
        )
    marks = [f"id {client.id}"]
    marks += [f"key {each}" for each in client.keys]
    marks += [f"certificate {each}" for each in (*client.certificates, *client.certificate_names)]
    for mark in marks:
        if mark in taken:
            what = mark.partition(" ")[0]
            faults.add(place, f"the {what} of {client.id!r} stands with {taken[mark]!r} already; keep one")
        taken[mark] = client.id
    for number, agency in enumerate(client.agencies):
        if agency != EVERY and agency not in agencies.by_id:
            faults.add(
                document.place(*path, "agencies", number),
                f"no agency of the register has the id {agency!r}; write an id, or add the agency",
            )
