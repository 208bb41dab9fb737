"""References: what policies, rules, providers and agencies were, as of each version that rows name.

They are written before any row that names them, so whoever reads a search finds the rules that judged it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import polars as pl

from schemas.agencies import AgencyRegister
from schemas.catalogue import Catalogue
from schemas.policies import Policy, PolicySet
from sinks.clickhouse.writer import Writer

Tables = Mapping[str, pl.DataFrame]
_UTC = pl.Datetime("us", "UTC")
_TEXT, _TEXTS = pl.String(), pl.List(pl.String)


class References:
    """Versions that are to be in the tables. `note` each that rows may name; `write` before such rows."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._noted: set[str] = set()
        self._owed: list[tuple[str, Tables]] = []

    def note(self, policies: PolicySet, catalogue: Catalogue, agencies: AgencyRegister) -> None:
        """Say that rows may name these versions."""
        for token, tables in (
            (f"policies:{policies.version}", policy_tables(policies)),
            (f"bindings:{policies.version}:{agencies.version}", binding_tables(policies, agencies)),
            (f"catalogue:{catalogue.version}", catalogue_tables(catalogue)),
            (f"agencies:{agencies.version}", agency_tables(agencies)),
        ):
            if token not in self._noted:
                self._noted.add(token)
                self._owed.append((token, tables))

    def note_in_force(
        self, policies: PolicySet, catalogue: Catalogue, agencies: AgencyRegister, at: datetime
    ) -> None:
        """Say that these are in force from now on; `at` is UTC."""
        self.note(policies, catalogue, agencies)
        versions = [policies.version, catalogue.version, agencies.version]
        row = dict(zip(_VERSIONS, [at, *versions], strict=True))
        token = f"in-force:{at.isoformat()}:{':'.join(versions)}"
        self._owed.append((token, {"versions_in_force": pl.DataFrame([row], schema=_VERSIONS)}))

    async def write(self) -> None:
        """Write what was noted and is not written yet, in order.

        Raises:
            TimeoutError, OSError, clickhouse_connect's errors: what could not be written stays noted.
        """
        while self._owed:
            owed = self._owed[0]
            token, tables = owed
            await self._writer.write(tables, token)
            # Another call may have written the same meanwhile; what was noted stands behind it.
            if self._owed and self._owed[0] is owed:
                del self._owed[0]


def policy_tables(policies: PolicySet) -> Tables:
    """Return the rows that say what the policies of a set are, by table."""
    return {
        "policy_sets": _frame(_POLICY_SETS, ((policies.version, each.id, each.version) for each in policies)),
        "policies": _frame(_POLICIES, map(_policy, policies)),
        "rules": _frame(_RULES, (row for each in policies for row in _rules(each))),
    }


def binding_tables(policies: PolicySet, agencies: AgencyRegister) -> Tables:
    """Return the rows that say which agencies of a register the policies bind, and when."""
    return {
        "policy_bindings": _frame(_BINDINGS, (row for each in policies for row in _binds(each, agencies)))
    }


def catalogue_tables(catalogue: Catalogue) -> Tables:
    """Return the rows that say what the services of a catalogue are."""
    rows = (
        (
            catalogue.version,
            each.id,
            each.name,
            each.provider_class,
            each.operator,
            each.operator_agency,
            each.software_vendor,
            each.gallery,
            list(each.gallery_kinds),
            [host.host for host in each.hosts],
            list(each.aliases),
            each.strength,
            each.status,
            each.as_of,
            [cited.source for cited in each.sources],
            each.confidence,
            each.note,
        )
        for each in catalogue
    )
    return {"providers": _frame(_PROVIDERS, rows)}


def agency_tables(agencies: AgencyRegister) -> Tables:
    """Return the rows that say what the agencies of a register are."""
    rows = (
        (
            agencies.version,
            each.id,
            each.name,
            list(each.aliases),
            each.ori,
            list(each.domains),
            each.timezone,
            each.parent,
        )
        for each in agencies
    )
    return {"agencies": _frame(_AGENCIES, rows)}


def _policy(policy: Policy) -> tuple[Any, ...]:
    until = policy.effective.until
    return (
        policy.version,
        policy.id,
        policy.title,
        ["*"] if policy.agencies is None else list(policy.agencies),
        policy.effective.start.isoformat(),
        None if until is None else until.isoformat(),
        [rule.id for rule in policy.rules],
    )


def _rules(policy: Policy) -> Iterator[tuple[Any, ...]]:
    for rule in policy.rules:
        cites = (rule.cites,) if isinstance(rule.cites, str) else rule.cites or ()
        yield (
            policy.version,
            rule.id,
            policy.id,
            rule.title,
            rule.severity,
            rule.when,
            rule.unless,
            rule.subject,
            rule.certainty,
            list(cites),
        )


def _binds(policy: Policy, agencies: AgencyRegister) -> Iterator[tuple[Any, ...]]:
    # Of a policy for all, strangers are bound too: by the register's default zone.
    bound = ["", *agencies.by_id] if policy.agencies is None else policy.agencies
    for agency_id in bound:
        start, until = policy.effective.bounds(agencies.timezone(agency_id))
        yield agencies.version, policy.version, agency_id, policy.id, start, until


def _frame(schema: Mapping[str, Any], rows: Iterator[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(schema), orient="row")


_POLICY_SETS = {"policies_version": _TEXT, "policy_id": _TEXT, "policy_version": _TEXT}
_POLICIES = {
    "policy_version": _TEXT,
    "policy_id": _TEXT,
    "title": _TEXT,
    "agencies": _TEXTS,
    "effective_from": _TEXT,
    "effective_until": _TEXT,
    "rules": _TEXTS,
}
_RULES = {
    "policy_version": _TEXT,
    "rule_id": _TEXT,
    "policy_id": _TEXT,
    "title": _TEXT,
    "severity": _TEXT,
    "when_sql": _TEXT,
    "unless_sql": _TEXT,
    "subject": _TEXT,
    "most_certain": _TEXT,
    "cites": _TEXTS,
}
_BINDINGS = {
    "agencies_version": _TEXT,
    "policy_version": _TEXT,
    "agency_id": _TEXT,
    "policy_id": _TEXT,
    "in_force_from": _UTC,
    "in_force_until": _UTC,
}
_PROVIDERS = {
    "catalogue_version": _TEXT,
    "provider_id": _TEXT,
    "name": _TEXT,
    "provider_class": _TEXT,
    "operator": _TEXT,
    "operator_agency_id": _TEXT,
    "software_vendor": _TEXT,
    "gallery": _TEXT,
    "gallery_kinds": _TEXTS,
    "hosts": _TEXTS,
    "aliases": _TEXTS,
    "evidence_strength": _TEXT,
    "status": _TEXT,
    "as_of": _TEXT,
    "sources": _TEXTS,
    "confidence": _TEXT,
    "note": _TEXT,
}
_AGENCIES = {
    "agencies_version": _TEXT,
    "agency_id": _TEXT,
    "name": _TEXT,
    "aliases": _TEXTS,
    "ori": _TEXT,
    "domains": _TEXTS,
    "timezone": _TEXT,
    "parent_id": _TEXT,
}
_VERSIONS = {
    "in_force_at": _UTC,
    "policies_version": _TEXT,
    "catalogue_version": _TEXT,
    "agencies_version": _TEXT,
}
