"""A year of a state on disk: bytes per search, load time, and how long the analysts' questions take.

    python -m tests.bench.fifty_million                 # 50 million searches: 20 minutes or more, some 9 GB
    python -m tests.bench.fifty_million --rows 1000000  # a state a fiftieth as large

Months are merged before anything is asked, as the engine does by itself once they have rested for a day.
Roll-ups and the query book are asked when nothing is owed, and again with the last day still to be counted.
Each question is asked three times. The best counts: seconds of the clock, and of the processor on all cores.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import clickhouse_connect
import psutil
from clickhouse_connect.driver.exceptions import DatabaseError
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from schemas.errors import FrwatchError
from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.months import Months
from sinks.clickhouse.most import MostSearched
from sinks.clickhouse.references import References
from sinks.clickhouse.rollups import Rollups
from sinks.clickhouse.writer import Writer
from sinks.reports.answer import answer
from sinks.reports.model import Scope
from sinks.reports.shelf import REPORTS
from tests.bench.figures import machine
from tests.bench.synthetic import LARGEST, State
from tests.support.clickhouse import running_clickhouse

QUERIES = Path("deploy/clickhouse/queries")
YEAR = (date(2025, 1, 1), date(2026, 1, 1))
TIMES = 3
LIMIT_SECONDS = 1.0
"""What no question of the query book and no report may take."""
ROLLUP_SECONDS = 0.1
"""What no common question to the roll-ups may take, on two cores that have nothing else to do."""
COMMON = {
    "searches of each agency": "SELECT agency_id, sum(searches) FROM frwatch.searches_by_day"
    " WHERE evidence = 'SEARCH' AND provider_class != 'not_fr' GROUP BY 1 ORDER BY 2 DESC",
    "services in use": "SELECT provider_id, provider_class, sum(searches) AS n FROM frwatch.searches_by_day"
    " WHERE evidence = 'SEARCH' GROUP BY 1, 2 ORDER BY n DESC LIMIT 20",
    "commercial share by month": "SELECT toStartOfMonth(day) AS month, sumIf(searches, provider_class ="
    " 'commercial') / sum(searches) FROM frwatch.searches_by_day WHERE evidence = 'SEARCH' GROUP BY 1",
    "forbidden by agency and tier": "SELECT agency_id, evidence, sum(forbidden), sum(confirmed)"
    " FROM frwatch.searches_by_day GROUP BY 1, 2",
    "hours of the day": "SELECT hour_of_day, sum(searches) FROM frwatch.searches_by_hour"
    " WHERE evidence = 'SEARCH' GROUP BY 1 ORDER BY 1",
    "hours of the day, by moments": "SELECT toHour(hour), sum(searches) FROM frwatch.searches_by_hour"
    " WHERE evidence = 'SEARCH' GROUP BY 1 ORDER BY 1",
    "one agency's day, by hour": "SELECT hour, sum(searches) FROM frwatch.searches_by_hour"
    " WHERE agency_id = 'lapd' AND day = '2025-02-05' GROUP BY 1 ORDER BY 1",
    "rules broken, by tier": "SELECT policy_id, rule_id, evidence, sum(searches)"
    " FROM frwatch.broken_rules_by_day GROUP BY 1, 2, 3",
    "findings by month and severity": "SELECT toStartOfMonth(day), severity, certainty, sum(violations)"
    " FROM frwatch.violations_by_day GROUP BY 1, 2, 3",
}
RAW = {
    "count of all searches": "SELECT count() FROM frwatch.searches",
    "searches of each agency": "SELECT agency_id, count() FROM frwatch.searches GROUP BY 1",
    "one agency's people": "SELECT uniqExact(officer) FROM frwatch.searches WHERE agency_id = 'lapd'",
    "one agency's day, explained": "SELECT * FROM frwatch.searches_explained WHERE agency_id = 'lapd'"
    " AND occurred_at >= '2025-02-05' AND occurred_at < '2025-02-06'",
    "findings by rule": "SELECT rule_id, count() FROM frwatch.violations GROUP BY 1",
}

_ONCE = "SETTINGS optimize_skip_merged_partitions = 1"


class Timer:
    """Times questions to one engine, and keeps a row of each for the table."""

    def __init__(self, url: str, process: psutil.Process | None, console: Console) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._client: Any = clickhouse_connect.get_client(host=host, port=int(port), send_receive_timeout=600)
        self._process = process
        self._console = console
        self.rows: list[tuple[str, str, float, float, float]] = []

    def scalar(self, sql: str) -> Any:
        """The one value of a query."""
        return self.query(sql)[0][0]

    def query(self, sql: str) -> Any:
        """The rows of a query."""
        return self._client.query(sql).result_rows

    def command(self, sql: str) -> None:
        """Run a statement."""
        self._client.command(sql)

    def ask(self, kind: str, name: str, limit: float, sql: str, values: dict[str, Any] | None = None) -> None:
        """Time a query."""
        self.time(kind, name, limit, lambda: self._client.query(sql, values))

    def time(self, kind: str, name: str, limit: float, question: Callable[[], Any]) -> None:
        """Time anything that asks this engine."""
        clock, cpu = [], []
        for _ in range(TIMES):
            before, started = self._cpu(), time.perf_counter()
            try:
                question()
            except (FrwatchError, DatabaseError) as error:
                # Such as one that the engine's memory does not hold; the others are asked all the same.
                self._console.print(f"{kind}, {name}: failed: {str(error)[:300]}", markup=False)
                self.rows.append((kind, name, math.inf, math.inf, limit))
                return
            clock.append(time.perf_counter() - started)
            cpu.append(self._cpu() - before)
        self.rows.append((kind, name, min(clock), min(cpu), limit))
        self._console.print(f"{kind}, {name}: {min(clock):.3f} s")

    def _cpu(self) -> float:
        if self._process is None:
            return 0.0
        times = self._process.cpu_times()
        return float(times.user + times.system)


def common(timer: Timer, kind: str) -> None:
    """Time the common questions to the roll-ups."""
    for name, sql in COMMON.items():
        timer.ask(kind, name, ROLLUP_SECONDS, sql)


def query_book(timer: Timer, kind: str) -> None:
    """Time each question of the query book: of the largest agency, and of all where it can be asked so."""
    sample = {
        "agency": LARGEST,
        "case": timer.scalar(f"SELECT any(case_number) FROM frwatch.searches WHERE agency_id = '{LARGEST}'"),
        "person": timer.scalar(f"SELECT any(officer) FROM frwatch.searches WHERE agency_id = '{LARGEST}'"),
    }
    for file in sorted(QUERIES.glob("*.sql")):
        sql = file.read_text()
        values = dict(re.findall(r"^-- param (\w+)(?:=(.*))?$", sql, re.M))
        values |= {name: sample[name] for name in sample.keys() & values.keys()}
        timer.ask(kind, file.stem, LIMIT_SECONDS, sql, values)
        if "{agency:String} = ''" in sql:
            timer.ask(f"{kind}, all agencies", file.stem, LIMIT_SECONDS, sql, values | {"agency": ""})


def reports(timer: Timer, settings: Settings) -> None:
    """Time each report for the year, of the whole state where it is not one agency's."""
    for name, definition in REPORTS.items():
        scope = Scope(*YEAR, "America/Los_Angeles", definition.agency)
        timer.time("report", name, LIMIT_SECONDS, partial(answer, settings, definition, scope, {}))


