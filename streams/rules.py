"""The rules in force: catalogue, agencies and policies, compiled once and applied to batches."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from schemas.agencies import load_agencies
from schemas.catalogue import load_catalogue
from schemas.policies import load_policies
from schemas.settings import Settings
from streams.enrich import Enricher
from streams.judge import Judge


class CompiledRules:
    """Enrich and judge with one version of everything. `version` is that of the policies."""

    def __init__(self, enricher: Enricher, judge: Judge, version: str) -> None:
        self._enricher = enricher
        self._judge = judge
        self.version = version

    def apply(self, events: pl.DataFrame, detected_at: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the rows for `searches` and the violations found in them; both with their Kafka position."""
        judged = self._judge.judge(self._enricher.enrich(events), detected_at)
        return judged.searches, judged.violations


def load_rules(settings: Settings) -> CompiledRules:
    """Return the rules of the files that the settings name.

    Raises:
        WrongUse: a file is not what it must be, or there is no pseudonym key; each fault with its place.
    """
    key = settings.require_key()
    agencies = load_agencies(settings.agencies)
    policies = load_policies(settings.policies, agencies)
    enricher = Enricher(load_catalogue(settings.catalogue), agencies, key)
    return CompiledRules(enricher, Judge(policies, agencies), policies.version)
