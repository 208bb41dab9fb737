"""Policies that are published: in force everywhere at once, and each search judged by one version."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from schemas.agencies import load_agencies
from schemas.policies import load_policies
from tests.integration.test_whole_way import fresh, ids_stored, stored
from tests.streams.conftest import MakeSearch
from tests.support.worker import Stack, until

NO_BURGLARY = """
policy: no-burglary
title: Not for burglaries
agencies: "*"
effective: {from: 2000-01-01}
rules:
  - {id: burglary, title: A search about a burglary, severity: LOW, when: "crime_type = 'burglary'"}
tests:
  - {name: a burglary is found, event: {crime_type: burglary}, expect: [burglary]}
"""


def frwatch(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        env=stack.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def published(stack: Stack, *arguments: str) -> Any:
    done = frwatch(stack, "policy", "publish", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_force(stack: Stack) -> set[str]:
    return {sign["policies"] for sign in stack.signs()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "policies"
    made.mkdir()
    (made / "no-burglary.yaml").write_text(NO_BURGLARY)
    return made


def test_every_worker_takes_what_is_published_and_each_search_names_its_version(
    stack: Stack, make_search: MakeSearch, folder: Path
) -> None:
    count = 12_000
    values = [make_search(crime_type="burglary") for _ in range(count)]
    for _ in range(2):
        stack.start_worker()
    (files,) = in_force(stack)

    def feed() -> None:
        for start in range(0, count, 2_000):
            stack.produce("searches", values[start : start + 2_000])

    feeding = threading.Thread(target=feed)
    feeding.start()
    until(
        lambda: stack.scalar("SELECT count() FROM frwatch.searches_raw WHERE kafka_topic = {topic}"), "rows"
    )
    version = published(stack, str(folder))["version"]
    until(lambda: in_force(stack) == {version}, "both workers run it", 5)
    feeding.join()
    stack.produce("searches", [make_search(crime_type="burglary")])
    until(lambda: stored(stack, count + 1), "every search is there, once")
    judged = dict(
        stack.query(
            "SELECT policies_version, (count(), countIf(has(broken_rules, 'no-burglary/burglary')))"
            " FROM frwatch.searches WHERE kafka_topic = {topic} GROUP BY 1"
        )
    )
    assert judged.keys() == {files, version}
    assert judged[files][1] == 0
    assert judged[version][0] == judged[version][1] > 0
    assert judged[files][0] + judged[version][0] == count + 1
    found = stack.scalar(
        "SELECT count() FROM frwatch.violations WHERE kafka_topic = {topic} AND policy_id = 'no-burglary'"
    )
    assert found == judged[version][1]
    _refuse_what_is_bad(stack, make_search, version)


def _refuse_what_is_bad(stack: Stack, make_search: MakeSearch, version: str) -> None:
    """A bad record is refused and said, and the rules in force stay, also for a worker that starts."""
    stack.produce("policies", [b'{"format": 1, "policies": []}', b"\xff\x00", None], key=b"any")
    until(lambda: all(sign["refused"] for sign in stack.signs()), "the worker says that it refused it", 10)
    assert in_force(stack) == {version}
    ids = fresh(1)
    stack.produce("searches", [make_search(event_id=ids[0], crime_type="burglary")])
    until(lambda: ids_stored(stack, ids), "the search is judged")
    sql = f"SELECT broken_rules, policies_version FROM frwatch.searches WHERE event_id = '{ids[0]}'"
    assert stack.query(sql) == [(["no-burglary/burglary"], version)]
    stack.start_worker()
    newest = max(stack.signs(), key=lambda sign: str(sign["started_at"]))
    assert newest["policies"] == version, "a bad record at the end does not hide the good one before it"
    history = json.loads(frwatch(stack, "policy", "list", "--history", "--json").stdout)
    assert [bool(entry["refused"]) for entry in history] == [False, True, True, True]


def test_what_fails_its_own_tests_is_not_published(stack: Stack, folder: Path) -> None:
    file = folder / "no-burglary.yaml"
    file.write_text(file.read_text().replace("expect: [burglary]", "expect: []"))
    done = frwatch(stack, "policy", "publish", str(folder))
    assert done.returncode == 1
    assert "expected nothing, found burglary" in done.stderr
    file.write_text("policy: [")
    assert frwatch(stack, "policy", "publish", str(folder)).returncode == 2
    assert json.loads(frwatch(stack, "policy", "list", "--history", "--json").stdout) == []


@pytest.mark.slow
def test_publishing_says_what_changes_and_the_same_set_is_not_written_twice(
    stack: Stack, folder: Path
) -> None:
    assert published(stack, str(folder), "--dry-run")["offset"] is None
    first = published(stack, str(folder))
    assert first["changes"] == [{"policy": "no-burglary", "change": "added"}]
    assert published(stack, str(folder)) == {"version": first["version"], "offset": None, "changes": []}
    shipped = published(stack)
    assert {(each["change"], each["policy"]) for each in shipped["changes"]} == {
        ("removed", "no-burglary"),
        ("added", "lapd-fr"),
        ("added", "statewide"),
    }
    settings = stack.settings()
    listed = json.loads(frwatch(stack, "policy", "list", "--json").stdout)
    assert listed["version"] == load_policies(settings.policies, load_agencies(settings.agencies)).version


@pytest.mark.slow
def test_what_diff_says_is_what_replaying_finds(
    stack: Stack, make_search: MakeSearch, folder: Path, tmp_path: Path
) -> None:
    source = f"diff-{stack.prefix}"
    file = folder / "no-burglary.yaml"
    text = (
        file.read_text().split("tests:")[0].replace("crime_type =", f"source = '{source}' AND crime_type =")
    )
    file.write_text(text)
    version = published(stack, str(folder))["version"]
    stack.start_worker()

    def play() -> list[bool]:
        """Send the same searches, under ids of their own, and return which of them break the rule."""
        ids = fresh(40)
        fields = [
            {"crime_type": "fraud" if i % 4 else "burglary", "unit": "x" if i % 3 else "y", "source": source}
            for i in range(len(ids))
        ]
        both = zip(ids, fields, strict=True)
        stack.produce("searches", [make_search(event_id=id_, **each) for id_, each in both])
        until(lambda: ids_stored(stack, ids), "the searches are judged")
        known = ", ".join(map(repr, ids))
        sql = f"SELECT event_id FROM frwatch.violations WHERE rule_id = 'burglary' AND event_id IN ({known})"
        found = {str(row[0]) for row in stack.query(sql)}
        return [id_ in found for id_ in ids]

    before = play()
    other = tmp_path / "other.yaml"
    other.write_text(text.replace("'burglary'", "'fraud' AND unit = 'x'"))
    done = frwatch(stack, "policy", "diff", version[:12], str(other), "--since", "1990-01-01", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)["rules"]["no-burglary/burglary"]
    new_version = published(stack, str(other))["version"]
    until(lambda: in_force(stack) == {new_version}, "the worker runs the others", 10)
    after = play()
    pairs = list(zip(before, after, strict=True))
    assert said == {
        "before": sum(before),
        "after": sum(after),
        "appears": pairs.count((False, True)),
        "vanishes": pairs.count((True, False)),
        "changes": 0,
    }
    assert said["appears"] > 0 < said["vanishes"]
