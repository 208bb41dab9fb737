r"""Whose user, device or address it is: a file that maps what logs know to agency and officer.

    identities:
      - {proxy_user: "LAPD\\s4711", agency: lapd, officer: S4711, unit: RHD}
      - {device: RHD-WS-042, agency: lapd, officer: S4712}
      - {cidr: 10.20.0.0/16, agency: lapd}

A user of the proxy decides before any user, that before a device, that before the longest network. What the
one that decides leaves out is nobody's: only the agency is taken from the network where the entry has none.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.yaml_file import Faults, Source, build_model, items, read_documents, read_sources

UNKNOWN_AGENCY = "unknown"
"""The agency of whom neither the identity file nor `--agency` has one."""
Basis = Literal["proxy_user", "user", "device", "cidr", "none"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ValueError(f"{error}; write one such as 10.20.0.0/16") from None


Name = Annotated[str, Field(min_length=1, max_length=256)]


class Identity(BaseModel):
    """One entry: exactly one of `proxy_user`, `user`, `device` and `cidr`, and whom it stands for.

    An officer by network is only taken for a single address: a network is many people's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    proxy_user: Name | None = None
    user: Name | None = None
    device: Name | None = None
    cidr: Annotated[str, AfterValidator(_network)] | None = None
    agency: Name | None = None
    officer: Name | None = None
    unit: Name | None = None

    @property
    def key(self) -> tuple[Basis, str]:
        """By what it is found: case and surrounding blanks say nothing."""
        for basis in ("proxy_user", "user", "device", "cidr"):
            text: str | None = getattr(self, basis)
            if text is not None:
                return basis, _folded(text)
        return "none", ""

    @model_validator(mode="after")
    def _check(self) -> Identity:
        given = [each for each in (self.proxy_user, self.user, self.device, self.cidr) if each is not None]
        if len(given) != 1:
            raise ValueError("has none or several of proxy_user, user, device and cidr; write exactly one")
        if self.agency is None and self.officer is None:
            raise ValueError("names neither agency nor officer; name one")
        if (
            self.cidr is not None
            and self.officer is not None
            and ipaddress.ip_network(self.cidr).num_addresses > 1
        ):
            raise ValueError(f"{self.cidr} is many addresses, and the officer one person; leave one out")
        return self


class Person(NamedTuple):
    """Who it was, as far as it is known, and by what."""

    agency: str
    officer: str | None
    unit: str | None
    basis: Basis


class Identities:
    """Finds persons; `agency` is the one of whom the file has nobody."""

    def __init__(self, entries: Iterable[Identity] = (), agency: str | None = None) -> None:
        self._agency = agency or UNKNOWN_AGENCY
        self._by_key: dict[tuple[Basis, str], Identity] = {}
        networks: list[tuple[Network, Identity]] = []
        for entry in entries:
            if entry.cidr is not None:
                networks.append((ipaddress.ip_network(entry.cidr), entry))
            else:
                self._by_key[entry.key] = entry
        self._networks = sorted(networks, key=lambda each: -each[0].prefixlen)

    def find(
        self,
        *,
        proxy_user: str | None = None,
        user: str | None = None,
        devices: Iterable[str] = (),
        client_ip: str | None = None,
    ) -> Person:
        """Return who it was; an agency is always named."""
        network = self._network(client_ip)
        names: list[tuple[Basis, str | None]] = [("proxy_user", proxy_user), ("user", user)]
        for basis in ("device", "user"):
            names += [(basis, each) for each in devices]
        for basis, name in names:
            entry = self._by_key.get((basis, _folded(name))) if name else None
            if entry is not None:
                agency = entry.agency or (network.agency if network else None) or self._agency
                return Person(agency, entry.officer, entry.unit, basis)
        if network is not None:
            return Person(network.agency or self._agency, network.officer, network.unit, "cidr")
        return Person(self._agency, None, None, "none")

    def _network(self, text: str | None) -> Identity | None:
        if not text or not self._networks:
            return None
        address = ipaddress.ip_address(text)
        return next((entry for network, entry in self._networks if address in network), None)


def load_identities(path: Path | None, agency: str | None = None) -> Identities:
    """Return the identities of a YAML file or folder; nobody where there is none.

    Raises:
        NotThere: there is no such file or folder.
        WrongUse: it has faults; the text has a line for each, with file, line, column and remedy.
    """
    return parse_identities(read_sources(path), agency) if path else Identities(agency=agency)


def parse_identities(sources: Iterable[Source], agency: str | None = None) -> Identities:
    """Return the identities in the sources; see `load_identities`."""
    faults = Faults()
    found: dict[tuple[Basis, str], Identity] = {}
    for source in sources:
        for document in read_documents(source, faults):
            if isinstance(document.data, Mapping):
                for key in document.data.keys() - {"identities"}:
                    faults.add(document.place_of_key(key), f"unknown key {key!r}; known are identities")
            for index in items(document, "identities", faults):
                entry = build_model(Identity, document, ("identities", index), faults)
                if entry is None:
                    continue
                if entry.key in found:
                    faults.add(
                        document.place("identities", index), f"{entry.key[0]} is there twice; keep one"
                    )
                found[entry.key] = entry
    faults.raise_any()
    return Identities(found.values(), agency)


def _folded(text: str) -> str:
    return text.strip().casefold()
