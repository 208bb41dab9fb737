"""Inputs that nobody would write: a short run of `tests.bench.fuzz_importers`, and the whole of it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import replace
from typing import cast

import pytest

from streams.inputs.importers import squid
from tests.bench.fuzz_importers import Result, fuzz, mutate
from tests.bench.fuzz_oracle import Oracle
from tests.bench.fuzz_seeds import PARSERS, Parser
from tests.support.imports import imported

NAMES = [parser.name for parser in PARSERS]


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle()


@pytest.fixture(params=PARSERS, ids=NAMES)
def parser(request: pytest.FixtureRequest) -> Parser:
    return cast("Parser", request.param)


def found_by(parser: Parser, inputs: int, oracle: Oracle) -> Result:
    result = fuzz(parser, inputs, 7, oracle)
    assert result.faults == []
    assert result.events
    assert result.malformed
    return result


def test_no_input_crashes_a_parser_holds_it_up_or_gets_a_wrong_tier(parser: Parser, oracle: Oracle) -> None:
    assert found_by(parser, 2_000, oracle).inputs == 2_000


@pytest.mark.slow  # 100,000 inputs for each of eight parsers: some minutes
@pytest.mark.timeout(600)
def test_nor_does_any_of_100_000(parser: Parser, oracle: Oracle) -> None:
    assert found_by(parser, 100_000, oracle).inputs == 100_000


def test_the_lines_that_fuzzing_starts_from_are_read(parser: Parser) -> None:
    data = parser.head + parser.good + b"".join(parser.seeds)
    found = imported(parser.kind, data, mapping=parser.mapping, hidden=True)
    assert found.report.malformed == 0
    assert len(found.records) > 3


def test_the_same_seed_gives_the_same_inputs() -> None:
    first, again = ([mutate(random.Random(seed), PARSERS[0].seeds) for seed in range(50)] for _ in range(2))
    assert first == again


def test_the_oracle_refuses_a_denied_line_that_is_taken_for_access(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = next(each for each in PARSERS if each.name == "squid")
    monkeypatch.setattr(squid, "_status", lambda result, code: None)
    assert any("it was denied" in fault for fault in fuzz(parser, 500, 7, oracle).faults)


def test_the_oracle_refuses_a_tier_that_is_too_high_and_a_host_of_nobody(oracle: Oracle) -> None:
    ssl = next(each for each in PARSERS if each.name == "zeek ssl")
    assert any(
        "more than such a log" in each for each in fuzz(replace(ssl, tier="LOOKUP"), 500, 7, oracle).faults
    )
    assert oracle.matters("app.clearview.ai")
    assert oracle.matters("c1earview.example")
    assert not oracle.matters("www.example.org")
    assert not oracle.matters("flocksafety.com")


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
@pytest.mark.parametrize(
    ("name", "unit", "mebibytes"),
    [
        ("squid", "\\0", 512),
        ("csv", "x", 256),
        ("zeek ssl", "\\n", 4),
        ("squid", "x\\n", 2),
        ("umbrella", "#\\n", 2),
        ("zeek json", "{}\\n", 2),
        ("csv", '"\\n', 1),
    ],
)
def test_what_is_small_packed_and_large_unpacked_is_read_in_flat_memory(
    name: str, unit: str, mebibytes: int, packer: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.bomb", name, packer, unit, str(mebibytes)],
        capture_output=True,
        check=True,
        timeout=100,
    )
    told = json.loads(done.stdout)
    assert told["packed"] < mebibytes << 13
    assert told["grew"] < 200
    assert told["events"] == 1
