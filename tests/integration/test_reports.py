"""Reports over the demo's scenario, on a real broker, engine and worker, against what was sent."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from deploy.cli import main
from deploy.demo.scenario import SEARCH, Scenario
from schemas.settings import Settings
from sinks.reports.answer import answer
from sinks.reports.model import Scope
from sinks.reports.render_data import to_csv, to_json
from sinks.reports.render_html import to_html
from sinks.reports.render_text import to_markdown, to_terminal
from sinks.reports.shelf import REPORTS
from tests.sinks.reports.expected import EXPECTED
from tests.sinks.reports.sent import Sent
from tests.support.worker import KEY, Stack, until

pytestmark = pytest.mark.timeout(300)
PERIODS = [
    (date(2019, 1, 1), date(2022, 1, 2), "America/Los_Angeles", None),
    (date(2020, 1, 1), date(2021, 1, 1), "America/New_York", None),
    (date(2020, 11, 9), date(2020, 11, 16), "America/Los_Angeles", "lapd"),
    (date(1999, 1, 1), date(2000, 1, 1), "America/New_York", "burbank-pd"),
]


def asked(settings: Settings, name: str, period: tuple[date, date, str, str | None], **more: Any) -> Any:
    first, end, zone, agency = period
    agency = agency or REPORTS[name].agency
    return answer(settings, REPORTS[name], Scope(first, end, zone, agency, **more), {})


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize(
    "period",
    [PERIODS[0], pytest.param(PERIODS[1], marks=pytest.mark.slow), PERIODS[2], PERIODS[3]],
    ids=["all", "2020", "ban", "nothing"],
)
def test_each_cell_is_what_follows_from_the_events_that_were_sent(
    played: tuple[Stack, Scenario], name: str, period: tuple[date, date, str, str | None]
) -> None:
    stack, scenario = played
    found = asked(stack.settings(), name, period)
    first, end, zone, agency = period
    expected = EXPECTED[name](Sent(scenario, first, end, zone, agency or REPORTS[name].agency, KEY.encode()))
    assert [table.id for table in found.tables] == list(expected)
    for table in found.tables:
        assert list(table.rows) == expected[table.id], table.id


def behind(stack: Stack, group: str) -> int:
    """How many records of searches a group has not committed."""
    consumer = Consumer({"bootstrap.servers": stack.kafka, "group.id": group})
    try:
        places = [TopicPartition(f"{stack.prefix}searches", number) for number in range(4)]
        committed = consumer.committed(places, timeout=10)
        return sum(consumer.get_watermark_offsets(each)[1] - max(each.offset, 0) for each in committed)
    finally:
        consumer.close()


def every_byte(settings: Settings) -> dict[str, str]:
    found = {name: asked(settings, name, PERIODS[0]) for name in REPORTS}
    shows = (to_csv, to_json, to_html, to_markdown, to_terminal)
    return {f"{name} {show.__name__}": show(each) for name, each in found.items() for show in shows}


def test_no_byte_changes_when_events_are_resent_replayed_and_redriven(
    played: tuple[Stack, Scenario], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack, scenario = played
    before = every_byte(stack.settings())
    raw = "SELECT count() FROM frwatch.search_arrivals"
    arrivals = int(stack.scalar(raw))

    # 5 % again, as a client that got no answer does.
    again = [message.value for message in scenario.messages() if message.kind == SEARCH][::20]
    stack.produce("searches", again)
    until(lambda: int(stack.scalar(raw)) == arrivals + len(again), "what was resent has arrived")

    # The whole of each partition once more, by another group.
    stack.spawn_worker(FRWATCH_GROUP=f"{stack.prefix}replay")
    until(lambda: behind(stack, f"{stack.prefix}replay") == 0, "all is replayed")

    letters = int(stack.scalar("SELECT count() FROM frwatch.dead_letters"))
    for variable, value in stack.environment().items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit):
        main(["dlq", "redrive", "--since", "1970-01-01", "--json"])
    sent = json.loads(capsys.readouterr().out)["sent"]
    assert sent > 0
    until(
        lambda: int(stack.scalar("SELECT count() FROM frwatch.dead_letters")) == letters + sent,
        "what was redriven is dead again",
    )
    until(
        lambda: int(stack.scalar("SELECT count() FROM frwatch.redrives WHERE became = 'waiting'")) == 0,
        "no redriven letter waits",
    )
    after = every_byte(stack.settings())
    assert [key for key in before if before[key] != after[key]] == []


def test_the_command_writes_the_same_file_twice_and_says_what_it_counts(
    played: tuple[Stack, Scenario], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable, value in played[0].environment().items():
        monkeypatch.setenv(variable, value)
    files = [tmp_path / "one.html", tmp_path / "two.html"]
    for file in files:
        arguments = ["report", "maryland", "--from", "2020-01-01", "--to", "2021-01-01", "--agency", "LAPD"]
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--format", "html", "--output", str(file)])
        assert ended.value.code == 0
    page = files[0].read_text()
    assert page == files[1].read_text()
    assert "§2-510" in page
    assert "Los Angeles Police Department" in page
    assert "looked up (LOOKUP) is none" in page
    assert "http" not in page.replace("http-equiv", "")
