"""Policies from files, looked at as a whole: read, compiled and tested, with every fault told at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.agencies import AgencyRegister, load_agencies
from schemas.catalogue_files import load_catalogue
from schemas.errors import WrongUse
from schemas.policies import PolicySet, collect_policies, parse_policies
from schemas.settings import Settings
from schemas.yaml_file import Document, Faults, read_documents, read_sources
from streams.judge import compile_policies
from streams.policy_tests import TestResult, collect_events, run_policy_tests
from streams.rule_sql import Refused, compile_condition

_PLACED = re.compile(r"(?P<file>.+?):(?P<line>\d+):(?P<column>\d+): (?P<text>.+)", re.S)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a file: line and column count from 1 and are 0 where the fault has no place."""

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.text}" if self.line else self.text


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
    try:
        faults.raise_any()
        compile_policies(policies, agencies)
    except WrongUse as error:
        return None, [_fault(line) for line in str(error).splitlines()]
    return policies, []


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


def _fault(line: str) -> Fault:
    placed = _PLACED.fullmatch(line)
    if placed is None:
        return Fault("", 0, 0, line)
    return Fault(placed["file"], int(placed["line"]), int(placed["column"]), placed["text"])
