"""What `deploy/clickhouse/CONNECT.md` tells to write, run as it stands on what a real worker stored."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

import deploy
from deploy.demo.scenario import Scenario
from sinks.clickhouse.asking import asking
from tests.deploy.query_book.use import Seen
from tests.support.worker import Stack

ROOT = Path(deploy.__file__).parent.parent
PAGE = (ROOT / "deploy" / "clickhouse" / "CONNECT.md").read_text()
LOCAL = "127.0.0.1:8123"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def line(beginning: str, stack: Stack) -> str:
    """The line of the page for the local stack, with the port that it has here."""
    (found,) = (
        each.strip() for each in PAGE.splitlines() if each.strip().startswith(beginning) and LOCAL in each
    )
    return found.replace(LOCAL, stack.clickhouse.removeprefix("http://"))


def test_the_notebook_runs_from_its_first_cell_to_its_last(played: tuple[Stack, Scenario]) -> None:
    stack, scenario = played
    assert len(blocks("python")) == 3
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks("python"))],
        cwd=ROOT,
        env=os.environ | {"FRWATCH_CLICKHOUSE": stack.clickhouse, "POLARS_FMT_MAX_ROWS": "50"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "commercial" in done.stdout
    months = Seen(scenario, "lapd", "UTC").counted["month"].n_unique()
    assert f"shape: ({months}, " in done.stdout
    assert "clearview-ai" in done.stdout


def test_the_uri_of_superset_finds_views_and_columns_and_changes_nothing(
    played: tuple[Stack, Scenario],
) -> None:
    stack, scenario = played
    engine = sa.create_engine(line("clickhousedb://", stack))
    try:
        inspector = sa.inspect(engine)
        assert "frwatch" in inspector.get_schema_names()
        assert {"searches", "counted_searches", "violations"} <= set(inspector.get_view_names("frwatch"))
        columns = {each["name"] for each in inspector.get_columns("counted_searches", schema="frwatch")}
        assert {"event_id", "agency_id", "broken_rules"} <= columns
        with engine.connect() as connection:
            asked = sa.text("SELECT count() FROM counted_searches WHERE agency_id = :agency")
            assert (
                connection.execute(asked, {"agency": "lapd"}).scalar()
                == Seen(scenario, "lapd").counted.height
            )
            with pytest.raises(sa.exc.DBAPIError, match="READONLY"):
                connection.execute(sa.text("CREATE TABLE mine (n UInt8) ENGINE = Memory"))
    finally:
        engine.dispose()


def test_the_url_of_jdbc_finds_views_and_columns_and_changes_nothing(played: tuple[Stack, Scenario]) -> None:
    stack, scenario = played
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.jdbc", line("jdbc:", stack)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert {"searches", "counted_searches", "violations"} <= set(seen["tables"])
    assert {"event_id", "agency_id", "broken_rules"} <= set(seen["columns"])
    assert seen["searches"] == Seen(scenario).counted.height
    assert "READONLY" in seen["error"]


def test_the_statements_for_a_server_are_ones(played: tuple[Stack, Scenario]) -> None:
    """The local engine has no users: it can only say that it reads them."""
    (block,) = blocks("sql")
    each = [part.strip() for part in block.split(";") if part.strip()]
    assert [text.split()[0] for text in each] == ["CREATE", "GRANT"]
    with asking(played[0].settings()) as client:
        for text in each:
            assert client.query(f"EXPLAIN AST {text}").result_rows


def test_every_view_that_is_named_is_there(played: tuple[Stack, Scenario]) -> None:
    named = re.search(r"the views of database `frwatch` \((.*?), …\)", PAGE, re.DOTALL)
    assert named is not None
    for view in re.findall(r"`(\w+)`", named[1]):
        assert (
            played[0].scalar(
                f"SELECT engine FROM system.tables WHERE database = 'frwatch' AND name = '{view}'"
            )
            == "View"
        )
