"""Which service a search used, by the host that it reached and the name that the client gave."""

from __future__ import annotations

from typing import Literal, NamedTuple

from schemas.catalogue import Catalogue, Provider
from schemas.service_name import MAX_NAME
from streams.hosts import HostMatcher, parse_endpoint
from streams.names import NameMatcher

Basis = Literal["host", "name", "none"]


class Service(NamedTuple):
    """The service of a search.

    `provider` is None where the catalogue has none. `host` is the endpoint's in normal form, whoever it is.
    `basis` says what decided. `conflict` is the id of the provider that the client's name gives where the
    host gives another. `weak` is whether what was seen says little.
    """

    provider: Provider | None
    host: str | None
    basis: Basis
    conflict: str | None
    weak: bool


class ServiceReader:
    """Reads services by a catalogue: the host decides over the name, and the disagreement is kept."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._by_id = catalogue.by_id
        self.hosts = HostMatcher(catalogue)
        self.names = NameMatcher(catalogue)

    def read(self, name: str, text: str) -> Service:
        """Return the service that a client's name and the endpoint that was reached stand for.

        Either may be empty. No text, however long or strange, raises.
        """
        # Enrichment parts the name from the endpoint by a NUL, so an endpoint has none there either.
        endpoint = parse_endpoint(text.replace("\0", " ")) if text else None
        reached = self.hosts.match(endpoint) if endpoint else None
        named = self._named(name)
        host = endpoint.host if endpoint else None
        provider_id = reached.provider_id if reached else named
        if provider_id is None:
            return Service(None, host, "none", None, weak=False)
        provider = self._by_id[provider_id]
        return Service(
            provider,
            host,
            "host" if reached else "name",
            named if named != provider_id else None,
            weak=reached.weak if reached else provider.strength == "weak",
        )

    def _named(self, name: str) -> str | None:
        """The provider that a name stands for; a name may be a host, such as `pimeyes.com`."""
        match = self.names.match(name)
        if match.provider_id or match.ambiguous or "." not in name or len(name) > MAX_NAME:
            return match.provider_id
        endpoint = parse_endpoint(name)
        host = self.hosts.match(endpoint) if endpoint else None
        return host.provider_id if host else None
