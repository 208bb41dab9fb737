"""Policies from files, looked at as a whole: read, compiled and tested, with every fault told at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from schemas.agencies import AgencyRegister, load_agencies
from schemas.catalogue_files import load_catalogue
from schemas.policies import PolicySet, collect_policies, parse_policies
from schemas.settings import Settings
from schemas.yaml_file import Document, Fault, Faults, read_documents, read_sources
from streams.judge import collect_rules, compile_policies
from streams.policy_tests import TestResult, collect_events, run_policy_tests
from streams.rule_sql import Refused, compile_condition


def read_policies(paths: Sequence[Path], agencies: AgencyRegister) -> PolicySet:
    """Return the policies of these files and folders together, their SQL compiled.

    Raises:
        NotThere: there is no such file or folder.
        WrongUse: there are faults; the text has a line for each, with file, line, column and remedy.
    """
    sources = [source for path in paths for source in read_sources(path)]
    policies = parse_policies(sources, agencies)
    compile_policies(policies, agencies)
    return policies


def lint(paths: Sequence[Path], agencies: AgencyRegister) -> tuple[PolicySet | None, list[Fault]]:
    """Return the policies, or None and every fault that they have.

    Raises:
        NotThere: there is no such file or folder.
    """
    faults = Faults()
    sources = [source for path in paths for source in read_sources(path)]
    policies = collect_policies(sources, agencies, faults)
    collect_events(policies, agencies, faults)
    # Also of what cannot be read as a policy: a wrong word elsewhere must not hide what is wrong with a rule.
    for source in sources:
        for document in read_documents(source, Faults()):
            _lint_rules(document, faults)
    if not faults.found:
        collect_rules(policies, agencies, faults)
    return None if faults.found else policies, faults.told()


def run_tests(settings: Settings, policies: PolicySet, agencies: AgencyRegister) -> list[TestResult]:
    """Return the results of the policies' own tests, with the catalogue of the settings.

    Raises:
        WrongUse: a test's event is none, or a file has faults.
    """
    return run_policy_tests(policies, load_catalogue(settings.catalogue), agencies)


def agencies_of(settings: Settings) -> AgencyRegister:
    """Return the register of the settings."""
    return load_agencies(settings.agencies)


def _lint_rules(document: Document, faults: Faults) -> None:
    data = document.data if isinstance(document.data, dict) else {}
    rules = data.get("rules")
    for number, rule in enumerate(rules if isinstance(rules, list) else ()):
        for key in ("when", "unless") if isinstance(rule, dict) else ():
            if isinstance(rule.get(key), str):
                try:
                    compile_condition(rule[key])
                except Refused as error:
                    label = f"{data.get('policy')}/{rule.get('id')}"
                    faults.add(document.place("rules", number, key), f"rule {label}: {key} {error}")