async def settle(settings: Settings) -> float:
    """Make every document that is owed; return the seconds."""
    started = time.perf_counter()
    async with connect(settings, send_receive_timeout=600) as client:
        for each in (Rollups(client), Months(client)):
            while await each.settle(quiet=True):
                pass
    return time.perf_counter() - started


async def list_most(settings: Settings) -> float:
    """Make all lists of what was searched most; return the seconds."""
    started = time.perf_counter()
    async with connect(settings, send_receive_timeout=600) as client:
        while await MostSearched(client).settle(quiet=True):
            pass
    return time.perf_counter() - started


def merge(timer: Timer) -> float:
    """Merge each month into one part; return the seconds."""
    started = time.perf_counter()
    for (month,) in timer.query(
        "SELECT DISTINCT partition FROM system.parts"
        " WHERE active AND database = 'frwatch' AND table = 'searches_raw' ORDER BY 1"
    ):
        timer.command(f"OPTIMIZE TABLE frwatch.searches_raw PARTITION {month} FINAL {_ONCE}")
    for table in ("violations_raw", "outcomes_raw", "rollup_documents", "rollup_marks", "rollup_months"):
        timer.command(f"OPTIMIZE TABLE frwatch.{table} FINAL {_ONCE}")
    return time.perf_counter() - started


