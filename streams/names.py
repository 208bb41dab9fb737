"""Which provider a name stands for, as a client writes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from schemas.catalogue import Catalogue
from schemas.service_name import MAX_NAME, as_written, match_form, service_key


class NameMatch(NamedTuple):
    """What a name says: the provider that it names, if one; `ambiguous` where it names several."""

    provider_id: str | None
    ambiguous: bool = False


class NameMatcher:
    """Matches names after NFKC, case folding and dropping punctuation and company suffixes.

    A name that would lose what tells services apart (`Face++`) matches only as it is written; one that
    several services share decides nothing.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._forms = {match_form(name): provider.id for provider in catalogue for name in provider.names}
        self._ambiguous = _both_forms(catalogue.ambiguous_names)

    def match(self, name: str) -> NameMatch:
        """Return what a name says; a name of more than `MAX_NAME` characters says nothing."""
        if len(name) > MAX_NAME:
            return NameMatch(None)
        written = "=" + as_written(name)
        if written in self._ambiguous:
            return NameMatch(None, ambiguous=True)
        if written in self._forms:
            return NameMatch(self._forms[written])
        key = service_key(name)
        if key in self._ambiguous:
            return NameMatch(None, ambiguous=True)
        return NameMatch(self._forms.get(key))


def _both_forms(names: Iterable[str]) -> frozenset[str]:
    return frozenset(form for name in names for form in (service_key(name), "=" + as_written(name)))
