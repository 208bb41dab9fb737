"""What benches say: on which machine, percentiles, and a table."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

WARM_UP = 5
"""Seconds that a broker just started needs to compile what it runs."""


def machine() -> str:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{platform.node()}: {os.cpu_count()} cores, {model}, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f}"
    )


def percentiles(milliseconds: Sequence[float], digits: int = 0) -> str:
    """p50, p95, p99, p99.9 and the longest of values in rising order."""
    if len(milliseconds) < 2:
        return "too few"
    cuts = statistics.quantiles(milliseconds, n=1_000, method="inclusive")
    named = {"p50": cuts[499], "p95": cuts[949], "p99": cuts[989], "p99.9": cuts[998]}
    named["longest"] = milliseconds[-1]
    return ", ".join(f"{name} {value:,.{digits}f} ms" for name, value in named.items())


def print_figures(console: Console, figures: Mapping[str, str]) -> None:
    """Print a table of figures under the name of the machine."""
    table = Table(title=machine(), show_header=False)
    for name, figure in figures.items():
        table.add_row(name, figure)
    console.print(table)