async def load(url: str, settings: Settings, rows: int) -> dict[str, float]:
    """Make the state; return the seconds that each table took."""
    await migrate(settings)
    async with connect(settings) as client:
        return await State(url, rows).load(References(Writer(client)))


def measure(timer: Timer, settings: Settings, console: Console) -> None:
    """Ask everything."""
    console.print(f"documents: {asyncio.run(settle(settings)):,.1f} s")
    console.print(f"months merged: {merge(timer):,.1f} s")
    console.print(f"lists: {asyncio.run(list_most(settings)):,.1f} s")
    for name, sql in RAW.items():
        timer.ask("tables", name, LIMIT_SECONDS, sql)
    common(timer, "roll-up")
    query_book(timer, "query book")
    # As when a search of each agency has just come.
    for table in ("rollup_marks", "rollup_search_marks"):
        timer.command(
            f"INSERT INTO frwatch.{table} SELECT agency_id, max(day), now64(6, 'UTC')"
            f" FROM frwatch.{table} GROUP BY agency_id"
        )
    common(timer, "roll-up, today owed")
    query_book(timer, "query book, today owed")
    reports(timer, settings)


def sizes(timer: Timer, console: Console) -> None:
    """Print what is on disk, by table and for each search."""
    searches = timer.scalar("SELECT count() FROM frwatch.searches_raw")
    table = Table("table", "rows", "MB", "bytes/search", title=f"{machine()}; {searches:,} searches")
    for name, rows, size in timer.query(
        "SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'frwatch'"
        " GROUP BY table HAVING sum(bytes_on_disk) > 100000 ORDER BY 3 DESC"
    ):
        table.add_row(name, f"{rows:,}", f"{size / 1e6:,.1f}", f"{size / searches:,.1f}")
    console.print(table)


def times(timer: Timer, console: Console) -> int:
    """Print what each question took; return how many took longer than they may."""
    table = Table("", "question", "seconds", "of processor", title="best of three")
    slow = 0
    for kind, name, clock, cpu, limit in timer.rows:
        slow += clock > limit
        table.add_row(kind, name, f"{clock:.3f}{' !' if clock > limit else ''}", f"{cpu:.3f}")
    console.print(table)
    return slow


def main() -> None:
    """Make the state, ask, and print the tables; exit status 1 where a question takes too long."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fifty_million", description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000_000, help="searches to make")
    parser.add_argument("--url", help="ask an engine that was filled before instead")
    given = parser.parse_args()
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory() as folder, engine(given.url, Path(folder)) as (url, process):
        settings = Settings(clickhouse=SecretStr(url))
        if given.url is None:
            for name, seconds in asyncio.run(load(url, settings, given.rows)).items():
                console.print(f"load {name}: {seconds:,.1f} s")
        timer = Timer(url, process, console)
        measure(timer, settings, console)
        sizes(timer, console)
        raise SystemExit(bool(times(timer, console)))


@contextmanager
def engine(url: str | None, folder: Path) -> Iterator[tuple[str, psutil.Process | None]]:
    """Yield the address and the process of an engine: a new one, or the one that listens there."""
    if url is None:
        with running_clickhouse(folder) as running:
            yield running.url, psutil.Process(running.pid)
        return
    port = int(url.rpartition(":")[2])
    owners = [each.pid for each in psutil.net_connections("tcp") if each.laddr and each.laddr.port == port]
    yield url, next((psutil.Process(pid) for pid in owners if pid), None)


if __name__ == "__main__":
    main()
