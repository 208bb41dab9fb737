"""`frwatch policy`: lint, test, list, show and publish."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from schemas.agencies import AgencyRegister
from schemas.errors import FrwatchError, NotThere, WrongUse
from schemas.policies import Policy, PolicySet
from schemas.published import to_record
from schemas.settings import Settings, load_settings
from sinks.kafka.policy_log import write_policies
from sinks.kafka.topics import ensure_topics
from streams.in_force import Entry, changes, history, last_good
from streams.lint_report import print_faults
from streams.policy_files import agencies_of, lint, read_policies, run_tests

AsJson = Annotated[bool, Parameter("--json", negative=())]
# aiokafka tells of each broker that does not answer; the one line that a person needs is ours.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
SHORT = 12
"""Digits of a version that people are shown."""


def lint_command(*paths: Path, as_json: AsJson = False) -> int:
    """Say every fault of policies, with file, line, column and remedy; exit status 1 if there is one.

    Parameters
    ----------
    paths:
        Files and folders of policies, read as one set; FRWATCH_POLICIES where none is given.
    as_json:
        Print the faults as a JSON array of `file`, `line`, `column` and `text`.
    """
    settings = load_settings()
    policies, faults = lint(_paths(paths, settings), agencies_of(settings))
    rules = sum(len(policy.rules) for policy in policies or ())
    version = policies.version[:SHORT] if policies else ""
    fine = f"no faults: {len(policies or ())} policies, {rules} rules, version {version}"
    return print_faults(faults, fine, as_json=as_json)


def run_tests_command(*paths: Path, as_json: AsJson = False) -> int:
    """Run the tests that stand in policies; exit status 1 if one fails.

    Parameters
    ----------
    paths:
        Files and folders of policies, read as one set; FRWATCH_POLICIES where none is given.
    as_json:
        Print every test as JSON: `policy`, `test`, `place`, `passed`, `expected` and `found`.
    """
    settings = load_settings()
    agencies = agencies_of(settings)
    results = run_tests(settings, read_policies(_paths(paths, settings), agencies), agencies)
    failed = [result for result in results if not result.passed]
    if as_json:
        print(
            json.dumps(
                [
                    {
                        "policy": each.policy_id,
                        "test": each.name,
                        "place": str(each.place),
                        "passed": each.passed,
                        "expected": {"rules": each.expected, "certainty": each.expected_certainty},
                        "found": {"rules": each.found, "certainty": each.found_certainty},
                    }
                    for each in results
                ]
            )
        )
    else:
        for each in failed:
            print(each)
        print(f"{len(results)} tests, {len(failed)} failed")
    return 1 if failed else 0


def list_command(
    *, past: Annotated[bool, Parameter("--history", negative=())] = False, as_json: AsJson = False
) -> None:
    """List the policies in force: those published last, or those of the files where none were.

    Parameters
    ----------
    past:
        List what was published instead, oldest first, with what was refused.
    as_json:
        Print it as JSON.
    """
    settings = load_settings()
    agencies = agencies_of(settings)
    if past:
        _print_history(asyncio.run(history(settings, agencies)), as_json=as_json)
        return
    where, policies = _in_force(settings, agencies)
    if as_json:
        print(
            json.dumps({"from": where, "version": policies.version, "policies": [_told(p) for p in policies]})
        )
        return
    console = Console(highlight=False)
    console.print(f"in force: {where}, version {policies.version[:SHORT]}", markup=False)
    table = Table(box=None, pad_edge=False)
    for name in ("policy", "agencies", "from", "until", "rules", "version", "title"):
        table.add_column(name, overflow="fold", justify="right" if name == "rules" else "left")
    for policy in policies:
        told = _told(policy)
        bound = ", ".join(policy.agencies) if policy.agencies is not None else "*"
        row = (policy.id, bound, told["from"], told["until"] or "", str(len(policy.rules)))
        table.add_row(*map(escape, (*row, policy.version[:SHORT], policy.title)))
    console.print(table)


def show_command(policy: str, *, as_json: AsJson = False) -> None:
    """Show a policy in force, with all its versions: whom it binds, since when, and what each rule says.

    Parameters
    ----------
    policy:
        Its id, such as lapd-fr, or the beginning of its version.
    as_json:
        Print the canonical form of each version, which the version is the SHA-256 of.
    """
    settings = load_settings()
    _, policies = _in_force(settings, agencies_of(settings))
    found = [each for each in policies if each.id == policy]
    found = found or [each for each in policies if len(policy) >= 6 and each.version.startswith(policy)]
    if not found:
        known = ", ".join(sorted({each.id for each in policies}))
        raise WrongUse(f"no policy {policy!r} is in force; there are {known}")
    if as_json:
        print(json.dumps([{"version": each.version} | json.loads(each.canonical) for each in found]))
        return
    for each in found:
        print(_readable(each))


def publish_command(
    *paths: Path,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    again: Annotated[bool, Parameter(negative=())] = False,
    as_json: AsJson = False,
) -> int:
    """Put policies in force in every worker, within seconds and without a restart.

    They are linted and their tests run first; where one fails nothing is written and the exit status is 1.
    What is published is the whole set: a policy that is not in it is no longer in force.

    Parameters
    ----------
    paths:
        Files and folders of policies, read as one set; FRWATCH_POLICIES where none is given.
    dry_run:
        Say what would change and write nothing.
    again:
        Publish also where this very set is in force already.
    as_json:
        Print `version`, `offset` (null where nothing was written) and `changes` as JSON.
    """
    settings = load_settings()
    agencies = agencies_of(settings)
    policies = read_policies(_paths(paths, settings), agencies)
    failed = [result for result in run_tests(settings, policies, agencies) if not result.passed]
    if failed:
        lines = "\n".join(map(str, failed))
        raise FrwatchError(f"nothing was published: {len(failed)} of the policies' tests fail\n{lines}")
    key, value = to_record(policies, datetime.now(UTC))
    asyncio.run(ensure_topics(settings))
    before = last_good(asyncio.run(history(settings, agencies)))
    made = changes(before.policies if before else PolicySet(()), policies)
    same = before is not None and before.version == policies.version
    offset = None
    if not dry_run and (again or not same):
        offset = asyncio.run(write_policies(settings, key, value))
    if as_json:
        told = [{"policy": policy_id, "change": change} for change, policy_id in made]
        print(json.dumps({"version": policies.version, "offset": offset, "changes": told}))
        return 0
    for change, policy_id in made:
        print(f"{change} {policy_id}")
    if offset is not None:
        print(f"published version {policies.version[:SHORT]} at offset {offset}; see `frwatch status`")
    elif same:
        print(f"version {policies.version[:SHORT]} is in force already; nothing was written")
    else:
        print(f"would publish version {policies.version[:SHORT]}; nothing was written")
    return 0


def _paths(paths: tuple[Path, ...], settings: Settings) -> list[Path]:
    return list(paths) or [settings.policies]


def _in_force(settings: Settings, agencies: AgencyRegister) -> tuple[str, PolicySet]:
    try:
        published = last_good(asyncio.run(history(settings, agencies)))
    except NotThere as error:
        # A reader at a desk may have the files and no broker; what they see must not pass for the other.
        print(f"frwatch: {error}; what follows is what the files say", file=sys.stderr)
        return f"the files at {settings.policies}", read_policies([settings.policies], agencies)
    if published is None:
        return f"the files at {settings.policies}", read_policies([settings.policies], agencies)
    return f"published at {published.at:%Y-%m-%d %H:%M:%S} UTC", published.policies


def _told(policy: Policy) -> dict[str, Any]:
    period = policy.effective.model_dump(mode="json", by_alias=True)
    return {
        "policy": policy.id,
        "title": policy.title,
        "agencies": list(policy.agencies) if policy.agencies is not None else "*",
        "from": period["from"],
        "until": period["until"],
        "rules": [rule.id for rule in policy.rules],
        "version": policy.version,
    }


def _readable(policy: Policy) -> str:
    told = _told(policy)
    until = f", until {told['until']}" if told["until"] else ""
    bound = "every agency" if policy.agencies is None else ", ".join(policy.agencies)
    lines = [f"{policy.id}: {policy.title}", f"  binds {bound}, from {told['from']}{until}"]
    lines.append(f"  version {policy.version}")
    for rule in policy.rules:
        lines += ["", f"  {rule.id} ({rule.severity}): {rule.title}", f"    when    {_indented(rule.when)}"]
        if rule.unless:
            lines.append(f"    unless  {_indented(rule.unless)}")
        if rule.subject != "agency_id":
            lines.append(f"    binds the agency in {rule.subject}")
        if rule.certainty != "CONFIRMED":
            lines.append(f"    never more certain than {rule.certainty}")
        cites = (rule.cites,) if isinstance(rule.cites, str) else rule.cites or ()
        lines += [f"    cites   {' '.join(cite.split())}" for cite in cites]
    return "\n".join(lines) + "\n"


def _indented(sql: str) -> str:
    return "\n            ".join(line.strip() for line in sql.strip().splitlines())


def _print_history(entries: list[Entry], *, as_json: bool) -> None:
    if as_json:
        told = [
            {
                "offset": each.offset,
                "written_at": each.written_at.isoformat(),
                "version": each.published.version if each.published else None,
                "refused": each.refused,
            }
            for each in entries
        ]
        print(json.dumps(told))
        return
    if not entries:
        print("nothing was published; the files are in force")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("offset", "written (UTC)", "version", "policies"):
        table.add_column(name, justify="right" if name == "offset" else "left", overflow="fold")
    for each in entries:
        said = f"refused: {(each.refused or '').splitlines()[0]}" if each.refused else ""
        policies = ", ".join(sorted({p.id for p in each.published.policies})) if each.published else said
        version = each.published.version[:SHORT] if each.published else ""
        table.add_row(str(each.offset), f"{each.written_at:%Y-%m-%d %H:%M:%S}", version, escape(policies))
    Console(highlight=False).print(table)
