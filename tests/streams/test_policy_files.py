from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import NotThere
from streams.policy_files import lint
from tests.streams.searches import agencies

FAULTY = """\
policy: p
title: t
agencies: [lapdd]
effective: {from: 2020-13-13}
colour: red
rules:
  - {id: a, title: A, severity: WORST, when: "nothing_such = 1"}
  - {id: b, title: B, severity: LOW, when: "provider_class = ", unless: 3 + 4}
"""
TESTED = """\
policy: q
title: t
agencies: "*"
effective: {from: 2020-01-01}
rules:
  - {id: a, title: A, severity: LOW, when: outside_agency}
tests:
  - {name: x, event: {agncy: 3}, expect: [zz]}
"""


def test_every_fault_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    first, second = tmp_path / "p.yaml", tmp_path / "q.yaml"
    first.write_text(FAULTY)
    second.write_text(TESTED)
    policies, faults = lint([tmp_path], agencies())
    assert policies is None
    assert [tuple(fault.place) for fault in faults] == [
        (str(first), 4, 19),
        (str(first), 5, 1),
        (str(first), 7, 33),
        (str(first), 7, 46),
        (str(first), 8, 44),
        (str(first), 8, 73),
        (str(second), 8, 23),
        (str(second), 8, 43),
    ]
    told = "\n".join(map(str, faults))
    for word in (
        "2020-11-13",
        "unknown key 'colour'",
        "'CRITICAL'",
        "nothing_such",
        "does not parse",
        "not boolean",
    ):
        assert word in told
    assert "no field 'agncy'" in told
    assert "no rule 'zz'" in told


def test_files_without_faults_are_one_set(tmp_path: Path) -> None:
    (tmp_path / "q.yaml").write_text(TESTED.split("tests:")[0])
    (tmp_path / "r.yaml").write_text(TESTED.split("tests:")[0].replace("policy: q", "policy: r"))
    policies, faults = lint([tmp_path / "q.yaml", tmp_path / "r.yaml"], agencies())
    assert faults == []
    assert policies is not None
    assert [policy.id for policy in policies] == ["q", "r"]


def test_a_file_that_is_not_there_is_no_fault_of_a_policy(tmp_path: Path) -> None:
    with pytest.raises(NotThere, match="no such file"):
        lint([tmp_path / "none.yaml"], agencies())
