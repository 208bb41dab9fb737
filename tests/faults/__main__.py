"""`make faults`: break things while searches flow, count, and print a table.

Kafka and the engine are real, workers run as `frwatch worker` does, the producer is a process that uses none
of frwatch's code, and the count reads Kafka and ClickHouse alone. Exit status 1 if one search is lost or
counted twice. A full run takes some 75 minutes; `--short` some 5, with smaller figures.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.figures import machine
from tests.faults.scenarios import SCENARIOS
from tests.faults.world import Outcome, Scale, World


def main() -> None:
    """Run the faults that are asked for, all by default."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=20_000, help="searches/s (20000)")
    parser.add_argument("--short", action="store_true", help="each fault once, and briefly")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="a fault whose name has this"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what came of each here as well")
    given = parser.parse_args()
    chosen = [name for name in SCENARIOS if not given.only or any(part in name for part in given.only)]
    if not chosen:
        parser.error(f"no fault has that name; there are: {', '.join(SCENARIOS)}")
    # Whatever ends this ends all that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(highlight=False)
    outcomes: dict[str, Outcome] = {}
    for number, name in enumerate(chosen, 1):
        console.print(f"[{number}/{len(chosen)}] {name} …", markup=False)
        began = time.monotonic()
        # A folder for each: what one leaves behind must not help or hinder the next.
        with tempfile.TemporaryDirectory(prefix="frwatch-faults-") as folder, ExitStack() as stack:
            world = World(Path(folder), Scale(given.rate, not given.short), stack)
            try:
                outcomes[name] = SCENARIOS[name](world)
            except Exception as error:
                outcomes[name] = Outcome(notes=[f"BROKEN OFF: {type(error).__name__}: {error}"])
                outcomes[name].count.lost = -1
        found = outcomes[name]
        verdict = f"lost {found.count.lost}, duplicated {found.count.duplicated}"
        console.print(f"      {verdict}, {time.monotonic() - began:.0f} s", markup=False)
        for note in [*found.notes, *found.count.notes]:
            console.print(f"      {note}", markup=False)
        if given.json:
            told = {each: asdict(outcome) for each, outcome in outcomes.items()}
            given.json.write_text(json.dumps(told, indent=1))
    console.print(_table(outcomes, given.rate))
    sys.exit(any(each.count.lost or each.count.duplicated for each in outcomes.values()))


def _table(outcomes: dict[str, Outcome], rate: int) -> Table:
    table = Table(title=f"{machine()}; {rate:,} searches/s", box=None, pad_edge=False)
    table.add_column("fault")
    for name in ("times", "events sent", "lost", "duplicated", "seconds to recover"):
        table.add_column(name, justify="right")
    for name, found in outcomes.items():
        seconds = "-"
        if found.recovered:
            seconds = f"{statistics.median(found.recovered):.1f}, at most {max(found.recovered):.1f}"
        table.add_row(
            name,
            f"{found.times:,}",
            f"{found.count.sent:,}",
            f"{found.count.lost:,}",
            f"{found.count.duplicated:,}",
            seconds,
        )
    return table


if __name__ == "__main__":
    main()
