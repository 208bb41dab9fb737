"""The rules in force: catalogue, agencies and policies, compiled once and applied to batches."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from schemas.agencies import AgencyRegister, load_agencies
from schemas.catalogue import Catalogue
from schemas.catalogue_files import load_catalogue
from schemas.policies import PolicySet, load_policies
from schemas.settings import Settings
from streams.canaries import Canaries, find_canaries
from streams.columns import DECODED
from streams.enrich import Enricher
from streams.judge import Judge


class CompiledRules:
    """Enrich and judge with one version of everything, for good. `version` is that of the policies."""

    def __init__(self, enricher: Enricher, agencies: AgencyRegister, policies: PolicySet, key: bytes) -> None:
        self._enricher = enricher
        self._key = key
        self._judge = Judge(policies, agencies)
        self._version = pl.Series("policies_version", [policies.version])
        self.agencies = agencies
        self.policies = policies

    @property
    def version(self) -> str:
        """The version of the set of policies."""
        return self.policies.version

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that names providers."""
        return self._enricher.catalogue

    def with_policies(self, policies: PolicySet) -> CompiledRules:
        """Return rules with these policies and everything else the same, proved on a search.

        Raises:
            WrongUse: a rule's SQL was refused; the text has a line for each, with place and reason.
            RuleFailed: a rule cannot be run.
        """
        rules = CompiledRules(self._enricher, self.agencies, policies, self._key)
        rules.apply(_NOBODY, datetime.fromtimestamp(0, UTC))
        return rules

    def canaries(self, events: pl.DataFrame, detected_at: datetime) -> Canaries | None:
        """Return the canaries among decoded searches with their Kafka position; None where there are none."""
        return find_canaries(events, self._key, detected_at)

    def apply(self, events: pl.DataFrame, detected_at: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the rows for `searches` and the violations found in them; both with their Kafka position.

        A search names the policies that it was judged by: `policies_version`.
        """
        judged = self._judge.judge(self._enricher.enrich(events), detected_at)
        version = self._version.new_from_index(0, judged.searches.height)
        return judged.searches.hstack([version]), judged.violations


# A search that nobody made.
_NOBODY = pl.DataFrame(
    [
        {
            "event_id": bytes(16),
            "occurred_at": datetime.fromtimestamp(0, UTC),
            "evidence": "SEARCH",
            "source": "",
            "agency_id": "",
        }
    ],
    schema=DECODED,
)


def load_rules(settings: Settings) -> CompiledRules:
    """Return the rules of the files that the settings name.

    Raises:
        WrongUse: a file is not what it must be, or there is no pseudonym key; each fault with its place.
    """
    key = settings.require_key()
    agencies = load_agencies(settings.agencies)
    policies = load_policies(settings.policies, agencies)
    enricher = Enricher(load_catalogue(settings.catalogue), agencies, key)
    return CompiledRules(enricher, agencies, policies, key)
