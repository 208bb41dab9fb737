r"""Whose user, device or address it is: a file that maps what logs know to agency and officer.

    identities:
      - {proxy_user: "LAPD\\s4711", agency: lapd, officer: S4711, unit: RHD}
      - {device: RHD-WS-042, agency: lapd, officer: S4712}
      - {cidr: 10.20.0.0/16, agency: lapd, until: 2026-03-01}
      - {cidr: 10.20.0.0/16, agency: lasd, from: 2026-03-01, timezone: America/Los_Angeles}

An entry holds from the moment `from` on and before `until`, by the time of the line and not of the import. A
date is midnight in `timezone`, which is the agency's own where it is left out.

A user of the proxy decides before any user, that before a device, that before the longest network. What the
one that decides leaves out is nobody's: only the agency is taken from the network where the entry has none.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.agencies import DEFAULT_TIMEZONE, AgencyRegister, TimeZone
from schemas.policies import EARLIEST_YEAR, Effective, Moment
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
    start: Moment | None = Field(default=None, alias="from")
    until: Moment | None = None
    timezone: TimeZone | None = None

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


class Spell(NamedTuple):
    """An entry and when it holds, in microseconds since 1970, UTC: from `start` on and before `end`."""

    entry: Identity
    start: float
    end: float

    def holds(self, moment: int | None) -> bool:
        """Whether it holds at a moment; at one that nobody knows only what always holds does."""
        if moment is None:
            return self.start == -math.inf and self.end == math.inf
        return self.start <= moment < self.end


def spell_of(entry: Identity, agencies: AgencyRegister | None, agency: str | None = None) -> Spell:
    """Return when an entry holds; `agency` is that of an entry that names none."""
    if entry.start is None and entry.until is None:
        return Spell(entry, -math.inf, math.inf)
    found = agencies.resolve(entry.agency or agency) if agencies is not None else None
    zone = ZoneInfo(
        entry.timezone
        or (found.timezone if found else agencies.default_timezone if agencies else DEFAULT_TIMEZONE)
    )
    effective = Effective.model_validate(
        {"from": entry.start or date(EARLIEST_YEAR, 1, 1), "until": entry.until}
    )
    start, end = effective.bounds(zone)
    return Spell(
        entry,
        -math.inf if entry.start is None else start.timestamp() * 1e6,
        math.inf if end is None else end.timestamp() * 1e6,
    )


class Identities:
    """Finds persons; `agency` is the one of whom the file has nobody, `agencies` know their time zones."""

    def __init__(
        self,
        entries: Iterable[Identity] = (),
        agency: str | None = None,
        agencies: AgencyRegister | None = None,
    ) -> None:
        self._agency = agency or UNKNOWN_AGENCY
        self._by_key: dict[tuple[Basis, str], list[Spell]] = {}
        networks: list[tuple[Network, Spell]] = []
        for entry in entries:
            spell = spell_of(entry, agencies, agency)
            if entry.cidr is not None:
                networks.append((ipaddress.ip_network(entry.cidr), spell))
            else:
                self._by_key.setdefault(entry.key, []).append(spell)
        self._networks = sorted(networks, key=lambda each: -each[0].prefixlen)

    def find(
        self,
        *,
        proxy_user: str | None = None,
        user: str | None = None,
        devices: Iterable[str] = (),
        client_ip: str | None = None,
        moment: int | None = None,
    ) -> Person:
        """Return who it was at a moment, microseconds since 1970, UTC; an agency is always named."""
        network = self._network(client_ip, moment)
        names: list[tuple[Basis, str | None]] = [("proxy_user", proxy_user), ("user", user)]
        for basis in ("device", "user"):
            names += [(basis, each) for each in devices]
        for basis, name in names:
            spells = self._by_key.get((basis, _folded(name)), []) if name else []
            entry = next((spell.entry for spell in spells if spell.holds(moment)), None)
            if entry is not None:
                agency = entry.agency or (network.agency if network else None) or self._agency
                return Person(agency, entry.officer, entry.unit, basis)
        if network is not None:
            return Person(network.agency or self._agency, network.officer, network.unit, "cidr")
        return Person(self._agency, None, None, "none")

    def _network(self, text: str | None, moment: int | None) -> Identity | None:
        if not text or not self._networks:
            return None
        address = ipaddress.ip_address(text)
        held = (
            spell.entry for network, spell in self._networks if address in network and spell.holds(moment)
        )
        return next(held, None)


def load_identities(
    path: Path | None, agency: str | None = None, agencies: AgencyRegister | None = None
) -> Identities:
    """Return the identities of a YAML file or folder; nobody where there is none.

    Raises:
        NotThere: there is no such file or folder.
        WrongUse: it has faults; the text has a line for each, with file, line, column and remedy.
    """
    return parse_identities(read_sources(path), agency, agencies) if path else Identities(agency=agency)


def parse_identities(
    sources: Iterable[Source], agency: str | None = None, agencies: AgencyRegister | None = None
) -> Identities:
    """Return the identities in the sources; see `load_identities`."""
    faults = Faults()
    found: dict[tuple[Basis, str], list[Spell]] = {}
    for source in sources:
        for document in read_documents(source, faults):
            if isinstance(document.data, Mapping):
                for key in document.data.keys() - {"identities"}:
                    faults.add(document.place_of_key(key), f"unknown key {key!r}; known are identities")
            for index in items(document, "identities", faults):
                entry = build_model(Identity, document, ("identities", index), faults)
                if entry is None:
                    continue
                spell = spell_of(entry, agencies, agency)
                if spell.start >= spell.end:
                    faults.add(document.place("identities", index), "until is not after from; it never holds")
                same = found.setdefault(entry.key, [])
                if any(spell.start < other.end and other.start < spell.end for other in same):
                    why = f"{entry.key[0]} is there twice for one time; keep one, or part their times"
                    faults.add(document.place("identities", index), why)
                same.append(spell)
    faults.raise_any()
    entries = [spell.entry for spells in found.values() for spell in spells]
    return Identities(entries, agency, agencies)


def _folded(text: str) -> str:
    return text.strip().casefold()
