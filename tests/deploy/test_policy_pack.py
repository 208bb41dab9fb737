from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.cli import main
from schemas.catalogue_files import load_catalogue
from schemas.settings import Settings
from streams.enrich import Enricher
from streams.judge import Judge
from streams.policy_files import agencies_of, read_policies, run_tests
from tests.streams.searches import KEY, searches

SETTINGS = Settings()
PACK = SETTINGS.policies / "pack"
AGENCIES = agencies_of(SETTINGS)
ALL = read_policies([SETTINGS.policies, PACK], AGENCIES)
RESULTS = run_tests(SETTINGS, ALL, AGENCIES)


def broken(**event: Any) -> list[str]:
    enricher = Enricher(load_catalogue(SETTINGS.catalogue), AGENCIES, KEY)
    frame = enricher.enrich(searches([{"occurred_at": datetime(2023, 6, 1, tzinfo=UTC), **event}]))
    labels: list[str] = (
        Judge(ALL, AGENCIES)
        .judge(frame, datetime.fromtimestamp(0, UTC))
        .searches["broken_rules"]
        .to_list()[0]
    )
    return labels


def test_every_test_of_the_pack_holds_beside_the_shipped_policies() -> None:
    assert [str(result) for result in RESULTS if not result.passed] == []


def test_the_pack_is_a_choice_and_not_the_default() -> None:
    shipped = {policy.id for policy in read_policies([SETTINGS.policies], AGENCIES)}
    assert shipped == {"lapd-fr", "statewide"}
    assert {policy.id for policy in ALL} > shipped


def test_every_rule_of_the_pack_says_where_it_comes_from_and_has_a_test_that_breaks_it() -> None:
    pack = read_policies([PACK], AGENCIES)
    assert [f"{p.id}/{rule.id}" for p in pack for rule in p.rules if not rule.cites] == []
    proven = {(result.policy_id, rule) for result in RESULTS for rule in result.found}
    assert {(p.id, rule.id) for p in pack for rule in p.rules} <= proven


def test_every_file_of_the_pack_is_one_policy_with_tests_of_what_it_allows() -> None:
    for file in sorted(PACK.glob("*.yaml")):
        [policy] = read_policies([file], AGENCIES)
        assert file.stem == policy.id
        assert len(policy.tests) >= 8
        assert sum(not test.expect for test in policy.tests) >= 3


def test_the_same_search_is_forbidden_to_one_agency_and_allowed_to_another() -> None:
    search = {
        "provider": "LACRIS",
        "requesting_agency_id": "Glendale PD",
        "request_ref": "form 12",
        "case_number": "23-1",
        "crime_type": "robbery",
        "approved_by": "P-7",
        "training_cert": "C-1",
    }
    assert broken(agency_id="lapd", **search) == ["lapd-fr/outside-agency"]
    assert broken(agency_id="lbpd", **search) == []


def test_a_search_that_another_ran_for_the_lapd_is_its_and_a_search_for_another_is_not() -> None:
    lawful = {
        "case_number": "23-1",
        "crime_type": "robbery",
        "approved_by": "P-7",
        "provider": "Clearview AI",
    }
    assert broken(agency_id="lasd", requesting_agency_id="LAPD", **lawful) == [
        "requested-searches/commercial-on-request"
    ]
    assert broken(agency_id="lasd", requesting_agency_id="Glendale PD", **lawful) == []


def test_the_command_runs_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["policy", "test", str(SETTINGS.policies), str(PACK)])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert said == f"{len(RESULTS)} tests, 0 failed\n"
    assert len(RESULTS) >= 40


def test_a_test_that_fails_is_told_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (PACK / "accounts.yaml").read_text()
    wrong = tmp_path / "accounts.yaml"
    wrong.write_text(text.replace("= 'trial'", "= 'trail'"))
    with pytest.raises(SystemExit) as ended:
        main(["policy", "test", str(wrong)])
    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 1
    assert lines[-1] == "11 tests, 5 failed"
    line = next(n for n, each in enumerate(text.splitlines(), 1) if each.strip() == "- name: a trial")
    assert lines[0] == (
        f"{wrong}:{line}:11: accounts: a trial: expected trial-account (CONFIRMED), found nothing"
    )
